"""A backend that ends, or is killed, goes on with all that it has answered."""

import os
import signal
import subprocess
import sys
import time

import pytest

from cal.errors import ConfigError, StorageError

WRITER = """
import sys
import time
from cal.label_studio.changes import Annotation, Change
from cal.label_studio.state import BackendState
from pathlib import Path

state, begin = BackendState(Path(sys.argv[1])), int(sys.argv[2])
for number in range(begin, begin + 100_000):
    state.record("3", Change(tasks={number: {"text": str(number)}}, annotations=[Annotation(number, number)]))
    print(number, flush=True)
"""


def test_a_new_start_serves_the_last_model_and_trains_no_other(serve, connect, studio):
    studio.annotate(studio.order(6))
    version, answer = studio.wait(2), studio.predict()
    studio.backend.close()
    again = connect(serve())
    assert again.version() == version
    assert again.predict() == answer
    assert again.backend.trainer.make(again.uid) is None  # there is nothing new to learn
    assert again.version() == version
    again.annotation = studio.annotation
    again.annotate(again.order(4))
    again.wait(3)
    assert again.backend.state.model(again.uid).round == 1


def test_what_was_missing_is_trained_at_the_next_start(serve, connect, studio, monkeypatch):
    monkeypatch.setattr(studio.backend.trainer, "look_at", lambda uid: None)  # it ends before it has looked
    studio.annotate(studio.order(6))
    studio.backend.close()
    assert connect(serve()).wait(2).startswith("cal-2-margin-6-")


def test_other_options_put_the_tasks_in_order_again(serve, connect, studio):
    studio.annotate(studio.order(6))
    studio.wait(2)
    studio.backend.close()
    assert connect(serve(strategy="entropy")).wait(3).startswith("cal-3-entropy-6-")


def test_messages_that_were_answered_survive_a_kill(tmp_path):
    from cal.label_studio.state import BackendState

    begin = 0
    for pause in (0.0, 0.05, 0.1):
        with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, str(begin)], stdout=subprocess.PIPE) as writer:
            first = writer.stdout.readline()
            time.sleep(pause)
            writer.send_signal(signal.SIGKILL)
            said = [int(line) for line in [first, *writer.stdout.read().split(b"\n")[:-1]]]
        state = BackendState(tmp_path)
        tasks, annotations = state.numbers("3")
        state.close()
        assert tasks == annotations
        assert set(range(begin, said[-1] + 1)) <= tasks <= set(range(said[-1] + 2))
        begin = max(tasks) + 1


def test_a_folder_is_for_one_backend_and_of_the_command(serve, tmp_path):
    serve(tmp_path / "a")
    with pytest.raises(StorageError, match="writing to"):
        serve(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match=r"has thesis\.tex"):
        serve(tmp_path / "b")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "state.db").write_text("no database, but long enough to be taken for something")
    with pytest.raises(StorageError, match="give another folder"):
        serve(tmp_path / "c")


@pytest.mark.slow
def test_a_killed_command_goes_on_with_the_same_order(connect, tmp_path):
    words = ["annotate", "label-studio", str(tmp_path / "learned"), "port=0", "-q", "features=lsa", "test_share=0"]
    words += ["features.n_components=4", "learner.hidden=[8]", "n_epochs=3", "seed_size=6", "batch=4", "device=cpu"]

    class Started:
        password = ""

        def __enter__(self):
            program = [sys.executable, "-m", "cal", *words]
            self.process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=os.environ)
            self.port = int(self.process.stdout.readline().rpartition(":")[2])
            return self

        def __exit__(self, *_):
            self.process.kill()
            self.process.communicate()

    with Started() as backend:
        studio = connect(backend)
        studio.setup()
        studio.send_tasks()
        studio.wait(1)
        order = studio.order()
        studio.annotate(order[:6])  # and it is killed before it has learned from them
    with Started() as backend:
        again = connect(backend)
        assert again.wait(2).startswith("cal-2-margin-6-")
        order = again.order()
        again.annotation = studio.annotation
        again.annotate(order[:4])
    with Started() as backend:
        again = connect(backend)
        assert again.wait(3).startswith("cal-3-margin-10-")
        assert set(again.order()) == set(order[4:])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "There is no folder"),
        (["learned", "port=70000"], "at most 65535"),
        (["learned", "--port", "x"], "port"),
        (["learned", "seed_size=0"], "seed_size"),
        (["learned", "suggest=perhaps"], "suggest"),
        (["learned", "strategy=nope"], "nope"),
        (["learned", "url=localhost:8080"], "http://localhost:8080"),
        (["learned", "url=http://localhost:8080"], "no token"),
        (["learned", "host=203.0.113.7"], "This machine has no address"),
        (["learned", "seed_set=balanced"], "chooses by labels"),
        (["learned", "stopping=[stabilising_predictions]"], "no place to tell it"),
    ],
)
def test_what_cannot_be_served_says_what_to_do(words, told, monkeypatch, tmp_path, capsys):
    from cal.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
    assert main(["annotate", "label-studio", *words]) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "learned").exists()


def test_a_port_that_is_taken_is_told(serve):
    from cal.label_studio.backend import Backend

    taken = serve()
    with pytest.raises(ConfigError, match="is taken"):
        Backend(taken.folder.parent / "other", taken.trainer.options, port=taken.port)
