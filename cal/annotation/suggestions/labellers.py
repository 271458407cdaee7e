"""Labellers: functions from a text to a label, such as a call of a language model, and what they answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any, NamedTuple

from cal import registry
from cal.errors import ConfigError, DataError, quantity, shown

_TEXT, _TEXTS = "text", "texts"
_FORM = (
    "a function whose first parameter is `text`, or `texts` for lists of them, and that returns a label, a label and a "
    "score, or None"
)


class ModelLabel(NamedTuple):
    """What a labeller says about a text: a label, or None; how sure it is, from 0 to 1; and why, if it says so."""

    label: str | None
    score: float | None = None
    why: str | None = None


@dataclass(frozen=True)
class Labeller:
    """A function that labels texts.

    Attributes:
        name: what it is called.
        function: takes a text, or a list of texts.
        takes_lists: whether it takes a list of texts, and returns as many answers.
    """

    name: str
    function: Callable[[Any], Any]
    takes_lists: bool

    def answers(self, texts: Sequence[str]) -> list[ModelLabel]:
        """What it says about some texts.

        Raises:
            DataError: if it answers something else than labels. Whatever the function raises is raised as it is.
        """
        if not self.takes_lists:
            return [model_label(self.function(text)) for text in texts]
        given = self.function(list(texts))
        if isinstance(given, str | Mapping) or not hasattr(given, "__len__") or len(given) != len(texts):
            what = f"{len(given):,}" if hasattr(given, "__len__") and not isinstance(given, str) else shown(given)
            raise DataError(f"it was given {quantity(len(texts), 'text')} and must return as many answers, not {what}")
        return [model_label(each) for each in given]


def make_labeller(spec: Any) -> Labeller:
    """A labeller from what stands for it.

    Args:
        spec: name of an installed labeller, or `module:function`; either with parameters, as `{name: {parameter:
            value}}` or `{_target_: module.function, parameter: value}`; or a function, class or object that can be
            called.

    Raises:
        ConfigError: if there is no such labeller, or it is something else.

    Example:
        >>> make_labeller(lambda text: "NUM" if "many" in text else None).answers(["How many?", "Who?"])
        [ModelLabel(label='NUM', score=None, why=None), ModelLabel(label=None, score=None, why=None)]
    """
    parameters: Mapping[str, Any] = {}
    if isinstance(spec, Mapping) and "_target_" in spec:
        parameters = {key: value for key, value in spec.items() if key != "_target_"}
        spec = str(spec["_target_"])
    elif isinstance(spec, Mapping):
        if len(spec) != 1 or not isinstance(parameters := next(iter(spec.values())) or {}, Mapping):
            raise ConfigError(f"labeller {dict(spec)!r} must be a name or {{name: {{parameter: value}}}}.")
        spec = next(iter(spec))
    if not isinstance(spec, str):
        return _of(getattr(spec, "__name__", type(spec).__name__), spec, parameters, by_name=False)
    if ":" in spec or "." in spec:
        found, name = registry.find_target(spec), spec.replace(":", ".").rpartition(".")[2]
    else:
        found, name = registry.find_labeller(spec), spec
    return _of(name, found, parameters, by_name=True)


def model_label(given: Any) -> ModelLabel:
    """An answer from what a labeller returned.

    Raises:
        DataError: if it is none.

    Example:
        >>> model_label(("HUM", 0.9)), model_label({"label": "LOC", "why": "It asks where."})
        (ModelLabel(label='HUM', score=0.9, why=None), ModelLabel(label='LOC', score=None, why='It asks where.'))
    """
    if isinstance(given, Mapping):
        if unknown := sorted(map(str, given.keys() - {"label", "score", "why"})):
            raise DataError(f"it returned {shown(dict(given))}, in which {unknown[0]!r} means nothing")
        parts = [given.get("label"), given.get("score"), given.get("why")]
    elif isinstance(given, tuple | list):
        if not 1 <= len(given) <= 3:
            raise DataError(f"it returned {shown(given)} and not a label, or a label and a score")
        parts = [*given, None, None][:3]
    else:
        parts = [given, None, None]
    label, score, why = parts
    if not isinstance(label, str | int | None) or isinstance(label, bool):
        raise DataError(f"it returned {shown(given)}, whose label is no text")
    label = None if label is None else str(label).strip() or None
    if score is not None:
        if isinstance(score, bool) or not isinstance(score, Real) or not 0 <= float(score) <= 1:
            raise DataError(f"it returned {shown(given)}, whose score is no number from 0 to 1")
        score = float(score) if label is not None else None
    return ModelLabel(label, score, None if why is None else str(why))


def _of(name: str, found: Any, parameters: Mapping[str, Any], *, by_name: bool) -> Labeller:
    if isinstance(found, type):
        if "__call__" not in vars(found) and not any("__call__" in vars(each) for each in found.__mro__[:-1]):
            raise ConfigError(f"labeller '{name}' is the class {_path(found)}, which cannot be called. Give {_FORM}.")
        _first(name, found.__call__, bound=False)
        found = registry.build(found, parameters, f"labeller '{name}'")
        return Labeller(name, found, _first(name, type(found).__call__, bound=False) == _TEXTS)
    if by_name and not inspect.isfunction(inspect.unwrap(found)):  # nothing else may be called, or it would run
        raise ConfigError(f"labeller '{name}' is {_path(found)}, and not {_FORM}.")
    if not callable(found):
        raise ConfigError(f"labeller must be a name or {_FORM}, not {shown(found)}.")
    takes_lists = _first(name, found, bound=True) == _TEXTS
    if parameters:
        known = [*inspect.signature(found).parameters][1:]
        if unknown := [each for each in parameters if each not in known]:
            raise ConfigError(registry.unknown_parameter(unknown[0], known, f"labeller '{name}'"))
        found = partial(found, **parameters)
    return Labeller(name, found, takes_lists)


def _first(name: str, function: Any, *, bound: bool) -> str:
    """The name of the parameter that takes texts.

    Raises:
        ConfigError: if there is none, or the function needs more.
    """
    try:
        taken = list(inspect.signature(function).parameters.values())[0 if bound else 1 :]
    except (TypeError, ValueError):  # written in C
        return _TEXT
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [each.name for each in taken[1:] if each.default is each.empty and each.kind not in variable]
    if not taken or taken[0].kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD) or needed:
        what = f"needs {', '.join(needed)}, too" if needed else "takes no text"
        raise ConfigError(f"labeller '{name}' {what}. Give {_FORM}.")
    return taken[0].name


def _path(found: Any) -> str:
    named = found if hasattr(found, "__qualname__") else type(found)
    return f"{'' if named is found else 'an object of '}{named.__module__}.{named.__qualname__}"
