"""Shared by tests of simulations."""

import orjson
import pytest

from cal.learners.mlp import MLPLearner


@pytest.fixture(scope="session")
def kept():
    """kept(folder): everything that it keeps of its runs, byte by byte: records without their seconds, and maps."""

    def read(folder):
        files = {}
        for path in sorted((*folder.glob("rounds/*.jsonl"), *folder.glob("maps/*"))):
            content = path.read_bytes()
            if path.suffix == ".jsonl":
                lines = [orjson.loads(line) for line in content.splitlines()]
                content = b"\n".join(orjson.dumps(line | {"seconds": None}) for line in lines)
            files[path.relative_to(folder)] = content
        return files

    return read


@pytest.fixture
def trained(monkeypatch):
    """How many classifiers each training was of, in this process."""
    counted = []
    fit = MLPLearner.fit

    def counting(self, labelled, *given, **named):
        counted.append(len(labelled))
        return fit(self, labelled, *given, **named)

    monkeypatch.setattr(MLPLearner, "fit", counting)
    return counted
