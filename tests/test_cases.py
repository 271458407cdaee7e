"""The log of cases names tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINES = (ROOT / "tests" / "CASES.md").read_text(encoding="utf-8").splitlines()
ROWS = [line for line in LINES if line.startswith("| ") and not line.startswith("| situation")]


@pytest.mark.parametrize("row", ROWS)
def test_each_case_names_a_test_that_exists(row: str) -> None:
    cells = row.strip("|").split(" | ")
    assert len(cells) == 3, "a row is: situation | what is right | test"
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", cells[2])
    assert named, "the third cell names its test as `tests/path.py::test_name`"
    for path, name in named:
        text = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"^ *def {name}\(", text, re.MULTILINE), f"{path} has no {name}"
