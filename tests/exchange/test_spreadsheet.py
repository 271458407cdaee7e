"""Tables for spreadsheets: what is written is read back, and nothing in it is a formula."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from cal.exchange.spreadsheet import escaped, from_spreadsheet, to_spreadsheet, unescaped

STARTS = ["=", "+", "-", "@", "\t", "\r", "\n"]
CELLS = [
    *(f"{quotes}{start}HYPERLINK(1)" for start in STARTS for quotes in ("", "'", "''")),
    *("", "'", "''", "it's", "'quoted'", "1+1", "a=b", " =1", "-1", "-", 'a "b", c;\nd\r\ne', "é 😀 \u2028", "نص"),
]


def test_what_is_escaped_reads_back_and_is_no_formula():
    assert [unescaped(escaped(cell)) for cell in CELLS] == CELLS
    assert not any(escaped(cell).startswith(tuple(STARTS)) for cell in CELLS)
    assert len({escaped(cell) for cell in CELLS}) == len(CELLS)


@pytest.mark.parametrize("typed", ["-1", "=x", "HUM", "'"])
def test_what_somebody_typed_stays(typed):
    assert unescaped(typed) == typed


def test_a_table_reads_back_and_starts_with_a_mark(tmp_path):
    p = np.where(np.arange(len(CELLS)) % 2, 0.5, np.nan)
    table = pd.DataFrame({"row": range(len(CELLS)), "text": CELLS, "p": p})
    (tmp_path / "a.csv").write_bytes(to_spreadsheet(table))
    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    read = from_spreadsheet(tmp_path / "a.csv")
    assert read["text"].tolist() == CELLS
    assert read["row"].tolist() == [str(number) for number in table["row"]]
    assert read["p"].tolist() == ["" if k % 2 == 0 else "0.5" for k in range(len(CELLS))]


def test_a_table_that_a_spreadsheet_saved_reads_back(tmp_path):
    lines = csv.reader(io.StringIO(to_spreadsheet(pd.DataFrame({"id": CELLS, "text": CELLS})).decode("utf-8-sig")))
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-16") as file:
        csv.writer(file, delimiter=";").writerows(lines)
    assert from_spreadsheet(tmp_path / "a.csv")["text"].tolist() == CELLS
