"""Words: whatever stands on the command line, a command ends with an exit code and an error of one problem per line."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cal.cli import main
from cal.commands import COMMANDS
from cal.registry import FEATURES, LEARNERS, READERS, find_target
from cal.request import help_of

CHEAP = ["n_epochs=1", "workers=1", "learner.hidden=[4]", "features=lsa", "features.n_components=2", "seeds=1"]
CORPUS = ["dataset=files", "dataset.path=VALID/corpus.csv"]
SIMULATED = ["strategies=[random]", "rounds=1", "seed_size=4", "query_size=2", "full_data=false"]
AUDITED = ["noise=uniform", "rates=[.2]", "detectors=[aum]", "clean_by=[]", "folds=2"]
HELD_OUT = "dataset.test_fraction=.25"
VALID_WORDS = {
    "simulate": [*CORPUS, *CHEAP, HELD_OUT, *SIMULATED, "output=OUT"],
    "data": CORPUS,
    "map": [*CORPUS, *CHEAP, "output=OUT"],
    "select": ["map=VALID/map", "fraction=.5", "output=OUT"],
    "weights": ["map=VALID/map", "output=OUT"],
    "suspects": ["map=VALID/map", "output=OUT"],
    "correct": ["VALID/corpus.csv", "VALID/corrections.csv", *CHEAP[:-1], "seeds=2", "output=OUT/clean.csv"],
    "audit": [*CORPUS, *CHEAP, HELD_OUT, *AUDITED, "output=OUT"],
    "compare": ["VALID/scores.csv"],
    "map-diff": ["VALID/map", "VALID/map", "-o", "OUT"],
    "lint-logs": ["VALID/logs"],
    "report": ["VALID/logs", "-o", "OUT"],
    "strategies": ["show", "margin"],
    "check-strategy": ["{nothing: 1}"],
}
REQUESTS = [find_target(command.request) for command in COMMANDS.values() if command.request]
GROUP_KEYS = {"dataset.path", "dataset.text_column", "dataset.label_names", "features.n_components", "learner.lr"}
KEYS = sorted({name for request in REQUESTS for name in help_of(request)} | GROUP_KEYS)
VALUES = ["", "null", "true", "-1", "0", "1e30", "nan", ".inf", "[]", "[1,1]", "{}", "{a: 1}", "[[1]]", "~", "a b", "é"]
VALUES += [
    "VALID/corpus.parquet",
    "VALID",
    "VALID/logs",
    "VALID/none",
    "9" * 40,
    "${x}",
    "${now:}",
    "1,2",
    "'",
    '"',
    "[",
]
VALUES += ["{", "\\", "#", "!!python/name:os.system", "&a *a", "?", "x" * 300, "a/" * 60, "\x07", "😀", "@", ":", "="]
VALUES += [*READERS, *FEATURES, *LEARNERS, "{mlp: {}}", "[random, margin]", "{cal: {threshold: 2}}"]
OPTIONS = ["-q", "-v", "--cfg", "-m", "-o", "--config-dir", "--", "-", "--alpha", "--engine", "--shared", "--quiet=1"]
SPENDS = ("transformer", "encoder", "fasttext", "docstrings", "hub", "glue", "al_", "aflite")  # minutes, or a network


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A command and its words, of which a few were left out, replaced or added."""
    command = draw(st.sampled_from(sorted(VALID_WORDS)))
    words = list(VALID_WORDS[command])
    # Larger numbers would train for hours, and absolute paths lead out of the test's folder.
    text = st.text(st.characters(exclude_characters="/~\0", codec="utf-8"), max_size=6)
    value = st.sampled_from(VALUES) | text | st.integers(-3, 3).map(str) | st.floats(-2, 2).map(str)
    key = st.sampled_from(KEYS) | st.text("abdgkmnps_.+~", min_size=1, max_size=8)
    word = st.builds("{}={}".format, key, value) | value | st.sampled_from(OPTIONS)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(words)))
        words[at : at + draw(st.integers(0, 1))] = [draw(word)]
    if "dataset=files" not in words and any(word.startswith("dataset.") for word in words):
        words.insert(0, "dataset=files")
    return command, words


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.filterwarnings("default")
def test_a_command_ends_with_a_result_or_a_message(valid, tmp_path, monkeypatch, capsys, examples):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # no worker processes
    before, number, level = files_in(valid), iter(range(10**9)), logging.getLogger("cal").level
    running = children()  # perhaps the browser of other tests

    @examples(40)
    @given(spoiled())
    def check(given_words: tuple[str, list[str]]) -> None:
        command, words = given_words
        out = tmp_path / f"out{next(number)}"
        assume(not any(name in word for word in words for name in SPENDS))
        words = [word.replace("VALID", str(valid)).replace("OUT", str(out)) for word in words]
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            try:
                code = main([command, *words])
            except SystemExit as end:
                code = end.code
        printed = capsys.readouterr()
        assert code in (0, 1), (code, words)
        assert "Traceback" not in printed.err + printed.out
        if code == 1 and command not in ("lint-logs", "check-strategy"):
            assert "cal: " in printed.err
            assert not (out.exists() and set(files_in(out)) & {mark for _, mark in complete()}), "half a result"
        assert files_in(valid) == before, "what was given has changed"

    try:
        check()
    finally:
        logging.getLogger("cal").setLevel(level)
    assert set(children()) <= set(running), "a process is left"


def complete() -> list[tuple[str, str]]:
    """The main results of commands, which are there only when a command has succeeded."""
    return [command.result for command in COMMANDS.values() if command.result[0]]


def children() -> list[int]:
    """Processes that this one has started and that still run, other than those that joblib keeps."""
    own = os.getpid()
    found = []
    for status in Path("/proc").glob("[0-9]*/stat") if Path("/proc").is_dir() else ():
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        is_kept = any(each in command_of(status.parent) for each in ("resource_tracker", "joblib"))
        if int(fields[1]) == own and fields[0] != "Z" and not is_kept:
            found.append(int(status.parent.name))
    return found


def command_of(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""
