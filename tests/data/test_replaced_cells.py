"""A table file with other values in some cells differs in those cells, and in nothing else."""

import csv
import gzip
import io
import json

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pyarrow import parquet

from cal.data.cell_spans import cell_of, delimited_spans, json_spans
from cal.data.replaced_cells import with_cells
from cal.data.table_files import read_table
from cal.errors import DataError
from cal.exchange.delimited import read_delimited

TEXTS = ['Who, "where" and; when?', "naïve\tcafé\nover two lines", " blanks ", "語 😀", ""]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_delimited_file_keeps_its_dialect(encoding, separator, end, quoting, tmp_path):
    out = io.StringIO(newline="")
    rows = [(i, text.replace("\n", end), "HUM", "") for i, text in enumerate(TEXTS)]
    writer = csv.writer(out, delimiter=separator, lineterminator=end, quoting=quoting)
    writer.writerows([("id", "text", "label", "note"), *rows])
    path = tmp_path / "a.csv"
    path.write_bytes(out.getvalue().encode(encoding))
    needs_quotes = quoting == csv.QUOTE_MINIMAL and separator in ",;"
    labels = ["HUM", "NUM", "HUM", '"a,b;c"' if needs_quotes else "a,b;c", "HUM", ""]
    expected = "".join(part + label for part, label in zip(out.getvalue().split("HUM"), labels, strict=True))
    assert with_cells(path, "label", {1: "NUM", 3: "a,b;c"}) == expected.encode(encoding)


def test_nothing_else_is_put_right(tmp_path):
    """Excel's first line, blank lines, blanks around cells, rows of blanks and an unfinished last line stay."""
    path = tmp_path / "a.tsv"
    before = b'sep=;\r\ntext; label ;\r\n"a";  HUM;\r\n;;\r\n\r\nb;"HUM";'
    path.write_bytes(before)
    assert with_cells(path, " label ", {0: "NUM"}) == before.replace(b"  HUM", b"NUM")
    assert with_cells(path, " label ", {2: "NUM"}) == before.replace(b'"HUM"', b'"NUM"')


def test_packed_files_stay_packed(tmp_path):
    path = tmp_path / "a.csv"  # known by its content
    path.write_bytes(gzip.compress(b"text,label\nWho?,HUM\n"))
    after = with_cells(path, "label", {0: "NUM"})
    assert gzip.decompress(after) == b"text,label\nWho?,NUM\n"


def test_a_single_column_and_an_encoding_of_its_own(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("label\ncafé\n\nthé\n".encode("cp1252"))
    assert with_cells(path, "label", {1: "eau"}, encoding="cp1252") == "label\ncafé\n\neau\n".encode("cp1252")
    with pytest.raises(DataError, match="is in cp1252, which has no '語'"):
        with_cells(path, "label", {1: "語"}, encoding="cp1252")


@given(
    rows=st.lists(st.lists(st.text("ab\"',;\n\r ", max_size=4), min_size=3, max_size=3), min_size=1, max_size=5),
    separator=st.sampled_from(",;"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_spans_are_the_cells_that_are_read(rows, separator, end, quoting, tmp_path_factory):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator=end, quoting=quoting).writerows([("x", "y", "z"), *rows])
    path = tmp_path_factory.mktemp("spans") / "a.csv"
    path.write_text(out.getvalue(), newline="")
    try:
        read = read_delimited(path, ",", separator=separator)
    except DataError:  # the writer leaves line breaks of another kind without quotes
        assume(False)
    for column in "xyz":
        cells = [cell_of(out.getvalue(), span) for span in delimited_spans(out.getvalue(), separator, column)]
        assert cells[: len(read[column])] == read[column]


JSON_LINES = (
    '{"text": "Who?", "label" : "HUM", "n": 1.0}\n\n'
    '{"label":"LOC","text":"a {\\"label\\": \\"x\\"} \\u00e9","nested":{"label":"y"}}\r\n'
    '{ "text": "no label" }\n'
    '{"label": "HUM", "label": "LOC", "text": "twice"}'
)


@pytest.mark.parametrize("form", ["lines", "list", "one line"])
def test_json_keeps_its_spelling(form, tmp_path):
    text = JSON_LINES
    if form != "lines":
        objects = [line for line in JSON_LINES.splitlines() if line]
        text = ("[\n  " + ",\n  ".join(objects) + "\n]\n") if form == "list" else f"[{', '.join(objects)}]"
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8", newline="")
    assert read_table(path).columns["label"] == ["HUM", "LOC", None, "LOC"]
    after = with_cells(path, "label", {1: "ÉTÉ", 3: "NUM"}).decode()
    expected = text.replace('"label":"LOC"', '"label":"\\u00c9T\\u00c9"').replace('"label": "LOC"', '"label": "NUM"')
    assert after == expected
    assert [json.loads(text[slice(*span)]) for span in json_spans(text, "label") if span[0] < span[1]] == [
        *("HUM", "LOC", "LOC")
    ]


@pytest.mark.parametrize(("old", "new"), [(1, 2), (1.0, 2.0), (True, False), (["HUM"], ["LOC"]), ("a", 'b"')])
def test_json_keeps_the_kind_of_a_label(old, new, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "é", "label": old}) + "\n")
    after = with_cells(path, "label", {0: new})
    assert after.decode() == json.dumps({"text": "é", "label": new}) + "\n"


def test_utf8_stays_utf8_in_json(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"text": "é", "label": "a"}'.encode("utf-8-sig"))
    assert with_cells(path, "label", {0: "ß"}) == '{"text": "é", "label": "ß"}'.encode("utf-8-sig")


LABELS = {
    "text": (pa.array(["HUM", "LOC", "HUM", "LOC"]), "NUM"),
    "large": (pa.array(["HUM", "LOC", "HUM", "LOC"], pa.large_string()), "NUM"),
    "category": (
        pa.DictionaryArray.from_arrays(pa.array([1, 0, 1, 2], pa.int8()), ["LOC", "HUM", "ABBR"], ordered=True),
        "NUM",
    ),
    "whole": (pa.array([0, 1, 0, 1], pa.int16()), 2),
    "decimal": (pa.array([0.0, None, 0.0, 1.0]), 2.0),
    "truth": (pa.array([True, False, True, False]), False),
    "list": (pa.array([["HUM"], ["LOC"], [], ["HUM"]]), ["NUM"]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_parquet_keeps_schema_metadata_and_row_groups(kind, tmp_path):
    labels, new = LABELS[kind]
    table = pa.table({"text": list("abcd"), "label": labels, "tags": [[{"a": 1}], [], None, []]})
    table = table.replace_schema_metadata({"mine": "kept"})
    path, copy = tmp_path / "a.parquet", tmp_path / "b.parquet"
    parquet.write_table(table, path, row_group_size=3, compression={"text": "zstd"})
    copy.write_bytes(with_cells(path, "label", {2: new}))
    before, after = parquet.ParquetFile(path), parquet.ParquetFile(copy)
    assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    assert after.num_row_groups == before.num_row_groups == 2
    for column in range(after.metadata.num_columns):
        first, second = (file.metadata.row_group(0).column(column) for file in (before, after))
        assert first.compression == second.compression
    expected = table.column("label").to_pylist()
    expected[2] = new
    assert after.read().column("label").to_pylist() == expected
    assert after.read(["text", "tags"]).equals(before.read(["text", "tags"]))
    if kind == "category":
        assert after.read().column("label").unify_dictionaries().chunk(0).dictionary.to_pylist()[:3] == [
            *("LOC", "HUM", "ABBR")
        ]


def test_names_of_classes_become_their_numbers_in_a_dataset_of_hugging_face(tmp_path):
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=["HUM", "LOC"])})
    path, copy = tmp_path / "a.parquet", tmp_path / "b.parquet"
    Dataset.from_dict({"text": ["a", "b"], "label": [0, 0]}, features=features).to_parquet(path)
    copy.write_bytes(with_cells(path, "label", {1: "LOC"}))
    assert read_table(copy).columns["label"] == ["HUM", "LOC"]
    assert parquet.read_table(copy).column("label").to_pylist() == [0, 1]


def test_what_cannot_be_kept_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("text,label\nWho?,HUM\n")
    monkeypatch.setattr("cal.data.replaced_cells.delimited_spans", lambda *_: [(11, 15)])
    with pytest.raises(DataError, match="without changing more"):
        with_cells(path, "label", {0: "NUM"})
