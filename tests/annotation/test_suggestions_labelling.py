"""Labellers: functions that label the documents of a project, found by name, stopped by their own errors alone."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from cal import registry
from cal.annotation import Project
from cal.annotation.suggestions.labellers import ModelLabel, make_labeller, model_label
from cal.cli import main
from cal.errors import ConfigError, DataError
from cal.exchange.records import AnnotatedDocument

LABELS = ["HUM", "LOC", "NUM"]


def fill(project, n=6):
    project.import_documents([AnnotatedDocument(f"d{i}", f"text {i}") for i in range(n)])


@pytest.fixture
def project(database):
    with Project.create(database, labels=LABELS) as project:
        fill(project)
        yield project


@pytest.fixture
def in_sqlite(tmp_path):
    with Project.create(tmp_path / "p.db", labels=LABELS) as project:
        fill(project)
        yield project


def labels_of(project, source):
    """The label of each document that a source has labelled."""
    return {
        each.id: label
        for label in project.label_names
        for each in project.documents(filter=f'"{source}.label"="{label}"')
    }


@pytest.mark.parametrize(
    ("returned", "answer"),
    [
        ("HUM", ("HUM", None, None)),
        (" HUM ", ("HUM", None, None)),
        (None, (None, None, None)),
        ("", (None, None, None)),
        (7, ("7", None, None)),
        (("HUM", 1), ("HUM", 1.0, None)),
        (["HUM", 0.25, "because"], ("HUM", 0.25, "because")),
        ({"label": "HUM", "score": None, "why": "so"}, ("HUM", None, "so")),
        ((None, 0.5), (None, None, None)),
    ],
)
def test_what_a_labeller_may_return(returned, answer):
    assert model_label(returned) == ModelLabel(*answer)


@pytest.mark.parametrize(
    "returned", [("HUM", 1.5), ("HUM", "0.5"), ("HUM", float("nan")), {"lable": "HUM"}, 0.5, (), True]
)
def test_what_is_no_label_is_refused(returned):
    with pytest.raises(DataError, match="it returned"):
        model_label(returned)


def test_a_function_labels_the_documents_that_fit(project):
    project.decide("d0", "relabel", "LOC")
    told = project.suggest(lambda text: None if "3" in text else ("NUM", 0.5), source="rules", filter="state=undecided")
    assert (told.n_labelled, told.n_without) == (4, 1)
    assert labels_of(project, "rules") == dict.fromkeys(["d1", "d2", "d4", "d5"], "NUM")
    assert project.check() == []


def test_a_source_is_called_like_its_function_and_continues_with_what_it_has_not_seen(project):
    seen = []

    def keyword(text):
        seen.append(text)
        return "NUM" if "1" in text else None

    project.suggest(keyword)
    project.import_documents([AnnotatedDocument("d11", "text 11")])
    told = project.suggest(keyword)
    assert seen == [*(f"text {i}" for i in range(6)), "text 11"]  # also not those that it gave no label
    assert (told.source, told.n_labelled, told.n_known) == ("keyword", 1, 6)
    again = project.suggest(keyword, again=True)
    assert (again.n_labelled, again.n_known) == (2, 0)
    assert len(project.document("d1").suggestions) == 2  # one of each version


def test_lists_are_given_to_whom_takes_texts(project):
    sizes = []

    def label(texts, suffix=""):
        sizes.append(len(texts))
        return [("NUM", 0.5)] * len(texts)

    project.suggest(label, batch_size=4)
    assert sizes == [4, 2]
    with pytest.raises(DataError, match="it was given 6 texts and must return as many answers, not 1"):
        project.suggest(lambda texts: ["NUM"], source="short")


def test_an_error_is_told_with_the_document_and_what_was_labelled_is_kept(project):
    def fails(text):
        if "4" in text:
            raise ValueError("too long.")
        return "NUM"

    with pytest.raises(DataError, match=r"'fails' failed on document 'd4': ValueError: too long. What it has labelled"):
        project.suggest(fails)
    assert sorted(labels_of(project, "fails")) == ["d0", "d1", "d2", "d3"]
    told = project.suggest(fails, skip_errors=True)
    assert (told.n_labelled, told.n_known, told.failed) == (1, 4, ["d4"])

    def of_lists(texts):
        return [fails(each) for each in texts]

    with pytest.raises(DataError, match="one of the 6 documents from 'd0' to 'd5'"):
        project.suggest(of_lists)
    assert project.suggest(of_lists, skip_errors=True).failed == ["d4"]
    assert sorted(labels_of(project, "of_lists")) == ["d0", "d1", "d2", "d3", "d5"]


def test_a_label_that_the_project_lacks_is_an_error_of_its_document(in_sqlite):
    with pytest.raises(
        DataError, match=r"document 'd0': it returned a label that the project lacks. Unknown label 'PER'"
    ):
        in_sqlite.suggest(lambda text: "PER", source="gpt")
    assert in_sqlite.suggest(lambda text: "PER", source="gpt", new_labels=True).n_labelled == 6
    assert in_sqlite.label_names == [*LABELS, "PER"]


def test_exits_of_a_labeller_do_not_end_the_process(in_sqlite):
    with pytest.raises(DataError, match=r"calls sys.exit\(3\)"):
        in_sqlite.suggest(lambda text: sys.exit(3), source="gpt")


def test_calls_that_wait_run_at_the_same_time(in_sqlite):
    meeting = threading.Barrier(3, timeout=60)  # only three calls at once get past it

    def waits(text):
        meeting.wait()
        return "NUM"

    assert in_sqlite.suggest(waits, threads=3).n_labelled == 6


MODULE = """
class Keyword:
    def __init__(self, word="text"):
        self.word = word

    def __call__(self, text):
        return "NUM" if self.word in text else None


def label(text, score=.5):
    return "LOC", score


def needs(text, key):
    return "LOC"


def nothing():
    return "LOC"
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The folder of a module with labellers, from which it is imported."""
    (tmp_path / "my_labellers.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("my_labellers", None)


@pytest.fixture
def installed(module, monkeypatch):
    """An installed labeller called keyword."""
    entry = EntryPoint("keyword", "my_labellers:Keyword", registry.LABELLER_GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry] if group == registry.LABELLER_GROUP else [])


@pytest.mark.usefixtures("installed")
def test_labellers_are_found_by_name_and_path_and_take_parameters():
    assert make_labeller("keyword").answers(["text 1", "else"]) == [ModelLabel("NUM"), ModelLabel(None)]
    assert make_labeller({"keyword": {"word": "else"}}).answers(["text 1", "else"]) == [
        ModelLabel(None),
        ModelLabel("NUM"),
    ]
    assert make_labeller("my_labellers:label").name == "label"
    assert make_labeller({"_target_": "my_labellers.label", "score": 1}).answers(["a"]) == [ModelLabel("LOC", 1.0)]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("keywrd", "Did you mean 'keyword'.*cal.labellers.*module:function"),
        ("my_labellers:labl", "has no attribute 'labl'"),
        ("my_labellers:needs", "needs key, too"),
        ("my_labellers:nothing", "takes no text"),
        ({"my_labellers.label": {"scor": 1}}, "Did you mean 'score'"),
        ({"keyword": {"words": 1}}, "words"),
        ("os:system", "is posix.system, and not a function whose first parameter"),
        ("subprocess:Popen", "is the class subprocess.Popen, which cannot be called"),
        (7, "must be a name or a function"),
        ({"a": {}, "b": {}}, "must be a name or"),
    ],
)
def test_what_is_no_labeller_is_refused_before_anything_runs(spec, told):
    with pytest.raises(ConfigError, match=told):
        make_labeller(spec)


@pytest.mark.usefixtures("installed")
def test_a_command_suggests_labels(in_sqlite, capsys):
    assert main(["annotate", "suggest", in_sqlite.address, "labeller=keyword", "source=words", "filter=id!=d0"]) == 0
    out = capsys.readouterr().out
    assert "Source words: labels of 5 documents." in out
    assert "cal annotate queue" in out
    assert sorted(labels_of(in_sqlite, "words")) == ["d1", "d2", "d3", "d4", "d5"]


SLOW = """
import sys
import time


def slow(text):
    with open({log!r}, "a") as log:
        print(text, file=log)
    time.sleep(0.01)
    return "NUM"
"""


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path):
    log, n = tmp_path / "log", 400
    (tmp_path / "slow_labeller.py").write_text(SLOW.format(log=str(log)))
    with Project.create(tmp_path / "p.db", labels=LABELS) as project:
        fill(project, n)
        words = [sys.executable, "-m", "cal", "annotate", "suggest", "p.db", "labeller=slow_labeller:slow"]
        paths = os.pathsep.join([str(tmp_path), str(Path(registry.__file__).parents[1])])
        environment = {**os.environ, "PYTHONPATH": paths}
        process = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
        kept = 0
        for _ in range(3000):
            time.sleep(0.02)
            if project.document("d0").suggestions and (kept := len(labels_of(project, "slow"))):
                break
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept = len(labels_of(project, "slow"))
        assert 0 < kept < n
        log.unlink()
        assert subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True).returncode == 0
        assert log.read_text().splitlines() == [f"text {i}" for i in itertools.islice(range(n), kept, n)]
        assert len(labels_of(project, "slow")) == n
