"""Configuration: Hydra composes command-line words into a request, and all problems are reported at once.

The parameters of a command are the fields of its request. Those of a group are the fields of the dataclass named by its
`kind` (for a dataset, its `reader`). Hydra's own key check is bypassed because it stops at the first fault and misses
`+key=value` and keys in files.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

from cal import registry
from cal.checks import Problems, all_problems
from cal.commands import file_name
from cal.errors import ConfigError, UnknownNameError
from cal.request import Request, help_of
from cal.words import with_keys

_NO = "without:"
"""Marks a group that is null; Hydra refuses to have none where it has a default."""

_CONVERTED: dict[Any, Any] = {"int": int, "float": float, "bool": bool, "str": str}
_CONVERTED |= {f"{name} | None": Optional[kind] for name, kind in _CONVERTED.items()}  # noqa: UP045


def conf_dir() -> Path:
    """The folder of the shipped configuration, inside an installed package or the checkout."""
    here = Path(__file__).resolve().parent
    return next(folder for folder in (here / "conf", here.parent / "conf") if (folder / "simulate.yaml").is_file())


def benchmarks() -> dict[str, Path]:
    """The scripts that `cal benchmark` runs, by name, inside an installed package or the checkout."""
    here = Path(__file__).resolve().parent
    folders = (here / "benchmarks", here.parent / "experiments" / "benchmarks")
    scripts = sorted(next(folder for folder in folders if (folder / "step.py").is_file()).glob("*.py"))
    return {path.stem: path for path in scripts if "def main()" in path.read_text(encoding="utf-8")}


def options(group: str, config_dir: Path | None = None) -> dict[str, Path]:
    """The configuration files of a group, by name; shipped files take precedence."""
    folders = [conf_dir()] + ([config_dir] if config_dir else [])
    found = {path.stem: path for folder in reversed(folders) for path in (folder / group).glob("*.yaml")}
    return dict(sorted(found.items()))


def summary(path: Path) -> str:
    """The first comment line of a configuration file."""
    comments = (line[1:].strip() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#"))
    return next((line for line in comments if not line.startswith("@")), "")


def compose(request: type[Request], command: str, overrides: Sequence[str], config_dir: Path | None = None) -> Request:
    """Composes the request of a command line, checked and resolved.

    Args:
        request: class of the request.
        command: name of the command.
        overrides: words in Hydra's grammar, such as `dataset=trec` and `rounds=5`.
        config_dir: folder of the user's own configuration files.

    Raises:
        ConfigError: listing every unknown key, unknown name and invalid value.
    """
    with all_problems() as problems:
        (lines,) = _jobs(request, command, overrides, config_dir, problems, multirun=False)
        made: Request = _request(request, _compose(command, lines, config_dir), problems)
    return made


def compose_sweep(
    request: type[Request], command: str, overrides: Sequence[str], config_dir: Path | None = None
) -> list[Request]:
    """Composes a request for each combination of swept values, such as `rounds=5,10`; the last key varies first.

    Raises:
        ConfigError: listing all problems of all requests.
    """
    with all_problems() as problems:
        jobs = list(_jobs(request, command, overrides, config_dir, problems, multirun=True))
        made = [_request(request, _compose(command, lines, config_dir), problems) for lines in jobs]
    return made


def compose_each(
    request: type[Request], command: str, overrides: Sequence[str], config_dir: Path | None = None
) -> Iterator[Request]:
    """Yields the request of each combination of swept values, one after the other.

    Raises:
        ConfigError: listing all problems of the overrides, or of the first request that has any.
    """
    with all_problems() as problems:
        jobs = _jobs(request, command, overrides, config_dir, problems, multirun=True)
    for lines in jobs:
        with all_problems() as problems:
            made: Request = _request(request, _compose(command, lines, config_dir), problems)
        yield made


def _jobs(
    request: type[Request],
    command: str,
    overrides: Sequence[str],
    config_dir: Path | None,
    problems: Problems,
    *,
    multirun: bool,
) -> Iterator[list[str]]:
    """The overrides of each job in a form that Hydra accepts; invalid ones are reported and left out."""
    if config_dir is not None and not config_dir.is_dir():
        raise ConfigError(f"--config-dir {config_dir} is not a folder.")
    lines = with_keys(overrides, request.leading)
    rewritten = [_rewritten(line, request, config_dir, problems, multirun=multirun) for line in lines]
    return map(list, itertools.product(*(lines for lines in rewritten if lines is not None)))


def _rewritten(
    line: str, request: type[Request], config_dir: Path | None, problems: Problems, *, multirun: bool
) -> list[str] | None:
    """An override in a form that Hydra accepts, one per swept value; None if it is invalid."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    key, _, value = line.partition("=")
    if _ways_of(line, request):
        problems.append(_not_parsed(line, request))
        return None
    try:
        override = parser.parse_override(line)
    except HydraException:
        try:  # a path with characters outside Hydra's grammar
            override = parser.parse_override(f"{key}='{value}'")
        except HydraException:
            problems.append(_not_parsed(line, request))
            return None
    if override.is_sweep_override():
        try:
            values = list(override.sweep_string_iterator())
        except HydraException:
            problems.append(f"'{line}' is not a list of values; use {key}=a,b, choice(...) or range(...).")
            return None
        if not multirun:
            problems.append(f"'{line}' has several values. Write {key}=[{value}] for a list, or add -m to run each.")
            return None
    else:
        values = [override.get_value_element_as_str()]
        if value.startswith("~/"):  # shells do not expand it after key=
            values = [f"'{Path(value).expanduser()}'"]
    name = override.key_or_group
    if name.partition("/")[0].partition(".")[0] == "hydra":
        problems.append(f"'{line}' is a setting of Hydra, which cal does not use. Leave it out.")
        return None
    groups = _groups(request, config_dir)
    if name not in groups and (conf_dir() / name).is_dir():  # a group of other commands
        problems.append(str(UnknownNameError("key", name, help_of(request))))
        return None
    if name in groups and not override.is_delete():
        known = options(name, config_dir)
        if unknown := [value for value in values if value not in known and value != "null"]:
            problems += [str(UnknownNameError(name, value, known)) for value in unknown]
            return None
        if name == "learner" and "null" in values:
            problems.append(f"learner cannot be null. Leave it out, or give one of {', '.join(known)}.")
            return None
        return [f"{_NO}{name}" if value == "null" else f"{name}={value}" for value in values]
    return [line] if override.is_delete() else [f"++{name}={value}" for value in values]


def _ways_of(line: str, request: type[Request]) -> list[str]:
    """How a file or folder without a key may be given; none for other words."""
    with suppress(OSError, ValueError):
        if "=" not in line and Path(line).exists():
            ways = {"map": f"map={line}", "logs": f"logs={line}", "dataset": f"dataset=files dataset.path={line}"}
            ways["test"] = f"test={line}"
            known = {*help_of(request)} - ({"logs"} if Path(line).is_file() else set())
            known -= {"dataset"} if request.leading else set()
            return [way for key, way in ways.items() if key in known]
    return []


def _not_parsed(line: str, request: type[Request]) -> str:
    """The problem of a word without a key, and the keys that take it if it is a file or folder."""
    if fit := _ways_of(line, request):
        return f"'{line}' has no key. Give {' or '.join(fit)}."
    return f"Cannot parse '{line}'. Give key=value; quote special characters: \"key='a,b'\"."


def _groups(request: type[Request], config_dir: Path | None) -> set[str]:
    folders = [conf_dir()] + ([config_dir] if config_dir else [])
    named = {folder.name for parent in folders for folder in parent.iterdir() if folder.is_dir()}
    return named & {*help_of(request), "experiment"}


def _compose(command: str, overrides: list[str], config_dir: Path | None) -> dict[str, Any]:
    import yaml
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    given = [line for line in overrides if not line.startswith(_NO)]
    if config_dir is not None:
        folder = str(config_dir.absolute()).replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${")
        given.append(f"hydra.searchpath=['file://{folder}']")
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="cal"):
            composed = _as_dict(hydra_compose(file_name(command), given))
    except UnicodeDecodeError as error:
        files = [] if config_dir is None else sorted(config_dir.rglob("*.yaml"))
        where = next((path for path in files if not _is_utf8(path)), config_dir)
        raise ConfigError(
            f"{where} is not in UTF-8: {error.reason} at byte {error.start}. Save it in UTF-8."
        ) from error
    except RecursionError as error:
        raise ConfigError("A file of the configuration includes itself. Look at its defaults.") from error
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, TypeError, OSError) as error:
        # Hydra passes on whatever reading a file of the user raises: bad YAML, no mapping, no permission.
        told = " ".join(str(error).split()).removesuffix(".")
        advice = "" if config_dir is None else f" Look at the files in {config_dir}."
        raise ConfigError(f"The configuration cannot be composed: {told}.{advice}") from error
    if "experiment" in composed:
        what = composed.pop("experiment")
        raise ConfigError(
            f"The file of the experiment must begin with the line `# @package _global_`, followed by keys of cal "
            f"{command} and their values; it holds {what!r}."
        )
    absent = {line.removeprefix(_NO): None for line in overrides if line.startswith(_NO)}
    return composed | {name: None for name in absent if name != "experiment"}


def _is_utf8(path: Path) -> bool:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    except OSError:  # a folder, or not ours to read
        pass
    return True


def _as_dict(composed: Any) -> dict[str, Any]:
    from omegaconf import OmegaConf

    plain = OmegaConf.to_container(composed, resolve=True)
    return {str(key): value for key, value in plain.items()} if isinstance(plain, dict) else {}


def _request(request: type[Request], config: Mapping[str, Any], problems: Problems) -> Any:
    """The request of a composed configuration; adds to `problems`."""
    kinds = {field.name: _CONVERTED.get(field.type, Any) for field in dataclasses.fields(request) if field.init}
    unknown = {key: value for key, value in config.items() if key not in kinds}
    values = _typed(kinds, {key: value for key, value in config.items() if key in kinds}, "", problems)
    for group, (selector, entries) in registry.GROUPS.items():
        if group in kinds and group not in config and group != "learner":
            values[group] = None  # deleted, or not in the file
        if not isinstance(values.get(group), dict):
            if group in values and values[group] is not None:
                problems.append(f"Give {group} as {group}=NAME.")
                del values[group]
            continue
        parameters = dict(values.pop(group))
        if parameters.setdefault(selector, None) is None:
            del parameters[selector]
            listed = ", ".join(f"{group}.{key}" for key in parameters)
            chosen = f"Give {group}=NAME with {listed}: one of {', '.join(options(group))}."
            problems.append(chosen if parameters else f"{group} needs the key {selector}: one of {', '.join(entries)}.")
            continue
        name = str(parameters.pop(selector))
        find = functools.partial(registry.find, entries, f"{group}.{selector}", name)
        if (choice := problems.attempt(find, otherwise=None)) is not None:
            fields = {field.name: field for field in dataclasses.fields(choice)}
            for key in [key for key in parameters if key not in fields]:
                if owners := _owners(group, key):
                    of = " or ".join(f"{group}={owner}" for owner in (owners[:1] if len(owners) > 2 else owners))
                    problems.append(f"{group}.{key} is a key of {of}: add {of}.")
                    del parameters[key]
            for key in [key for key in parameters if key not in fields and key in kinds]:
                problems.append(f"{group}.{key} is a key of the command: write {key}={parameters.pop(key)}.")
            for key in [key for key in unknown if key in fields]:
                problems.append(f"{key} is a key of {group}={name}: write {group}.{key}={unknown.pop(key)}.")
            values[group] = {name: _typed(fields, parameters, f"{group}.", problems, choice)}
    problems += [str(UnknownNameError("key", key, kinds)) for key in unknown]
    return problems.attempt(lambda: request(**values), otherwise=None)


def _owners(group: str, key: str) -> list[str]:
    """The options of a group that have a key."""
    entries = registry.GROUPS[group][1]
    kinds = {name: registry.find(entries, group, name) for name in options(group) if name in entries}
    return [name for name, kind in kinds.items() if key in {field.name for field in dataclasses.fields(kind)}]


def _typed(
    kinds: Mapping[str, Any],
    values: Mapping[str, Any],
    prefix: str,
    problems: Problems,
    schema: type | None = None,
) -> dict[str, Any]:
    """The values of known keys, converted to the types of their fields.

    Args:
        kinds: type of each known key.
        values: given values.
        prefix: prefix of the keys in messages.
        problems: collects a sentence about each key that is unknown, missing or of a wrong type.
        schema: dataclass with the types, instead of `kinds`.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if schema is None:
        schema = dataclasses.make_dataclass(
            "Schema", [(key, kind, dataclasses.field(default="???")) for key, kind in kinds.items()]
        )
    known, typed = list(kinds), OmegaConf.structured(schema)
    given = []
    for key, value in values.items():
        if key not in known:
            problems.append(str(UnknownNameError("key", f"{prefix}{key}", (f"{prefix}{name}" for name in known))))
        elif value == "???":
            problems.append(f"{prefix}{key} must be given: {prefix}{key}=...")
        else:
            try:
                typed = OmegaConf.merge(typed, {key: value})
                given.append(key)
            except OmegaConfBaseException as error:
                problems.append(f"{prefix}{key}: {str(error).splitlines()[0]}.")
    plain = _as_dict(typed)
    return {key: plain[key] for key in given}
