"""Building strategies from names, parameters, mixtures, classes and functions."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from cal import registry
from cal.acquisition.base import Acquisition, name_of
from cal.acquisition.digest import digest
from cal.acquisition.mix import Mix
from cal.acquisition.one_run import OneRun
from cal.acquisition.pool import Pool
from cal.checks import refuse
from cal.errors import ConfigError, shown

StrategySpec = str | Mapping[str, Any] | Acquisition | Callable[[Pool], Tensor]

_HINT = (
    "Give a name (entropy), a name with parameters ({cal: {threshold: 0.4}}), a mixture ({mix: {dal: .5, cal: .5}}) "
    "or a class of your own ({_target_: package.module.Strategy})."
)


class Function(Acquisition):
    """A strategy made of a plain function of the pool."""

    def __init__(self, function: Callable[[Pool], Tensor]) -> None:
        self.function, self.__doc__ = function, function.__doc__
        self.needs = frozenset(getattr(function, "needs", ()))
        self.pointwise = bool(getattr(function, "pointwise", False))

    @property
    def name(self) -> str:
        return name_of(self.function)

    def score(self, pool: Pool) -> Tensor:
        return self.function(pool)


def make_strategies(specs: Sequence[StrategySpec]) -> dict[str, Acquisition]:
    """Builds strategies.

    Args:
        specs: names, `{name: parameters}`, `{mix: shares}`, `{_target_: path, ...}`, objects, classes or functions.

    Returns:
        The strategies by label, in the order given; labels show the parameters given, as in `cal(threshold=0.4)`.

    Raises:
        ConfigError: listing everything that is wrong with any of them.

    Example:
        >>> list(make_strategies(["random", {"cal": {"threshold": 0.4}}, {"mix": {"dal": 0.5, "cal": 0.5}}]))
        ['random', 'cal(threshold=0.4)', 'mix(dal=0.5,cal=0.5)']
    """
    strategies: dict[str, Acquisition] = {}
    by_digest: dict[str, str] = {}
    problems: list[str] = []
    if isinstance(specs, str) or not isinstance(specs, Sequence):
        raise ConfigError(f"strategies must be a list, such as [random, cal], not {specs!r}.")
    for spec in specs:
        try:
            label, strategy = make_strategy(spec)
        except ConfigError as error:
            problems += error.problems
            continue
        if not strategy.scores_candidates and not strategy.chooses_batches:
            suffix = "_run" if isinstance(strategy, OneRun) else ""
            problems.append(f"Strategy '{label}' must define score{suffix}(pool) or select{suffix}(pool, n).")
        same = digest(strategy) if _is_named(spec) else ""
        if label in strategies:
            problems.append(f"Strategy '{label}' is listed twice; label one of them: {{label: strategy}}.")
        elif same in by_digest:
            problems.append(f"Strategies '{by_digest[same]}' and '{label}' are the same; list one of them.")
        elif same:
            by_digest[same] = label
        strategies[label] = strategy
    if not specs:
        problems.append("strategies is empty; name at least one, such as [random, cal].")
    refuse(problems)
    return strategies


def make_strategy(spec: StrategySpec) -> tuple[str, Acquisition]:
    """Builds one strategy.

    Returns:
        Its label and the strategy.

    Raises:
        ConfigError: if the specification or a parameter is wrong.
    """
    if isinstance(spec, Acquisition):
        return _labelled(spec.name, _changed(spec)), spec
    if isinstance(spec, type):
        return spec.__name__, _as_strategy(spec, {}, spec.__name__)
    if isinstance(spec, str):
        return _named(spec, {})
    if isinstance(spec, Mapping) and "_target_" in spec:
        parameters = {key: value for key, value in spec.items() if key != "_target_"}
        path = str(spec["_target_"])
        name = path.replace(":", ".").rpartition(".")[2]
        return _labelled(name, parameters), _as_strategy(registry.find_target(path), parameters, name)
    if isinstance(spec, Mapping) and len(spec) == 1:
        name, parameters = next(iter(spec.items()))
        if name == "mix" and not (isinstance(parameters, Mapping) and "parts" in parameters):
            return _mixture(parameters)
        if parameters is None or isinstance(parameters, Mapping):
            return _named(str(name), parameters or {})
        if callable(parameters) or isinstance(parameters, Acquisition):
            return str(name), make_strategy(parameters)[1]
    if callable(spec):
        function = Function(spec)
        return function.name, function
    raise ConfigError(f"{shown(spec)} is not a strategy. {_HINT}")


def _is_named(spec: StrategySpec) -> bool:
    """Whether the label of a strategy follows from its name and parameters, and is not one that the user gave."""
    if not isinstance(spec, Mapping):
        return isinstance(spec, str)
    return len(spec) == 1 and next(iter(spec)) in registry.STRATEGIES


def _named(name: str, parameters: Mapping[str, Any]) -> tuple[str, Acquisition]:
    if name == "mix" and not parameters:
        raise ConfigError("mix needs shares, such as {mix: {dal: .5, cal: .5}}.")
    choice = registry.find_strategy(name)
    parameters = _with_floats(choice, parameters)
    return _labelled(name, parameters), _as_strategy(choice, parameters, f"strategy '{name}'")


def _as_strategy(choice: Any, parameters: Mapping[str, Any], where: str) -> Acquisition:
    if isinstance(choice, type) and issubclass(choice, Acquisition):
        strategy: Acquisition = registry.build(choice, _with_parts(choice, parameters, where), where)
        return strategy
    if not isinstance(choice, Acquisition) and not _is_score(choice):  # nothing else may be called, or it would run
        named = choice if hasattr(choice, "__qualname__") else type(choice)
        what = "the class " if isinstance(choice, type) else "" if named is choice else "an object of "
        raise ConfigError(
            f"{where} is not a strategy but {what}{named.__module__}.{named.__qualname__}. Give a subclass of "
            "cal.Acquisition, or a Python function whose only argument is the pool."
        )
    if parameters:
        kind = "a strategy object" if isinstance(choice, Acquisition) else "a function of the pool"
        raise ConfigError(f"{where} is {kind} and takes no parameters; given {dict(parameters)}.")
    return choice if isinstance(choice, Acquisition) else Function(choice)


def _is_score(choice: Any) -> bool:
    """Whether this is a Python function that can be called with nothing but a pool."""
    if not inspect.isfunction(inspect.unwrap(choice)):
        return False
    taken = list(inspect.signature(choice).parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [each for each in taken[1:] if each.default is each.empty and each.kind not in variable]
    return bool(taken) and taken[0].kind in positional and not needed


def _with_parts(choice: Any, parameters: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The parameters, with strategies built from the specifications among them."""
    try:
        hints = typing.get_type_hints(choice) if dataclasses.is_dataclass(choice) else {}
    except Exception:  # names imported for type checkers only
        hints = {}
    made, problems = dict(parameters), []
    for name, value in parameters.items():
        hint = hints.get(name)
        if value is None or (hint is not Acquisition and Acquisition not in typing.get_args(hint)):
            continue
        try:
            if isinstance(value, Sequence) and not isinstance(value, str):
                made[name] = list(make_strategies(value).values())
            else:
                made[name] = make_strategy(value)[1]
        except ConfigError as error:
            problems += [f"{where}: {name}: {problem}" for problem in error.problems]
    refuse(problems)
    return made


def _with_floats(choice: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters, with 2 as 2.0 where a float is meant: both are the same strategy."""
    floats = {
        field.name
        for field in (dataclasses.fields(choice) if dataclasses.is_dataclass(choice) else ())
        if field.type in (float, "float", "float | None")
    }
    return {
        name: float(value) if name in floats and isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in parameters.items()
    }


def _mixture(shares: Any) -> tuple[str, Acquisition]:
    if not isinstance(shares, Mapping) or not shares:
        raise ConfigError(f"mix needs strategies with shares above 0, such as {{dal: .5, cal: .5}}, not {shares}.")
    return _labelled("mix", shares), Mix(list(make_strategies(list(shares)).values()), list(shares.values()))


def _changed(strategy: Acquisition) -> dict[str, Any]:
    """Parameters of an object that differ from their defaults; they tell two objects of one class apart."""
    if not dataclasses.is_dataclass(strategy):
        return {}
    changed = {}
    for field in dataclasses.fields(strategy):
        made = field.default_factory is not dataclasses.MISSING
        default = field.default_factory() if made else field.default
        if repr(value := getattr(strategy, field.name)) != repr(default):  # comparing arrays by != gives an array
            changed[field.name] = value
    return changed


def _labelled(name: str, parameters: Mapping[str, Any]) -> str:
    return name + (f"({','.join(f'{key}={_short(value)}' for key, value in parameters.items())})" if parameters else "")


def _short(value: Any) -> Any:
    """A parameter as a label shows it; strategies are shown by their own labels."""
    if isinstance(value, Acquisition):
        return _labelled(value.name, _changed(value))
    if callable(value):
        return name_of(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(str(_short(part)) for part in value)}]"
    if isinstance(value, Mapping) and "_target_" in value:
        path = str(value["_target_"]).replace(":", ".").rpartition(".")[2]
        return _labelled(path, {key: given for key, given in value.items() if key != "_target_"})
    if isinstance(value, Mapping) and len(value) == 1 and isinstance(inner := next(iter(value.values())), Mapping):
        name = str(next(iter(value)))
        return _labelled(
            name, _with_floats(registry.find_strategy(name), inner) if name in registry.STRATEGIES else inner
        )
    return value
