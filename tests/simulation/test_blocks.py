"""Which runs are advanced together, and what happens where a GPU's memory is short."""

import logging

import numpy as np
import pytest
import torch

from cal.acquisition.pool import PoolDocuments
from cal.acquisition.spec import make_strategies
from cal.data.features import Features
from cal.errors import WorkerError
from cal.learners.compute import fitting_blocks, in_halves
from cal.learners.evaluate import labels_by_test
from cal.learners.mlp import MLP, MLPLearner
from cal.simulation import blocks as workers
from cal.simulation.blocks import Plan, Processes, advance_block, carry_out
from cal.simulation.loop import Setting
from cal.simulation.run_folder import FULL_DATA, Run, RunFolder
from cal.simulation.seed_sets import StratifiedSeedSet, choose_seed_set

QUICK = {"hidden": 8, "n_epochs": 3, "lr": 1e-2}


@pytest.fixture
def plan_of(make_task, tmp_path):
    def plan(name="run", seeds=2):
        corpus, features = make_task()
        folder = RunFolder(tmp_path / name)
        folder.create({}, {})
        gold = corpus.train.gold
        setting = Setting(
            documents=PoolDocuments(corpus.train.ids, corpus.label_names),
            gold=torch.from_numpy(gold),
            tests=labels_by_test(corpus),
            strategies=make_strategies(["random", "entropy", {"cal": QUICK}, "averaged_margin"]),
            query_size=5,
            n_rounds=2,
        )
        return Plan(
            setting,
            inputs=features,
            learner=MLP(hidden=[8, 8], n_epochs=4, batch_size=8, lr=1e-2),
            seed_sets={
                seed: choose_seed_set(StratifiedSeedSet(), gold, features.train, 12, seed)
                for seed in range(1, seeds + 1)
            },
            device="cpu",
            folder=folder,
        )

    return plan


def runs_of(plan):
    return [Run(name, seed) for name in plan.setting.strategies for seed in (1, 2)]


def kept(plan, runs=None):
    return [[record | {"seconds": None} for record in plan.folder.records(run)] for run in runs or runs_of(plan)]


def test_strategies_of_a_seed_train_their_first_round_once(plan_of, trained):
    plan = plan_of()
    carry_out(plan, [Run(FULL_DATA, 1), *runs_of(plan)], Processes(plan, 1))
    assert trained[:3] == [1, 1, 1]  # the full data, and the seed sets of two seeds
    assert sum(trained) == 2 + 1 + 2 * len(runs_of(plan))  # and once per run and round after, and on the full data


def test_runs_that_share_a_training_are_those_that_do_not(plan_of):
    shared, apart = plan_of("shared"), plan_of("apart")
    carry_out(shared, runs_of(shared), Processes(shared, 1))
    for run in runs_of(apart):
        advance_block(apart, [run])
    assert kept(shared) == kept(apart)


def test_a_whole_grid_in_one_block_trains_the_first_round_once_per_seed(plan_of, trained):
    plan = plan_of()
    advance_block(plan, runs_of(plan))
    assert trained == [2, len(runs_of(plan)), len(runs_of(plan))]


def test_a_first_round_that_is_done_is_not_done_again(plan_of, trained):
    plan = plan_of()
    carry_out(plan, runs_of(plan), Processes(plan, 1))
    expected = kept(plan)
    for run in runs_of(plan)[1:]:
        plan.folder.cut(run, 1)
    trained.clear()
    carry_out(plan, runs_of(plan), Processes(plan, 1))
    assert sum(trained) == 2 * (len(runs_of(plan)) - 1)
    assert kept(plan) == expected


def test_a_block_can_stop_before_a_round(plan_of):
    plan = plan_of()
    advance_block(plan, runs_of(plan), until=2)
    assert {len(plan.folder.records(run)) for run in runs_of(plan)} == {2}
    advance_block(plan, runs_of(plan), until=1)
    assert {len(plan.folder.records(run)) for run in runs_of(plan)} == {2}


def test_seconds_of_a_shared_training_are_shared(plan_of):
    plan = plan_of()
    advance_block(plan, runs_of(plan))
    first = [plan.folder.records(run)[0]["seconds"] for run in runs_of(plan)]
    assert len({seconds["fit"] for seconds in first}) == 1
    looked = {run.strategy for run, seconds in zip(runs_of(plan), first, strict=True) if "acquire/look" in seconds}
    assert looked == {"averaged_margin"}


# --- a GPU's memory


def free_memory(monkeypatch, n_bytes):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (n_bytes, 10 * n_bytes))


def test_a_grid_that_fits_is_one_block(monkeypatch, caplog):
    free_memory(monkeypatch, 10**10)
    assert fitting_blocks(range(8), 10**9) == [list(range(8))]
    assert not caplog.records


def test_a_grid_that_does_not_fit_is_cut_into_equal_blocks_and_a_line_says_so(monkeypatch, caplog):
    free_memory(monkeypatch, int(3.9e9 / 0.8))
    with caplog.at_level(logging.WARNING, "cal"):
        blocks = fitting_blocks(range(8), 10**9)
    assert blocks == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert "A run needs about 1.0 GB and the GPU has 4.9 GB free: 8 runs train in 3 blocks." in caplog.text


def test_a_run_that_will_hardly_fit_is_tried_alone(monkeypatch):
    free_memory(monkeypatch, 1)
    assert fitting_blocks(range(3), 10**9) == [[0], [1], [2]]


def test_no_runs_are_no_blocks(monkeypatch):
    free_memory(monkeypatch, 10**10)
    assert fitting_blocks([], 10**9) == []


def test_larger_tasks_need_more_memory_each_way():
    usual = {"n_instances": 5_000, "n_labelled": 2_000, "width": 300, "n_classes": 6}

    def bytes_per_run(width, **sizes):
        return MLP().bytes_per_run(Features(*[np.zeros((1, width), np.float32)] * 2), **sizes)

    needed = bytes_per_run(**usual)
    assert needed > 4 * 4 * (3 * 301 * 300 + 301 * 6)
    assert all(bytes_per_run(**usual | {name: 2 * value}) > needed for name, value in usual.items())


@pytest.fixture(params=["fit", "predict"])
def crowded(monkeypatch, request):
    """A GPU, played by the CPU, that holds three classifiers at most: in training, or when a strategy asks them."""
    method = getattr(MLPLearner, request.param)

    def crowded_method(self, *given, **named):
        if self.n_runs > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return method(self, *given, **named)

    monkeypatch.setattr(MLPLearner, request.param, crowded_method)


def advanced(plan, block):
    return [part for part, _ in in_halves(lambda part: advance_block(plan, part), block)]


def test_where_memory_runs_out_halves_go_on(plan_of, crowded, caplog):
    plan, apart = plan_of("halved", seeds=8), plan_of("apart", seeds=8)
    runs = [Run("entropy", seed) for seed in range(1, 9)]
    with caplog.at_level(logging.WARNING, "cal"):
        parts = advanced(plan, runs)
    assert parts == [runs[0:2], runs[2:4], runs[4:6], runs[6:8]]
    assert caplog.text.count("continue in two halves") == 3
    for run in runs:
        advance_block(apart, [run])
    assert kept(plan, runs) == kept(apart, runs)


def test_a_run_too_large_for_the_gpu_says_what_to_do(plan_of, monkeypatch):
    def fit(self, *given, **named):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(MLPLearner, "fit", fit)
    plan = plan_of()
    with pytest.raises(WorkerError, match=r"too little memory for one run.*device=cpu"):
        advanced(plan, runs_of(plan)[:2])


def test_runs_that_are_ahead_are_not_put_beside_those_behind(plan_of):
    """On a GPU, blocks that were stopped apart: side by side, the one ahead would be taken back."""
    plan = plan_of()
    runs = [Run(FULL_DATA, 1), *runs_of(plan)]
    advance_block(plan, runs[1:3])
    advance_block(plan, runs[3:6], until=2)
    assert workers._equally_far(plan, runs) == [runs[:1], runs[6:], runs[3:6]]
