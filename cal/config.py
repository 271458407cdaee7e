"""Configuration: composed by Hydra, checked against dataclasses, everything wrong reported at once.

The schema of a group is the dataclass that its `kind` (of a dataset: its `reader`) names, so what
can be configured is written once, where it is used. Values are composed without Hydra's own key
check, because that stops at the first fault, and lets `+key=value` and files pass.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cal import registry
from cal.checks import problems_of, whole_numbers
from cal.errors import ConfigError, UnknownNameError, nearest_name
from cal.schemas import SCHEMAS, MapConfig

PROTOCOLS = ("paper",)

_GROUPS = {
    "dataset": ("reader", registry.READERS),
    "features": ("kind", registry.FEATURES),
    "learner": ("kind", registry.LEARNERS),
}


_OWN_CHECKS = {
    "select": "cal.selection.run:check_select",
    "weights": "cal.selection.run:check_weights",
    "suspects": "cal.label_errors.suspects_run:check_suspects",
    "audit": "cal.label_errors.audit_run:check_audit",
}


def conf_dir() -> Path:
    """The folder of the shipped configuration: inside an installed package, else in the checkout."""
    here = Path(__file__).resolve().parent
    return next(folder for folder in (here / "conf", here.parent / "conf") if (folder / "simulate.yaml").is_file())


def benchmarks() -> dict[str, Path]:
    """The scripts that `cal benchmark` runs, by name: inside an installed package, else in the checkout."""
    here = Path(__file__).resolve().parent
    folders = (here / "benchmarks", here.parent / "experiments" / "benchmarks")
    scripts = sorted(next(folder for folder in folders if (folder / "step.py").is_file()).glob("*.py"))
    return {path.stem: path for path in scripts if "def main()" in path.read_text(encoding="utf-8")}


def options(group: str, config_dir: Path | None = None) -> dict[str, Path]:
    """The files that can be chosen for a group, by name; shipped ones first."""
    folders = [conf_dir()] + ([config_dir] if config_dir else [])
    found = {path.stem: path for folder in reversed(folders) for path in (folder / group).glob("*.yaml")}
    return dict(sorted(found.items()))


def summary(path: Path) -> str:
    """The first sentence of comment in a configuration file."""
    comments = (line[1:].strip() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#"))
    return next((line for line in comments if not line.startswith("@")), "")


def compose(
    command: str, overrides: Sequence[str], config_dir: Path | None = None, *, multirun: bool = False
) -> tuple[list[dict[str, Any]], list[str]]:
    """The configurations that a command line asks for, checked and complete.

    Args:
        command: one that has a schema in `cal.schemas`.
        overrides: in Hydra's grammar, `dataset=trec rounds=5`.
        config_dir: the user's own folder of configuration files.
        multirun: whether values may be swept over, `rounds=5,10`.

    Returns:
        One configuration, or one per combination of swept values; and the overrides as Hydra
        shall see them.

    Raises:
        ConfigError: listing every unknown key, unknown name and wrong type.
    """
    if config_dir is not None and not config_dir.is_dir():
        raise ConfigError(f"--config-dir {config_dir} is not a folder.")
    problems: list[str] = []
    rewritten = [_rewritten(line, command, config_dir, problems, multirun=multirun) for line in overrides]
    sweeps = [lines for lines in rewritten if lines is not None]
    jobs = [_compose(command, list(job), config_dir) for job in itertools.product(*sweeps)]
    configs = [_checked(command, job, problems) for job in jobs]
    for config in configs:
        problems += problems_of(functools.partial(build, command, config))
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    return configs, [_joined(lines) for lines in sweeps]


def build(command: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What a checked configuration of a command describes: a corpus reader, features, a learner; and checked arguments.

    Raises:
        ConfigError: listing every value that is refused.
    """
    problems: list[str] = []
    built = {}
    for group, (selector, entries) in _GROUPS.items():
        if isinstance(config.get(group), dict) and config[group].get(selector) in entries:
            parameters = {key: value for key, value in config[group].items() if key != selector}
            try:
                built[group] = registry.build(registry.find(entries, group, config[group][selector]), parameters, group)
            except ConfigError as error:
                problems += error.problems
    for check in _checks(command, config, built):
        problems += problems_of(check)
    if problems:
        raise ConfigError(problems)
    return built


def _checks(command: str, config: Mapping[str, Any], built: Mapping[str, Any]) -> list[Callable[[], object]]:
    """What must hold of the arguments of a command; each raises if it does not."""
    if command == "map":
        return _map_checks(config)
    if command == "simulate" and "learner" in built:
        from cal.simulation.simulate import check_arguments

        names = "strategies seeds seed_size seed_set query_size rounds stopping stop dev_size device workers".split()
        return [lambda: check_arguments(learner=built["learner"], **{name: config[name] for name in names})]
    return [lambda: registry.find_target(_OWN_CHECKS[command])(config)] if command in _OWN_CHECKS else []


def _map_checks(config: Mapping[str, Any]) -> list[Callable[[], object]]:
    """What must hold of a configuration of `cal map`; each raises if it does not."""
    from cal.dynamics.regions import region_rule
    from cal.dynamics.store import LogStore
    from cal.maps.training import check_map_arguments

    def check_source() -> None:
        if config["dataset"] is None and config["logs"] is None:
            raise ConfigError("cal map needs what to draw: dataset=NAME to train on it, or logs=FOLDER to read logs.")
        usual = MapConfig()
        training = [name for name in ("n_epochs", "seeds", "capture", "folds") if config[name] != getattr(usual, name)]
        if config["logs"] is not None and training:
            raise ConfigError(f"{', '.join(training)}: of a training, and logs=FOLDER trains nothing. Leave it out.")

    names = ("seeds", "capture", "folds", "device", "workers")

    def check_hardest() -> None:
        if problems := whole_numbers(0, hardest=config["hardest"]):
            raise ConfigError(problems)

    return [
        check_source,
        check_hardest,
        lambda: region_rule(config["region"]),
        lambda: LogStore(on_missing=config["on_missing"]),
        lambda: check_map_arguments(**{name: config[name] for name in names}),
    ]


def multirun(
    command: str,
    overrides: Sequence[str],
    config_dir: Path | None,
    folder: Path,
    job: Callable[[int, dict[str, Any]], object],
) -> None:
    """Lets Hydra's sweeper run `job(number, config)` for each combination of swept values.

    Args:
        command: `simulate`.
        overrides: as `compose` returned them.
        config_dir: the user's own folder of configuration files.
        folder: where Hydra notes what it did, in multirun.yaml.
        job: called with the number of the combination and its checked configuration.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig

    def run(composed: DictConfig) -> None:
        problems: list[str] = []
        config = _checked(command, _as_dict(composed), problems)
        if problems:
            raise ConfigError(problems)
        job(HydraConfig.get().job.num, config)

    search = [] if config_dir is None else [f"hydra.searchpath=['file://{config_dir.absolute()}']"]
    arguments = ["--multirun", f"hydra.sweep.dir='{folder}'", "hydra.sweep.subdir=.", *search, *overrides]
    task = hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=command)(run)
    before, sys.argv = sys.argv, ["cal", *arguments]
    try:
        task()
    finally:
        sys.argv = before


def _rewritten(
    line: str, command: str, config_dir: Path | None, problems: list[str], *, multirun: bool
) -> list[str] | None:
    """An override, or one per swept value, as Hydra will accept it; None if there is no use in trying."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    key, equals, value = line.partition("=")
    try:
        override = parser.parse_override(line)
    except HydraException:
        try:  # a path with letters or signs that Hydra's grammar does not know
            override = parser.parse_override(f"{key}='{value}'")
        except HydraException:
            problems.append(f"Cannot read '{line}'. Give key=value; quote values with special signs: \"key='a,b'\".")
            return None
    if override.is_sweep_override():
        try:
            values = list(override.sweep_string_iterator())
        except HydraException:
            problems.append(f"'{line}' is a sweep that cannot be listed; use {key}=a,b, choice(...) or range(...).")
            return None
        if not multirun:
            problems.append(f"'{line}' names several values. Write a list as {key}=[{value}]; add -m to run each.")
            return None
    else:
        values = [override.get_value_element_as_str()]
        if value.startswith("~/"):  # shells leave it as it is behind key=
            values = [f"'{Path(value).expanduser()}'"]
    name = override.key_or_group
    if name.startswith("hydra"):
        return [f"{key}={value}" for value in values] if equals else [line]
    if name in _groups(command, config_dir) and not override.is_delete():
        known = options(name, config_dir)
        if unknown := [value for value in values if value not in known and value != "null"]:
            problems += [str(UnknownNameError(name, value, known)) for value in unknown]
            return None
        return [f"{name}={value}" for value in values]
    return [line] if override.is_delete() else [f"++{name}={value}" for value in values]


def _groups(command: str, config_dir: Path | None) -> set[str]:
    folders = [conf_dir()] + ([config_dir] if config_dir else [])
    named = {folder.name for parent in folders for folder in parent.iterdir() if folder.is_dir()}
    return named & ({field.name for field in dataclasses.fields(SCHEMAS[command])} | {"experiment"})


def _joined(lines: Sequence[str]) -> str:
    key = lines[0].partition("=")[0]
    return lines[0] if len(lines) == 1 else f"{key}={','.join(line.partition('=')[2] for line in lines)}"


def _compose(command: str, overrides: list[str], config_dir: Path | None) -> dict[str, Any]:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    if config_dir is not None:
        overrides = [*overrides, f"hydra.searchpath=['file://{config_dir.absolute()}']"]
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="cal"):
            return _as_dict(hydra_compose(command, overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(f"The configuration cannot be composed: {' '.join(str(error).split())}") from error


def _as_dict(composed: Any) -> dict[str, Any]:
    from omegaconf import OmegaConf

    plain = OmegaConf.to_container(composed, resolve=True)
    return {str(key): value for key, value in plain.items()} if isinstance(plain, dict) else {}


def _checked(command: str, config: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """The configuration with defaults filled in; adds to `problems`."""
    schema = SCHEMAS[command]
    checked = _typed(schema, config, "", problems)
    for group, (selector, entries) in _GROUPS.items():
        if checked.get(group) is None:
            continue
        if not isinstance(checked[group], dict):
            problems.append(f"{group} must be given: {group}=NAME.")
            continue
        values = dict(checked[group])
        name = values.pop(selector, None)
        try:
            choice = registry.find(entries, f"{group}.{selector}", str(name))
        except ConfigError as error:
            problems += error.problems
            continue
        checked[group] = {selector: name} | _typed(choice, values, f"{group}.", problems)
    if isinstance(checked.get("learner"), dict):
        given = {key: checked[key] for key in ("n_epochs", "model", "precision") if checked.get(key) is not None}
        if "model" in given and "model" not in checked["learner"]:
            problems.append(
                f"model={given.pop('model')} is for learner=transformer, and this is {checked['learner']['kind']}; "
                "features=encoder has features.model."
            )
        checked["learner"] |= given
    if checked.get("protocol", "paper") not in PROTOCOLS:
        problems.append(str(UnknownNameError("protocol", checked["protocol"], PROTOCOLS)))
    return checked


def _typed(schema: type, values: Mapping[str, Any], prefix: str, problems: list[str]) -> dict[str, Any]:
    """The values of a dataclass' fields, converted to their types, defaults where none is given."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    known = [field.name for field in dataclasses.fields(schema)]
    typed = OmegaConf.structured(schema)
    for key, value in values.items():
        if key not in known:
            nearest = nearest_name(str(key), known)
            suggestion = f" Did you mean '{prefix}{nearest}'?" if nearest else ""
            listing = ", ".join(f"{prefix}{name}" for name in known) or "none"
            problems.append(f"Unknown key '{prefix}{key}'.{suggestion} Known: {listing}.")
        elif value == "???":
            problems.append(f"{prefix}{key} must be given: {prefix}{key}=...")
        else:
            try:
                typed = OmegaConf.merge(typed, {key: value})
            except OmegaConfBaseException as error:
                problems.append(f"{prefix}{key}: {str(error).splitlines()[0]}.")
    return _as_dict(typed)
