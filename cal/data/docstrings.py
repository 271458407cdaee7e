"""Docstrings: the built-in corpus, collected from installed libraries without a download."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cal.checks import refuse, whole_numbers
from cal.data.cache import cache_path, try_write
from cal.data.corpus import Corpus, Split
from cal.errors import DataError, missing_package
from cal.progress import bar

# Each label is a library; the value is the name under which it is installed.
_LIBRARIES = {
    "matplotlib": "matplotlib",
    "networkx": "networkx",
    "pandas": "pandas",
    "sklearn": "scikit-learn",
    "sympy": "sympy",
    "torch": "torch",
}
_NAMES = re.compile(
    r"(?<![a-z0-9])(matplotlib|pyplot|mpl|plt|networkx|nx|pandas|pd|scikit-learn|sklearn|sympy|pytorch|torch)(?![a-z0-9])",
    re.IGNORECASE,
)
_NOT_PUBLIC = {"test", "tests", "testing", "externals", "vendored"}
_MIN_WORDS = 8
_TEST_FRACTION = 0.2


@dataclass(frozen=True)
class _Docstring:
    id: str
    text: str
    label: str
    test: bool


@dataclass
class Docstrings:
    """First paragraphs of docstrings from six installed libraries; the label is the library.

    A document is the docstring of a public function or class whose first paragraph has at least eight words. Names of
    the libraries are masked, and repeated texts are dropped. Train and test are fixed, as in published corpora, and
    share no source file, because functions of one file are described in nearly the same words. Files are parsed, not
    imported. The result is cached per version of the libraries.

    Args:
        max_per_class: largest number of documents per library; a fifth of them are for test.
    """

    max_per_class: int = 1500

    def __post_init__(self) -> None:
        refuse(whole_numbers(5, max_per_class=self.max_per_class))

    def read(self) -> Corpus:
        """The corpus; its ids look like `sklearn/cluster/_kmeans.py:KMeans.fit`.

        Raises:
            DataError: if one of the libraries is not installed.
        """
        labels = list(_LIBRARIES)
        n_test = round(self.max_per_class * _TEST_FRACTION)
        chosen: dict[bool, list[_Docstring]] = {False: [], True: []}
        # Sorted by a hash, so that a smaller corpus is a fair sample, and a subset, of a larger one.
        docstrings = sorted(_harvested(), key=lambda docstring: _hash(docstring.id))
        for label in labels:
            for test, n in ((False, self.max_per_class - n_test), (True, n_test)):
                chosen[test] += [doc for doc in docstrings if doc.label == label and doc.test == test][:n]
        return Corpus(_split(chosen[False], "train"), _split(chosen[True], "test"), labels, name="docstrings")


def _split(docstrings: list[_Docstring], name: str) -> Split:
    labels = list(_LIBRARIES)
    gold = np.array([labels.index(doc.label) for doc in docstrings])
    return Split([doc.id for doc in docstrings], [doc.text for doc in docstrings], gold, name)


def _harvested() -> list[_Docstring]:
    """All docstrings, from the cache if these versions of the libraries were read before."""
    import orjson

    roots = {label: _root(label) for label in _LIBRARIES}
    recipe = {label: version(installed) for label, installed in _LIBRARIES.items()} | {"recipe": "1"}
    path = cache_path("docstrings", recipe, ".json")
    try:
        return [_Docstring(**row) for row in orjson.loads(path.read_bytes())]
    except (OSError, ValueError, TypeError):  # absent or damaged
        docstrings = _harvest(roots)
        try_write(path, orjson.dumps([asdict(doc) for doc in docstrings]))
        return docstrings


def _harvest(roots: dict[str, Path]) -> list[_Docstring]:
    files = [(label, root, file) for label, root in roots.items() for file in _public_files(root)]
    docstrings: dict[str, _Docstring] = {}  # by text: a repeated text is kept once
    for label, root, file in bar(files, desc="Reading docstrings", unit="file"):
        place = file.relative_to(root.parent).as_posix()
        test = int.from_bytes(_hash(place)) < _TEST_FRACTION * 2**64
        for name, docstring in _docstrings(file):
            paragraph = " ".join(re.split(r"\n\s*\n", docstring.strip())[0].split())
            if len(paragraph.split()) >= _MIN_WORDS:
                text = _NAMES.sub("[library]", paragraph)
                docstrings.setdefault(text, _Docstring(f"{place}:{name}", text, label, test))
    # A name defined twice in a file (overloads, setters) is kept once.
    return list({docstring.id: docstring for docstring in docstrings.values()}.values())


def _root(label: str) -> Path:
    spec = importlib.util.find_spec(label)  # finds a top-level package without importing it
    if spec is None or spec.origin is None:
        message = missing_package("The docstrings corpus", _LIBRARIES[label], extra="docstrings")
        raise DataError(f"{message} Or choose another corpus, such as dataset=files.")
    return Path(spec.origin).parent


def _public_files(root: Path) -> list[Path]:
    """Source files outside private, test and vendored folders."""
    return [
        file
        for file in sorted(root.rglob("*.py"))
        if not any(folder.startswith("_") or folder in _NOT_PUBLIC for folder in file.relative_to(root).parent.parts)
    ]


def _docstrings(file: Path) -> list[tuple[str, str]]:
    """Qualified name and docstring of the functions, classes and methods in a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # about escape sequences in other people's code
        try:
            return list(_documented(ast.parse(file.read_bytes()), ""))
        except (SyntaxError, ValueError):  # a template, or source for another version of Python
            return []


def _documented(parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, str]]:
    for node in parent.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if docstring := ast.get_docstring(node):
                yield prefix + node.name, docstring
            if isinstance(node, ast.ClassDef):
                yield from _documented(node, f"{prefix}{node.name}.")


def _hash(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=8).digest()
