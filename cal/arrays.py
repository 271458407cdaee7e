"""Arrays: a value per instance, from whatever users hold (lists, arrays, tensors, Series), made ours without loss.

Each function names the argument in its errors, refuses what has no order or no value, and casts nothing that the cast
would change.
"""

from __future__ import annotations

from collections.abc import Iterable, KeysView, Mapping, Sequence, Set, Sized
from typing import Any

import numpy as np

from cal.checks import LARGEST, as_plain
from cal.errors import CalError, DataError, shown


def as_list(name: str, given: Any, error: type[CalError] = DataError) -> list[Any]:
    """The values of a list, tuple, array, tensor, Series or column as Python's own; missing ones are None.

    Args:
        name: name of the argument, for messages.
        given: (instance,) values of any kind.
        error: kind of error to raise.

    Raises:
        CalError: if it has no order, as a set has none; is a mapping, a text or a single value; or has several axes.

    Example:
        >>> as_list("labels", np.array([1, 2])), as_list("labels", ("a", float("nan"), np.int64(3)))
        ([1, 2], ['a', None, 3])
        >>> as_list("ids", {"b", "a"})
        Traceback (most recent call last):
        cal.errors.DataError: ids is a set, which has no order. Give a list, with the value of each instance ...
    """
    if type(given) is list and set(map(type, given)) <= {str, int}:
        return given.copy()
    _refuse_unordered(name, given, error)
    shape = getattr(given, "shape", None)
    if isinstance(shape, tuple) and len(shape) != 1:
        what = "a single value" if not shape else f"of shape {tuple(shape)}"
        raise error(f"{name} is {what}; give one value per instance, in a list or an array of one axis.")
    try:
        values = _listed(given)
    except CalError:
        raise
    except Exception as problem:  # a container of the user may raise anything
        raise error(f"{name} cannot be read: {problem}. Give a list or an array.") from problem
    plain = [as_plain(value) for value in values]
    return [None if is_missing(value) else value for value in plain]


def as_texts(name: str, given: Any, error: type[CalError] = DataError) -> list[str]:
    """(instance,) texts.

    Raises:
        CalError: if it is no ordered container, or a value is not text.

    Example:
        >>> as_texts("texts", np.array(["Who?", "When?"]))
        ['Who?', 'When?']
    """
    values = as_list(name, given, error)
    if set(map(type, values)) <= {str}:
        return values
    for position, value in enumerate(values):
        if not isinstance(value, str):
            raise error(f"{name} must be text, not {_value(value)} at position {position}.")
    return values


def as_whole(name: str, given: Any, error: type[CalError] = DataError) -> np.ndarray:
    """(instance,) whole numbers as int64.

    Raises:
        CalError: if it is no ordered container, has a row per instance as one-hot labels have, or a value is missing,
            not whole, or has more than 64 bits.

    Example:
        >>> as_whole("gold", [1.0, 0.0]), as_whole("gold", [True, False])
        (array([1, 0]), array([1, 0]))
        >>> as_whole("gold", [0.9, 0.1])
        Traceback (most recent call last):
        cal.errors.DataError: gold must be whole numbers, not 0.9 at position 0.
    """
    refuse_rows(name, given, error)
    _refuse_unordered(name, given, error)
    if callable(getattr(given, "detach", None)) and not getattr(given, "is_sparse", False):
        given = _array(given)
    if type(given) is np.ndarray and given.ndim == 1 and given.dtype.kind in "iub" and np.can_cast(given.dtype, int):
        return given.astype(np.int64)
    values = as_list(name, given, error)
    for position, value in enumerate(values):
        if not isinstance(value, int):
            if isinstance(value, float) and value.is_integer():
                values[position] = value = int(value)
            else:
                hint = " Number the classes from 0." if isinstance(value, str) and name == "gold" else ""
                raise error(f"{name} must be whole numbers, not {_value(value)} at position {position}.{hint}")
        if not -LARGEST - 1 <= value <= LARGEST:
            raise error(f"{name} has {value} at position {position}, which does not fit in 64 bits.")
    return np.array(values, dtype=np.int64)


def as_classes(name: str, given: Any, n_classes: int | None = None, error: type[CalError] = DataError) -> np.ndarray:
    """(instance,) classes, numbered from 0, as int64.

    Args:
        name: name of the argument, for messages.
        given: (instance,) whole numbers.
        n_classes: number of classes, if it is known.
        error: kind of error to raise.

    Raises:
        CalError: if they are not whole numbers from 0 to `n_classes` - 1.

    Example:
        >>> as_classes("gold", [0, 3], n_classes=3)
        Traceback (most recent call last):
        cal.errors.DataError: gold must be classes from 0 to 2, not 3 at position 1.
    """
    classes = as_whole(name, given, error)
    wrong = classes < 0 if n_classes is None else (classes < 0) | (classes >= n_classes)
    if wrong.any():
        known = "whole numbers from 0" if n_classes is None else f"classes from 0 to {n_classes - 1}"
        raise error(f"{name} must be {known}, not {classes[wrong][0]} at position {int(wrong.argmax())}.")
    return classes


def as_reals(name: str, given: Any, n_axes: int | None = 1, error: type[CalError] = DataError) -> np.ndarray:
    """Numbers as an array of floats; an array or tensor of floats keeps its precision, but at least float32.

    Args:
        name: name of the argument, for messages.
        given: array, tensor, data frame or nested lists.
        n_axes: number of axes that it must have; None takes any.
        error: kind of error to raise.

    Raises:
        CalError: if it has another shape, or holds anything but real numbers; NaN and infinity are let through.

    Example:
        >>> as_reals("logits", [[1, 2], [3, 4]], n_axes=2)
        array([[1., 2.],
               [3., 4.]])
        >>> as_reals("scores", ["0.8", "high"])
        Traceback (most recent call last):
        cal.errors.DataError: scores must be numbers, not '0.8'.
    """
    _refuse_unordered(name, given, error)
    try:
        array = _array(given)
        if array.dtype == object or array.dtype.kind in "US":
            for value in array.ravel().tolist():
                if not isinstance(value, int | float) and not is_missing(value):
                    raise error(f"{name} must be numbers, not {_value(as_plain(value))}.")
            array = np.array([np.nan if is_missing(value) else value for value in array.ravel()], dtype=np.float64)
            array = array.reshape(_array(given).shape)
    except CalError:
        raise
    except Exception as problem:  # ragged lists, or whatever a container of the user raises
        raise error(f"{name} is not an array of numbers: {problem}. Give rows of equally many numbers.") from problem
    if array.dtype.kind not in "fiu":
        raise error(f"{name} must be numbers, not {array.dtype}.")
    if n_axes is not None and array.ndim != n_axes:
        axes = {1: "one value per instance", 2: "a row per instance"}.get(n_axes, f"{n_axes} axes")
        raise error(f"{name} has shape {array.shape}; give {axes}.")
    return array.astype(np.promote_types(array.dtype, np.float32) if array.dtype.kind == "f" else np.float64)


def as_float32(name: str, given: Any, n_axes: int = 1, error: type[CalError] = DataError) -> np.ndarray:
    """Like `as_reals`, in single precision; what is too large for it becomes infinite."""
    with np.errstate(over="ignore"):
        return as_reals(name, given, n_axes, error).astype(np.float32, copy=False)


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: None, NaN, or the missing values of pandas.

    Example:
        >>> is_missing(float("nan")), is_missing("")
        (True, False)
    """
    nan = isinstance(value, float | np.floating) and bool(value != value)
    return value is None or nan or type(value).__name__ in ("NAType", "NaTType")


def _refuse_unordered(name: str, given: Any, error: type[CalError]) -> None:
    if getattr(given, "is_meta", False):
        raise error(f"{name} is a tensor of the device 'meta', which has no values. Give one of a real device.")
    if isinstance(given, Set) and not isinstance(given, KeysView | Sequence):
        raise error(
            f"{name} is a {type(given).__name__}, which has no order. Give a list, with the value of each instance at "
            "the same position as in the other arguments."
        )
    if isinstance(given, Mapping):
        raise error(
            f"{name} is a {type(given).__name__}. Give a list of its keys or of its values, whichever is meant."
        )
    readable = isinstance(given, Iterable) or hasattr(given, "__array__") or hasattr(given, "__getitem__")
    if isinstance(given, str | bytes | bytearray) or not readable:
        raise error(f"{name} is {shown(given)}; give a list or an array with one value per instance.")


def _listed(given: Any) -> list[Any]:
    """The values of an ordered container of one axis."""
    for method in ("tolist", "to_pylist", "to_list"):  # NumPy, PyTorch and pandas; pyarrow; polars
        if callable(convert := getattr(given, method, None)):
            if getattr(given, "is_sparse", False):
                given = given.to_dense()
                convert = getattr(given, method)
            values: list[Any] = convert()
            return values
    return list(given)


def _array(given: Any) -> np.ndarray:
    """An array, tensor, data frame or nested lists as an array; masked and missing values are NaN."""
    if callable(getattr(given, "detach", None)):  # a tensor
        given = given.detach().cpu()
        given = given.to_dense() if str(given.layout) != "torch.strided" else given
        given = given.float() if given.is_floating_point() and given.element_size() < 4 else given
        array: np.ndarray = given.resolve_conj().resolve_neg().numpy()
        return array
    if isinstance(given, np.ma.MaskedArray):
        return np.ma.filled(given.astype(np.float64), np.nan)
    if isinstance(given, Set | Mapping):
        raise TypeError(f"a {type(given).__name__} has no order")
    if not hasattr(given, "__array__"):
        given = [_array(each) if _is_container(each) else as_plain(each) for each in given]
    return np.asarray(given)


def _is_container(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes) and getattr(value, "shape", None) != ()


def refuse_rows(name: str, given: Any, error: type[CalError] = DataError) -> None:
    """Refuses a row of numbers per instance where one value is wanted.

    Raises:
        CalError: if there is such a row.

    Example:
        >>> refuse_rows("gold", [[0, 1], [1, 0]])
        Traceback (most recent call last):
        cal.errors.DataError: gold has a row of 2 numbers per instance, as one-hot labels have. Give one class ...
    """
    width = _row_width(given)
    if width and name == "ids":
        raise error(f"{name} has a row of {width} values per instance. Give each instance one id, such as 'a-1'.")
    if width > 1:
        raise error(
            f"{name} has a row of {width} numbers per instance, as one-hot labels have. Give one class number per "
            f"instance: np.argmax({name}, axis=1)."
        )
    if width:
        raise error(f"{name} has a row of 1 number per instance. Give the numbers themselves: np.ravel({name}).")


def _row_width(given: Any) -> int:
    """Numbers per instance of (instance, n) values; 0 if there is one value per instance."""
    shape = getattr(given, "shape", None)
    if isinstance(shape, tuple):
        return int(shape[1]) if len(shape) == 2 else 0
    first = given[0] if isinstance(given, list | tuple) and given else None
    return len(first) if isinstance(first, Sized) and _is_container(first) else 0


def _value(value: Any) -> str:
    return "a missing value" if value is None else shown(value)
