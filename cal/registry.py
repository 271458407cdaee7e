"""Registry: everything that can be chosen by name, loaded only when chosen.

A choice is a dataclass whose fields are its parameters and its schema in the configuration. In `cal.built_in` each is a
path `module:Class` with one line for `--help`.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import traceback
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from cal.built_in import CLUSTERS as CLUSTERS
from cal.built_in import FEATURES as FEATURES
from cal.built_in import GROUPS as GROUPS
from cal.built_in import LEARNERS as LEARNERS
from cal.built_in import READERS as READERS
from cal.built_in import SEED_SETS as SEED_SETS
from cal.built_in import STOPPING as STOPPING
from cal.built_in import STRATEGIES as STRATEGIES
from cal.built_in import Entry as Entry
from cal.checks import known_name, refuse
from cal.errors import ConfigError, UnknownNameError, in_words, nearest_name

STRATEGY_GROUP, LABELLER_GROUP = "cal.acquisitions", "cal.labellers"


def strategy_names() -> list[str]:
    """Names of built-in and installed strategies, without importing them."""
    return [*STRATEGIES, *(name for name in _installed_names(STRATEGY_GROUP) if name not in STRATEGIES)]


def find_strategy(name: str) -> Any:
    """The class of a strategy, built in or from the entry point of an installed package.

    Raises:
        UnknownNameError: if the strategy does not exist.
        ConfigError: if its package cannot be loaded.
    """
    if name in STRATEGIES:
        return find(STRATEGIES, "strategy", name)
    return _installed(STRATEGY_GROUP, "strategy", "strategies", name, strategy_names())


def find_labeller(name: str) -> Any:
    """The function or class of a labeller, from the entry point of an installed package.

    Raises:
        UnknownNameError: if the labeller does not exist.
        ConfigError: if its package cannot be loaded.
    """
    known = _installed_names(LABELLER_GROUP)
    return _installed(LABELLER_GROUP, "labeller", "labellers", name, known, " Or give it as module:function.")


def _installed_names(group: str) -> list[str]:
    return sorted({entry.name for entry in entry_points(group=group)})


def _installed(group: str, kind: str, kinds: str, name: str, known: list[str], more: str = "") -> Any:
    """What an installed package offers in a group of entry points."""
    offers = {}
    for entry in entry_points(group=group):
        if entry.name == name:
            offers[entry.dist.name if entry.dist else entry.value] = entry
    if len(offers) > 1:
        raise ConfigError(
            f"{kind.capitalize()} '{name}' is provided by the packages {', '.join(sorted(offers))}; uninstall all but "
            "one."
        )
    for package, entry in offers.items():
        try:
            return entry.load()
        except (Exception, SystemExit) as error:
            raise ConfigError(
                f"{kind.capitalize()} '{name}' of the package '{package}' cannot be loaded: {said(error)}. Fix or "
                "uninstall it."
            ) from error
    hint = f"Packages can add {kinds} through the entry point group '{group}'.{more}"
    raise UnknownNameError(kind, name, known, hint)


def find(entries: Mapping[str, Entry], kind: str, name: str) -> type:
    """The class of a built-in name.

    Raises:
        UnknownNameError: if the name does not exist.

    Example:
        >>> find(LEARNERS, "learner", "mlp").__name__
        'MLP'
    """
    found: type = find_target(entries[known_name(kind, name, entries)].path)
    return found


def find_target(path: str) -> Any:
    """The object at `package.module.Name` or `package.module:Name`.

    Raises:
        ConfigError: if it cannot be imported.

    Example:
        >>> find_target("collections.OrderedDict").__name__
        'OrderedDict'
    """
    module, _, name = path.replace(":", ".").rpartition(".")
    try:
        return getattr(import_module(module), name)
    except SystemExit as error:
        raise ConfigError(
            f"Cannot import '{path}': when {module} is imported, {said(error)}. Move what it runs under "
            "`if __name__ == '__main__':`."
        ) from error
    except Exception as error:  # a user's module may raise anything
        what = f"{type(error).__name__}: {error}"
        raise ConfigError(f"Cannot import '{path}': {what}. Give it as package.module.Name.") from error


def build(choice: type, parameters: Mapping[str, Any], where: str) -> Any:
    """Creates an object of a chosen class from its parameters.

    Raises:
        ConfigError: if a parameter is unknown or missing, or its value is refused; names `where` it stands.

    Example:
        >>> build(find(LEARNERS, "learner", "mlp"), {"epochs": 3}, "learner")
        Traceback (most recent call last):
        cal.errors.ConfigError: learner has no parameter 'epochs'. Did you mean 'n_epochs'? It takes: hidden, ...
    """
    if dataclasses.is_dataclass(choice):
        known = [field.name for field in dataclasses.fields(choice)]
        refuse(unknown_parameter(str(name), known, where) for name in parameters if name not in known)
        needed = [each.name for each in inspect.signature(choice).parameters.values() if each.default is each.empty]
        if missing := [name for name in needed if name not in parameters]:
            raise ConfigError(f"{where} needs a value for {in_words(missing)}.")
    try:
        return choice(**parameters)
    except ConfigError as error:
        raise ConfigError(f"{where}: {problem}" for problem in error.problems) from error
    except (Exception, SystemExit) as error:  # a user's class may raise anything
        raise ConfigError(f"{where} cannot be made from {dict(parameters)}: {said(error)}.") from error


def choose(entries: Mapping[str, Entry], kind: str, spec: Any) -> tuple[str, Any]:
    """The label and the object of a name, or of `{name: parameters}`; an object stays, its repr is its label.

    Raises:
        ConfigError: if the name or a parameter is unknown, or a value is refused.

    Example:
        >>> choose(LEARNERS, "learner", {"mlp": {"dropout": 0.1}})[0]
        'mlp(dropout=0.1)'
    """
    if isinstance(spec, str):
        return spec, build(find(entries, kind, spec), {}, f"{kind} '{spec}'")
    if not isinstance(spec, Mapping):
        return repr(spec), spec
    if len(spec) != 1 or not isinstance(parameters := next(iter(spec.values())), Mapping):
        raise ConfigError(f"{kind} {spec!r} must be a name or {{name: {{parameter: value}}}}.")
    name = str(next(iter(spec)))
    made = build(find(entries, kind, name), parameters, f"{kind} '{name}'")
    return f"{name}({','.join(f'{key}={value}' for key, value in parameters.items())})", made


def said(error: BaseException) -> str:
    """What an error says without a full stop, or which line called `sys.exit`.

    Example:
        >>> said(ValueError("k is 0.")), said(SystemExit(3))
        ('k is 0', 'it calls sys.exit(3)')
    """
    if not isinstance(error, SystemExit):
        return str(error).removesuffix(".")
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [place for place in places if "_sitebuiltins" not in place[0]]  # exit() and quit() are functions of Python
    where = f"line {ours[-1][1]} of {ours[-1][0]}" if ours else "it"
    return f"{where} calls sys.exit({error.code!r})"


def name_of(choice: Any) -> str | None:
    """The registered name of an object's class, or None.

    Example:
        >>> name_of(find(LEARNERS, "learner", "mlp")())
        'mlp'
    """
    path = f"{type(choice).__module__}:{type(choice).__qualname__}"
    entries = [entry for _, choices in GROUPS.values() for entry in choices.items()]
    return next((name for name, entry in entries if entry.path == path), None)


def described(value: Any) -> str:
    """A scikit-learn estimator and its parameters that are no defaults, in one line that is the same in every process.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> described(LogisticRegression(C=10, class_weight={0: 1, 1: 2}))
        'LogisticRegression(C=10, class_weight={0: 1, 1: 2})'
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(described, value))}]"
    if inspect.isclass(value) or not hasattr(value, "get_params"):
        return re.sub(r" at 0x[0-9a-f]+", "", " ".join(repr(value).split()))
    signature, parameters = inspect.signature(type(value)).parameters, value.get_params(deep=False)
    usual = {name: repr(each.default) for name, each in signature.items()}
    given = [f"{name}={described(each)}" for name, each in parameters.items() if repr(each) != usual.get(name)]
    return f"{type(value).__name__}({', '.join(given)})"


def unknown_parameter(name: str, known: list[str], where: str) -> str:
    """The message for an unknown parameter."""
    nearest = nearest_name(name, known)
    suggestion = f" Did you mean '{nearest}'?" if nearest else ""
    return f"{where} has no parameter '{name}'.{suggestion} It takes: {', '.join(known) or 'none'}."
