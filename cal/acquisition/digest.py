"""What makes a strategy the same one: its code, without what is only said about it, and its parameters."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import textwrap
from typing import Any

import numpy as np

from cal.acquisition.base import Acquisition


def digest(strategy: Acquisition) -> str:
    """A hash of the code and the parameters of a strategy; a simulation with another digest is another simulation.

    Docstrings do not count, so what is better explained stays the same strategy.

    Example:
        >>> from cal.acquisition.uncertainty import Entropy, Margin
        >>> digest(Margin()) == digest(Margin()) != digest(Entropy())
        True
    """
    written = getattr(strategy, "function", type(strategy))
    try:
        code = without_docstrings(inspect.getsource(written))
    except (OSError, TypeError):  # defined in an interactive session, or a callable object
        code = _compiled_of(written)
    code += _bound(written)
    parameters = {name: _digested(value) for name, value in sorted(vars(strategy).items()) if name not in _SAID}
    return hashlib.blake2b(f"{code}\n{parameters}".encode(), digest_size=8).hexdigest()


_SAID = ("__doc__", "pointwise")
"""Attributes that say something about a strategy, and do not change what it chooses in a simulation."""


def _compiled_of(written: Any) -> str:
    """What a function or the methods of a class do, as compiled."""
    if not isinstance(written, type):
        return _compiled(getattr(written, "__code__", None), getattr(written, "__doc__", None))
    kinds = [kind for kind in written.__mro__ if kind.__module__ == written.__module__]
    methods = [each for kind in kinds for _, each in sorted(vars(kind).items()) if hasattr(each, "__code__")]
    return " ".join(_compiled(each.__code__, each.__doc__) + _bound(each) for each in methods)


def _compiled(code: Any, said: str | None = None) -> str:
    """What compiled code does, without the lines it came from, and without its docstring."""
    if code is None:
        return ""
    constants = [_compiled(each) if hasattr(each, "co_code") else repr(each) for each in code.co_consts]
    return f"{code.co_code.hex()} {[each for each in constants if each != repr(said)]} {code.co_names}"


def _bound(written: Any) -> str:
    """Values that a function has taken from where it was made: those it closes over, and defaults."""
    cells = getattr(written, "__closure__", None) or ()
    closed = [_digested(cell.cell_contents) for cell in cells if _is_full(cell)]
    defaults = [_digested(value) for value in getattr(written, "__defaults__", None) or ()]
    return f"\n{closed} {defaults}" if closed or defaults else ""


def _is_full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # of a name that has no value yet
        return False


def without_docstrings(source: str) -> str:
    r"""Python code without the lines of its docstrings; code that is not whole, such as that of a lambda, as it is.

    Example:
        >>> print(without_docstrings("def f():\n    'One.'\n    return 1"))
        def f():
            return 1
    """
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError:
        return source
    lines = source.splitlines()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
            said = node.body[0]
            if said.lineno > node.lineno and (len(node.body) == 1 or node.body[1].lineno > (said.end_lineno or 0)):
                lines[said.lineno - 1 : said.end_lineno] = [""] * ((said.end_lineno or said.lineno) - said.lineno + 1)
    return "\n".join(line for line in lines if line.strip())


def _digested(value: Any) -> str:
    if isinstance(value, Acquisition):
        return digest(value)
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape} {hashlib.blake2b(value.tobytes(), digest_size=8).hexdigest()}"
    if isinstance(value, list | tuple):
        return str([_digested(part) for part in value])
    if isinstance(value, set | frozenset):
        return str(sorted(map(repr, value)))  # the order of a set differs between processes
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
