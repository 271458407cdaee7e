"""Requests: one dataclass per command, whose fields are the parameters of the command.

Creating a request checks and resolves it, and `run` does the work. The command line composes its words into a request,
and a function such as `cal.simulate` builds one from its arguments. The `Args` section of its docstring is the help of
both, so each parameter, default and help text is written once.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from cal import registry
from cal.checks import LARGEST, Problems, all_problems, as_plain
from cal.errors import ConfigError, UnknownNameError, shown
from cal.files import dated_folder, path_errors
from cal.threads import one_thread

R = TypeVar("R", bound="Request")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
_PLAIN = str | int | float | bool | None


@dataclasses.dataclass(kw_only=True)
class Request(ABC):
    """The parameters of a command. Subclasses extend `_resolve` with their own checks and define `run`.

    `run` uses one thread, so that its results do not depend on how many the libraries would use. Paths that the system
    refuses are errors of ours, wherever a command looks at them.

    Attributes:
        leading: keys that words without a key stand for, in their order.
    """

    leading: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        for name in {"run", "run_in_folder"} & cls.__dict__.keys():
            setattr(cls, name, path_errors()(one_thread()(cls.__dict__[name])))

    def __post_init__(self) -> None:
        for field in _parameters(type(self)):
            setattr(self, field.name, _without_axes(field.name, as_plain(getattr(self, field.name))))
        with path_errors(), all_problems() as problems:
            self._resolve(problems)

    @abstractmethod
    def _resolve(self, problems: Problems) -> None:
        """Replaces names by the objects they stand for, and adds everything invalid to `problems`."""

    @abstractmethod
    def run(self, corpus: Any = None, *, quiet: bool = False) -> Any:
        """Does the work and returns the result of the command."""

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        """Runs like the command line, which writes to `output` or a dated folder under runs/.

        Returns:
            The text to print, and the folder.
        """
        folder = self.output = getattr(self, "output", None) or self._new_folder()
        return str(self.run(quiet=quiet)), folder

    def _new_folder(self) -> Path:
        """A dated folder under runs/ with the name of the command."""
        return dated_folder(Path("runs"), type(self).__name__.removesuffix("Request").lower())

    def origin(self, ids: Iterable[object], gold: Iterable[object], corpus: Any = None) -> dict[str, Any]:
        """What the result is about: a digest of its documents, and where the request says that they come from.

        Args:
            ids: ids of the documents.
            gold: their gold labels.
            corpus: the corpus that was given instead of `dataset`.
        """
        from cal.provenance import data_digest

        named = {name: getattr(self, name, None) for name in ("dataset", "map", "logs")} | {"corpus": corpus}
        given = not all(isinstance(named[name], str | Path | None) for name in ("map", "corpus"))
        places = {name: as_data(value, name) for name, value in named.items() if value is not None}
        return {"data": data_digest(ids, gold), "data_from": None if given else places}

    def as_data(self) -> dict[str, Any]:
        """The parameters as plain data, as in a configuration file.

        Example:
            >>> from cal.simulation.request import SimulationRequest
            >>> data = SimulationRequest(features="lsa", seeds=1).as_data()
            >>> data["features"]["kind"], data["seeds"]
            ('lsa', [398048])
        """
        return {field.name: as_data(getattr(self, field.name), field.name) for field in _parameters(type(self))}


_MAY_BE_ARRAYS = ("dataset", "features", "map", "probabilities", "confusions", "corrections", "unlabelled", "labelled")


def _without_axes(name: str, value: Any) -> Any:
    """A parameter, where an array of one axis becomes a list.

    Raises:
        ConfigError: if it is an array of several axes or a table, which only few parameters may be, or too large.
    """
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ConfigError(f"{name} must fit in 64 bits; given {shown(value)}.")
    shape = getattr(value, "shape", None)
    if name in _MAY_BE_ARRAYS or not isinstance(shape, tuple):
        return value
    if len(shape) != 1 or not callable(getattr(value, "tolist", None)):
        raise ConfigError(f"{name} is a {type(value).__name__} of shape {tuple(shape)}; give a single value or a list.")
    return value.tolist()


def make(request: type[R], parameters: Mapping[str, Any]) -> R:
    """Creates a request.

    Raises:
        ConfigError: listing every unknown parameter, or all problems with the others.

    Example:
        >>> from cal.simulation.request import SimulationRequest
        >>> make(SimulationRequest, {"sedes": 3})
        Traceback (most recent call last):
        cal.errors.ConfigError: Unknown parameter 'sedes'. Did you mean 'seeds'? Known: cluster, ...
    """
    known = [field.name for field in _parameters(request)]
    if unknown := [name for name in parameters if name not in known]:
        raise ConfigError(str(UnknownNameError("parameter", name, known)) for name in unknown)
    return request(**parameters)


def nested(kind: type[T], spec: Any, name: str, example: str) -> T:
    """An object from a mapping of its parameters; None is one with defaults, and an object stays.

    Args:
        kind: dataclass of the object.
        spec: what was given.
        name: key of the request.
        example: parameters that it takes, as on the command line.

    Raises:
        ConfigError: if a parameter is unknown or its value is refused.

    Example:
        >>> from cal.simulation.query import Query
        >>> nested(Query, {"distinct": True}, "query", "{distinct: true}")
        Query(distinct=True)
        >>> nested(Query, True, "query", "{distinct: true}")
        Traceback (most recent call last):
        cal.errors.ConfigError: query must be parameters such as {distinct: true}, not True.
    """
    if isinstance(spec, kind):
        return spec
    if not isinstance(spec, Mapping | None):
        raise ConfigError(f"{name} must be parameters such as {example}, not {shown(spec)}.")
    made: T = registry.build(kind, {str(key): value for key, value in (spec or {}).items()}, name)
    return made


def help_of(request: type[Request]) -> dict[str, tuple[Any, str]]:
    """Default and help of each parameter, from the fields and docstrings of a request and its bases."""
    texts: dict[str, str] = {}
    for base in reversed(request.__mro__):
        texts |= _arguments(inspect.cleandoc(base.__dict__.get("__doc__") or ""))
    return {field.name: (_default(field), texts.get(field.name, "")) for field in _parameters(request)}


def takes(request: type[Request]) -> Callable[[F], F]:
    """Decorates a function that passes `**parameters` to a request with their signature and help."""

    def decorate(function: F) -> F:
        own = [each for each in inspect.signature(function).parameters.values() if each.kind is not each.VAR_KEYWORD]
        added = {name: told for name, told in help_of(request).items() if name not in {each.name for each in own}}
        only = inspect.Parameter.KEYWORD_ONLY
        keywords = [inspect.Parameter(name, only, default=default) for name, (default, _) in added.items()]
        positional = [each for each in own if each.kind is not only]
        last = [each for each in own if each.kind is only]
        function.__signature__ = inspect.Signature([*positional, *keywords, *last])  # type: ignore[attr-defined]
        lines = "".join(f"    {name}: {text}\n" for name, (_, text) in added.items())
        function.__doc__ = re.sub(r" *\*\*parameters:.*\n", lambda _: lines, inspect.cleandoc(function.__doc__ or ""))
        return function

    return decorate


def _parameters(request: type[Request]) -> tuple[dataclasses.Field[Any], ...]:
    return tuple(field for field in dataclasses.fields(request) if field.init)


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _arguments(doc: str) -> dict[str, str]:
    """The entries of the `Args` section of a docstring, each on one line."""
    section = re.search(r"^Args:\n((?:    .*\n?|\n)*)", doc, flags=re.MULTILINE)
    entries = re.split(r"^    (?=\w+: )", section[1] if section else "", flags=re.MULTILINE)[1:]
    pairs = (entry.split(": ", 1) for entry in entries)
    return {name: " ".join(text.split()) for name, text in pairs}


def as_data(value: Any, name: str = "") -> Any:
    """A parameter as plain data; `name` tells choices of a group from other objects."""
    value = as_plain(value)
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {str(key): as_data(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_data(each) for each in value]
    if name in registry.GROUPS:
        fields = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
        given = {field.name: getattr(value, field.name) for field in fields}
        registered = registry.name_of(value)
        if not registered:  # a class of the user, or the vectors themselves
            given = {key: each for key, each in given.items() if isinstance(each, _PLAIN | list | tuple)}
        return {registry.GROUPS[name][0]: registered or type(value).__name__} | as_data(given)
    return str(value) if isinstance(value, Path) else _label(value)


def _label(value: Any) -> str:
    """A short name for an object that is not plain data."""
    if dataclasses.is_dataclass(value):
        return repr(value)
    if hasattr(value, "get_params"):
        return registry.described(value)
    label = getattr(value, "name", None) or getattr(value, "__name__", None)
    return label if isinstance(label, str) else type(value).__name__
