import numpy as np
import pandas as pd
import pytest

from cal.data.corpus import Corpus, Split
from cal.data.precomputed import Precomputed
from cal.errors import FeatureError

IDS = ["b", "7", "a", "d", "extra", "c"]
VECTORS = np.arange(18, dtype=np.float32).reshape(6, 3)


@pytest.fixture
def few() -> Corpus:
    train = Split(["a", "b", "c"], ["one", "two", "three"], [0, 1, 0])
    return Corpus(train, Split(["7"], ["four"], [1]), ["x", "y"], dev=Split(["d"], ["five"], [0]))


def save(path, ids=IDS, vectors=VECTORS):
    """Writes vectors in the layout that the name asks for."""
    if path.suffix == ".npy":
        np.save(path, vectors)
        path.with_suffix(".ids.txt").write_text("".join(f"{i}\n" for i in ids))
    elif path.stem == "lists":
        pd.DataFrame({"id": ids, "vector": list(vectors)}).to_parquet(path)
    else:
        pd.DataFrame({"id": ids, **{f"v{k}": column for k, column in enumerate(vectors.T)}}).to_parquet(path)
    return str(path)


LAYOUTS = ["lists.parquet", "columns.parquet", "array.npy"]


def test_a_corpus_needs_no_test_split(tmp_path, few):
    made = Precomputed(save(tmp_path / "array.npy")).compute(Corpus(few.train, None, few.label_names))
    assert list(made.splits()) == ["train"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_document_gets_the_vector_of_its_id(tmp_path, few, name):
    made = Precomputed(save(tmp_path / name)).compute(few)
    expected = dict(zip(IDS, VECTORS, strict=True))
    for split_name, split in few.splits().items():
        for i, vector in zip(split.ids, made.splits()[split_name], strict=True):
            np.testing.assert_array_equal(vector, expected[i])
            assert vector.dtype == np.float32


@pytest.mark.parametrize("ids", ["named.txt", "named.npy"])
def test_the_ids_of_an_array_may_be_in_a_file_of_another_name(tmp_path, few, ids):
    path = save(tmp_path / "array.npy")
    (tmp_path / "array.ids.txt").rename(tmp_path / "named.txt")
    np.save(tmp_path / "named.npy", np.array(IDS))
    assert Precomputed(path, ids=str(tmp_path / ids)).compute(few).width == 3


def test_integer_ids_are_matched_as_written(tmp_path):
    corpus = Corpus(Split(["1", "2"], ["one", "two"], [0, 1]), Split(["3"], ["three"], [1]), ["x", "y"])
    made = Precomputed(save(tmp_path / "lists.parquet", [3, 2, 1], VECTORS[:3])).compute(corpus)
    np.testing.assert_array_equal(made.test, VECTORS[:1])


def test_standardising_is_left_to_the_user(tmp_path, few):
    path = save(tmp_path / "array.npy")
    assert np.abs(Precomputed(path, standardise=True).compute(few).train.mean(axis=0)).max() < 1e-6
    assert Precomputed(path).compute(few).train.mean() > 1


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize(
    ("ids", "change", "message"),
    [
        (["b", "7", "x", "d", "e", "y"], {}, "2 of 3 documents of train have no vector: "),
        (["b", "x", "a", "d", "e", "c"], {}, "1 of 1 documents of test have no vector: 7"),
        (["b", "7", "a", "x", "e", "c"], {}, "1 of 1 documents of dev have no vector: d"),
        (["b", "7", "a", "d", "a", "c"], {}, "1 ids have more than one vector, e.g. 'a'"),
        (IDS, {0: np.nan}, "1 of 3 documents of train hold NaN or infinity: b"),
        (IDS, {1: np.inf}, "1 of 1 documents of test hold NaN or infinity: 7"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(tmp_path, few, name, ids, change, message):
    vectors = VECTORS.copy()
    for row, value in change.items():
        vectors[row, 1] = value
    with pytest.raises(FeatureError, match=message):
        Precomputed(save(tmp_path / name, ids, vectors)).compute(few)


def test_a_broken_vector_of_no_document_is_ignored(tmp_path, few):
    vectors = VECTORS.copy()
    vectors[IDS.index("extra")] = np.nan
    assert Precomputed(save(tmp_path / "array.npy", IDS, vectors)).compute(few).width == 3


def test_ids_and_rows_must_be_as_many(tmp_path, few):
    with pytest.raises(FeatureError, match="6 vectors, but 5 ids"):
        Precomputed(save(tmp_path / "array.npy", IDS[:-1])).compute(few)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", b"no array", "cannot be read"),
        ("a.parquet", b"no table", "cannot be read"),
        ("a.csv", b"id,v\n", ".parquet or .npy"),
    ],
)
def test_a_broken_file_is_named(tmp_path, few, name, content, message):
    (tmp_path / name).write_bytes(content)
    (tmp_path / "a.ids.txt").write_text("a\n")
    with pytest.raises(FeatureError, match=message):
        Precomputed(str(tmp_path / name)).compute(few)


def test_missing_files_are_named(tmp_path, few):
    with pytest.raises(FeatureError, match=r"no file nowhere\.npy"):
        Precomputed("nowhere.npy").compute(few)
    np.save(tmp_path / "a.npy", VECTORS)
    with pytest.raises(FeatureError, match=r"no file .*a\.ids\.txt with the ids"):
        Precomputed(str(tmp_path / "a.npy")).compute(few)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a"]}, "give a column 'id' and the vectors"),
        ({"v": [1.0]}, "give a column 'id' and the vectors"),
        ({"id": ["a", "b"], "v": [[1.0], [1.0, 2.0]]}, "differ in length"),
        ({"id": ["a", "b"], "v": [[1.0], None]}, "differ in length"),
        ({"id": ["a"], "v": ["text"]}, "give numbers of shape"),
        ({"id": ["a"], "v": [1.0], "w": ["text"]}, "give numbers of shape"),
    ],
)
def test_a_table_of_another_shape_is_refused(tmp_path, few, columns, message):
    pd.DataFrame(columns).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(FeatureError, match=message):
        Precomputed(str(tmp_path / "a.parquet")).compute(few)


@pytest.mark.parametrize("vectors", [np.zeros(6), np.array(list("abcdef"))[:, None]])
def test_an_array_of_another_shape_is_refused(tmp_path, few, vectors):
    with pytest.raises(FeatureError, match="give numbers of shape"):
        Precomputed(save(tmp_path / "a.npy", IDS, vectors)).compute(few)


def test_an_archive_under_another_name_is_explained(tmp_path, few):
    path = tmp_path / "array.npy"
    save(path)
    with path.open("wb") as file:
        np.savez(file, one=VECTORS, two=VECTORS)
    with pytest.raises(FeatureError, match=r"is an archive of arrays \(\.npz\) under another name"):
        Precomputed(str(path)).compute(few)
