"""Where results go is settled before any work, and what is there stays."""

import io
import logging
import sys
import threading

import pytest

import cal
from cal import progress
from cal.cli import main
from cal.errors import CalError, StorageError
from cal.files import OwnedFolder, dated_folder, refuse_unwritable
from cal.request import Request

LONG = "a" * 300
COMMANDS = ["map", "simulate", "suspects", "audit", "select", "weights", "map-diff"]


@pytest.fixture
def no_work(monkeypatch):
    """Fails if a command reads a corpus or a map."""
    for name in ("cal.data.request.CorpusRequest.corpus_if_given", "cal.maps.read.read_map", "cal.maps.diff.map_diff"):
        monkeypatch.setattr(name, lambda *_, **__: pytest.fail("worked first"))


def words_of(command, corpus_file, output):
    """A command into a folder; its maps do not exist."""
    of_corpus = ["dataset=files", f"dataset.path={corpus_file}", "n_epochs=1", "seeds=1"]
    given = {"select": ["map=nowhere", "count=3"], "weights": ["map=nowhere"], "map-diff": ["nowhere", "nowhere"]}
    small = ["rounds=1", "seed_size=10", "query_size=5", "strategies=[random]", "full_data=false", "workers=1"]
    words = given.get(command, of_corpus + (small if command == "simulate" else []))
    return [command, *words, *(["-o", str(output)] if command == "map-diff" else [f"output={output}"])]


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "simulate"])
@pytest.mark.parametrize("place", ["file", "file/below", LONG, "thesis"])
def test_an_output_that_cannot_be_written_is_refused_before_any_work(
    command, place, corpus_file, tmp_path, no_work, capsys
):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "one.tex").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    assert main(words_of(command, corpus_file, tmp_path / place)) == 1
    assert capsys.readouterr().err.startswith(f"cal: {'Cannot' if place != 'thesis' else str(tmp_path / place)}")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("place", ["file", LONG, "thesis"])
def test_a_simulation_is_refused_before_its_vectors(place, corpus_file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("cal.simulation.simulate.vectors_of", lambda *_: pytest.fail("worked first"))
    (tmp_path / "file").write_text("mine")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "one.tex").write_text("mine")
    assert main(words_of("simulate", corpus_file, tmp_path / place)) == 1
    assert "another folder" in capsys.readouterr().err


def test_a_full_disk_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr("cal.files.shutil.disk_usage", lambda _: type("Usage", (), {"free": 4096}))
    with pytest.raises(StorageError, match="its disk has 4,096 bytes left"):
        refuse_unwritable(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_fails_leaves_no_folder(command, tmp_path, capsys):
    words = words_of(command, tmp_path / "no.csv", tmp_path / "new" / "out")
    assert main(words) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_another_command_uses_is_refused(command, corpus_file, tmp_path, capsys):
    with OwnedFolder(tmp_path / "out", "cal map", "map.json").taken():
        assert main(words_of(command, corpus_file, tmp_path / "out")) == 1
        assert f"Another command is writing to {tmp_path / 'out'}" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_two_commands_without_an_output_get_two_folders(tmp_path):
    made = []
    threads = [threading.Thread(target=lambda: made.append(dated_folder(tmp_path, "map"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8


def test_a_long_name_of_a_corpus_is_cut(tmp_path):
    assert len(dated_folder(tmp_path, "語" * 100).name.encode()) < 200


def corpus_of(labels):
    return cal.Corpus.from_texts([f"Who or what is thing {i}?" for i in range(len(labels))], labels)


def test_a_result_of_other_data_is_not_replaced(tmp_path, corpus_file, capsys):
    one, other = corpus_of(["a", "b"] * 6), corpus_of(["a", "a", "b", "b"] * 3)
    for _ in range(2):
        cal.map(one, n_epochs=3, output=tmp_path / "map")
    before = (tmp_path / "map" / "map.parquet").read_bytes()
    with pytest.raises(StorageError, match="for other data, which would be replaced"):
        cal.map(other, n_epochs=3, output=tmp_path / "map")
    assert (tmp_path / "map" / "map.parquet").read_bytes() == before
    drawn = cal.map(other, n_epochs=3)
    for command, given in ((cal.select, {"count": 2}), (cal.weights, {}), (cal.suspects, {"neighbours": 0})):
        folder = tmp_path / command.__name__
        command(cal.read_map(tmp_path / "map"), output=folder, **given)
        with pytest.raises(StorageError, match="other data"):
            command(drawn, output=folder, **given)


def test_the_same_request_may_refresh_its_result(tmp_path, capsys):
    """Of a file that was mended, too."""
    path, words = tmp_path / "x.csv", ["map", "dataset=files", "n_epochs=1", f"output={tmp_path / 'map'}"]
    for first in "ab":
        labels = [first, *"abababababa"]
        rows = "".join(f"{i},Who or what is thing {i}?,{label}\n" for i, label in enumerate(labels))
        path.write_text(f"id,text,label\n{rows}")
        assert main([*words, f"dataset.path={path}"]) == 0


@pytest.mark.parametrize("call", [cal.map, cal.suspects, cal.weights, lambda path: cal.select(path, count=1)])
def test_a_path_that_is_too_long_is_our_error(call):
    with pytest.raises(CalError):
        call(f"{LONG}/x.csv")


@pytest.mark.parametrize("words", [["report", LONG], ["compare", LONG], ["lint-logs", LONG], ["map", f"logs={LONG}"]])
def test_a_path_that_is_too_long_is_one_line(words, capsys):
    assert main(words) == 1
    assert "too long" in capsys.readouterr().err


def test_an_argument_that_is_no_text_is_refused(capsys):
    assert main(["map", "output=caf\udce9"]) == 1
    assert r"'output=caf\xe9' is not text in utf-8. Rename" in capsys.readouterr().err


def test_an_output_that_is_no_text_is_refused_in_python(tmp_path):
    with pytest.raises(StorageError, match=r"its name has the character '\\udce9'"):
        cal.map(corpus_of(["a", "b"] * 6), n_epochs=1, output=tmp_path / "caf\udce9")
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_that_knows_ascii_only_shows_codes(tmp_path, monkeypatch):
    path = tmp_path / "x.csv"
    path.write_text("text,label\n" + "".join(f"Who is 😀 {i}?,{'ab'[i % 2]}é\n" for i in range(20)), encoding="utf-8")
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["data", "dataset=files", f"dataset.path={path}"]) == 0
    terminal.seek(0)
    assert r"\U0001f600" in terminal.buffer.getvalue().decode("ascii")


@pytest.mark.parametrize(
    ("texts", "labels", "ids"),
    [
        (["How \ud83d", "Who"], ["x", "y"], None),
        (["How", "Who"], ["x\ud800", "y"], None),
        (["How", "Who"], ["x", "y"], ["a\udc00", "b"]),
    ],
    ids=["text", "label", "id"],
)
def test_a_lone_surrogate_is_refused(texts, labels, ids):
    with pytest.raises(CalError, match="half a character"):
        cal.Corpus.from_texts(texts, labels, ids=ids)


@pytest.mark.parametrize("quiet", [False, True])
def test_without_a_terminal_there_is_a_sign_of_life(monkeypatch, quiet):
    said = threading.Event()

    class Stderr(io.StringIO):
        def write(self, text):
            said.set()
            return super().write(text)

    monkeypatch.setattr(sys, "stderr", stderr := Stderr())
    monkeypatch.setattr(progress, "SECONDS", 0.001)
    monkeypatch.setattr(logging.getLogger("cal"), "level", logging.WARNING)
    for _ in progress.counted(range(3), 3, "training", quiet=True):
        with progress.signs_of_life(lambda: "2 of 3 rounds done", quiet):
            assert quiet or said.wait()
    assert ("2 of 3 rounds done" in stderr.getvalue()) != quiet


def test_a_request_that_the_system_refuses_is_our_error_whoever_writes_it():
    class Mine(Request):
        def _resolve(self, problems):
            pass

        def run(self, corpus=None, *, quiet=False):
            raise FileNotFoundError(2, "No such file or directory", "x.csv")

    with pytest.raises(StorageError, match=r"Cannot use x\.csv: No such file or directory"):
        Mine().run()
