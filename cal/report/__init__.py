"""Reports on finished simulations: significance, comparison, plots, tables and the report itself.

The names below are loaded on first use, so `from cal.report import aso` needs NumPy alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cal.report.comparison import Comparison
    from cal.report.pairwise import aso_matrix, compare
    from cal.report.scores import area_under_curve as area_under_curve
    from cal.report.significance import aso, paired_permutation_test, violation_ratio
    from cal.report.sweep import is_sweep, sweep_table, sweep_text
    from cal.report.write import write_report

__all__ = [
    "aso",
    "violation_ratio",
    "paired_permutation_test",
    "aso_matrix",
    "compare",
    "Comparison",
    "area_under_curve",
    "is_sweep",
    "sweep_table",
    "sweep_text",
    "write_report",
]

_MODULES = {
    "aso": "significance",
    "violation_ratio": "significance",
    "paired_permutation_test": "significance",
    "aso_matrix": "pairwise",
    "compare": "pairwise",
    "Comparison": "comparison",
    "area_under_curve": "scores",
    "is_sweep": "sweep",
    "sweep_table": "sweep",
    "sweep_text": "sweep",
    "write_report": "write",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
