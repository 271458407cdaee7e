"""A map in a file or a frame is the same map when it is read."""

import math

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cal.dynamics.data_map import DataMap
from cal.dynamics.map_frame import VALUES
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import DataError
from cal.maps.map_file import csv_lines
from cal.maps.read import read_map

pytestmark = pytest.mark.usefixtures("blank_pictures_in_module")

# A NUL ends a field for the csv reader of pandas; no toolkit gives such ids.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
ids = st.one_of(
    st.lists(texts, unique=True, min_size=1, max_size=8),
    st.lists(st.sampled_from(["NA", "", "1", "001", "1.0", "nan", "a,b", '"', "é", "a\nb"]), unique=True, min_size=1),
    st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, min_size=1, max_size=8),
)


@st.composite
def maps(draw):
    names = draw(ids)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    n_runs, n_epochs, n_classes = draw(st.sampled_from([0, 3])), draw(st.integers(1, 5)), draw(st.integers(2, 4))
    shape = (n_runs or 1, n_epochs, len(names), n_classes)
    logits = torch.randn(shape, generator=generator, dtype=torch.float64) * 3
    gold = torch.randint(0, n_classes, (1, len(names)), generator=generator).expand(shape[0], -1)
    drawn = DataMap.of(TrainingDynamics.from_logits(logits, gold, draw(st.sampled_from(["during", "end"]))), names)
    return drawn.mean() if n_runs else drawn.run(0)


def assert_equal(given, expected):
    for name in VALUES:
        one, two = getattr(given, name), getattr(expected, name)
        assert one.dtype == two.dtype, name
        assert torch.equal(one, two), name
    for name in ("n_epochs", "capture", "ids"):
        assert getattr(given, name) == getattr(expected, name), name
    assert list(map(type, given.ids)) == list(map(type, expected.ids))
    assert given.regions().tolist() == expected.regions().tolist()


@given(data_map=maps())
@settings(max_examples=40, deadline=None)
def test_a_map_in_a_frame_is_the_same_map(data_map):
    assert_equal(DataMap.from_frame(data_map.to_frame()), data_map)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@given(data_map=maps())
@settings(max_examples=40, deadline=None)
def test_a_map_in_a_file_is_the_same_map(tmp_path_factory, suffix, data_map):
    path = tmp_path_factory.mktemp("map") / f"map.{suffix}"
    data_map.save(path)
    assert_equal(read_map(path), data_map)


@pytest.fixture
def data_map():
    logits = torch.tensor([[[2.0, 0.0], [0.0, 1.0]], [[0.0, 2.0], [0.0, 1.0]]], dtype=torch.float64)
    return DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0, 0])), ["a", "b"])


def test_never_learnt_is_missing_in_every_format(data_map, tmp_path):
    assert data_map.to_frame()["first_learnt"].isna().tolist() == [False, True]
    data_map.save(tmp_path / "map.csv")
    data_map.save(tmp_path / "map.parquet")
    assert pd.read_csv(tmp_path / "map.csv")["first_learnt"].isna().tolist() == [False, True]
    assert pd.read_parquet(tmp_path / "map.parquet")["first_learnt"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.drop(columns=["id", "correctness"]), "not a data map: it has no column id, correctness"),
        (lambda frame: frame.assign(gold=["yes", "no"]), r"gold is not a number in 2 of 2 rows: 'yes' for 'a' \(row 1"),
        (lambda frame: frame.assign(gold=[0.5, 1.0]), r"gold is not a whole number in 1 of 2 rows: 0.5 for 'a'"),
        (lambda frame: frame.assign(gold=[0, -1]), r"gold is -1, .* in 1 of 2 rows: 'b' \(row 2\)"),
        (lambda frame: frame.assign(loss=[None, 1.0]), r"loss is missing in 1 of 2 rows: 'a' \(row 1\)"),
        (lambda frame: frame.assign(loss=[float("inf"), 1.0]), "loss must be a finite number .* inf for 'a'"),
        (
            lambda frame: frame.assign(confidence=[0.5, 5]),
            r"confidence must be .* from 0 to 1, .*: 5 for 'b' \(row 2\)",
        ),
        (lambda frame: frame.assign(variability=[-1, 0.1]), "variability must be .* from 0 to 0.5, .* -1 for 'a'"),
        (lambda frame: frame.assign(variability=[0.6, 0.1]), "variability must be .* from 0 to 0.5, .* 0.6 for 'a'"),
        (lambda frame: frame.assign(correctness=[1.7, 0.5]), "correctness must be the fraction .* 1.7 for 'a'"),
        (lambda frame: frame.assign(correctness=[2, 1]), "correctness must be the fraction .* 2 for 'a'"),
        (lambda frame: frame.assign(confidence=True), "confidence is not a number in 2 of 2 rows: True for 'a'"),
        (lambda frame: frame.assign(confidence=float("nan")), "confidence of this data map is empty"),
        (lambda frame: frame.assign(id=["a", "a"]), "Each id occurs once in a map, but 'a' is in rows 1 and 2"),
        (lambda frame: frame.assign(id=[1.0, 2.0]), "Ids must be strings or whole numbers, but 1 in row 1, 2 in row 2"),
        (lambda frame: frame.assign(id=["a", None]), "The id is missing in 1 of 2 rows: row 2"),
        (lambda frame: frame.assign(id=["a", 2]), "all strings or all whole numbers"),
        (lambda frame: frame.assign(n_epochs=[1, 2]), "the same n_epochs"),
        (lambda frame: frame.assign(capture="later"), r"the same capture \(during, end, out_of_fold\)"),
        (lambda frame: frame.head(0), "has no rows"),
    ],
)
def test_a_frame_that_is_no_map_is_refused(data_map, change, words):
    with pytest.raises(DataError, match=words):
        DataMap.from_frame(change(data_map.to_frame()))


@pytest.mark.parametrize("written", [["NA", "b"], ["001", "2"], ["1", "x"]])
def test_text_ids_survive_a_spreadsheet_that_leaves_the_quotes_out(tmp_path, written):
    logits = torch.zeros(1, 2, 2)
    data_map = DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0, 1])), written)
    data_map.to_frame().to_csv(tmp_path / "map.csv", index=False)
    assert read_map(tmp_path / "map.csv").ids == written


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("map.csv", b""),
        ("map.csv", b"id,confidence\n1,0.5\n"),
        ("map.csv", b"\xff\xfe\x00"),
        ("map.csv", b'"id"\n"a\n'),
        ("map.parquet", b"no parquet"),
        ("map.xlsx", b""),
        ("map.parquet", None),
    ],
)
def test_a_file_that_holds_no_map_is_refused_by_name(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        read_map(tmp_path / name)


def test_floats_in_csv_have_a_point_or_an_exponent():
    values = [1.0, -0.0, 0.5, 1e20, 1e-7, math.inf, math.nan]
    lines = b"".join(csv_lines(pd.DataFrame({"x": values}))).decode().splitlines()
    assert lines[1:] == ["1.0", "-0.0", "0.5", "1e+20", "1e-7", "inf", ""]
