"""What the project asks of its surroundings: packages and pytest."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_tests_run_without_the_cache_of_pytest_and_leave_nothing_behind(tmp_path):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/test_shares.py"]
    run = subprocess.run(command, cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert list(tmp_path.iterdir()) == []
