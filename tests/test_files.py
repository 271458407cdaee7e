"""Files are whole or absent whatever interrupts a write, and folders stay with their command."""

import hashlib
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from cal.errors import StorageError
from cal.files import OwnedFolder, append, dated_folder, digest_of, write_whole


@pytest.fixture
def folder(tmp_path):
    return OwnedFolder(tmp_path / "out", "cal map", "map.json")


def python(script, *words, **options):
    return subprocess.run([sys.executable, "-c", script, *map(str, words)], capture_output=True, text=True, **options)


@contextmanager
def running(script, tmp_path, *words):
    """A process, from when it has made the file that is its last argument until it is killed."""
    started = tmp_path / "started"
    process = subprocess.Popen([sys.executable, "-c", script, *map(str, words), str(started)])
    try:
        while not started.exists():
            assert process.poll() is None
            time.sleep(0.01)
        yield
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL


# ---- a file is whole or absent


@pytest.mark.parametrize("content", [b"new", lambda file: file.write(b"new")], ids=["bytes", "function"])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_file_is_replaced_and_nothing_lies_beside_it(tmp_path, old, content):
    path = tmp_path / "deep" / "down" / "file.csv"
    if old is not None:
        write_whole(path, old)
    write_whole(path, content)
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_a_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    write_whole(tmp_path / "whole", b"")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "usual").stat().st_mode


WRITER = """
import sys, time
from pathlib import Path
from cal.files import write_whole

def slowly(file):
    file.write(b"half of it")
    file.flush()
    Path(sys.argv[2]).touch()
    time.sleep(600)

write_whole(Path(sys.argv[1]), slowly)
"""


@pytest.mark.parametrize("old", [None, b"old"])
def test_a_process_killed_while_it_writes_leaves_the_old_file(tmp_path, old):
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)
    with running(WRITER, tmp_path, path):
        pass
    assert (path.read_bytes() if path.exists() else None) == old
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"


def limited():
    """As on a disk with room for 1,000 bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


@pytest.mark.parametrize("function", ["write_whole", "append"])
def test_a_full_disk_is_a_storage_error(tmp_path, function):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    script = f"import sys; from pathlib import Path; from cal.files import {function}\n"
    script += f"{function}(Path(sys.argv[1]), b'new' * 1000, 'Buy a disk.')"
    error = python(script, path, preexec_fn=limited).stderr
    assert f"StorageError: Cannot write {path}: File too large. Buy a disk." in error
    assert path.read_bytes()[:3] == b"old"
    assert len(path.read_bytes()) == 3 or function == "append"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_an_error_while_writing_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(file):
        file.write(b"new")
        raise error

    with pytest.raises(error):
        write_whole(path, fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_then_name_reach_the_disk(tmp_path, monkeypatch):
    """First fsync of the hidden file, then the rename, then fsync of the folder."""
    path, steps, fsync = tmp_path / "file", [], os.fsync

    def watched(descriptor):
        steps.append((Path(f"/proc/self/fd/{descriptor}").readlink(), path.exists()))
        fsync(descriptor)

    monkeypatch.setattr("cal.files.os.fsync", watched)
    write_whole(path, b"content")
    (hidden, there_before), (parent, there_after) = steps
    assert (hidden.parent, hidden.name[:6], there_before) == (tmp_path, ".file.", False)
    assert (parent, there_after) == (tmp_path, True)


def test_what_is_appended_follows_what_is_there(tmp_path):
    for line in (b"a\n", b"b\n"):
        append(tmp_path / "lines", line)
    assert (tmp_path / "lines").read_bytes() == b"a\nb\n"


def test_a_file_in_the_way_of_a_folder_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"Cannot write .*Make room, or give another path"):
        write_whole(tmp_path / "file" / "inside", b"")


# ---- digests and names


def test_the_digest_of_a_folder_is_that_of_sha256sum(tmp_path):
    for name, content in {"b": b"2", "a/c": b"3", "a.txt": b"1"}.items():
        write_whole(tmp_path / name, content)
    command = ["sha256sum", "a/c", "a.txt", "b"]  # a folder's files stay together
    lines = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    assert digest_of(tmp_path) == hashlib.sha256(lines).hexdigest()


def test_dated_folders_differ_and_have_plain_names(tmp_path):
    paths = []
    for _ in range(3):
        paths.append(dated_folder(tmp_path, "my corpus/é"))
    assert {path.parent for path in paths} == {tmp_path}
    assert all("my_corpus_é" in path.name for path in paths)


# ---- folders that belong to a command


def test_a_folder_with_something_else_is_refused(folder):
    write_whole(folder.path / "thesis.tex", b"precious")
    with pytest.raises(StorageError, match=r"no folder of cal map: it has thesis\.tex and no map\.json\. Give another"):
        folder.refuse_foreign()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Not a directory"):
        OwnedFolder(tmp_path / "file", "cal map", "map.json").refuse_foreign()


def test_a_folder_is_its_commands_once_it_is_marked(folder):
    folder.refuse_foreign()
    folder.write("map.json", b"{}")
    folder.write("notes.txt", b"")
    folder.refuse_foreign()


def test_what_an_interrupted_command_leaves_is_its_own(folder):
    folder = OwnedFolder(folder.path, "cal map", "map.json", spared=["checkpoints"])
    with folder.lock("map"):
        folder.write("checkpoints/one", b"")
        write_whole(folder.path / ".map.json.0123abcd", b"half")
    folder.refuse_foreign()
    write_whole(folder.path / ".bashrc", b"")
    with pytest.raises(StorageError, match="bashrc"):
        folder.refuse_foreign()


def test_a_lock_keeps_other_processes_out_names_their_command_and_is_given_back(folder):
    script = "import sys; from cal.files import OwnedFolder\n"
    script += "with OwnedFolder(sys.argv[1], 'cal audit', 'audit.json').lock('audit'): pass"
    with OwnedFolder(folder.path, "cal audit", "audit.json").lock("audit"):
        error = python(script, folder.path).stderr
    assert f"Another cal audit is writing to {folder.path}" in error
    assert "Wait for it, stop it, or give another output folder." in error
    assert python(script, folder.path).returncode == 0


def test_a_killed_process_gives_its_lock_back(folder, tmp_path):
    script = "import sys, time; from pathlib import Path; from cal.files import OwnedFolder\n"
    script += "with OwnedFolder(sys.argv[1], 'cal map', 'map.json').lock('map'):\n"
    script += "    Path(sys.argv[2]).touch()\n    time.sleep(600)"
    with running(script, tmp_path, folder.path), pytest.raises(StorageError), folder.lock("map"):
        pass
    with folder.lock("map"):
        pass


def test_locks_of_different_names_are_apart(folder):
    with folder.lock("cal-1"), folder.lock("cal-2"), pytest.raises(StorageError), folder.lock("cal-1"):
        pass


def test_a_lock_in_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    folder = OwnedFolder(tmp_path / "file", "cal map", "map.json")
    with pytest.raises(StorageError, match="Cannot write to the folder"), folder.lock("map"):
        pass
