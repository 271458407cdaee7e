"""Clients that are killed while they decide: nothing that was acknowledged is lost, and nothing is there twice."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cal.annotation import Project

CROWD = Path(__file__).with_name("crowd.py")
HOT = [f"hot{i}" for i in range(6)]


def corpus(n):
    ids = [f"q{i}" for i in range(n)] + HOT
    labels = ["HUM", "LOC", "NUM"]
    return pd.DataFrame({"id": ids, "text": ids, "label": [labels[i % 3] for i in range(len(ids))]})


def notes(folder, name):
    return [json.loads(line) for line in (folder / name).read_bytes().splitlines()]


@pytest.mark.parametrize(
    ("n_clients", "n_kills", "n_documents"), [(3, 5, 200), pytest.param(8, 200, 20_000, marks=pytest.mark.slow)]
)
def test_what_was_acknowledged_is_there_once(database, tmp_path, n_clients, n_kills, n_documents):
    with Project.create(database) as project:
        project.import_corpus(corpus(n_documents))
        project.queue(order="random", double_share=0.2, lease_seconds=1)
        words = [sys.executable, str(CROWD), database, str(tmp_path), str(n_clients), str(n_kills), "1"]
        run = subprocess.run(words, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        sent, acknowledged = notes(tmp_path, "sent"), {each["key"] for each in notes(tmp_path, "acknowledged")}
        assert {each["key"] for each in sent} == acknowledged  # who followed a killed client has sent it again
        decisions = [each["id"] for words in sent for each in words["decisions"]]
        undone = [words["key"] for words in sent if words["undoes"]]
        events = project.events()
        events = events[events["reviewer"].str.startswith("reviewer ")]
        assert sorted(events["uuid"]) == sorted(decisions + undone)
        assert len(decisions) > n_kills
        assert project.check() == []
