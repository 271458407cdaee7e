"""The candidates of dynamics_against_margin, against loops in NumPy; its cells, and its table from invented curves."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch

from cal.acquisition.base import chosen
from cal.acquisition.map_regression import PredictedVariability
from cal.acquisition.uncertainty import Margin
from cal.testing import conformance, practice_pool


@pytest.fixture
def script(modules_of):
    """script(name): a module of the experiment."""
    return modules_of("dynamics_against_margin")


@pytest.fixture
def pool():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(80, 5))
    x[rng.integers(0, 80, 20)] = x[rng.integers(0, 80, 20)]
    return practice_pool(x, torch.from_numpy(rng.integers(0, 3, 80)), seeds=[4, 9])


def gap(probs):
    first, second = np.sort(probs)[::-1][:2]
    return first - second


@pytest.mark.parametrize("name", ["U4", "U5", *(pytest.param(name, marks=pytest.mark.slow) for name in ("U1", "U2"))])
def test_a_candidate_keeps_every_law(script, name):
    strategy = script("candidates").CANDIDATES[name]
    assert [outcome for outcome in conformance(strategy) if outcome.problem] == []


def test_u1_weighs_by_the_averaged_margin(script, pool):
    weights = script("candidates").CANDIDATES["U1"].weights(pool)
    expected = [[1 - gap(probs) for probs in run.numpy()] for run in pool.predictions.mean_probs]
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-12)


def test_u2_weighs_by_margin_and_variability(script, pool):
    candidate = script("candidates").CANDIDATES["U2"]
    variability = PredictedVariability(seed_map="out_of_fold", folds=3).score(pool).numpy()
    for run, probs in enumerate(pool.probs.numpy()):
        expected = [(1 - gap(probs[i])) * max(variability[run, i], 0) for i in range(len(probs))]
        np.testing.assert_allclose(candidate.weights(pool)[run].numpy(), expected, rtol=1e-12)
    assert "embeddings" in candidate.needs
    assert "features" in candidate.needs


def test_u3_is_the_share_of_epochs_that_disagree_with_the_last(script, pool):
    predicted = pool.predictions.predicted.numpy()  # (run, epoch, candidate)
    expected = [[np.mean([p != run[-1, i] for p in run[:, i]]) for i in range(run.shape[1])] for run in predicted]
    np.testing.assert_allclose(script("candidates").CANDIDATES["U3"].score(pool).numpy(), expected)


def test_u4_is_margin_times_change_and_margin_alone_at_first(script, pool):
    candidate = script("candidates").CANDIDATES["U4"]
    probs, before = pool.probs.numpy(), pool.probs_before.numpy()
    for run in range(2):
        expected = [
            (1 - gap(probs[run, i])) * math.sqrt(sum((probs[run, i] - before[run, i]) ** 2))
            for i in range(probs.shape[1])
        ]
        np.testing.assert_allclose(candidate.score(pool)[run].numpy(), expected, rtol=1e-9)
    first = practice_pool(np.random.default_rng(3).normal(size=(60, 5)), torch.arange(60) % 3, seeds=[4], round=0)
    assert chosen(candidate, first, 9).positions.tolist() == chosen(Margin(), first, 9).positions.tolist()


def test_u5_is_margin_where_neighbours_are_learnable(script, pool):
    candidate = script("candidates").LearnableMargin(threshold=0.5)
    positions = chosen(candidate, pool, 40).positions
    for run in range(2):
        x, known = pool.features[run].double().numpy(), pool.labelled_features[run].double().numpy()
        correctness = pool.data_map.correctness[run].numpy()
        learnable = []
        for vector in x:
            cosines = known @ vector / np.linalg.norm(known, axis=1) / np.linalg.norm(vector)
            k = int(np.sqrt(len(known)))
            near = cosines >= np.sort(cosines)[-k] - 1e-9
            learnable.append(correctness[near].mean() > 0.5)
        gaps = [gap(probs) for probs in pool.probs[run].numpy()]
        order = sorted(range(len(x)), key=lambda i: (not learnable[i], gaps[i]))
        assert {True, False} == set(learnable)
        assert [gaps[i] for i in positions[run].tolist()] == [gaps[i] for i in order[:40]]


def test_ten_seeds_of_all_that_decides_come_before_ten_more(script):
    run = script("run")
    order = [(cell.noise, cell.name, len(seeds), seeds[0]) for cell, seeds in run.parts(None, 20)]
    assert len({entry[1:] for entry in order}) == len(order) == 24
    assert [noise for noise, *_ in order] == [0.0] * 4 + [0.2] * 4 + [0.0] * 4 + [0.2] * 4 + [0.1] * 8
    assert {n for _, _, n, _ in order} == {10}
    assert {first for *_, first in order[:8]} == {398048}
    assert [cell.name for cell, _ in run.parts(["trec-lsa", "ag_news-minilm-20"], 10)] == [
        "trec-lsa",
        "ag_news-minilm-20",
    ]
    assert list(run.strategies(None)) == [*run.BASELINES, "U1", "U2", "U3", "U4", "U5"]
    assert run.strategies(["margin"]) == {"margin": "margin"}


def invented(rng, **above_margin):
    """Areas of all strategies over 12 seeds, each above margin by so much, give or take a little."""
    margin = rng.normal(0.7, 0.02, 12)
    above = dict.fromkeys(["random", "uncertainty_herding", "U1", "U2", "U3", "U4", "U5"], 0.0) | above_margin
    return {"margin": margin} | {name: margin + by + rng.normal(0, 0.003, 12) for name, by in above.items()}


def test_a_cell_is_judged_against_both_rivals_with_holm_over_five(script):
    table = script("table")
    areas = invented(np.random.default_rng(1), uncertainty_herding=0.02, U1=0.03, U2=0.02, U3=0.01, U4=-0.02)
    judged = table.judged(areas).set_index("strategy")
    p = {}
    for name in table.CANDIDATES:
        against = [slow_permutation(areas[name] - areas[rival]) for rival in ("margin", "uncertainty_herding")]
        p[name] = max(against)
        assert judged.loc[name, "p"] == pytest.approx(p[name])
        assert judged.loc[name, "seeds_above_margin"] == (areas[name] > areas["margin"]).sum()
        assert judged.loc[name, "over_random"] == pytest.approx((areas[name] - areas["random"]).mean())
    ordered, worst = sorted(p, key=p.get), 0.0
    for k, name in enumerate(ordered):
        worst = max(worst, p[name] * (5 - k))
        assert judged.loc[name, "p_holm"] == pytest.approx(min(worst, 1))
    assert judged["result"].to_dict() == {
        **dict.fromkeys(["margin", "random", "uncertainty_herding", "U2", "U3", "U5"], ""),
        **{"U1": "wins", "U4": "loses"},
    }


def slow_permutation(differences):
    signs = np.array(list(itertools.product([1, -1], repeat=len(differences))))
    return (abs((signs * differences).mean(axis=1)) >= abs(differences.mean()) - 1e-12).mean()


def test_a_candidate_that_has_not_run_makes_no_other_more_significant(script):
    table, areas = script("table"), invented(np.random.default_rng(2), U1=0.001)
    whole = table.judged(areas).set_index("strategy")
    alone = table.judged({name: areas[name] for name in ("margin", "uncertainty_herding", "random", "U1")})
    p = whole.loc["U1", "p"]
    assert alone.set_index("strategy").loc["U1", "p_holm"] == pytest.approx(min(5 * p, 1))


def test_the_verdict_needs_three_cells_of_ten_seeds(script):
    table, rng = script("table"), np.random.default_rng(3)

    def cells(n, better, worse=0):
        parts = [table.judged(invented(rng, U1=0.05 if k < better else 0.0)) for k in range(n)]
        parts += [part.assign(n_seeds=9) for part in parts[:worse]]
        return pd.concat([part.assign(corpus=str(k), vectors="lsa", noise=0.0) for k, part in enumerate(parts)])

    assert "U1 beats margin and plain herding in 3 of four cells" in table.verdicts(cells(4, 3))[0]
    assert "none of five strategies on training dynamics" in table.verdicts(cells(4, 2))[0]
    few = table.verdicts(cells(2, 2, worse=2))[0]
    assert "2 of four cells have ten seeds" in few
    assert "undecided" in few
    lacking = cells(4, 4)
    assert "undecided" in table.verdicts(lacking[lacking["strategy"] != "U3"])[0]


def test_without_a_finished_run_there_is_no_table(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["table.py", str(tmp_path / "nowhere"), "--output", str(tmp_path / "results")])
    with pytest.raises(SystemExit):
        script("table").main()
    assert "there are no finished runs in" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_seeds_that_a_strategy_has_not_finished_do_not_count(script, simulated, tmp_path, monkeypatch):
    table = script("table")
    monkeypatch.setattr(table, "LAST_ROUND", 1)
    small = {"rounds": 1, "seeds": [1, 2, 3]}
    for name in ("random", "margin"):
        simulated(strategies=[name], output=tmp_path / "cell" / name, **small)
    (path,) = (tmp_path / "cell" / "margin" / "rounds").glob("margin-3.jsonl")
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    (curves,) = table.cells(tmp_path)
    curves.about["config"]["features"] = {"kind": "lsa"}
    rows = table.cell_table(curves)
    assert rows["n_seeds"].tolist() == [2, 2]
    assert rows["strategy"].tolist() == ["random", "margin"]
    expected = curves.rounds.query("strategy == 'margin' and seed != 3").groupby("seed")["accuracy"].mean()
    assert rows["area"][1] == pytest.approx(expected.mean())  # of two rounds, the area is the mean of both
