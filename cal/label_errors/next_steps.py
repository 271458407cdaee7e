"""Next steps: what to do with a list of suspects, in sentences and in commands to paste."""

from __future__ import annotations

import itertools
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from textwrap import wrap
from typing import Any

from cal.data.local_files import LocalFiles
from cal.data.parts import ALL
from cal.data.table_files import ending
from cal.errors import CalError
from cal.label_errors.suspects_text import WIDTH

N_READ = 30
"""Number of labels to read first."""
_FILES = ("path", "train", "test", "dev")
_OTHERS = (*_FILES, "tests", "name", "test_fraction")  # do not say how one file is read
_SEPARATORS = {"\t": "tab", " ": "space"}


def next_text(steps: Sequence[str]) -> str:
    """What to do, with commands on lines of their own: see `next_steps`."""
    return "\n".join(f"  {step}" if is_command(step) else "\n".join(wrap(step, WIDTH)) for step in steps)


def is_command(step: str) -> bool:
    """Whether a step is a command to paste."""
    return step.startswith("cal ")


def next_steps(n_labels: int, output: str | None, config: Mapping[str, Any]) -> list[str]:
    """What to do with the list, in sentences and commands.

    Args:
        n_labels: number of labels.
        output: folder of the list; None if there is none.
        config: the request, as in suspects.json: its `dataset` and `split`.

    Example:
        >>> config = {"dataset": {"reader": "files", "path": "my.jsonl", "text_column": "question"}}
        >>> for step in next_steps(1000, "runs/a", config)[1::2]:
        ...     print(step)
        cal correct my.jsonl runs/a/to_read.csv dataset.text_column=question output=clean.jsonl
        cal suspects --read runs/a/to_read.csv
    """
    n = min(N_READ, n_labels)
    what = f"Write right, wrong or unsure into the column verdict of its first {n} rows, and the right label into"
    if output is None:
        return [
            f'Next: found.save("suspects") writes suspects/to_read.csv. {what} corrected. Then cal.correct mends the '
            "labels, and cal.count_errors says how many are wrong."
        ]
    to_read = str(Path(output) / "to_read.csv")
    commands = _mending(config, to_read)
    which = "" if commands else " in your own file, here my.csv"
    rest = "The other rows were drawn at random. Read them too, and see roughly how many labels are wrong in all:"
    return [
        f"Next: open {shlex.quote(to_read)} in a spreadsheet. {what} corrected. Then mend these labels{which}:",
        *(commands or [shlex.join(["cal", "correct", "my.csv", to_read, "output=clean.csv"])]),
        rest if n_labels > n else "See how many labels are wrong in all:",
        shlex.join(["cal", "suspects", "--read", to_read]),
    ]


def _mending(config: Mapping[str, Any], to_read: str) -> list[str]:
    """A command for each file of the labels, with the settings by which it was read; none if they are not in files."""
    dataset = config.get("dataset")
    if not isinstance(dataset, Mapping) or not (dataset.get("path") or dataset.get("train")):
        return []
    known = {each.name: each.default for each in fields(LocalFiles)}
    is_ours = dataset.get("reader", "files") == "files"  # others have settings of their own
    given = {name: value for name, value in dataset.items() if name in (known if is_ours else _FILES)}
    try:
        by_split = LocalFiles(**given).files_by_split()
    except (CalError, OSError):  # they have been moved since
        return []
    split = config.get("split") or "train"
    if split in (dataset.get("tests") or {}):
        return []  # such a set may have columns of its own
    of_split = [*itertools.chain(*by_split.values())] if split == ALL else by_split.get(split)
    files = [*map(str, of_split or by_split["train"])]  # the split is in a column if there are no files of it
    settings = [
        f"dataset.{name}={_in_words_of_hydra(_SEPARATORS.get(value, value) if name == 'separator' else value)}"
        for name, value in given.items()
        if name not in _OTHERS and value != known[name]
    ]
    tests = by_split.get("test", [])
    if split == "train" and len(files) == len(tests) == 1:
        settings.append(f"test={_in_words_of_hydra(str(tests[0]))}")
    outputs = [f"output={_in_words_of_hydra(name)}" for name in _clean_names(files)]
    return [
        shlex.join(["cal", "correct", file, to_read, *settings, output])
        for file, output in zip(files, outputs, strict=True)
    ]


def _clean_names(files: Sequence[str]) -> list[str]:
    """A name for each corrected file.

    Example:
        >>> _clean_names(["my.jsonl.gz"]), _clean_names(["a.csv", "b.csv"]), _clean_names(["x/a.csv", "y/a.csv"])
        (['clean.jsonl.gz'], ['clean-a.csv', 'clean-b.csv'], ['clean-1-a.csv', 'clean-2-a.csv'])
    """
    if len(files) == 1:
        return [f"clean{ending(Path(files[0]))}"]
    names = [Path(file).name for file in files]
    twice = max(Counter(names).values()) > 1
    return [f"clean-{number}-{name}" if twice else f"clean-{name}" for number, name in enumerate(names, 1)]


def _in_words_of_hydra(value: Any) -> str:
    r"""A value as the command line takes it.

    Example:
        >>> print(*map(_in_words_of_hydra, [None, "text", "1", "my text", ["no", 'an "x"']]))
        null text "1" "my text" ["no","an \"x\""]
    """
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_quoted, value))}]"
    if not isinstance(value, str):
        return str(value)
    plain = re.fullmatch(r"[A-Za-z_/.][\w/.-]*", value, re.ASCII) and value.lower() not in ("null", "true", "false")
    return value if plain else _quoted(value)


def _quoted(value: Any) -> str:
    return '"' + re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + ('\\"' if found[2] else ""), str(value)) + '"'
