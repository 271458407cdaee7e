"""Similar documents: those of a brute-force search, for every document, in memory and in the folder of a list."""

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import cal
from cal.errors import StorageError
from cal.label_errors import similar_documents as module
from cal.label_errors.similar_documents import similar_documents
from cal.label_errors.suspects import Suspects
from cal.learners.mlp import MLP

SMALL = MLP(hidden=[16], n_epochs=4, lr=1e-2)


def by_brute_force(x):
    """(instance, instance) cosine similarities in float64; nothing is similar to itself."""
    x = np.asarray(x, np.float64)
    norms = np.linalg.norm(x, axis=1)
    cosines = (x @ x.T) / np.maximum(np.outer(norms, norms), 1e-30)
    np.fill_diagonal(cosines, -np.inf)
    return cosines


def assert_nearest(found, x, k, atol=1e-4):
    cosines = by_brute_force(x)
    for at, row in enumerate(found.itertuples()):
        others = [int(other[1:]) for other in row.neighbours]
        expected = np.sort(cosines[at])[::-1][:k]
        assert row.id == f"x{at}"
        assert at not in others
        assert len({*others}) == len(others)
        np.testing.assert_allclose(row.similarities, cosines[at, others], atol=atol)
        np.testing.assert_allclose(row.similarities, expected[: len(others)], atol=atol)
        assert (expected[len(others) :] <= atol).all()  # the others are not similar


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@given(n=st.integers(1, 40), width=st.integers(1, 6), k=st.integers(1, 12), seed=st.integers(0, 2**31))
def test_neighbours_are_those_of_a_brute_force_search(kind, n, width, k, seed):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, width)) * (generator.uniform(size=(n, 1)) > 0.1)  # some have no vector
    if kind == "sparse":
        x = x * (generator.uniform(size=x.shape) > 0.4)
    found = similar_documents(sparse.csr_matrix(x) if kind == "sparse" else x, [f"x{i}" for i in range(n)], k)
    assert_nearest(found, x.astype(np.float32), k)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_among_many_documents_nearly_all_of_the_most_suspicious_are_found(monkeypatch, kind):
    centres = np.random.default_rng(0).normal(size=(30, 200))
    noise = np.random.default_rng(1).normal(size=(900, 200))
    x = (np.repeat(centres, 30, axis=0) + 0.6 * noise).astype(np.float32)
    monkeypatch.setattr(module, "_MANY", 500)
    monkeypatch.setattr("cal.label_errors.neighbour_votes._MANY", 500)
    given = sparse.csr_matrix(x) if kind == "sparse" else x
    ids = [f"x{i}" for i in range(900)]
    order = np.random.default_rng(2).permutation(900)
    found = similar_documents(given, ids, order=order)
    assert all(len(near) == len(of) == 0 for near, of in found.iloc[order[500:], 1:].to_numpy())  # the least suspicious
    exact = np.argsort(-by_brute_force(x), axis=1)[order[:500], :10]
    told_of = found.iloc[order[:500]]
    shared = [
        len({*near} & {f"x{k}" for k in best}) for near, best in zip(told_of["neighbours"], exact.tolist(), strict=True)
    ]
    assert np.mean(shared) > 9
    cosines = by_brute_force(x)
    told = [of[0] - cosines[int(id[1:]), int(near[0][1:])] for id, near, of in told_of.to_numpy()]
    assert np.abs(told).max() < 1e-4


def make_corpus(n=40):
    words = {"number": ["far", "many", "much", "long"], "person": ["wrote", "sang", "painted", "ruled"]}
    labels = [[*words][k % 2] for k in range(n)]
    texts = [f"Who or what {words[label][k % 4]} the {k % 7} thing {k}?" for k, label in enumerate(labels)]
    return cal.Corpus.from_texts(texts, labels, ids=[f"q{k}" for k in range(n)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suspects") / "out"
    usual = {"learner": SMALL, "features": "lsa", "seeds": 2, "folds": 4, "workers": 1, "quiet": True}
    return cal.suspects(make_corpus(), output=folder, **usual), folder


def test_every_document_has_its_neighbours_and_they_come_back(trained):
    found, folder = trained
    near = found.neighbours.set_index("id")
    assert set(near.index) == {f"q{k}" for k in range(40)}
    assert all(id not in row.neighbours and len(row.neighbours) == 10 for id, row in near.iterrows())
    loaded = Suspects.load(folder)
    pd.testing.assert_frame_equal(loaded.neighbours, found.neighbours)
    # Those that its reasons speak of come first.
    for row in found.rows.itertuples():
        assert [each["similarity"] for each in row.neighbours] == pytest.approx(
            near.loc[row.id].similarities[:5], abs=2e-3
        )


def test_curves_are_those_of_models_that_never_saw_the_document(trained):
    found, folder = trained
    assert found.about["label_names"] == ["number", "person"]
    assert (found.curves.shape, found.curves.dtype) == ((40, 4, 2), np.float16)
    np.testing.assert_allclose(found.curves.astype(float).sum(axis=2), 1, atol=2e-3)
    request = {"learner": SMALL, "features": "lsa", "seeds": 2, "folds": 4, "capture": "out_of_fold", "workers": 1}
    data_map = cal.map(make_corpus(), quiet=True, **request)
    expected = dict(zip(data_map.ids, data_map.class_curves.movedim(1, 0).numpy(), strict=True))
    for rank, id in zip(found.rows["rank"], found.rows["id"], strict=True):
        np.testing.assert_allclose(found.curves[rank - 1], expected[id], atol=2e-3)
    assert np.array_equal(Suspects.load(folder).curves, found.curves)


def test_a_list_without_training_has_no_curves(tmp_path):
    data_map = cal.map(make_corpus(), learner=SMALL, features="lsa", quiet=True, workers=1)
    found = cal.suspects(data_map, output=tmp_path / "out", quiet=True)
    assert found.curves is None
    assert len(found.neighbours) == 40
    assert len(Suspects.load(tmp_path / "out").neighbours) == 40


def test_without_similar_texts_there_are_none_and_nothing_stays_of_an_earlier_list(trained, tmp_path):
    found, _ = trained
    found.save(tmp_path)
    assert {"curves.npy", "neighbours.parquet"} <= {path.name for path in tmp_path.iterdir()}
    Suspects(found.rows, found.about, found.problems).save(tmp_path)  # as an earlier version made it
    loaded = Suspects.load(tmp_path)
    assert (loaded.neighbours, loaded.curves) == (None, None)


@pytest.mark.parametrize(
    ("name", "make", "told"),
    [
        ("neighbours.parquet", lambda path: path.write_bytes(b"PAR1"), "neighbours.parquet is damaged"),
        ("neighbours.parquet", lambda path: pd.DataFrame({"id": ["a"]}).to_parquet(path), "is damaged"),
        ("curves.npy", lambda path: path.write_bytes(b""), "curves.npy is damaged: curves.npy is empty"),
        ("curves.npy", lambda path: np.save(path, np.load(path)[1:]), "curves of 39 documents, and the list has 40"),
    ],
)
def test_a_damaged_file_is_refused(trained, tmp_path, name, make, told):
    trained[0].save(tmp_path)
    make(tmp_path / name)
    with pytest.raises(StorageError, match=told):
        Suspects.load(tmp_path)


def test_the_manifest_names_the_classes_of_the_curves(trained):
    assert orjson.loads((trained[1] / "suspects.json").read_bytes())["label_names"] == ["number", "person"]
