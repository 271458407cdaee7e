"""Documents of more than one text, and rows without a label, in files and on the hub alike."""

import csv
import json
import logging

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from omegaconf import OmegaConf

from cal.data import hub_connection
from cal.data.columns import JOINER, Columns, read_documents
from cal.data.glue import Glue
from cal.data.hub import Hub
from cal.data.local_files import LocalFiles
from cal.data.tables import RawTable
from cal.errors import ConfigError, DataError

PAIRS = [
    {"premise": f"Ann saw {n} cats.", "hypothesis": f"There were {n} cats.", "label": "en"[i % 2]}
    for i, n in enumerate(["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"])
]
CLOZE = [
    {
        "sentence": f"The {thing} did not fit the _ as it was too small.",
        "option1": thing,
        "option2": "case",
        "answer": answer,
    }
    for thing, answer in zip(["drum", "harp", "lute", "horn", "oboe", "bell", "gong", "pipe"], "21222122", strict=True)
]
CHOICES = {"text_column": "sentence", "choice_columns": ["option1", "option2"], "label_column": "answer"}


def save(folder, name, rows) -> str:
    path = folder / name
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return str(path)


def table(**columns) -> RawTable:
    return RawTable("a.csv", columns)


# ---- pairs


def test_a_pair_is_one_sequence_of_two_texts_and_read_joined(tmp_path):
    path = save(tmp_path, "a.csv", PAIRS)
    corpus = LocalFiles(path=path, text_column="premise", second_column="hypothesis").read()
    assert corpus.train.shape == (1, 2)
    expected = {(row["premise"], row["hypothesis"]) for row in PAIRS}
    assert {pair for (pair,) in corpus.train.sequences} == expected
    assert corpus.train.texts == [JOINER.join(pair) for (pair,) in corpus.train.sequences]
    assert JOINER == " / "


def test_pairs_of_the_hub_are_those_of_a_file(tmp_path, monkeypatch):
    splits = DatasetDict({"train": Dataset.from_list(PAIRS[:8]), "test": Dataset.from_list(PAIRS[8:])})
    monkeypatch.setattr(hub_connection, "load", lambda *given: splits)
    hub = Hub("owner/pairs", text_column="premise", second_column="hypothesis").read()
    files = {name: save(tmp_path, f"{name}.csv", list(splits[name])) for name in splits}
    local = LocalFiles(**files, text_column="premise", second_column="hypothesis").read()
    assert sorted(hub.train.sequences) == sorted(local.train.sequences)
    assert hub.test.shape == (1, 2)


def test_one_text_has_no_sequences(tmp_path):
    corpus = LocalFiles(path=save(tmp_path, "a.csv", PAIRS), text_column="premise").read()
    assert corpus.train.sequences is None


@pytest.mark.parametrize(("column", "other"), [("premise", "hypothesis"), ("hypothesis", "premise")])
def test_an_empty_part_of_a_pair_is_named_with_its_row(tmp_path, column, other):
    rows = [*PAIRS[:2], {**PAIRS[2], column: "  "}]
    with pytest.raises(DataError, match=rf"a\.csv, row 3: column '{column}' is empty"):
        LocalFiles(path=save(tmp_path, "a.csv", rows), text_column="premise", second_column="hypothesis").read()


def test_a_second_column_that_is_not_there_is_named_with_its_setting(tmp_path):
    with pytest.raises(DataError, match=r"no column 'hypotesis'. Did you mean 'hypothesis'.*dataset\.second_column"):
        LocalFiles(path=save(tmp_path, "a.csv", PAIRS), text_column="premise", second_column="hypotesis").read()


# ---- choices


def test_choices_are_pairs_of_the_text_around_the_blank():
    rows = {name: [row[name] for row in CLOZE] for name in CLOZE[0]}
    documents = read_documents(table(**rows), Columns(**CHOICES, blank="_"))
    for row, sequences, text in zip(CLOZE, documents.sequences, documents.texts, strict=True):
        before, after = row["sentence"].split("_")
        assert sequences == tuple((before.strip(), row[option] + after) for option in ("option1", "option2"))
        assert text == f"{row['sentence']} / {row['option1']} / {row['option2']}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("_ was late.", ("Ann", "was late.")),
        ("The dog is _'s.", ("The dog is", "Ann's.")),
        ("It was _", ("It was", "Ann")),
        ("One _ and two _.", ("One", "Ann and two _.")),
    ],
)
def test_the_blank_may_be_anywhere(text, expected):
    columns = Columns(choice_columns=["a", "b"], blank="_")
    documents = read_documents(table(text=[text], a=["Ann"], b=["Bob"], label=["1"]), columns)
    assert documents.sequences[0][0] == expected


def test_without_a_blank_each_choice_is_a_pair_with_the_text():
    documents = read_documents(
        table(text=["Why?"], a=["So."], b=["No."], c=["Yes."], label=[3]), Columns(choice_columns=["a", "b", "c"])
    )
    assert documents.sequences == [(("Why?", "So."), ("Why?", "No."), ("Why?", "Yes."))]


@pytest.mark.parametrize("text", ["no mark here", "_", " _ "])
def test_a_text_without_a_blank_within_is_named_with_its_row(text):
    columns = Columns(choice_columns=["a", "b"], blank="_")
    with pytest.raises(DataError, match=r"a\.csv, row 2: column 'text' has no blank '_'"):
        read_documents(table(text=["a _ b", text], a=["x", "x"], b=["y", "y"], label=["1", "2"]), columns)


def test_an_empty_choice_is_named_with_its_row(tmp_path):
    rows = [*CLOZE[:4], {**CLOZE[4], "option2": ""}]
    with pytest.raises(DataError, match=r"row 5: column 'option2' is empty"):
        LocalFiles(path=save(tmp_path, "a.csv", rows), **CHOICES).read()


WRITTEN = {
    "numbers": ("21222122", None),
    "integers": ([2, 1, 2, 2, 2, 1, 2, 2], None),
    "texts": (["case", "harp", "case", "case", "case", "bell", "case", "case"], None),
    "from zero": ("10111011", ["0", "1"]),
    "names": (["right", "left", "right", "right", "right", "left", "right", "right"], ["left", "right"]),
    "positions of names": ("10111011", ["left", "right"]),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_the_right_choice_may_be_written_in_several_ways(tmp_path, written):
    labels, label_names = WRITTEN[written]
    rows = [{**row, "answer": label} for row, label in zip(CLOZE, labels, strict=True)]
    train, test = (save(tmp_path, f"{name}.jsonl", part) for name, part in (("a", rows[:6]), ("b", rows[6:])))
    corpus = LocalFiles(train=train, test=test, label_names=label_names, blank="_", **CHOICES).read()
    expected = {row["sentence"]: int(row["answer"]) - 1 for row in CLOZE}
    for split in (corpus.train, corpus.test):
        assert [expected[text.split(" / ")[0]] for text in split.texts] == split.gold.tolist()
    assert (corpus.n_choices, corpus.label_names) == (2, label_names or ["1", "2"])


def test_a_label_that_is_no_choice_is_explained(tmp_path):
    rows = [*CLOZE[:6], {**CLOZE[6], "answer": "0"}]
    with pytest.raises(DataError, match=r"row 7: unknown label '0'.*counted from 1, or its text.*label_names=\[0,1\]"):
        LocalFiles(path=save(tmp_path, "a.csv", rows), **CHOICES).read()


def test_a_label_that_is_the_text_of_two_choices_is_refused():
    with pytest.raises(DataError, match="the label 'x' is the text of two choices"):
        read_documents(table(text=["t"], a=["x"], b=["x"], label=["x"]), Columns(choice_columns=["a", "b"]))


# ---- rows without a label


@pytest.mark.parametrize("label", [-1, "-1", "-", "", " ", None], ids=repr)
def test_a_row_without_a_label_is_an_error_unless_it_is_to_be_skipped(tmp_path, label):
    rows = [*PAIRS, {**PAIRS[0], "premise": "", "label": label}]
    path = save(tmp_path, "a.jsonl", rows)
    with pytest.raises(DataError, match=r"a\.jsonl, row 11: column 'label' has no label.*dataset\.unlabelled=skip"):
        LocalFiles(path=path, text_column="premise").read()
    corpus = LocalFiles(path=path, text_column="premise", unlabelled="skip").read()
    assert len(corpus.train) == 10
    assert corpus.label_names == ["e", "n"]


@pytest.mark.parametrize("label_names", [["e", "n"], None])
def test_minus_one_is_no_class_that_nobody_named(tmp_path, label_names):
    rows = [*PAIRS, {**PAIRS[0], "label": -1}]
    with pytest.raises(DataError, match=r"'?-1'? is how data sets write that.*list -1 in dataset\.label_names"):
        LocalFiles(path=save(tmp_path, "a.jsonl", rows), text_column="premise", label_names=label_names).read()


def test_minus_one_is_a_class_where_it_is_named(tmp_path):
    """Such as the polarity of a review."""
    rows = [{**pair, "label": {"e": 1, "n": -1}[pair["label"]]} for pair in PAIRS]
    given = LocalFiles(path=save(tmp_path, "a.jsonl", rows), text_column="premise", label_names=["-1", "1"]).read()
    assert set(given.train.gold.tolist()) == {0, 1}
    assert len(given.train) == len(PAIRS)


def test_skipped_rows_are_counted_in_a_warning(tmp_path, caplog):
    rows = [*PAIRS, {**PAIRS[0], "label": "-"}, {**PAIRS[1], "label": ""}]
    path = save(tmp_path, "a.csv", rows)
    with caplog.at_level(logging.WARNING):
        LocalFiles(path=path, text_column="premise", unlabelled="skip").read()
    assert caplog.messages == [f"{path}: 2 of 12 rows have no label and are left out."]


def test_rows_are_numbered_as_in_the_file_also_after_skipped_ones(tmp_path):
    rows = [{**PAIRS[0], "label": "-"}, *PAIRS[1:6], {**PAIRS[6], "label": "odd"}]
    with pytest.raises(DataError, match="row 7: unknown label 'odd'"):
        LocalFiles(
            path=save(tmp_path, "a.csv", rows), text_column="premise", unlabelled="skip", label_names=["e", "n"]
        ).read()


def test_only_rows_without_labels_are_no_corpus(tmp_path):
    rows = [{**row, "label": "-"} for row in PAIRS]
    with pytest.raises(DataError, match=r"rows 1, 2, 3, 4, 5 \.\.\.: column 'label' has no label"):
        LocalFiles(path=save(tmp_path, "a.csv", rows), text_column="premise", unlabelled="skip").read()


def test_documents_of_the_hub_without_a_label_can_be_skipped(monkeypatch):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["a", "b"])})
    train = Dataset.from_dict({"text": ["one", "two", "three"], "label": [0, -1, 1]}, features)
    splits = DatasetDict({"train": train, "test": Dataset.from_dict({"text": ["four"], "label": [0]}, features)})
    monkeypatch.setattr(hub_connection, "load", lambda *given: splits)
    assert sorted(Hub("o/x", unlabelled="skip").read().train.ids) == ["x-train-0", "x-train-2"]


# ---- settings


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"unlabelled": "ignore"}, "unlabelled must be error or skip, not 'ignore'"),
        ({"choice_columns": ["a"]}, r"choice_columns must name at least two columns, not \['a'\]"),
        ({"choice_columns": ["a", "b"], "second_column": "c"}, "exclude each other"),
        ({"blank": "_"}, "and choice_columns"),
        ({"choice_columns": ["a", "b"], "blank": " "}, "a mark such as '_'"),
    ],
)
@pytest.mark.parametrize("reader", [LocalFiles, Hub], ids=["files", "hub"])
def test_settings_of_columns_that_make_no_sense_are_refused(reader, settings, expected):
    given = {"path": "a.csv"} if reader is LocalFiles else {"hub_id": "o/x"}
    with pytest.raises(ConfigError, match=expected):
        reader(**given, **settings)


@pytest.mark.parametrize("reader", [LocalFiles, Hub, Glue], ids=["files", "hub", "glue"])
def test_extra_test_sets_fit_the_schema_of_a_reader(reader):
    tests = {"hans": {"path": "hans.tsv", "labels": {"neutral": "non-entailment"}}}
    assert OmegaConf.merge(OmegaConf.structured(reader), {"tests": tests}).tests == tests
