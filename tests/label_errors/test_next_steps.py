"""What to do next is said in commands that can be pasted, whatever the file and the way it was read."""

import shlex

import pandas as pd
import pytest

import cal
from cal.cli import main
from cal.config import compose
from cal.corrections.correct_request import CorrectRequest
from cal.data.local_files import LocalFiles
from cal.label_errors.next_steps import is_command, next_steps

TEXTS = [f"{start} {place}?" for place in ("Rome", "Oslo", "Bonn") for start in ("How far is", "Who lives in")]


def correct_commands(config, output="out"):
    steps = filter(is_command, next_steps(1000, str(output), config))
    return [words[2:] for step in steps if (words := shlex.split(step))[1] == "correct"]


@pytest.mark.parametrize(
    "given",
    [
        {"path": "my file, 1.jsonl", "text_column": "Frage, lang", "label_column": "Art", "id_column": None},
        {"path": "(a)/b.tsv.gz", "separator": "tab", "encoding": "cp1252", "labels": "strict", "unlabelled": "skip"},
        {"path": "it's.csv", "separator": ";", "label_names": ["-1", 'say "hi"', "null", "a,b"], "split_column": None},
        {"path": "q.csv", "second_column": "true", "text_column": "1", "label_column": 'a "b" \\'},
    ],
)
def test_a_file_is_corrected_as_it_was_read(given):
    settings = LocalFiles(**given)
    (words,) = correct_commands({"dataset": {"reader": "files", **vars(settings)}, "split": "train"}, "my out")
    request = compose(CorrectRequest, "correct", words)
    assert {name: getattr(request.dataset, name) for name in vars(settings)} == vars(settings)
    assert str(request.corrections) == "my out/to_read.csv"
    suffix = given["path"].partition(".")[2]
    assert request.output.name == f"clean.{suffix}"


def test_each_split_is_corrected_in_its_own_file(tmp_path):
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").touch()
    config = {"dataset": {"reader": "files", "path": str(tmp_path)}}
    train, test = (str(tmp_path / f"{name}.csv") for name in ("train", "test"))
    to = "out/to_read.csv"
    assert correct_commands(config | {"split": "train"}) == [[train, to, f"test={test}", "output=clean.csv"]]
    assert correct_commands(config | {"split": "test"}) == [[test, to, "output=clean.csv"]]
    assert correct_commands(config | {"split": "all"}) == [
        [train, to, "output=clean-train.csv"],
        [test, to, "output=clean-test.csv"],
    ]


def test_where_no_file_is_known_the_users_own_is_asked_for():
    for dataset in (None, {"reader": "docstrings"}):
        step, command, *_ = next_steps(10, "out", {"dataset": dataset})
        assert step.endswith("Then mend these labels in your own file, here my.csv:")
        assert command == "cal correct my.csv out/to_read.csv output=clean.csv"


def test_a_list_of_all_splits_of_a_folder_corrects_each_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    labels = ["number", "person"] * 3
    for name, start in (("train", "On foot: "), ("test", "By train: ")):
        pd.DataFrame({"text": [start + text for text in TEXTS], "label": labels}).to_csv(
            f"data/{name}.csv", index=False
        )
    quick = ["learner=scikit", "features=lsa", "seeds=1", "folds=2", "by=cv_self_confidence", "n=0", "workers=1"]
    assert main(["suspects", "dataset=files", "dataset.path=data", "split=all", "output=out", *quick]) == 0
    reads = pd.read_csv("out/to_read.csv", keep_default_na=False)
    reads["corrected"] = reads["label"].map({"number": "person", "person": "number"}).where(reads["row"] == 2, "")
    reads.to_csv("out/to_read.csv", index=False, sep=";")
    commands = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("  cal correct ")]
    assert len(commands) == 2
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0
    for name in ("train", "test"):
        before, after = pd.read_csv(f"data/{name}.csv"), pd.read_csv(f"clean-{name}.csv")
        assert [*before.index[before["label"] != after["label"]]] == [1]


def test_corrected_labels_of_the_test_split_are_what_accuracy_is_measured_on(tmp_path):
    texts, labels = TEXTS * 4, ["number", "person"] * 12
    texts = [f"{text} {at}" for at, text in enumerate(texts)]
    split = ["train"] * 18 + ["test"] * 6
    given = [*labels[:18], *reversed(labels[18:])]  # every label of test is wrong
    table = pd.DataFrame({"text": texts, "label": given, "split": split})
    table.to_csv(tmp_path / "my.csv", index=False)
    corrections = table.assign(row=range(1, 25), corrected=labels)[18:]
    quick = {"learner": "scikit", "features": "lsa", "workers": 1}
    gain = cal.correct(tmp_path / "my.csv", corrections, seeds=2, **quick).gain
    assert gain.difference == 0
    assert gain.accuracies["before"].tolist() == [1.0, 1.0]
