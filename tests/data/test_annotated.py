"""Exports of labelling tools as corpora: the label that holds now, and what to do where there is none."""

import gzip
import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cal.data import read_corpus
from cal.errors import DataError
from cal.exchange.formats import FORMATS, write_annotated
from cal.exchange.records import AnnotatedDocument, Answer, LabelSet

EXPORTS = Path(__file__).resolve().parents[1] / "exchange" / "exports"
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def corpus(path, **settings):
    read = read_corpus("files", path=str(path), **settings)
    return {i: read.label_names[label] for i, label in zip(read.train.ids, read.train.gold, strict=True)}


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("label_studio.json", {"t-1": "HUM", "t-2": "LOC", "t-4": "HUM", "t-5": "HUM"}),
        ("label_studio_snapshot.json", {"t-1": "HUM", "t-2": "LOC", "t-4": "HUM", "t-5": "HUM"}),
        ("label_studio_min.json", {"t-1": "HUM", "t-2": "LOC", "t-5": "HUM"}),
        ("label_studio.csv", {"t-1": "HUM", "t-2": "LOC", "t-5": "HUM"}),
        ("argilla_flat.json", {"t-2": "LOC", "t-3": "HUM", "t-4": "HUM"}),
    ],
)
def test_annotators_who_disagree_are_counted_and_can_be_left_out(name, labels):
    with pytest.raises(DataError, match=r"annotators disagree about 1 document; document 't-\d' is .*unlabelled=skip"):
        corpus(EXPORTS / name)
    assert corpus(EXPORTS / name, unlabelled="skip") == labels


def test_two_labels_of_one_annotator_are_named(caplog):
    with caplog.at_level(logging.WARNING):
        assert corpus(EXPORTS / "doccano" / "all.jsonl") == {"t-1": "HUM", "t-2": "LOC", "t-3": "HUM", "t-4": "HUM"}
    assert "label: 1 (a document has one label), e.g. document 't-3'" in caplog.text


def test_documents_without_a_label_are_counted(tmp_path):
    path = tmp_path / "export.jsonl"
    labels = ([], ["HUM"], ["LOC"])
    rows = [{"id": n, "text": f"Question {n}?", "label": each, "Comments": []} for n, each in enumerate(labels)]
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match=r"row 1: column 'label' has no label.*unlabelled=skip"):
        corpus(path)
    assert corpus(path, unlabelled="skip") == {"1": "HUM", "2": "LOC"}


def reviewed():
    answer = Answer("00000000-0000-4000-8000-000000000000", "ann", "relabel", "HUM", time=NOW)
    return [
        AnnotatedDocument("a", "=1+1?", "LOC", "HUM", "relabelled", "train", answers=(answer,), columns={"n": 1}),
        AnnotatedDocument("b", "Where?", "LOC", "LOC", split="test"),
        AnnotatedDocument("c", "Out?", "LOC", "LOC", "excluded", "train"),
        AnnotatedDocument("d", "Wo?", "LOC", "LOC", split="train"),
    ]


@pytest.mark.parametrize("name", ["csv", "tsv", "jsonl", "parquet", "label_studio", "argilla", "prodigy", "cleanlab"])
def test_our_own_exports_are_corpora(name, tmp_path, caplog):
    path = tmp_path / f"export{FORMATS[name].ending}"
    write_annotated(reviewed(), LabelSet(("HUM", "LOC")), path, name)
    read = read_corpus("files", path=str(path))
    assert sorted(zip(read.train.ids, read.train.texts, strict=True)) == [("a", "=1+1?"), ("d", "Wo?")]
    assert read.test.ids == ["b"]
    assert read.label_names == ["HUM", "LOC"]
    with pytest.raises(DataError, match="every training document has the label 'LOC'"):
        read_corpus("files", path=str(path), label_column="given")
    assert "1 document that reviewers excluded is left out" in caplog.text


def test_pairs_come_back_as_pairs(tmp_path):
    made = [
        AnnotatedDocument(f"p-{n}", "a / b", label, label, sequences=((f"a {n}", "b"),))
        for n, label in enumerate(("yes", "no", "yes"))
    ]
    path = tmp_path / "pairs.jsonl"
    write_annotated(made, LabelSet(), path, "jsonl")
    split = read_corpus("files", path=str(path)).train
    assert dict(zip(split.ids, split.sequences, strict=True))["p-2"] == (("a 2", "b"),)


ROWS = [{"text": f"Question {n}?", "label": "HUM" if n % 2 else "LOC"} for n in range(4)]
CATS = [{"text": row["text"], "cats": {each: float(each == row["label"]) for each in ("HUM", "LOC")}} for row in ROWS]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps(ROWS)),
        ("a.json", json.dumps(ROWS, indent=2)),
        ("a.json", json.dumps({"data": ROWS})),
        ("a.json", json.dumps([{**row, "label": [row["label"]]} for row in ROWS])),
        ("a.json.gz", json.dumps(ROWS)),
        ("a.jsonl.gz", "\n".join(map(json.dumps, ROWS))),
        ("a.csv.gz", "text,label\n" + "\n".join(f"{row['text']},{row['label']}" for row in ROWS)),
        ("a.tsv.gz", "text\tlabel\n" + "\n".join(f"{row['text']}\t{row['label']}" for row in ROWS)),
        ("a.jsonl", "\n".join(map(json.dumps, CATS))),
    ],
)
def test_ways_to_write_the_same_rows(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    read = read_corpus("files", path=str(path))
    assert sorted(zip(read.train.texts, read.train.gold.tolist(), strict=True)) == [
        (row["text"], row["label"] == "LOC") for row in ROWS
    ]


@pytest.mark.parametrize("row", [{"label": ["HUM", "LOC"]}, {"cats": {"HUM": 1.0, "LOC": 1.0}}])
def test_several_labels_are_refused(tmp_path, row):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"text": "Who?", **row}, {"text": "Where?", **row}]))
    with pytest.raises(DataError, match=r"row 1: column 'label' holds 2 labels"):
        read_corpus("files", path=str(path))


def test_folders_that_tools_export_are_corpora(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    rows = [{"text": f"Question {n}?", "cal_id": f"q-{n}", "Comments": []} for n in range(4)]
    for user in ("ann", "bob"):
        labelled = [json.dumps(row | {"label": ["HUM" if n % 2 else "LOC"]}) for n, row in enumerate(rows)]
        (folder / f"{user}.jsonl").write_text("\n".join(labelled))
    assert corpus(folder) == {f"q-{n}": "HUM" if n % 2 else "LOC" for n in range(4)}


def test_what_annotators_of_prodigy_said_about_one_label_each(tmp_path):
    rows = [
        {"text": f"Question {n}?", "label": label, "answer": answer, "_input_hash": n}
        for n, label in enumerate(("HUM", "LOC", "HUM", "LOC"))
        for answer in (("accept", "reject") if n else ("reject", "ignore"))
    ]
    path = tmp_path / "set.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    assert sorted(corpus(path, unlabelled="skip").values()) == ["HUM", "LOC", "LOC"]
