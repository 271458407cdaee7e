"""Folders of GLUE's TSV files: ids, labels and texts by the places of their columns."""

import csv
import logging
from pathlib import Path

import pytest

from cal.data.glue import Glue
from cal.data.glue_tsv import LAYOUTS
from cal.data.hub import Hub
from cal.errors import ConfigError, DataError

HEADERS = {
    "snli": "index captionID pairID parse1 parse2 tree1 tree2 sentence1 sentence2 label1 gold_label",
    "mnli": "index promptID pairID genre parse1 parse2 tree1 tree2 sentence1 sentence2 label1 gold_label",
    "qnli": "index question sentence label",
    "winogrande": "index qID sentence option1 option2 answer",
}


def row(task: str, i: int, label: str | None = None) -> list[str]:
    """A row whose other columns are filled with what must not be read."""
    label = LAYOUTS[task].labels[i % len(LAYOUTS[task].labels)] if label is None else label
    if task == "snli":
        return [f"x{i}", "cap", f"{i}.jpg#0", *"pqrs", f'He said "{i}', f"It's {i}.", label, label]
    if task == "mnli":
        return [str(i), "prompt", f"pair{i}", "genre", *"pqrs", f"Premise {i}.", f"Hypothesis {i}.", label, label]
    if task == "qnli":
        return [str(i), f"What is {i}?", f"It is {i}.", label]
    return [str(i), f"q{i}", f"The {i} hit the _ hard.", f"ball{i}", f"wall{i}", label]


def rows_of(task, n=6, start=0):
    return [row(task, i) for i in range(start, start + n)]


@pytest.fixture
def folder(tmp_path):
    """folder(task, train=rows, dev=rows, ...): a folder of files, each with the header of its task."""

    def make(task, ending="\n", **files):
        for name, rows in files.items():
            lines = ["\t".join(fields) for fields in [HEADERS[task].split(), *rows]]
            (tmp_path / f"{name}.tsv").write_text("".join(line + ending for line in lines), newline="")
        return str(tmp_path)

    return make


def read(task, path, **more):
    return Glue(task, path, **more).read()


def test_ids_of_train_are_as_written_and_others_have_their_split_before_them(folder):
    ids = {"snli": "3.jpg#0", "mnli": "3", "qnli": "3", "winogrande": "3"}
    for task, expected in ids.items():
        dev = "dev_matched" if task == "mnli" else "dev"
        corpus = read(task, folder(task, train=rows_of(task), **{dev: rows_of(task)}))
        assert expected in corpus.train.ids
        assert f"test-{expected}" in corpus.test.ids
        assert len(corpus.train) == len(corpus.test) == 6


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("task", ["snli", "mnli", "qnli"])
def test_pairs_and_labels_are_those_a_csv_reader_without_quotes_finds(folder, task, ending):
    dev = "dev_matched" if task == "mnli" else "dev"
    path = folder(task, ending, train=rows_of(task, 9), **{dev: rows_of(task)})
    corpus = read(task, path)
    with (Path(path) / "train.tsv").open(newline="") as file:
        lines = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    identity, first = {"snli": (2, 7), "mnli": (0, 8), "qnli": (0, 1)}[task]
    expected = {line[identity]: ((line[first], line[first + 1]), line[-1]) for line in lines}
    found = zip(corpus.train.ids, corpus.train.sequences, corpus.train.gold, strict=True)
    assert {i: (pair, corpus.label_names[label]) for i, (pair,), label in found} == expected


def test_winogrande_is_read_as_pairs_around_the_blank(folder):
    corpus = read("winogrande", folder("winogrande", train=rows_of("winogrande"), dev=rows_of("winogrande")))
    at = corpus.train.ids.index("4")
    assert corpus.train.sequences[at] == (("The 4 hit the", "ball4 hard."), ("The 4 hit the", "wall4 hard."))
    assert (corpus.n_choices, corpus.label_names[corpus.train.gold[at]]) == (2, "1")


def test_quotes_and_odd_line_ends_are_plain_characters(folder):
    odd = row("qnli", 7)
    odd[1] = '"Who\u2028is\x85"""?'
    corpus = read("qnli", folder("qnli", train=[*rows_of("qnli"), odd], dev=rows_of("qnli")))
    assert odd[1] in {first for ((first, _),) in corpus.train.sequences}


def test_a_test_file_with_labels_is_the_test_split_and_dev_the_development_split(folder):
    path = folder("snli", train=rows_of("snli"), dev=rows_of("snli", 4), test=rows_of("snli", 5))
    assert {name: len(split) for name, split in read("snli", path).splits().items()} == {
        "train": 6,
        "test": 5,
        "dev": 4,
    }


@pytest.mark.parametrize("how", ["no column", "dashes"])
def test_a_test_file_without_labels_is_passed_over(folder, tmp_path, how):
    path = folder("qnli", train=rows_of("qnli"), dev=rows_of("qnli", 4))
    rows = [["index", "question", "sentence", "label"], *([*row("qnli", i)[:3], "-"] for i in range(9))]
    end = 3 if how == "no column" else 4
    (tmp_path / "test.tsv").write_text("\n".join("\t".join(fields[:end]) for fields in rows))
    assert {name: len(split) for name, split in read("qnli", path).splits().items()} == {"train": 6, "test": 4}


def test_mismatched_genres_are_an_extra_test_set(folder):
    path = folder("mnli", train=rows_of("mnli"), dev_matched=rows_of("mnli", 4), dev_mismatched=rows_of("mnli", 5))
    corpus = read("mnli", path)
    assert {name: len(split) for name, split in corpus.splits().items()} == {"train": 6, "test": 4, "mismatched": 5}
    assert sorted(corpus.tests["mismatched"].split.ids) == [f"mismatched-{i}" for i in range(5)]
    assert corpus.tests["mismatched"].label_of.tolist() == [0, 1, 2]


def test_rows_without_a_gold_label_are_counted_per_file(folder, caplog):
    train = [*rows_of("snli"), row("snli", 6, "-"), row("snli", 7, "")]
    path = folder("snli", train=train, dev=[*rows_of("snli"), row("snli", 6, "-")])
    with caplog.at_level(logging.WARNING):
        corpus = read("snli", path)
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "2 of 8 rows have no label and are left out.",
        "1 of 7 rows have no label and are left out.",
    ]
    assert (len(corpus.train), len(corpus.test)) == (6, 6)


def test_labels_of_more_annotators_than_the_header_names_are_passed_over(folder):
    many = row("snli", 6)
    many[-1:-1] = ["neutral", "", "neutral", "entailment"]
    corpus = read("snli", folder("snli", train=[*rows_of("snli"), many], dev=rows_of("snli")))
    at = corpus.train.ids.index("6.jpg#0")
    assert corpus.label_names[corpus.train.gold[at]] == many[-1]


def faulty(task, at, fields):
    rows = rows_of(task)
    rows[at] = fields
    return rows


FAULTS = {
    "a field too few": ("qnli", faulty("qnli", 2, ["2", "What?", "entailment"]), ["line 4", "3 fields", "has 4"]),
    "a tab in a text": ("qnli", faulty("qnli", 2, ["2", "What?", "A", "tab", "entailment"]), ["line 4", "5 fields"]),
    "a line break": ("qnli", faulty("qnli", 2, ["2", "What\n?", "A", "entailment"]), ["line 4", "2 fields"]),
    "a blank line": ("qnli", faulty("qnli", 2, [""]), ["line 4", "1 fields"]),
    "an id twice": ("qnli", faulty("qnli", 4, row("qnli", 1)), ["lines 3 and 6", "'1'"]),
    "an empty id": ("qnli", faulty("qnli", 4, ["", *row("qnli", 4)[1:]]), ["line 6", "'index' is empty"]),
    "an empty premise": ("qnli", faulty("qnli", 1, ["1", " ", "A", "entailment"]), ["line 3", "'question' is empty"]),
    "an odd label": ("qnli", faulty("qnli", 3, ["3", "Q", "A", "entailmnt"]), ["line 5", "Did you mean 'entailment'"]),
    "no blank": (
        "winogrande",
        faulty("winogrande", 3, ["3", "q", "None here.", "a", "b", "1"]),
        ["line 5", "no blank '_'"],
    ),
    "an empty choice": ("winogrande", faulty("winogrande", 3, ["3", "q", "A _.", "a", "", "1"]), ["line 5", "option2"]),
    "no rows": ("qnli", [], ["train.tsv has no rows"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_line(folder, fault):
    task, rows, parts = FAULTS[fault]
    with pytest.raises(DataError) as error:
        read(task, folder(task, train=rows, dev=rows_of(task)))
    assert [part for part in ["train.tsv", *parts] if part not in str(error.value)] == []


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("0\tWho?\tHe.\tentailment", "line 1: the header ends with 'entailment', which is a label"),
        ("index\tquestion\tsentence", "3 columns, fewer than the labelled files of qnli"),
        ("index,question,sentence,label", "1 columns.*tab-separated"),
        ("index\ttext\ttext\tlabel", "names two columns alike"),
    ],
)
def test_a_header_that_cannot_be_is_explained(folder, tmp_path, header, expected):
    path = folder("qnli", train=rows_of("qnli"), dev=rows_of("qnli"))
    (tmp_path / "train.tsv").write_text(header + "\n0\tWho?\tHe.\tentailment\n")
    with pytest.raises(DataError, match=expected):
        read("qnli", path)


def test_a_file_in_another_encoding_is_named(folder, tmp_path):
    path = folder("qnli", train=rows_of("qnli"), dev=rows_of("qnli"))
    (tmp_path / "dev.tsv").write_bytes("index\tquestion\tsentence\tlabel\n0\té\tb\tentailment\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"dev\.tsv cannot be read.*UTF-8"):
        read("qnli", path)


@pytest.mark.parametrize(
    ("task", "files", "expected"),
    [
        ("qnli", ["dev"], r"holds no train\.tsv\. "),
        ("qnli", ["train"], r"holds no dev\.tsv or test\.tsv with labels"),
        ("qnli", [], r"holds no train\.tsv and no dev\.tsv"),
        ("mnli", ["train", "dev"], r"holds no dev_matched\.tsv\. "),
    ],
)
def test_a_missing_file_is_named(folder, task, files, expected):
    with pytest.raises(DataError, match=expected):
        read(task, folder(task, **{name: rows_of(task) for name in files}))


def test_a_path_that_is_no_folder_is_explained(tmp_path):
    with pytest.raises(DataError, match=r"is not a folder with train\.tsv and dev\.tsv of snli"):
        read("snli", str(tmp_path / "nowhere"))


def test_an_unknown_task_is_refused():
    with pytest.raises(ConfigError, match=r"Unknown dataset\.task 'snly'. Did you mean 'snli'"):
        Glue("snly", ".")


# ---- through the reader of the hub


@pytest.mark.parametrize("task", ["snli", "qnli", "winogrande"])
def test_a_path_is_all_that_a_dataset_of_the_hub_needs_to_be_read_from_a_folder(folder, task):
    path = folder(task, train=rows_of(task), dev=rows_of(task))
    hub = Hub("owner/there", task=task, path=path, text_column="only there", name=task).read()
    assert hub.fingerprint == read(task, path).fingerprint


def test_extra_splits_of_the_hub_are_left_out_with_a_folder(folder):
    path = folder("mnli", train=rows_of("mnli"), dev_matched=rows_of("mnli"))
    hub = Hub("nyu-mll/glue", task="mnli", path=path, tests={"mismatched": {"split": "validation_mismatched"}}).read()
    assert hub.tests == {}


def test_settings_that_a_task_makes_needless_are_refused():
    with pytest.raises(ConfigError) as error:
        Hub("o/x", task="snli", train="a.csv", test="b.csv", label_names=["a", "b"])
    assert len(error.value.problems) == 2
    assert "dataset=files" in error.value.problems[0]
    assert "label_names cannot be used with snli" in error.value.problems[1]
