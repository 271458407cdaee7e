"""A folder that is continued with more rounds, seeds or strategies ends as one simulation of the larger request."""

import os
import shutil
from itertools import permutations

import numpy as np
import pytest

from cal.errors import StorageError
from cal.simulation import blocks
from cal.simulation.curves import LearningCurves
from cal.simulation.extension import stopped_short
from cal.simulation.run_folder import Run, RunFolder

PART = {"strategies": ["random", "entropy"], "seeds": [2, 1], "rounds": 1}
LARGER = {"strategies": ["margin", "random", "entropy"], "seeds": [1, 3, 2], "rounds": 3}


@pytest.fixture(scope="module")
def at_once(simulated, tmp_path_factory):
    folder = tmp_path_factory.mktemp("at_once")
    return folder, simulated(**LARGER, output=folder)


ORDERS = [*permutations(LARGER)]


@pytest.mark.parametrize(
    "order",
    [pytest.param(each, marks=[] if each in ORDERS[::5] else pytest.mark.slow, id=" ".join(each)) for each in ORDERS],
)
def test_whatever_is_added_first_the_folder_ends_the_same(kept, simulated, assert_same, at_once, tmp_path, order):
    request = dict(PART)
    simulated(**request, output=tmp_path)
    for key in order:
        request[key] = LARGER[key]
        curves = simulated(**request, output=tmp_path)
    assert kept(tmp_path) == kept(at_once[0])
    assert_same(curves, at_once[1])
    assert (curves.strategies, curves.seeds) == (at_once[1].strategies, at_once[1].seeds)
    of_both = [RunFolder(folder).config() | {"output": None} for folder in (tmp_path, at_once[0])]
    assert of_both[0] == of_both[1]


@pytest.mark.slow
def test_everything_can_be_added_at_once_by_several_workers(kept, simulated, at_once, tmp_path):
    simulated(**PART | {"rounds": 0}, output=tmp_path)
    simulated(**LARGER, workers=2, output=tmp_path)
    assert kept(tmp_path) == kept(at_once[0])


def test_only_what_is_missing_is_done(simulated, tmp_path, trained):
    simulated(**PART, output=tmp_path)
    trained.clear()
    simulated(**PART | {"seeds": [2, 1, 3]}, output=tmp_path)
    assert sum(trained) == 1 + 2 * 1  # the seed set once for both strategies, then a round of each
    trained.clear()
    simulated(**PART | {"seeds": [2, 1, 3], "rounds": 3}, output=tmp_path)
    assert sum(trained) == 2 * 3 * (2 + 1)  # two rounds more, and the last one again
    trained.clear()
    simulated(**PART | {"seeds": [2, 1, 3], "rounds": 3}, full_data=True, output=tmp_path)
    assert sum(trained) == 3
    trained.clear()
    simulated(**PART | {"seeds": [3, 2, 1], "rounds": 3}, full_data=True, output=tmp_path)
    assert not trained


def test_what_will_be_done_is_said(simulated, tmp_path, caplog):
    simulated(**PART, output=tmp_path)
    simulated(**LARGER, output=tmp_path)
    assert "holds 2 strategies with 2 seeds. To be added: 1 strategy (margin), 1 seed and 2 " in (caplog.text)
    assert "2 rounds; finished runs repeat their last round, because its classifiers were not kept." in caplog.text
    caplog.clear()
    simulated(**LARGER, output=tmp_path)
    assert not caplog.text


@pytest.mark.parametrize("stop", [False, True])
def test_runs_that_a_criterion_or_an_empty_pool_has_ended_stay(kept, simulated, tmp_path, trained, stop):
    ends = {"stopping": [{"max_rounds": {"rounds": 1}}], "stop": True} if stop else {"query_size": 24}
    simulated(**ends, rounds=3 if stop else 2, output=tmp_path / "part")
    trained.clear()
    simulated(**ends, rounds=5, output=tmp_path / "part")
    assert not trained
    simulated(**ends, rounds=5, output=tmp_path / "whole")
    assert kept(tmp_path / "part") == kept(tmp_path / "whole")


def test_criteria_see_all_rounds_of_a_continued_run(kept, simulated, tmp_path):
    rules = {"stopping": ["expected_gain", {"target_accuracy": {"accuracy": 0.6}}], "dev_size": 9}
    rules |= {"strategies": ["entropy"], "seeds": 1, "query_size": 12}
    simulated(**rules, rounds=2, output=tmp_path / "part")
    simulated(**rules, rounds=4, output=tmp_path / "part")  # and the pool runs empty
    simulated(**rules, rounds=4, output=tmp_path / "whole")
    assert kept(tmp_path / "part") == kept(tmp_path / "whole")


@pytest.mark.parametrize("cut", range(3))
def test_an_extension_that_was_killed_ends_the_same(kept, simulated, at_once, tmp_path, monkeypatch, cut):
    """It ends after some rounds, in which a line may be cut short."""
    simulated(**PART, output=tmp_path)
    keep, n_left = blocks._keep, [1 + 5 * cut]

    def dying(plan, run, finished):
        if not n_left[0]:
            raise KeyboardInterrupt
        n_left[0] -= 1
        keep(plan, run, finished)

    with monkeypatch.context() as patched:
        patched.setattr(blocks, "_keep", dying)
        with pytest.raises(KeyboardInterrupt):
            simulated(**LARGER, output=tmp_path)
    rng = np.random.default_rng(cut)
    for path in tmp_path.glob("rounds/*.jsonl"):
        os.truncate(path, path.stat().st_size - int(rng.integers(0, 30)))
    LearningCurves.load(tmp_path)  # what is finished can be read
    simulated(**LARGER, output=tmp_path)
    assert kept(tmp_path) == kept(at_once[0])


def test_killed_before_its_configuration_was_written_it_ends_the_same(kept, simulated, at_once, tmp_path, monkeypatch):
    simulated(**PART, output=tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "write_yaml", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            simulated(**LARGER, output=tmp_path)
    simulated(**LARGER, output=tmp_path)
    assert kept(tmp_path) == kept(at_once[0])


def test_runs_side_by_side_that_are_not_equally_far_end_the_same(kept, simulated, at_once, tmp_path, monkeypatch):
    """As on a GPU, where all runs that are equally far share a block."""
    simulated(**PART, output=tmp_path)

    def in_blocks(plan, runs, workers):
        for alike in blocks._equally_far(plan, runs):
            blocks.advance_block(plan, alike)

    monkeypatch.setattr("cal.simulation.simulate.carry_out", in_blocks)
    simulated(**LARGER, output=tmp_path)
    assert kept(tmp_path) == kept(at_once[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rounds": 2}, r"rounds up to 3 \(asked for: 2\)"),
        ({"seeds": [1, 4, 5]}, "seeds 2, 3"),
        ({"strategies": ["random", "bald", "margin"]}, "strategy entropy"),
        ({"full_data": False, "seeds": [1]}, r"seeds 2, 3; training on the full data \(full_data=true\)"),
    ],
    ids=str,
)
def test_less_than_the_folder_holds_is_refused(simulated, at_once, tmp_path, changes, message):
    shutil.copytree(at_once[0], tmp_path, dirs_exist_ok=True)
    if "full_data" in changes:
        simulated(**LARGER, full_data=True, output=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(StorageError, match=f"holds more than is asked for: {message}. Ask for all that it holds"):
        simulated(**LARGER | changes, output=tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_runs_of_which_none_is_finished_need_not_be_asked_for_again(simulated, tmp_path):
    """A number of seeds that was a slip of the finger can be taken back."""
    folder = RunFolder(tmp_path)
    expected = simulated(**PART, output=tmp_path)
    simulated(**PART | {"seeds": [2, 1, 3]}, output=tmp_path)
    for strategy in PART["strategies"]:
        folder.cut(Run(strategy, 3), 1)
    assert simulated(**PART, output=tmp_path).rounds.equals(expected.rounds)
    with pytest.raises(StorageError, match=r"rounds up to 1 \(asked for: 0\)"):  # its records have acquired for round 1
        simulated(**PART | {"seeds": [2, 1, 3], "rounds": 0}, output=tmp_path)


def test_a_strategy_that_was_left_out_unfinished_is_remembered(simulated, tmp_path, monkeypatch):
    simulated(**PART, output=tmp_path)
    for seed in PART["seeds"]:
        RunFolder(tmp_path).cut(Run("entropy", seed), 1)
    simulated(**PART | {"strategies": ["random"]}, output=tmp_path)
    monkeypatch.setattr("cal.simulation.simulate.digest", lambda strategy: "other code")
    with pytest.raises(StorageError, match="the code or the parameters of entropy, random"):
        simulated(**PART, output=tmp_path)


def test_saved_curves_can_be_continued(simulated, at_once, tmp_path):
    simulated(**PART, output=tmp_path / "part").save(tmp_path / "saved")
    assert "finished" in RunFolder(tmp_path / "saved").about()
    curves = simulated(**LARGER, output=tmp_path / "saved")
    assert "finished" not in RunFolder(tmp_path / "saved").about()
    assert curves.rounds.accuracy.tolist() == at_once[1].rounds.accuracy.tolist()
    assert curves.acquired.id.tolist() == at_once[1].acquired.id.tolist()


def test_saved_curves_that_lack_what_the_next_round_needs_are_refused(simulated, tmp_path):
    rule = {"stopping": ["expected_gain"]}
    curves = simulated(**PART, **rule)
    curves.save(tmp_path)
    with pytest.raises(StorageError, match="cannot be continued: it does not say what the stopping criteria saw"):
        simulated(**PART | {"rounds": 2}, **rule, output=tmp_path)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"round": 5}, False),
        ({"acquired": ["a"]}, False),
        ({"stopping": {"met": ["max_rounds"]}}, False),
        ({"stopping": {"met": []}}, True),
    ],
    ids=str,
)
def test_a_run_goes_on_only_where_its_number_of_rounds_ended_it(changes, expected):
    last = {"round": 3, "acquired": [], **changes}
    assert stopped_short(last, n_rounds=5, stop=True) is expected
