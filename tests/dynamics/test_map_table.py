"""Maps of other tools are read with the names and units that they have; what cannot be a map is refused by row."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from cal.dynamics.data_map import DataMap
from cal.dynamics.ids import ID_NAMES
from cal.dynamics.map_frame import VALUES
from cal.dynamics.metrics import COORDINATES
from cal.errors import CalError, ConfigError, DataError, LearnerError
from cal.maps.read import read_map

ROWS = pd.DataFrame(
    {
        "guid": ["a", "b", "c"],
        "index": [0, 1, 2],
        "confidence": [0.9, 0.5, 0.2],
        "variability": [0.1, 0.25, 0.05],
        "correctness": [4, 1, 0],
    }
)


def written(frame, path):
    """The rows in a file of any of the four kinds."""
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")))
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "tsv", "parquet"])
@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame,
        lambda frame: frame.drop(columns="index"),
        lambda frame: frame.assign(correctness=frame["correctness"].astype(float)),
        lambda frame: frame.assign(correctness=frame["correctness"] / 4),
        lambda frame: frame.assign(correctness=frame["correctness"] / 4, n_epochs=4),
        lambda frame: frame[["correctness", "variability", "guid", "confidence"]],
        lambda frame: frame.rename(columns={"guid": "ID", "confidence": "Confidence"}),
        lambda frame: frame.assign(note="x", threshold_closeness=[0.09, 0.25, 0.16]),
    ],
)
def test_coordinates_are_read_in_every_form(tmp_path, suffix, change):
    read = read_map(written(change(ROWS), tmp_path / f"coordinates.{suffix}"))
    assert (read.ids, read.n_epochs, read.capture) == (["a", "b", "c"], 4, "during")
    assert read.confidence.tolist() == [0.9, 0.5, 0.2]
    assert read.correctness.tolist() == [1.0, 0.25, 0.0]
    assert read.gold.tolist() == [-1, -1, -1]


@pytest.mark.parametrize("name", ID_NAMES)
def test_ids_have_many_names(name):
    frame = ROWS.drop(columns=["guid", "index"]).assign(**{name: [7, 8, 9]})
    assert DataMap.from_frame(frame).ids == [7, 8, 9]
    assert DataMap.from_frame(frame.set_index(name)).ids == [7, 8, 9]


def test_whole_numbers_written_as_floats_are_whole(tmp_path):
    frame = ROWS.assign(guid=[17715.0, 3.0, 4.0])
    assert DataMap.from_frame(frame).ids == [17715, 3, 4]
    assert read_map(written(frame, tmp_path / "c.jsonl")).ids == [17715, 3, 4]


@pytest.mark.parametrize(
    ("fractions", "n_epochs"),
    [([0.0, 1.0, 1.0], 2), ([0.33, 0.67, 1.0], 3), ([0.2, 0.4, 1.0], 5), ([1 / 7, 2 / 7, 1], 7), ([0.1, 1.0, 0.0], 10)],
)
def test_the_number_of_epochs_follows_from_fractions(fractions, n_epochs):
    assert DataMap.from_frame(ROWS.assign(correctness=fractions)).n_epochs == n_epochs


def test_never_learnt_and_forgetting_of_the_toolkit_are_ranked():
    read = DataMap.from_frame(ROWS.assign(forgetfulness=[0, 2, 1000]))
    assert read.ranking("forgetting").tolist() == read.ranking("forgetfulness").tolist() == [2, 1, 0]
    again = DataMap.from_frame(read.to_frame())
    assert again.ranking("forgetting").tolist() == [2, 1, 0]
    assert "first_learnt" not in again.known_metrics


def test_names_of_labels_make_classes():
    read = DataMap.from_frame(ROWS.assign(gold_label=["yes", "no", "yes"]))
    assert (read.gold.tolist(), read.label_names) == ([1, 0, 1], ["no", "yes"])


def test_a_region_of_another_kind_is_no_region():
    assert DataMap.from_frame(ROWS.assign(region="EU")).region is None


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_saved_map_of_coordinates_lacks_what_they_lack(tmp_path, suffix):
    read = DataMap.from_frame(ROWS)
    read.save(tmp_path / f"map.{suffix}")
    again = read_map(tmp_path / f"map.{suffix}")
    assert again.known_metrics == read.known_metrics == [*COORDINATES, "threshold_closeness"]
    pd.testing.assert_frame_equal(again.to_frame(), read.to_frame())


IMPOSSIBLE = [
    ({"confidence": [0.9, 5, 0.2]}, r"confidence must be a number from 0 to 1, .* 1 of 3 rows: 5 for 'b' \(row 2\)"),
    ({"confidence": [0.9, -0.1, 0.2]}, "confidence must be"),
    ({"variability": [0.1, -1, 0.05]}, r"variability must be a number from 0 to 0.5, .*-1 for 'b'"),
    ({"variability": [0.1, 0.9, 0.05]}, "variability must be"),
    ({"correctness": [4, 1.7, 0]}, "correctness must be the fraction"),
    ({"correctness": [4, -2, 0]}, "correctness must be the fraction"),
    ({"correctness": [4, 2, 0], "n_epochs": 3}, "correctness must be the fraction"),
    ({"correctness": [4, "two", 0]}, r"correctness is not a number in 1 of 3 rows: 'two' for 'b' \(row 2\)"),
    ({"correctness": [4, None, 0]}, r"correctness is missing in 1 of 3 rows: 'b' \(row 2\)"),
    ({"gold": [0, -1, 1]}, "gold is -1, which means unknown, in 1 of 3 rows: 'b'"),
    ({"gold": [0, -2, 1]}, "gold must be a class"),
    ({"gold": [0, 0.5, 1]}, "gold is not a whole number in 1 of 3 rows: '?0.5'? for 'b'"),
    ({"guid": ["a", "b", "a"]}, "Each id occurs once in a map, but 'a' is in rows 1 and 3"),
    ({"forgetfulness": [0, -1, 2]}, "forgetting must be a finite number of at least 0"),
    ({"loss": [0.1, float("nan"), 2]}, r"loss is missing in 1 of 3 rows: 'b'"),
]


@pytest.mark.parametrize(("change", "words"), IMPOSSIBLE)
def test_impossible_values_are_refused_by_row_on_every_way_in(tmp_path, change, words):
    frame = ROWS.assign(**change)
    with pytest.raises(DataError, match=words):
        DataMap.from_frame(frame)
    path = written(frame.astype(object).where(frame.notna(), None), tmp_path / "c.csv")
    with pytest.raises(DataError, match=rf"c\.csv: {words}"):
        read_map(path)


@pytest.mark.parametrize("guid", [[1.5, 2.0, 3.0], ["a", 1, 2], ["a", None, "c"], [True, False, 2], [1, 2.5, 3]])
def test_ids_that_are_none_are_refused(guid):
    with pytest.raises(DataError, match=r"[Ii]d"):
        DataMap.from_frame(ROWS.assign(guid=pd.Series(guid, dtype=object)))


def test_a_table_without_ids_or_coordinates_says_what_it_has(tmp_path):
    with pytest.raises(DataError, match=r"c\.jsonl: .*no column id, variability.*this has index_, confidence"):
        read_map(written(pd.DataFrame({"index_": [1], "confidence": [0.5], "correctness": [1]}), tmp_path / "c.jsonl"))


def values_of(n=3, **changes):
    given = dict.fromkeys(VALUES, torch.full((n,), 0.2)) | {
        name: torch.zeros(n).long() for name in ("gold", "predicted")
    }
    return {**given, "n_epochs": 2, "ids": [f"i{k}" for k in range(n)], **changes}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"confidence": torch.tensor([0.1, 5.0, 0.2])}, "confidence must be .* 5 for 'i1'"),
        ({"confidence": torch.tensor([0.1, torch.nan, 0.2])}, "confidence must be .* nan for 'i1'"),
        ({"confidence": torch.full((3,), torch.nan)}, "confidence must be"),
        ({"variability": torch.tensor([0.1, -1.0, 0.2])}, "variability must be .* -1 for 'i1'"),
        ({"correctness": torch.tensor([1.7, 1.0, 0.2])}, "correctness must be .* 1.7 for 'i0'"),
        ({"aum": torch.tensor([1.7, torch.inf, 0.2])}, "aum must be a finite number, .* inf for 'i1'"),
        ({"aum": torch.tensor([1.7, torch.nan, 0.2])}, "aum must be a finite number, .* nan for 'i1'"),
        ({"gold": torch.tensor([0, -1, 1])}, "gold is -1, .* 'i1'"),
        ({"ids": [0.5, 1.5, 2.5]}, "all strings or all whole numbers, not float"),
        ({"ids": [1, 1, 2]}, "occurs once in a map, but 1 is in rows 1 and 2"),
        ({"gold": torch.tensor([0, 1])}, "have one shape"),
        ({"n_epochs": 0}, "n_epochs must be a whole number of at least 1"),
        ({"capture": "later"}, "capture must be"),
        ({"by_seed": {"confidence": torch.tensor([[0.1, 5.0, 0.2]])}}, "confidence must be .* 5 in row 2"),
        ({"label_names": ["no"], "gold": torch.tensor([0, 1, 1])}, "1 label_names for 2 classes"),
    ],
)
def test_a_map_of_impossible_values_cannot_be_made(change, words):
    with pytest.raises(CalError, match=words):
        DataMap(**values_of(**change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"correctness": [2, 5, -1]}, r"or their number, but is not in 1 of 3 rows: -1 for 'c' \(row 3\)"),
        ({"correctness": [2.0, 2.5, 4.0]}, r"or their number, but is not in 1 of 3 rows: 2.5 for 'b' \(row 2\)"),
        ({"correctness": [2, 5, 3], "n_epochs": 4}, r"at most the 4 of n_epochs, but is not in 1 of 3 rows: 5 for 'b'"),
        ({"forgetting": [0.0, np.inf, 1.0]}, "forgetting must be a finite number .* inf for 'b'"),
        ({"forgetting": [0.0, 1e300, 1.0], "n_epochs": 4}, None),
    ],
)
def test_of_counts_of_epochs_only_the_wrong_rows_are_named(change, words):
    given = pd.DataFrame({"id": list("abc"), "confidence": 0.5, "variability": 0.1, "correctness": [2, 4, 3]})
    if words is None:
        assert len(DataMap.from_frame(given.assign(**change))) == 3
    else:
        with pytest.raises(DataError, match=words):
            DataMap.from_frame(given.assign(**change))


def test_rounding_is_no_fault_and_several_runs_are_checked():
    assert len(DataMap(**values_of(confidence=torch.tensor([1.0 + 1e-7, 0.0, 0.5])))) == 3
    runs = {name: torch.stack([value] * 2) for name, value in values_of().items() if isinstance(value, torch.Tensor)}
    wrong = runs | {"confidence": torch.tensor([[0.1, 0.2, 0.3], [0.1, 0.2, 3.0]])}
    with pytest.raises(DataError, match=r"in 1 of 3 rows: 3 for 'i2' \(row 3\)"):
        DataMap(**(values_of() | wrong))


def test_a_training_that_diverged_leaves_no_map():
    from cal.dynamics.training_dynamics import TrainingDynamics

    logits = torch.tensor([[[1.0, 0.0], [torch.nan, 0.0]]])
    with pytest.raises(LearnerError, match="Training diverged"):
        DataMap.of(TrainingDynamics.from_logits(logits, torch.tensor([0, 0])), ["a", "b"])


def test_an_unknown_metric_is_said_with_those_of_the_map():
    with pytest.raises(CalError, match=r"has no aum. It has confidence, variability, correctness, threshold_closeness"):
        DataMap.from_frame(ROWS).ranking("aum")
    with pytest.raises(ConfigError, match="Unknown metric 'x'"):
        DataMap.from_frame(ROWS).ranking("x")
    np.testing.assert_array_equal(DataMap.from_frame(ROWS).ranking("closeness"), [1, 2, 0])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (ROWS["confidence"], "frame must be a DataFrame"),
        ({"guid": ["a"]}, "frame must be a DataFrame"),
        (pd.concat([ROWS, ROWS[["confidence"]]], axis=1), "column 'confidence' of this data map occurs more than once"),
        (ROWS.set_index(["guid", "index"]), "no column id"),
        (pd.DataFrame({"guid;confidence": ["a;1"]}), "separate its columns by ';': write it again with commas"),
        (ROWS.assign(confidence=[10**400, 0, 0]), "inf for 'a'"),
        (ROWS.assign(gold=[0, 1, 2**40], gold_label=["x", "y", "z"]), "gold must be a class below a million"),
        (ROWS.assign(n_epochs=[4, 4, 5]), "the same n_epochs"),
        (ROWS.assign(n_epochs="four"), "n_epochs is not a number"),
        (ROWS.assign(guid=pd.array([1, 2, None], dtype="Int64")), "The id is missing in 1 of 3 rows: row 3"),
        (ROWS.assign(guid=np.array([1, 2, 2**64 - 1], dtype=np.uint64)), "more than 64 bits"),
    ],
)
def test_what_is_no_table_of_a_map_is_refused(given, words):
    with pytest.raises(CalError, match=words):
        DataMap.from_frame(given)
