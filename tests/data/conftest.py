from collections.abc import Callable
from pathlib import Path

import pytest

from cal.data.corpus import Corpus, Split
from cal.data.local_files import LocalFiles

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has a cache folder of its own."""
    monkeypatch.setenv("CAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes a file and gives its path."""

    def write(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.fixture
def make_questions() -> Callable[..., Corpus]:
    """Makes forty documents with words that tell their labels, and eight for test, with more words if you like."""

    def make(test_words: str = "") -> Corpus:
        about = ["how many miles", "which person wrote"]
        texts = [f"{about[i % 2]} number{i % 7} word{i % 5} ?" for i in range(40)]
        train = Split([f"a{i}" for i in range(40)], texts, [i % 2 for i in range(40)], "train")
        test_texts = [f"{about[i % 2]} number{i} {test_words} ?" for i in range(8)]
        test = Split([f"b{i}" for i in range(8)], test_texts, [i % 2 for i in range(8)], "test")
        return Corpus(train, test, ["n", "p"])

    return make


@pytest.fixture
def questions(make_questions: Callable[..., Corpus]) -> Corpus:
    return make_questions()


@pytest.fixture(scope="session")
def trec() -> Corpus:
    folder = SHARED / "trec"
    if not folder.is_dir():
        pytest.skip(f"needs {folder} with train.csv and test.csv")
    return LocalFiles(path=str(folder)).read()
