"""Arguments: whether what a public function was given is of the kinds that its annotations name.

Functions call `check_arguments` in their first line. Values (ranges, shapes, names) are checked by `cal.checks` and
`cal.arrays`; this refuses what is of another kind altogether, before it fails somewhere with an error of Python's.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable, KeysView, Mapping, Sequence, Set
from functools import cache
from importlib import import_module
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

from cal.checks import LARGEST, is_path, refuse, whole_number
from cal.errors import in_words, shown


class _Kind(NamedTuple):
    """Words for a kind of value, and whether a value is of it."""

    words: str
    fits: Callable[[Any], bool]


def check_arguments(function: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Refuses arguments that are of another kind than the function's annotations say.

    Args:
        function: function, method or dataclass with annotations.
        given: arguments by name, such as `locals()` in the first line of the function; other names are ignored.

    Raises:
        ConfigError: listing each such argument.

    Example:
        >>> def halved(n: int, name: str | None = None) -> float:
        ...     check_arguments(halved, locals())
        ...     return n / 2
        >>> halved("three", name=3)
        Traceback (most recent call last):
        cal.errors.ConfigError: 2 problems in the configuration:
        - n must be a whole number, not 'three'.
        - name must be text or None, not 3.
    """
    refuse(
        f"{name} must be {kind.words}{_limit(given[name])}, not {shown(given[name])}."
        for name, kind in _kinds(function).items()
        if name in given and not kind.fits(given[name])
    )


def _limit(value: Any) -> str:
    """What is wrong with a whole number that arrays and tables cannot hold."""
    return " below 2^63" if abs(whole_number(value) or 0) > LARGEST else ""


@cache
def _kinds(function: Callable[..., Any]) -> dict[str, _Kind]:
    """The kind of each annotated argument, as far as it is one that can be told."""
    if inspect.isclass(function):
        bases = [base for base in reversed(function.__mro__) if base.__module__.startswith("cal.")]
        annotations = [(base.__module__, inspect.get_annotations(base)) for base in bases]
    else:
        annotations = [(function.__module__, getattr(function, "__annotations__", {}))]
    kinds = {}
    for module, of_module in annotations:
        for name, annotation in of_module.items():
            try:
                kind = _kind(eval(annotation, {}, _Names(module)) if isinstance(annotation, str) else annotation)
            except NameError:  # a class that is imported for type checkers only
                continue
            if kind is not None and name != "return":
                kinds[name] = kind
    return kinds


class _Names(dict[str, Any]):
    """The names of a module, and the classes that modules often import for type checkers only."""

    def __init__(self, module: str) -> None:
        super().__init__(vars(sys.modules[module]))

    def __missing__(self, name: str) -> Any:
        if name == "pd":
            return import_module("pandas")
        public = import_module("cal")
        if name in public.__all__:
            return getattr(public, name)
        raise KeyError(name)


def _kind(annotation: Any) -> _Kind | None:
    """The kind that an annotation names; None if anything fits."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        if Path in parts and str in parts:
            others = [part for part in parts if part not in (Path, str)]
            return _either([_Kind("a path", is_path), *map(_kind, others)])
        return _either([_kind(part) for part in parts])
    if origin is typing.Literal:
        return _Kind(in_words(map(str, parts), "or"), lambda v: isinstance(v, str) and v in parts)
    return _PLAIN.get(annotation) or _container(origin or annotation) or _class(annotation)


def _either(known: list[_Kind | None]) -> _Kind | None:
    """The kind of several; None if one of them is not known."""
    kinds = [each for each in known if each is not None]
    if len(kinds) < len(known):
        return None
    words = in_words(dict.fromkeys(each.words for each in kinds), "or")
    return _Kind(words, lambda v: any(k.fits(v) for k in kinds))


def _container(kind: Any) -> _Kind | None:
    if kind is Mapping or kind is dict:
        return _Kind("a mapping", lambda v: isinstance(v, Mapping))
    if kind is Callable:
        return _Kind("a function", callable)
    if kind in (Sequence, list, tuple):
        return _Kind("a list", _is_listed)
    if kind is Iterable:
        return _Kind("a list", lambda v: isinstance(v, Iterable) and not isinstance(v, str | bytes))
    return None


def _class(kind: Any) -> _Kind | None:
    describes_others = getattr(kind, "_is_protocol", False) or getattr(kind, "__module__", "") == "typing"
    if not inspect.isclass(kind) or describes_others or kind is object or kind.__name__ == "ndarray":
        return None  # arrays are whatever `cal.arrays` can make one of
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    return _Kind(f"{article} {kind.__name__}", lambda v: isinstance(v, kind))


def _is_listed(value: Any) -> bool:
    """Whether a value has an order and a length: a list, an array, a Series."""
    if isinstance(value, str | bytes | bytearray | Mapping | Set) and not isinstance(value, KeysView):
        return False
    if inspect.isclass(value) or getattr(value, "shape", None) == () or len(getattr(value, "shape", (1,))) > 1:
        return False
    return hasattr(value, "__len__") and (isinstance(value, Iterable) or hasattr(value, "__getitem__"))


def _is_whole(value: Any) -> bool:
    number = whole_number(value)
    return number is not None and abs(number) <= LARGEST


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


_PLAIN: dict[Any, _Kind] = {
    type(None): _Kind("None", lambda v: v is None),
    bool: _Kind("true or false", lambda v: type(v).__name__ in ("bool", "bool_")),
    int: _Kind("a whole number", _is_whole),
    float: _Kind("a number", _is_real),
    str: _Kind("text", lambda v: isinstance(v, str)),
    Path: _Kind("a path", lambda v: isinstance(v, Path)),
}
