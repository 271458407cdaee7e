"""cal: cartography active learning.

`cal` watches how sure a classifier is of each example, epoch after epoch, and draws it as a data map. With it you
compare active-learning strategies, choose training data, find wrong labels, and let people review them.

Names are loaded when first used, so `import cal` costs nothing.
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the one table of public names: type checkers read it, and so does `_homes`
    from cal.acquisition.base import Acquisition as Acquisition
    from cal.acquisition.one_run import OneRun as OneRun
    from cal.acquisition.one_run import one_run as one_run
    from cal.acquisition.pool import Pool as Pool
    from cal.active.ask_request import ask as ask
    from cal.active.asked import ToLabel as ToLabel
    from cal.active.learner import ActiveLearner as ActiveLearner
    from cal.corrections.correct_request import correct as correct
    from cal.corrections.corrected import Corrected as Corrected
    from cal.corrections.error_count import ErrorCount as ErrorCount
    from cal.corrections.error_count import count_errors as count_errors
    from cal.data import read_corpus as read_corpus
    from cal.data.corpus import Corpus as Corpus
    from cal.data.corpus import Split as Split
    from cal.data.features import Features as Features
    from cal.doubtful_texts.text_problems_result import TextProblems as TextProblems
    from cal.doubtful_texts.text_problems_result import text_problems as text_problems
    from cal.dynamics.data_map import DataMap as DataMap
    from cal.dynamics.lint import lint_logs as lint_logs
    from cal.dynamics.recorder import DynamicsRecorder as DynamicsRecorder
    from cal.dynamics.shard_recorder import ShardRecorder as ShardRecorder
    from cal.dynamics.training import compute_train_dynamics as compute_train_dynamics
    from cal.dynamics.training import compute_training_dynamics as compute_training_dynamics
    from cal.dynamics.training_dynamics import TrainingDynamics as TrainingDynamics
    from cal.errors import CalError as CalError
    from cal.label_errors.audit_request import audit as audit
    from cal.label_errors.audit_result import AuditResult as AuditResult
    from cal.label_errors.suspects import Suspects as Suspects
    from cal.label_errors.suspects_request import suspects as suspects
    from cal.learners.mlp import MLP as MLP
    from cal.learners.scikit import Scikit as Scikit
    from cal.learners.transformer import Transformer as Transformer
    from cal.maps.diff import map_diff as map_diff
    from cal.maps.diff_result import MapDiff as MapDiff
    from cal.maps.read import read_logs as read_logs
    from cal.maps.read import read_map as read_map
    from cal.maps.request import map as map
    from cal.maps.sharded_request import map_shards as map_shards
    from cal.maps.sharded_result import ShardedMap as ShardedMap
    from cal.planning.maps_request import plan_map as plan_map
    from cal.planning.scores_request import plan_scores as plan_scores
    from cal.planning.simulation_request import plan_simulate as plan_simulate
    from cal.planning.work_plan import WorkPlan as WorkPlan
    from cal.report.comparison import Comparison as Comparison
    from cal.report.pairwise import compare as compare
    from cal.selection.request import select as select
    from cal.selection.result import Selection as Selection
    from cal.selection.weighted import Weights as Weights
    from cal.selection.weights_request import weights as weights
    from cal.shards.score_request import score as score
    from cal.shards.score_result import ChosenDocuments as ChosenDocuments
    from cal.simulation.curves import LearningCurves as LearningCurves
    from cal.simulation.pack import pack_curves as pack_curves
    from cal.simulation.pack import unpack_curves as unpack_curves
    from cal.simulation.request import simulate as simulate
    from cal.testing import check_acquisition as check_acquisition

__version__ = "0.1.0"


def _homes() -> dict[str, str]:
    """The module of each public name, as imported for type checkers above."""
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    table = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        each.name: str(line.module) for line in table.body if isinstance(line, ast.ImportFrom) for each in line.names
    }


_HOMES = _homes()
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cal' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
