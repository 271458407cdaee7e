import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cal.data import docstrings
from cal.data.corpus import Corpus
from cal.data.docstrings import Docstrings
from cal.errors import ConfigError

pytestmark = pytest.mark.slow  # the installed libraries are searched once for all of this file


@pytest.fixture(scope="module")
def harvest_cache() -> Path:
    """The cache of this test session without the harvest of an earlier one; later tests use the new harvest."""
    folder = Path(os.environ["CAL_CACHE"])
    for kept in folder.glob("docstrings-*.json"):
        kept.unlink()
    return folder


@pytest.fixture(autouse=True)
def shared_cache(harvest_cache, monkeypatch, cache):
    """One harvest for all tests of this file."""
    monkeypatch.setenv("CAL_CACHE", str(harvest_cache))


@pytest.fixture
def corpus() -> Corpus:
    return Docstrings().read()


def documents(corpus):
    for split in corpus.splits().values():
        yield from zip(split.ids, split.texts, split.gold.tolist(), strict=True)


def test_the_corpus_has_six_labels_of_up_to_1500(corpus):
    sizes = [sum(gold == label for _, _, gold in documents(corpus)) for label in range(6)]
    assert corpus.label_names == ["matplotlib", "networkx", "pandas", "sklearn", "sympy", "torch"]
    assert min(sizes) > 500
    assert max(sizes) == 1500


def test_a_second_read_comes_from_the_cache_and_is_the_same(corpus, monkeypatch):
    monkeypatch.setattr(docstrings, "_harvest", lambda roots: pytest.fail("harvested again"))
    assert Docstrings().read().fingerprint == corpus.fingerprint


def test_train_and_test_share_no_file_and_no_text(corpus):
    train, test = corpus.train, corpus.test
    assert not {i.split(":")[0] for i in train.ids} & {i.split(":")[0] for i in test.ids}
    assert len(set(train.texts) | set(test.texts)) == len(train) + len(test)


def test_an_id_leads_to_the_docstring(corpus):
    """The first words of the docstring that Python itself finds under the id."""
    for instance_id, text, gold in list(documents(corpus))[::400]:
        place, name = instance_id.split(":")
        library = corpus.label_names[gold]
        assert place.startswith(f"{library}/")
        file = Path(importlib.util.find_spec(library).origin).parent.parent / place
        nodes = [
            node
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if getattr(node, "name", None) == name.rpartition(".")[2] and isinstance(node, ast.stmt)
        ]
        found = [" ".join((ast.get_docstring(node) or "").split()) for node in nodes]
        before = text.split("[library]")[0]
        assert any(docstring.startswith(before) for docstring in found), instance_id


def test_no_text_names_its_library(corpus):
    names = "matplotlib mpl plt pyplot networkx nx pandas pd sklearn scikit-learn sympy torch pytorch".split()
    letters = str.maketrans({character: " " for character in ".,:;()[]{}`'\"<>/_*=~^!?&|+@#$%\\"})
    named = [text for _, text, _ in documents(corpus) if set(text.lower().translate(letters).split()) & set(names)]
    assert named == []


def test_texts_have_at_least_eight_words_of_one_paragraph(corpus):
    assert min(len(text.split()) for _, text, _ in documents(corpus)) >= 8
    assert not any("\n" in text for _, text, _ in documents(corpus))


def test_private_test_and_vendored_folders_are_left_out(corpus):
    folders = {folder for i, _, _ in documents(corpus) for folder in i.split(":")[0].split("/")[:-1]}
    assert not {f for f in folders if f.startswith("_") or f in {"test", "tests", "testing", "externals"}}


def test_a_smaller_corpus_is_part_of_a_larger_one(corpus):
    small = Docstrings(max_per_class=50).read()
    assert set(small.train.ids) < set(corpus.train.ids)
    assert (len(small.train), len(small.test)) == (6 * 40, 6 * 10)


def test_a_damaged_cache_is_made_anew(monkeypatch, corpus, harvest_cache, tmp_path):
    (kept,) = harvest_cache.glob("docstrings-*.json")
    made = [docstrings._Docstring("torch/a.py:f", "a text", "torch", False)]
    monkeypatch.setenv("CAL_CACHE", str(tmp_path))
    monkeypatch.setattr(docstrings, "_harvest", lambda roots: made)
    (tmp_path / kept.name).write_bytes(kept.read_bytes()[:-10])
    assert docstrings._harvested() == made
    monkeypatch.setattr(docstrings, "_harvest", lambda roots: pytest.fail("the mended cache was not used"))
    assert docstrings._harvested() == made


def test_other_versions_are_harvested_anew(monkeypatch, corpus):
    monkeypatch.setattr(docstrings, "version", lambda name: "0.0")
    monkeypatch.setattr(docstrings, "_harvest", lambda roots: [])
    assert docstrings._harvested() == []


def test_reading_imports_none_of_the_libraries(corpus):
    code = (
        "import sys; from cal.data.docstrings import Docstrings; Docstrings().read(); "
        "print([m for m in 'matplotlib networkx pandas sklearn sympy torch'.split() if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
    assert answer.stderr == ""


def test_a_corpus_too_small_to_split_is_refused():
    with pytest.raises(ConfigError, match="max_per_class must be a whole number of at least 5, not 4"):
        Docstrings(max_per_class=4).read()
