"""Scores of other tools are read as they are, or refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cal.errors import DataError
from cal.maps.importers import read_aum, read_scores

pytestmark = pytest.mark.usefixtures("blank_pictures_in_module")

finite = st.floats(allow_nan=False, allow_infinity=False)
words = st.lists(
    st.text("abcxyz-_é ,", min_size=1).filter(lambda text: not text.isspace()), unique=True, min_size=1, max_size=6
)
numbers = st.lists(st.integers(-(10**17), 10**17), unique=True, min_size=1, max_size=6)


@given(ids=st.one_of(words, numbers), data=st.data())
@settings(max_examples=50, deadline=None)
def test_aum_values_are_read_as_the_library_writes_them(tmp_path_factory, ids, data):
    aums = data.draw(st.lists(finite, min_size=len(ids), max_size=len(ids)))
    path = tmp_path_factory.mktemp("aum") / "aum_values.csv"
    written = pd.DataFrame({"sample_id": ids, "aum": aums}).sort_values(by="aum", ascending=False)
    written.to_csv(path, index=False)
    given = read_aum(path)
    assert given["id"].tolist() == written["sample_id"].tolist()
    assert given["aum"].tolist() == written["aum"].tolist()


def records(**changes):
    """Two epochs of two instances, as the library writes them: target_val is the class, target_logit its logit."""
    columns = {
        "sample_id": [7, 7, 9, 9],
        "num_measurements": [1, 2, 1, 2],
        "target_logit": [2.5, 1.0, 0.0, 0.5],
        "target_val": [1, 1, 0, 0],
        "other_logit": [0.5, 2.0, 1.5, 0.0],
        "other_val": [0, 0, 2, 1],
        "margin": [2.0, -1.0, -1.5, 0.5],
        "aum": [2.0, 0.5, -1.5, -0.5],
    }
    return pd.DataFrame(columns | changes)


def test_aum_records_are_margins_by_epoch(tmp_path):
    records().to_csv(tmp_path / "full_aum_records.csv", index=False)
    given = read_aum(tmp_path / "full_aum_records.csv")
    assert given.to_dict("list") == {
        "id": [7, 7, 9, 9],
        "epoch": [0, 1, 0, 1],
        "gold": [1, 1, 0, 0],
        "margin": [2.0, -1.0, -1.5, 0.5],
    }
    assert given.groupby("id")["margin"].mean().tolist() == [0.5, -0.5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read as csv"),
        ("sample_id,score\n1,2\n", "has no column aum"),
        ("sample_id,aum\n", "no rows"),
        ("sample_id,aum\n1,0.5\n2,\n", "line 3: aum is '', not a finite number"),
        ("sample_id,aum\n1,inf\n", "line 2: aum is 'inf', not a finite"),
        ("sample_id,aum\n1,0.5\n1,0.7\n", "line 3: the id 1 is repeated"),
        ("sample_id,aum\ntensor(5),0.5\ntensor(5),0.7\n", "The library was given ids as tensors"),
        ("sample_id,num_measurements,target_val,margin\n1,1,0.5,2.0\n", "line 2: gold is '0.5', not a whole"),
    ],
)
def test_a_csv_file_of_something_else_is_refused(tmp_path, content, message):
    path = tmp_path / "aum.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_aum(path)


@given(
    scores=hnp.arrays(st.sampled_from([np.float32, np.float64, np.int64]), st.integers(1, 8), elements={}),
    named=st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_scores_are_read_as_numpy_writes_them(tmp_path_factory, scores, named):
    if not np.isfinite(scores).all():
        scores = np.zeros_like(scores)
    folder, ids = tmp_path_factory.mktemp("scores"), [f"id{i}" for i in range(len(scores))]
    if named:
        np.savez(folder / "scores.npz", ids=np.array(ids), el2n=scores, grand=scores[::-1])
        frame = read_scores(folder / "scores.npz")
        np.testing.assert_array_equal(frame["grand"], scores[::-1])
    else:
        np.save(folder / "el2n.npy", scores)
        frame = read_scores(folder / "el2n.npy", ids)
    assert frame["id"].tolist() == ids
    np.testing.assert_array_equal(frame["el2n"], scores)
    assert frame["el2n"].dtype == scores.dtype


def test_ids_are_positions_where_there_are_none(tmp_path):
    np.save(tmp_path / "el2n.npy", [0.5, 0.25])
    assert read_scores(tmp_path / "el2n.npy")["id"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("scores", "ids", "message"),
    [
        (np.zeros((2, 3)), None, r"shape \(2, 3\)"),
        (np.array([0.5, np.nan]), None, "one finite number per instance"),
        (np.array(["a"]), None, "type <U1"),
        (np.zeros(2), ["a"], "as many of each as ids"),
        (np.zeros(2), ["a", "a"], "1 ids are repeated"),
    ],
)
def test_what_is_not_one_score_per_instance_is_refused(tmp_path, scores, ids, message):
    np.save(tmp_path / "scores.npy", scores)
    with pytest.raises(DataError, match=message):
        read_scores(tmp_path / "scores.npy", ids)


@pytest.mark.parametrize("name", ["scores.npy", "scores.npz"])
@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00", b"PK\x03\x04"])
def test_a_file_of_something_else_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="is not a NumPy file of numbers"):
        read_scores(tmp_path / name)


def test_an_absent_file_is_refused_without_more_words_than_needed(tmp_path):
    for read, name in ((read_scores, "none.npy"), (read_aum, "none.csv")):
        with pytest.raises(DataError) as raised:
            read(tmp_path / name)
        assert str(raised.value).count("No such file") == str(raised.value).count(name) == 1


def test_pickled_objects_are_not_run(tmp_path):
    np.save(tmp_path / "scores.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="pickled objects are not loaded"):
        read_scores(tmp_path / "scores.npy")
