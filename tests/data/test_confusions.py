"""Confusions: the tables that people have of them, read as counts, and what is none refused."""

import numpy as np
import pandas as pd
import pytest

from cal.data.confusions import predicted_confusions, read_confusions
from cal.errors import DataError
from cal.exchange.spreadsheet import to_spreadsheet

NAMES = ["HUM", "LOC", "=1"]
COUNTS = [[0.0, 4.0, 1.0], [2.0, 0.0, 0.0], [0.0, 0.0, 7.0]]  # (right, given)
TRIPLES = {"given": ["LOC", "=1", "HUM", "=1"], "right": ["HUM", "HUM", "LOC", "=1"], "count": [4, 1, 2, 7]}


def write(path, text, encoding="utf-8"):
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize(
    "given",
    [
        TRIPLES,
        pd.DataFrame(TRIPLES),
        pd.DataFrame(TRIPLES).rename(columns={"given": " Given", "count": "Count"}),
        pd.DataFrame(COUNTS, index=NAMES, columns=NAMES),
        pd.DataFrame(COUNTS, columns=NAMES).assign(right=NAMES)[["right", *NAMES]].rename(columns={"right": ""}),
        pd.crosstab(np.repeat(["HUM", "LOC", "=1"], [5, 2, 7]), np.repeat(["LOC", "=1", "HUM", "=1"], [4, 1, 2, 7])),
    ],
    ids=["columns", "frame", "blanks and capitals", "square by index", "square by column", "crosstab"],
)
def test_tables_in_every_form_are_counts_by_right_and_given_label(given):
    assert read_confusions(given, NAMES).tolist() == COUNTS


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("given,right,count\nLOC,HUM,4\n=1,HUM,1\nHUM,LOC,2\n=1,=1,7\n", "utf-8"),
        ("given;right;count\nLOC;HUM;4\n'=1;HUM;1.0\nHUM;LOC;2\n'=1;'=1;7\n", "utf-8-sig"),
        ("right,HUM,LOC,=1\nHUM,0,4,1\nLOC,2,,0\n=1,0,0,7\n", "utf-8"),
    ],
)
def test_files_are_read_as_spreadsheets_write_them(tmp_path, text, encoding):
    path = write(tmp_path / "confusions.csv", text, encoding)
    assert read_confusions(path, NAMES).tolist() == COUNTS
    assert read_confusions(str(path), NAMES).tolist() == COUNTS


def test_without_a_count_each_row_is_one():
    assert read_confusions({"right": ["HUM"] * 3, "given": ["LOC", "LOC", "=1"]}, NAMES)[0].tolist() == [0, 2, 1]


def test_corrected_suspects_are_confusions(tmp_path):
    rows = [("LOC", "HUM"), ("LOC", ""), ("HUM", "HUM"), ("=1", " HUM "), ("HUM", None)]
    table = pd.DataFrame(rows, columns=["label", "corrected"]).assign(text="Who?", likely="LOC")
    expected = [[1, 1, 1], [0, 0, 0], [0, 0, 0]]
    assert read_confusions(table, NAMES).tolist() == expected
    (tmp_path / "suspects.csv").write_bytes(to_spreadsheet(table))
    for given in (tmp_path, tmp_path / "suspects.csv"):
        assert read_confusions(given, NAMES).tolist() == expected


def test_labels_that_are_whole_numbers_are_found():
    table = pd.DataFrame({"given": [1, 0, 1], "right": [0.0, 1.0, np.nan], "count": [2, 1, 0]})
    assert read_confusions(table, ["0", "1"]).tolist() == [[0, 2], [1, 0]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"given": ["LOK"], "right": ["HUM"]}, "1 label that the corpus lacks: LOK. Did you mean LOC?.*HUM, LOC, =1"),
        ({"label": ["LOC"], "corrected": ["drop"]}, "1 label that the corpus lacks: drop"),
        ({"given": ["LOC"], "right": ["HUM"], "count": ["many"]}, "index 0: 'many' is not a count. Give numbers"),
        ({"given": ["LOC"], "right": ["HUM"], "count": [-1]}, "index 0: '-1' is not a count"),
        ({"given": ["LOC"], "right": ["LOC"]}, "has no confusion: nowhere does the given label differ"),
        ({"label": ["LOC"], "corrected": [""]}, "has no correction: its column 'corrected' is empty"),
        ({"label": ["LOC"], "likely": ["HUM"]}, "is not a table of confusions; its columns: label, likely. Give"),
        ([["LOC", "HUM"]], "confusions must be a file, a data frame or columns by name, not "),
        ("", "confusions must be a file, .*, not ''"),
        ({}, "is not a table of confusions"),
        ("nowhere", "There is no file nowhere"),
        ("nowhere.csv", "There is no file nowhere.csv"),
    ],
)
def test_what_is_no_table_of_confusions_is_refused_with_what_to_give(given, said):
    with pytest.raises(DataError, match=said):
        read_confusions(given, NAMES)


def test_predictions_are_counted_one_by_one():
    rng = np.random.default_rng(0)
    probs, gold = rng.dirichlet(np.ones(3), size=40), rng.integers(0, 3, 40)
    expected = np.zeros((3, 3))
    for each, right in zip(probs, gold, strict=True):
        expected[right, list(each).index(max(each))] += 1
    assert predicted_confusions(probs, gold).tolist() == expected.tolist()


def test_blanks_around_labels_count_only_where_labels_differ_in_nothing_else():
    given = {"given": [" yes", "no ", "no"], "right": ["no", "yes", "yes"]}
    assert read_confusions(given, ["no", "yes"]).tolist() == [[0, 1], [2, 0]]
    assert read_confusions(given, ["no", "yes", "no "]).tolist() == [[0, 1, 0], [1, 0, 1], [0, 0, 0]]
