"""The table of formats in the documentation says what each format does, which is tried here."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from pyarrow import parquet

from cal.exchange.formats import FORMATS, read_annotated, write_annotated
from cal.exchange.records import AnnotatedDocument, Answer, LabelSet, Suggested

PAGE = Path(__file__).resolve().parents[2] / "docs" / "exchange.md"
TABLES = {"csv", "tsv", "cleanlab"}
BEST = Suggested("HUM", 0.75, "run-1")
ANSWER = Answer(
    *("3f0c1d52-6a8e-4d57-9a0b-0f4b1c2d3e03", "3f0c1d52-6a8e-4d57-9a0b-0f4b1c2d3e01", "relabel", "HUM", "a person"),
    *(2.5, datetime(2026, 11, 29, tzinfo=UTC), BEST),
)
DOCUMENT = AnnotatedDocument(
    *("q-1", "Who? / She.", "LOC", "HUM", "relabelled", "test", (BEST,), (ANSWER,)),
    *({"source": "web", "page": 7}, (("Who?", "She."),)),
)
FIELDS = {
    "id, text": lambda d: (d.id, d.text),
    "given label": lambda d: d.given,
    "label, state": lambda d: (d.label, d.state),
    "split": lambda d: d.split,
    "suggestion, score, source": lambda d: d.suggestions,
    "decision": lambda d: [(each.action, each.label) for each in d.answers],
    "reviewer": lambda d: [each.reviewer for each in d.answers],
    "comment": lambda d: [each.comment for each in d.answers],
    "seconds": lambda d: [each.seconds for each in d.answers],
    "time": lambda d: [each.time and each.time.replace(microsecond=0) for each in d.answers],
    "suggestion seen": lambda d: [each.seen for each in d.answers],
    "columns of the corpus": lambda d: {name: str(value) for name, value in d.columns.items()},
    "parts of pairs and choices": lambda d: d.sequences,
}


def without_rest(path, name):
    """The file without the field `cal`."""
    if name in TABLES:
        table = pd.read_csv(path, sep="\t" if name == "tsv" else ",", dtype=str, keep_default_na=False)
        table.drop(columns="cal").to_csv(path, index=False, sep="\t" if name == "tsv" else ",")
    elif name == "parquet":
        parquet.write_table(parquet.read_table(path).drop_columns(["cal"]), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(json.loads(path.read_text("utf-8"), object_hook=_dropped)))
    else:
        lines = path.read_text("utf-8").splitlines()
        path.write_text("".join(json.dumps(json.loads(line, object_hook=_dropped)) + "\n" for line in lines))


def _dropped(item):
    return {name: value for name, value in item.items() if name not in ("cal", "cal_answer")}


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    """For each field and format: whether a field of the format holds it, `cal` does, or nothing."""
    folder, found = tmp_path_factory.mktemp("matrix"), {}
    for name in (name for name in FORMATS if name not in ("datasets", "prodigy_binary")):
        path = folder / f"{name}{FORMATS[name].ending}"
        write_annotated([DOCUMENT], LabelSet(("HUM", "LOC")), path, name)
        [whole] = read_annotated(path, name).all()
        assert whole == DOCUMENT
        without_rest(path, name)
        [rest] = read_annotated(path, name).all()
        for field, value in FIELDS.items():
            found[field, name] = "yes" if value(rest) == value(DOCUMENT) else "`cal`"
    return found


def test_the_table_is_true(matrix):
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    header, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    names = [cell.strip("`") for cell in header[1:]]
    told = {
        (row[0], name): re.sub(r"[¹²³⁴⁵⁶⁷⁸⁹]", "", cell)
        for row in rows
        for name, cell in zip(names, row[1:], strict=True)
    }
    assert told == matrix


def test_every_format_is_named():
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in FORMATS if f"`{name}`" not in page] == []


def test_the_matrix_of_a_document_without_answers_is_exact_too(tmp_path):
    bare = replace(DOCUMENT, label="LOC", state="undecided", answers=())
    for name, each in FORMATS.items():
        path = tmp_path / f"{name}{each.ending}"
        write_annotated([bare], LabelSet(("HUM", "LOC")), path, name)
        assert read_annotated(path, name).all() == [bare]


def test_the_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, "exchange.md", "exec"), {"__name__": "exchange"})
    assert (tmp_path / "tasks.xml").is_file()
