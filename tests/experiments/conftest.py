"""Modules of experiments: each folder has a `run`, a `table` or a `task` of its own."""

import importlib
import sys
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"


@pytest.fixture
def modules_of(monkeypatch):
    """modules_of(folder): a function that imports a module of an experiment's folder by its name."""

    def of(folder):
        for name, module in list(sys.modules.items()):
            path = Path(getattr(module, "__file__", None) or "/")
            if EXPERIMENTS in path.parents and path.parent != EXPERIMENTS / folder:
                del sys.modules[name]
        monkeypatch.syspath_prepend(EXPERIMENTS / folder)
        return importlib.import_module

    return of
