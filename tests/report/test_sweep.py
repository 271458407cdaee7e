"""The table of a sweep: a row per job, with what differs and what came of it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import yaml

from cal.errors import StorageError
from cal.report.scores import area_under_curve
from cal.report.sweep import is_sweep, sweep_table, sweep_text


@pytest.fixture(scope="module")
def jobs(simulated):
    """Curves of three jobs, of which the last has another strategy and one seed."""
    return [
        simulated(query_size=5, strategies=["random", "entropy"]),
        simulated(query_size=10, strategies=["random", "entropy"]),
        simulated(query_size=10, strategies=["margin"], seeds=[1]),
    ]


@pytest.fixture
def sweep(jobs, tmp_path):
    for number, curves in enumerate(jobs):
        curves.save(tmp_path / str(number))
    (tmp_path / "multirun.yaml").write_text("")
    return tmp_path


def test_a_row_per_job_holds_the_parameters_in_which_jobs_differ(sweep):
    table = sweep_table(sweep)
    assert table.index.tolist() == [0, 1, 2]
    assert table.columns.tolist()[:4] == ["strategies", "seeds", "query_size", "n_labelled"]
    assert table["query_size"].tolist() == [5, 10, 10]
    assert table["strategies"].tolist() == ['["random", "entropy"]'] * 2 + ['["margin"]']
    assert table["n_labelled"].tolist() == [27, 42, 42]


def test_scores_are_means_and_deviations_over_seeds(jobs, sweep):
    table = sweep_table(sweep)
    for job, curves in enumerate(jobs):
        for strategy in ("random", "entropy", "margin"):
            runs = [run for (name, _), run in curves.rounds.groupby(["strategy", "seed"]) if name == strategy]
            areas = [area_under_curve(run["n_labelled"], run["accuracy"]) for run in runs] or [np.nan]
            finals = [run["accuracy"].iloc[-1] for run in runs] or [np.nan]
            for measure, values in {"area": areas, "accuracy": finals}.items():
                spread = np.std(values, ddof=1) if len(values) > 1 else np.nan
                given = table.loc[job, [f"{strategy} {measure}", f"{strategy} {measure}_spread"]].tolist()
                assert given == pytest.approx([np.mean(values), spread], nan_ok=True)


def test_the_text_has_a_line_per_job_and_strategy(sweep):
    header, *lines = sweep_text(sweep_table(sweep)).splitlines()
    assert header.split() == ["job", "strategies", "seeds", "query_size", "strategy", "labels", "area", "accuracy"]
    assert len(lines) == 5
    assert "±" in lines[0]
    assert "±" not in lines[4]


def test_a_job_without_a_finished_round_stays_in_the_table(sweep):
    shutil.rmtree(sweep / "1" / "rounds")
    table = sweep_table(sweep)
    assert table["query_size"].tolist() == [5, 10, 10]
    assert np.isnan(table.loc[1, "random area"])
    assert "unfinished" in sweep_text(table)


def test_jobs_that_differ_in_nothing_have_no_parameters(jobs, tmp_path):
    for number in range(2):
        jobs[0].save(tmp_path / str(number))
        config = yaml.safe_load((tmp_path / str(number) / "config.yaml").read_text())
        (tmp_path / str(number) / "config.yaml").write_text(yaml.safe_dump(config | {"output": f"sweep/{number}"}))
    assert sweep_table(tmp_path).columns[0] == "n_labelled"


def test_other_folders_are_no_sweeps(sweep, tmp_path_factory):
    assert is_sweep(sweep)
    assert not is_sweep(sweep / "0")
    with pytest.raises(StorageError, match="holds no jobs of a sweep"):
        sweep_table(tmp_path_factory.mktemp("empty"))
