"""What the sources of the page and the store must not do, whatever the data."""

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import cal

ROOT = Path(cal.__file__).parent
SCRIPTS = sorted([*(ROOT / "page" / "static").rglob("*.js"), *(ROOT / "maps" / "static").rglob("*.js")])
PYTHON = sorted([*(ROOT / "page").rglob("*.py"), *(ROOT / "annotation").rglob("*.py")])
SINKS = [
    *(r"\.innerHTML\b", r"\.outerHTML\b", r"insertAdjacentHTML", r"document\.write", r"\beval\s*\(", r"DOMParser"),
    *(r"\bFunction\s*\(", r"setTimeout\s*\(\s*[\"'`]", r"setInterval\s*\(\s*[\"'`]", r"postMessage\s*\("),
    *(r"setAttribute\(\s*[\"'`](style|on\w+)", r"createContextualFragment", r"setHTMLUnsafe", r"srcdoc\s*="),
    *(r"[\"'`]javascript:", r"import\s*\(\s*[^\"'`\s]", r"document\.domain", r"document\.cookie"),
]
CALLS = [
    *(r"\bpickle\b", r"\beval\(", r"\bexec\(", r"yaml\.load\(", r"\bmarshal\b", r"\bshelve\b", r"os\.system"),
    *(r"shell=True", r"\burllib\.request\b", r"^\s*(import|from) (requests|httpx)\b", r"torch\.load", r"__import__"),
    r"np\.load\(.*allow_pickle=True",
]


@pytest.mark.parametrize("pattern", SINKS)
def test_no_script_parses_text_as_markup_or_code(pattern):
    assert len(SCRIPTS) > 30
    found = [
        f"{path.name}:{number}: {line.strip()[:100]}"
        for path in SCRIPTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(pattern, line) and not line.lstrip().startswith(("*", "//", "/*"))
    ]
    assert found == []


@pytest.mark.parametrize("pattern", CALLS)
def test_no_module_runs_data_or_asks_other_servers(pattern):
    found = [
        f"{path.name}:{number}: {line.strip()[:100]}"
        for path in PYTHON
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(pattern, line)
    ]
    assert found == []


def test_the_page_itself_has_no_script_or_style_of_its_own():
    page = (ROOT / "page" / "static" / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?://", page)


@pytest.mark.slow
def test_bandit_finds_nothing():
    if shutil.which("bandit", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("bandit is not installed.")
    words = ["-q", "-r", str(ROOT / "page"), str(ROOT / "annotation"), "--skip", "B101", "--format", "txt"]
    run = subprocess.run([sys.executable, "-W", "ignore", "-m", "bandit", *words], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def test_nothing_is_fetched_from_an_address_in_the_data(small, serve, client, monkeypatch):
    server = serve(small)
    asks, connect = client(server), socket.socket.connect
    asked = []

    def watched(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[1] != server.port:
            asked.append(address)
            raise OSError("no connection to other servers")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: asked.append(host) or [])
    url = "http://169.254.169.254/latest/meta-data/"
    rows = {"id": ["u1", f"{url}x"], "text": [url, f'<img src="{url}">'], "label": ["HUM", "LOC"], "image": [url, url]}
    small.import_corpus(pd.DataFrame(rows), partial=True, accept=True)
    small.write_guidelines(f"![]({url})")
    monkeypatch.undo()
    assert asked == []
    assert asks.decide("u1", "comment", comment=url).status == 200
