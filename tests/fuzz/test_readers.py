"""Readers and files: whatever bytes are in a file, a reader returns something valid or raises an error of our own."""

from __future__ import annotations

import shutil
import warnings
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cal
from cal.data.precomputed import Precomputed
from cal.errors import CalError
from cal.maps.importers import read_aum, read_scores
from cal.simulation.run_folder import RunFolder

READERS = {
    "corpus.csv": cal.read_corpus,
    "corpus.tsv": cal.read_corpus,
    "corpus.jsonl": cal.read_corpus,
    "corpus.parquet": cal.read_corpus,
    "logs/dynamics_epoch_1.jsonl": lambda path: (cal.read_logs(path.parent), cal.lint_logs(path.parent)),
    "recorder/store.json": lambda path: cal.DynamicsRecorder(folder=path.parent).data_map(),
    "map/map.json": lambda path: cal.read_map(path.parent),
    "map/map.parquet": lambda path: cal.read_map(path.parent).to_frame(),
    "map/td_metrics.jsonl": cal.read_map,
    "map.csv": lambda path: cal.read_map(path).to_frame(),
    "scores.csv": lambda path: str(cal.compare(path)),
    "aum_values.csv": read_aum,
    "el2n.npy": read_scores,
    "vectors.npy": lambda path: Precomputed(str(path)).compute(cal.read_corpus(path.parent / "corpus.csv")),
    "vectors.ids.txt": lambda path: Precomputed(str(path.parent / "vectors.npy"))._read(),
}
SPECIAL = [
    b"",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\0",
    b"\n",
    b"\r\n",
    b'"',
    b"{",
    b"}",
    b"[]",
    b",",
    b";",
    b"nan",
    b"null",
]
SPECIAL += [b"1e999", b"-1", b"9" * 30, b"\xed\xa0\x80", "\u2028".encode(), b"\\ud800", b"true", b"PAR1", b"0.5"]


@st.composite
def changes(draw: st.DrawFn) -> list[tuple[float, int, bytes]]:
    """A few changes of a file: where, as a share of its length; how many bytes go; what comes instead."""
    one = st.tuples(
        st.floats(0, 1), st.integers(0, 12) | st.integers(0, 3000), st.sampled_from(SPECIAL) | st.binary(max_size=8)
    )
    return draw(st.lists(one, min_size=1, max_size=4))


def changed(content: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for where, n_gone, new in edits:
        start = int(where * len(content))
        content = content[:start] + new + content[start + n_gone :]
    return content


@pytest.mark.parametrize("name", READERS)
def test_a_reader_returns_or_raises_an_error_of_our_own(name, valid, tmp_path, examples):
    kept = (valid / name).read_bytes()
    folder = tmp_path / "spoiled"
    shutil.copytree(valid, folder)

    @examples(12)
    @given(edits=changes())
    def check(edits: list[tuple[float, int, bytes]]) -> None:
        path: Path = folder / name
        path.write_bytes(changed(kept, edits))
        before = sorted(folder.rglob("*"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with suppress(CalError):
                READERS[name](path)
        assert sorted(folder.rglob("*")) == before, "reading wrote files"

    check()


RUN_FILES = ["run.json", "config.yaml", "rounds", "maps", "curves.csv", "acquired.csv"]


@pytest.fixture(scope="session")
def simulated(valid, tmp_path_factory):
    """A finished run folder."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    corpus = cal.read_corpus(valid / "corpus.csv", test=0.25)
    small = {"seeds": 1, "seed_size": 4, "query_size": 2, "rounds": 1, "n_epochs": 1, "workers": 1}
    cal.simulate(corpus, ["random"], quiet=True, output=folder, **small)
    return folder


def test_a_run_folder_is_read_or_refused(simulated, tmp_path, examples):
    folder = tmp_path / "spoiled"
    shutil.copytree(simulated, folder)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    data = [path for path in files if path.relative_to(folder).parts[0] in RUN_FILES]

    @examples(25)
    @given(which=st.sampled_from(data), edits=changes(), gone=st.booleans() | st.just(False))
    def check(which: Path, edits: list[tuple[float, int, bytes]], gone: bool) -> None:
        kept = which.read_bytes()
        which.write_bytes(changed(kept, edits))
        if gone:
            which.unlink()
        try:
            str(cal.LearningCurves.load(folder))
            RunFolder(folder).about()
        except CalError:
            pass
        finally:
            which.write_bytes(kept)

    check()
