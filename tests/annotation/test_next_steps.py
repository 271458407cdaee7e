"""Each command ends with the one that usually follows, ready to be copied; and results show themselves in notebooks."""

import shlex
import subprocess
import sys

import pandas as pd
import pytest

from cal.annotation import Project
from cal.annotation.requests.queue_request import QueueRequest
from cal.cli import main
from cal.commands import COMMANDS
from cal.errors import ConfigError

CORPUS = {"id": [f"q-{n}" for n in range(6)], "text": [f"Who is {n}?" for n in range(6)], "label": ["HUM", "LOC"] * 3}


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """Runs words of a command, and gives the command that follows."""
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(CORPUS).to_csv("my.csv", index=False)

    def run(words):
        assert main(words) == 0
        printed = capsys.readouterr().out
        (line,) = (each for each in printed.splitlines() if each.startswith("Next: "))
        return shlex.split(line[line.index("cal annotate") :])[1:]

    return run


def test_following_the_advice_leads_through_a_review(told):
    queue = told(["annotate", "import", "my reviews.db", "dataset=files", "dataset.path=my.csv"])
    assert queue == ["annotate", "queue", "my reviews.db", "order=random"]
    decide = told(told(queue))
    assert decide == ["annotate", "decide", "my reviews.db", "--from", "next.csv"]
    sheet = pd.read_csv("next.csv", dtype=str, keep_default_na=False)
    sheet.loc[:3, "action"] = "keep"
    sheet.to_csv("next.csv", index=False)
    status = told(decide)
    export = told(status)
    with Project.open("my reviews.db") as project:
        assert project.status().latest.queue.name == "random-1"  # a sheet is a way to read a queue, too
    assert export[-1] == "output=next-2.csv"  # the sheet that was filled in is not replaced
    decide = told(export)
    sheet = pd.read_csv("next-2.csv", dtype=str, keep_default_na=False)
    sheet.assign(action="keep").to_csv("next-2.csv", index=False)
    assert told(told(decide))[-1] == "output=reviewed.csv"


def test_a_password_is_not_printed():
    request = QueueRequest(project="postgresql://ann:secret@host/reviews", order="random")
    assert request.word == "'postgresql+psycopg://ann:***@host/reviews'"


def test_a_missing_ranking_comes_with_the_commands_that_make_one(reviews_of_texts):
    with pytest.raises(ConfigError) as caught:
        reviews_of_texts.queue("p_wrong")
    name = reviews_of_texts.address
    assert f"cal suspects dataset=annotation dataset.project={name} output=suspects && " in str(caught.value)
    assert str(caught.value).endswith(f"cal annotate import {name} suspects=suspects")
    with pytest.raises(ConfigError, match=r"cal annotate import .*reviews\.db map=FOLDER"):
        reviews_of_texts.queue("confidence")


def test_results_are_short_in_a_notebook(reviews_of_texts, tmp_path):
    again = reviews_of_texts.import_corpus(CORPUS)
    assert repr(again).endswith("reviews.db: 6 unchanged.")
    assert repr(reviews_of_texts.queue(order="random")) == "Queue 'random-1': 6 documents, random"
    taken = reviews_of_texts.decide_from({"id": ["q-1"], "action": ["keep"]})
    assert repr(taken) == "Taken from the table: 1 new decision"
    assert repr(reviews_of_texts.export(output=tmp_path / "all.csv")).endswith("all.csv: 6 documents as csv")
    assert "<td>5</td>" in reviews_of_texts._repr_html_()
    status = reviews_of_texts.status()._repr_html_()
    assert "1 of 6 documents decided" in status
    assert "<table" in status
    assert "<p>No documents that several reviewers decided yet" in reviews_of_texts.agreement(blind=False)._repr_html_()


@pytest.fixture
def reviews_of_texts(tmp_path):
    with Project.create(tmp_path / "reviews.db") as project:
        project.import_corpus(CORPUS)
        yield project


def test_help_of_the_commands_imports_nothing_heavy():
    commands = [name.split() for name in COMMANDS if name.startswith("annotate ")]
    code = (
        "import sys; from cal.cli import main\n"
        f"for words in {commands}:\n    try: main([*words, '--help'])\n    except SystemExit: pass\n"
        "print([m for m in ('torch', 'numpy', 'pandas', 'sqlalchemy', 'hydra') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.count("usage: cal annotate ") == len(commands)
    assert out.rstrip().endswith("[]")


def test_calls_that_are_wrong_are_named(reviews_of_texts):
    for call, told in (
        (lambda: reviews_of_texts.decide("q-1", "keep", reviewr="ann"), "Did you mean 'reviewer'"),
        (lambda: reviews_of_texts.decide(1, "keep"), "document must be an id; given 1"),
        (lambda: reviews_of_texts.decide("q-1", "relabel", 3), "label must be text; given 3"),
        (lambda: reviews_of_texts.decide("q-1", "keep", comment=["x"]), "comment must be text"),
        (lambda: reviews_of_texts.queue(order="random", filter="given=NUM"), "Known: HUM, LOC.$"),
        (lambda: reviews_of_texts.import_corpus(), "Give a corpus, a map or suspects"),
    ):
        with pytest.raises(ConfigError, match=told):
            call()
