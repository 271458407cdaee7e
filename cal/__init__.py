"""cal: cartography active learning. Training dynamics become data maps, and the maps choose what to label next.

Names are loaded when first used, so `import cal` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cal.acquisition.base import Acquisition
    from cal.acquisition.one_run import OneRun, one_run
    from cal.acquisition.pool import Pool
    from cal.data import read_corpus
    from cal.data.corpus import Corpus, Split
    from cal.data.features import Features
    from cal.dynamics.data_map import DataMap
    from cal.dynamics.training_dynamics import TrainingDynamics
    from cal.errors import CalError
    from cal.learners.mlp import MLP
    from cal.simulation.curves import LearningCurves
    from cal.simulation.simulate import simulate

__version__ = "0.1.0"

_MODULES = {
    "simulate": "cal.simulation.simulate",
    "read_corpus": "cal.data",
    "Corpus": "cal.data.corpus",
    "Split": "cal.data.corpus",
    "Features": "cal.data.features",
    "MLP": "cal.learners.mlp",
    "Acquisition": "cal.acquisition.base",
    "OneRun": "cal.acquisition.one_run",
    "one_run": "cal.acquisition.one_run",
    "Pool": "cal.acquisition.pool",
    "LearningCurves": "cal.simulation.curves",
    "TrainingDynamics": "cal.dynamics.training_dynamics",
    "DataMap": "cal.dynamics.data_map",
    "CalError": "cal.errors",
}

__all__ = [
    "simulate",
    "read_corpus",
    "Corpus",
    "Split",
    "Features",
    "MLP",
    "Acquisition",
    "OneRun",
    "one_run",
    "Pool",
    "LearningCurves",
    "TrainingDynamics",
    "DataMap",
    "CalError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'cal' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
