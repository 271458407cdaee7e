import csv
import gzip
import json
import re
import socket
from pathlib import Path

import datasets
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

import cal
from cal.data.hub import Hub
from cal.data.local_files import LocalFiles
from cal.data.table_files import read_table
from cal.errors import ConfigError, DataError

# Values that readers of tables like to change, and the ways of writing them.
NASTY = [
    "NA",
    "null",
    "NaN",
    "",
    "007",
    "1e5",
    "1.0",
    "True",
    "2026-01-01",
    ' "quoted", ',
    "two\nlines",
    "tab\there",
    "ü€",
]


def rows(n: int = 10) -> list[dict]:
    return [{"id": f"00{i}", "text": f"text {i}", "label": "ab"[i % 2]} for i in range(n)]


def save(path: Path, data: list[dict]) -> str:
    """Writes rows in the format the ending names, without any of cal's code."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in data), encoding="utf-8")
    elif path.suffix == ".parquet":
        pd.DataFrame(data).to_parquet(path)
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(data[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(data)
    return str(path)


def contents(corpus) -> dict:
    return {
        name: sorted(
            (i, text, corpus.label_names[label]) for i, text, label in zip(s.ids, s.texts, s.gold, strict=True)
        )
        for name, s in corpus.splits().items()
    }


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_every_value_stays_as_it_was_written(tmp_path, ending):
    values = [*NASTY, "last"]
    path = tmp_path / f"a.{ending}"
    save(path, [{"text": value, "other": "x"} for value in values])
    assert read_table(path).columns == {"text": values, "other": ["x"] * len(values)}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\r\0"))] * 2), min_size=1).filter(
        lambda values: any(text.strip() for text in values[-1])  # blank rows at the end are no rows
    )
)
def test_any_csv_that_python_writes_is_read_as_python_reads_it(tmp_path, values):
    path = tmp_path / "any.csv"
    save(path, [{"text": text, "label": label} for text, label in values])
    with path.open(newline="", encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    table = read_table(path)
    assert [dict(zip(table.columns, row, strict=True)) for row in zip(*table.columns.values(), strict=True)] == expected


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_gives_the_same_corpus(tmp_path, ending):
    corpus = LocalFiles(path=save(tmp_path / f"a.{ending}", rows())).read()
    assert contents(corpus) == contents(LocalFiles(path=save(tmp_path / "b" / "a.csv", rows())).read())
    assert corpus.name == "a"


def test_a_folder_equals_its_files_named_one_by_one(tmp_path):
    parts = {"train": rows(6), "test": rows(8)[6:], "dev": rows(10)[8:]}
    files = {name: save(tmp_path / "folder" / f"{name}.csv", part) for name, part in parts.items()}
    folder = LocalFiles(path=str(tmp_path / "folder")).read()
    assert folder.fingerprint == LocalFiles(**files).read().fingerprint
    assert {name: len(split) for name, split in folder.splits().items()} == {"train": 6, "test": 2, "dev": 2}


def test_a_changed_file_is_read_anew(tmp_path):
    first = LocalFiles(path=save(tmp_path / "a.csv", rows())).read()
    second = LocalFiles(path=save(tmp_path / "a.csv", [{**row, "text": row["text"].upper()} for row in rows()])).read()
    assert {text.upper() for text in first.train.texts} == set(second.train.texts)


def test_files_that_are_named_alone_have_the_name_of_their_folder(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    for name, part in {"a.csv": rows()[:8], "b.csv": rows()[8:]}.items():
        save(Path(name), part)
    assert LocalFiles(train="a.csv", test="b.csv").read().name == "mine"


@pytest.mark.parametrize("name", ["we[i]rd *.csv", ".hidden/__x/a.csv", "a b/ä.csv", "A.CSV", "label=z/a.parquet"])
def test_a_path_is_taken_literally(tmp_path, name):
    plain = f"a{Path(name).suffix.lower()}"
    save(tmp_path / plain, rows())
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / plain).rename(tmp_path / name)
    assert read_table(tmp_path / name).columns["label"] == [row["label"] for row in rows()]


def test_a_parquet_file_of_a_hub_dataset_keeps_the_names_of_its_labels(tmp_path):
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["HUM", "LOC"])})
    documents = datasets.Dataset.from_dict({"text": ["Who?", "Where?", "What?"], "label": [0, 1, -1]}, features)
    documents.to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").columns["label"] == ["HUM", "LOC", None]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_reading_a_file_stays_off_the_network(tmp_path, monkeypatch, ending):
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: asked.append(args) or [])
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    LocalFiles(path=save(tmp_path / f"a.{ending}", rows())).read()
    assert asked == []
    assert datasets.config.HF_HUB_OFFLINE is False


def test_a_byte_order_mark_is_no_part_of_the_header(write):
    assert list(read_table(Path(write("a.csv", "\ufefftext,label\na,b\n"))).columns) == ["text", "label"]


def test_a_column_without_a_name_is_no_problem(write):
    """As pandas writes the row numbers."""
    table = read_table(Path(write("a.csv", ",text,label\n0,a,b\n")))
    assert table.columns == {"": ["0"], "text": ["a"], "label": ["b"]}


def test_a_text_may_be_longer_than_the_csv_module_allows(tmp_path):
    long = "word " * 50_000
    save(tmp_path / "a.csv", [{"text": long, "label": "a"}])
    assert read_table(tmp_path / "a.csv").columns["text"] == [long]


def test_ids_made_from_texts_do_not_depend_on_the_rows(tmp_path):
    data = [{"text": text, "label": label} for text, label in zip("ABCDEFGGGH", "ababaaabba", strict=True)]
    forwards = LocalFiles(path=save(tmp_path / "a.csv", data)).read()
    backwards = LocalFiles(path=save(tmp_path / "a.csv", data[::-1])).read()
    assert forwards.fingerprint == backwards.fingerprint
    ids = [i for split in forwards.splits().values() for i in split.ids]
    assert len(set(ids)) == 10
    assert sorted(i[16:] for i in ids) == [""] * 8 + ["-2", "-3"]


def test_an_id_column_of_null_makes_the_ids_from_the_texts(tmp_path):
    path = save(tmp_path / "a.csv", rows())
    assert not set(LocalFiles(path=path, id_column=None).read().train.ids) & {row["id"] for row in rows()}


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("labels", "label_names", "expected"),
    [
        ([10, 9, 10, 9], None, ["9", "10"]),
        ([1, 0, 1, 0], ["no", "yes"], ["no", "yes"]),
        ([2, 1, 2, 1], ["1", "2"], ["1", "2"]),
        (["b", "a", "b", "a"], ["b", "a"], ["b", "a"]),
        (["b", "a", "b", "a"], None, ["a", "b"]),
    ],
)
def test_labels_are_names_or_positions(tmp_path, ending, labels, label_names, expected):
    data = [{"text": f"t{i}", "label": label} for i, label in enumerate(labels)]
    path = save(tmp_path / f"train.{ending}", data)
    save(tmp_path / f"test.{ending}", [{"text": "new", "label": labels[0]}])
    corpus = LocalFiles(path=str(Path(path).parent), label_names=label_names).read()
    assert corpus.label_names == expected
    first = corpus.label_names[corpus.test.gold[0]]
    assert first == (label_names[labels[0]] if expected == ["no", "yes"] else str(labels[0]))


CSV_PROBLEMS = {
    "": ["a.csv", "no rows"],
    "id,text,label\n": ["a.csv", "no rows"],
    "id,txt,label\n1,a,b\n": ["no column 'text'", "Did you mean 'txt'?", "id, txt, label", "dataset.text_column"],
    "id,text,label\n1,a,b\n2, ,b\n": ["a.csv, row 2", "'text' is empty"],
    "id,text,label\n1,a,\n": ["a.csv, row 1", "'label' has no label"],
    "id,text,label\n1,a,b\n,a,b\n": ["a.csv, row 2", "'id' is empty"],
    "id,text,label\n7,a,b\n8,a,b\n7,c,b\n": ["rows 1 and 3", "'7'", "'id'"],
    "id,text,text\n1,a,b\n": ["'text' twice"],
    "id,text,label\n1,a,b,c\n2,a,b,c\n": ["line 2", "4 fields", "3"],
    "id,text,label\n1,a,b\n2,a\n": ["line 3", "2 fields", "3"],
    'id,text,label\n1,"a,b\n2,a,b\n': ["line 3", "end of data", "close the quotes"],
    'id,text,label\n1,"a" b,c\n': ["line 2", "expected after", "double each quote"],
    "id,text,label\n1,a,b\n2,c,b\n3,d,b\n": ["every training document has the label 'b'"],
    "id,text,label\n1,a,b\n2,a,c\n3,a,b\n": ["no document can be held out", "1 different texts"],
    "id,text,label\n1,a,b\n2,b,c\n3,c,d\n": ["no document can be held out", "every label occurs once"],
}


@pytest.mark.parametrize("content", CSV_PROBLEMS)
def test_a_problem_of_a_csv_is_named_with_its_place(write, content):
    with pytest.raises(DataError) as error:
        LocalFiles(path=write("a.csv", content), test_fraction=0.4).read()
    assert [part for part in CSV_PROBLEMS[content] if part not in str(error.value)] == []


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.csv", "text,label\né,x\n".encode("latin-1"), ["a.csv, line 2", "0xE9", "dataset.encoding=cp1252", "UTF-8"]),
        ("a.xlsx", "text", ["a.xlsx", ".csv, .tsv, .jsonl, .json"]),
        ("a.parquet", "PAR1 and no more", ["a.parquet", "magic bytes"]),
        ("a.jsonl", '{"text": "a", "label": "b"}\n{"text": "a"\n', ["line 2", "not JSON"]),
        ("a.jsonl", "[1, 2]\n", ["line 1", "list"]),
        ("a.jsonl", '{"text": "a", "label": 1.5}\n', ["row 1", "'label'", "1.5"]),
        ("a.jsonl", '{"text": 5, "label": "b"}\n', ["row 1", "'text'", "int 5"]),
        ("a.jsonl", '{"text": "a"}\n{"label": "b"}\n', ["row 1", "'label' has no label"]),
    ],
)
def test_a_problem_of_another_file_is_named_with_its_place(write, name, content, parts):
    with pytest.raises(DataError) as error:
        LocalFiles(path=write(name, content)).read()
    assert [part for part in parts if part not in str(error.value)] == []


def test_a_column_named_on_purpose_must_exist(tmp_path):
    with pytest.raises(DataError, match="no column 'uid'"):
        LocalFiles(path=save(tmp_path / "a.csv", rows()), id_column="uid").read()


def test_a_label_that_train_lacks_is_named_with_its_row(tmp_path):
    save(tmp_path / "train.csv", rows(4))
    save(tmp_path / "test.csv", [{"id": "x", "text": "x", "label": "a"}, {"id": "y", "text": "y", "label": "aa"}])
    with pytest.raises(DataError, match=r"test\.csv, row 2: unknown label 'aa'. Did you mean 'a'"):
        LocalFiles(path=str(tmp_path)).read()


def test_integers_are_no_positions_among_integer_names(tmp_path):
    data = [{"text": f"t{i}", "label": i % 2} for i in range(10)]
    with pytest.raises(DataError, match="unknown label '0'"):
        LocalFiles(path=save(tmp_path / "a.csv", data), label_names=["1", "2"]).read()


def test_the_row_of_a_label_is_that_of_the_file_also_when_it_is_split(tmp_path):
    data = [*rows(30), {"id": "z", "text": "z", "label": "c"}]
    with pytest.raises(DataError, match="row 31: unknown label 'c'"):
        LocalFiles(path=save(tmp_path / "a.csv", data), label_names=["a", "b"]).read()


def test_an_id_in_two_splits_is_refused(tmp_path):
    save(tmp_path / "train.csv", rows(4))
    save(tmp_path / "test.csv", rows(1))
    with pytest.raises(DataError, match=r"test\.csv, row 1: id '000' of test is also an id of train"):
        LocalFiles(path=str(tmp_path)).read()


def test_a_text_in_two_splits_is_allowed_without_ids(tmp_path):
    data = [{"text": row["text"], "label": row["label"]} for row in rows(4)]
    save(tmp_path / "train.csv", data)
    save(tmp_path / "test.csv", data[:1])
    corpus = LocalFiles(path=str(tmp_path)).read()
    assert corpus.test.ids[0] in corpus.train.ids


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({}, ["neither"]),
        ({"path": "a.csv", "train": "b.csv"}, ["both"]),
        ({"test": "a.csv"}, ["neither"]),
        ({"path": 3}, ["dataset.path must be a file or a list of files, not 3"]),
        ({"path": ["a.csv", 3]}, ["dataset.path must be a file or a list of files"]),
        ({"path": "a.csv", "dev": "b.csv"}, ["dataset.dev"]),
        ({"path": "a.csv", "test_fraction": 1.0}, ["test_fraction", "1.0"]),
        ({"test_fraction": -0.1, "labels": "lax"}, ["neither", "test_fraction", "strict, merge or null, not 'lax'"]),
        ({"path": "a.jsonl.gz", "separator": ";"}, ["dataset.separator is for CSV and TSV files"]),
        ({"train": "a.parquet", "test": "b.parquet", "encoding": "cp1252"}, ["dataset.encoding is for text files"]),
    ],
)
def test_settings_that_make_no_sense_are_named_all_at_once(settings, parts):
    with pytest.raises(ConfigError) as error:
        LocalFiles(**settings).read()
    assert [part for part in parts if part not in str(error.value)] == []


def test_a_folder_must_hold_one_file_per_split(tmp_path):
    with pytest.raises(DataError, match="holds no train file"):
        LocalFiles(path=str(tmp_path)).read()
    save(tmp_path / "train.csv", rows())
    save(tmp_path / "train.jsonl", rows())
    with pytest.raises(DataError, match=r"train\.csv and train\.jsonl"):
        LocalFiles(path=str(tmp_path)).read()


def test_a_missing_file_is_named():
    with pytest.raises(DataError, match=r"no file nowhere/a\.csv"):
        LocalFiles(path="nowhere/a.csv").read()


def test_trec_has_its_published_sizes(trec):
    assert (len(trec.train), len(trec.test)) == (5452, 500)
    assert trec.label_names == ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]


@pytest.mark.parametrize("reader", [LocalFiles, Hub])
def test_the_settings_of_a_reader_are_a_schema(reader):
    schema = OmegaConf.structured(reader)
    merged = OmegaConf.merge(schema, {"path": "a.csv", "label_names": ["x", "y"]})
    assert merged.label_names == ["x", "y"]


@pytest.mark.parametrize(
    "content",
    [
        "text;label\nWho, and why?;HUM\nWhere?;LOC\n",
        "text\tlabel\nWho, and why?\tHUM\nWhere?\tLOC\n",
        "text|label\nWho, and why?|HUM\nWhere?|LOC\n",
        "sep=;\ntext;label\nWho, and why?;HUM\nWhere?;LOC\n",
        '"text";"label"\r\n"Who, and why?";"HUM"\r\n"Where?";"LOC"\r\n',
        '\ntext,label\n"Who, and why?",HUM\nWhere?,LOC\n\n  \n',
        'text,label\n"Who, and why?",HUM\nWhere?,LOC\n,\n',
        "text;label;;\nWho, and why?;HUM;;\nWhere?;LOC;;\n;;;\n",
        "text^label\nWho, and why?^HUM\nWhere?^LOC\n",
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_the_dialect_of_a_table_is_found(tmp_path, content, name, encoding):
    path, data = tmp_path / name, content.encode(encoding)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    separator = "^" if "^" in content else None
    assert read_table(path, separator=separator).columns == {
        "text": ["Who, and why?", "Where?"],
        "label": ["HUM", "LOC"],
    }


def test_the_header_is_judged_before_the_rows(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id;text, cleaned;label\n1;Who, then?;HUM\n2;Where, then?;LOC\n")
    assert list(read_table(path).columns) == ["id", "text, cleaned", "label"]
    path.write_text("id;text;label\n1;a, b, c, d;HUM\n2;c;LOC;NUM\n")
    with pytest.raises(DataError, match="line 3: 4 fields, but the header has 3; the separator is ';'"):
        read_table(path)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_the_advice_about_an_encoding_works(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\nWer?,HUM\nWo Köln?,LOC\n".encode(encoding))
    with pytest.raises(DataError, match=r"line 3: byte 0xF6 is not UTF-8.*dataset.encoding=cp1252 .*Python") as error:
        LocalFiles(path=str(path)).read()
    advised = re.search(r"dataset.encoding=(\S+)", str(error.value))[1]
    assert read_table(path, advised).columns["text"][1] == "Wo Köln?"


def test_utf8_that_is_read_as_something_else_is_said(tmp_path, caplog):
    path = tmp_path / "a.csv"
    path.write_text("text,label\nKöln?,LOC\n", encoding="utf-8")
    read_table(path, "cp1252")
    assert "it is valid UTF-8 too" in caplog.text


@pytest.mark.parametrize("setting", [{"encoding": "utf9"}, {"separator": "::"}, {"encoding": "rot13"}])
def test_settings_of_a_dialect_are_checked_first(setting):
    with pytest.raises(ConfigError, match=f"dataset.{next(iter(setting))} must be"):
        LocalFiles(path="a.csv", **setting)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"PK\x03\x04 and more", "ZIP archive or an Excel workbook"),
        ("a.csv.gz", gzip.compress(b"text,label\na,b\n", mtime=0)[:-9], "cannot be unpacked"),
        ("a.csv", b"a,b,a\n1,2,3\n", "'a' twice, columns 1 and 3"),
        ("a.csv", b"text,,\na,b,c\n", "2 columns have no name"),
        ("a.csv", b"text label\na b\n", "its only column is 'text label'.*dataset.separator="),
        ("a.jsonl", b'[{"text": "a"}, 3]', "item 2 is a number"),
        ("a.json", b'[\n{"text": "a"},\n 3]', "line 3: item 2 is a number"),
    ],
)
def test_a_file_in_another_form_is_named_with_what_it_is(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        LocalFiles(path=str(tmp_path / name)).read()


@pytest.mark.parametrize("layout", ['[{"text": "a"}, {"text": "b"}]', '[\n {"text": "a"},\n {"text": "b"}\n]\n'])
def test_a_list_of_objects_is_a_table_too(tmp_path, layout):
    (tmp_path / "a.json").write_text(layout)
    assert read_table(tmp_path / "a.json").columns == {"text": ["a", "b"]}


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path):
    for name in ("a.csv", "a.parquet", "a.jsonl"):
        (tmp_path / name).mkdir()
        with pytest.raises(DataError, match="is a folder"):
            read_table(tmp_path / name)


def test_the_dialect_of_a_corpus_is_also_that_of_its_extra_tests(tmp_path):
    for name, rows_ in {"a": rows(10), "b": [{"id": "z", "text": "ü", "label": "a"}]}.items():
        lines = "".join(f"{row['id']}^{row['text']}^{row['label']}\n" for row in rows_)
        (tmp_path / f"{name}.csv").write_bytes(f"id^text^label\n{lines}".encode("latin-1"))
    tests = {"other": {"path": str(tmp_path / "b.csv")}}
    corpus = cal.read_corpus(tmp_path / "a.csv", encoding="latin-1", separator="^", tests=tests)
    assert corpus.tests["other"].split.texts == ["ü"]
