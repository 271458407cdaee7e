"""Simulated reviews: the same draws, estimates and intervals as of a real queue, and the command around them."""

import json

import numpy as np
import pandas as pd
import pytest

import cal
from cal.annotation import simulate_reviews
from cal.annotation.proof.betting import Bets, error_bounds
from cal.annotation.proof.simulated_reviews import simulated_reviews
from cal.annotation.queues.draw_order import draw_order, draw_weights
from cal.annotation.requests.simulate_request import ReviewsRequest
from cal.cli import main
from cal.errors import CalError, ConfigError
from cal.streams import stream

RNG = np.random.default_rng(0)
ERRORS = np.arange(200) < 20
WEIGHTS = draw_weights(RNG.normal(size=200) + 2 * ERRORS, probability=False)
QUICK = {"features": "lsa", "learner": {"mlp": {"hidden": [4]}}, "n_epochs": 2, "workers": 1, "quiet": True}


@pytest.fixture(scope="module")
def corpus():
    texts = [
        f"{start} {n} {end}?" for n in range(40) for start in ("How far is", "Who lives in") for end in ("", "now")
    ]
    return cal.Corpus.from_texts(texts, ["number", "number", "person", "person"] * 40, ids=range(160))


@pytest.mark.parametrize("order", ["sampled", "random", "mixed", "ranked"])
def test_simulated_queues_are_drawn_like_real_ones(order):
    simulated = simulated_reviews(WEIGHTS, ERRORS, order, [20, 60], stream(1, "reviews"), repetitions=300)
    real = [draw_order(WEIGHTS, order, generator=stream(seed, "queue")) for seed in range(300)]
    for look, n_reads in enumerate((20, 60)):
        found = [ERRORS[each.documents[:n_reads]].sum() for each in real]
        error = np.std(found) * np.sqrt(2 / 300)
        assert simulated.found[:, look].mean() == pytest.approx(np.mean(found), abs=4 * error + 1e-9)


@pytest.mark.parametrize("order", ["sampled", "random", "mixed"])
def test_estimates_are_unbiased_and_intervals_hold(order):
    seen = simulated_reviews(WEIGHTS, ERRORS, order, [60, 120, 200], stream(1, "reviews"), repetitions=400)
    for look in (0, 1):
        error = seen.estimate[:, look].std() / 20
        assert seen.estimate[:, look].mean() == pytest.approx(20, abs=4 * error)
    assert seen.estimate[:, 2].tolist() == [20] * 400
    assert seen.held.mean() >= 0.95
    inside = ((seen.low <= 20) & (seen.high >= 20)).all(axis=1)
    assert (inside[~seen.held[: len(inside)]].sum() + (~inside).sum()) <= (~seen.held).sum()


def test_a_truth_that_was_left_once_stays_left():
    seen = simulated_reviews(WEIGHTS, ERRORS, "sampled", [120], stream(1, "reviews"), repetitions=200)
    np.testing.assert_array_equal(seen.held, ((seen.low <= 20) & (seen.high >= 20))[:, 0])


def test_many_reviews_are_the_same_in_one_block_and_in_several(monkeypatch):
    whole = simulated_reviews(WEIGHTS, ERRORS, "random", [50], stream(1, "reviews"), repetitions=30, intervals=20)
    monkeypatch.setattr("cal.annotation.proof.simulated_reviews._TOGETHER", 7 * 200)
    parts = simulated_reviews(WEIGHTS, ERRORS, "random", [50], stream(1, "reviews"), repetitions=30, intervals=20)
    np.testing.assert_array_equal(whole.found, parts.found)
    np.testing.assert_array_equal(whole.high, parts.high)
    assert whole.high.shape == (20, 1)


def test_an_interval_of_a_simulation_is_that_of_a_queue():
    seen = simulated_reviews(WEIGHTS, ERRORS, "random", [50], stream(1, "reviews"), repetitions=1)
    documents = stream_order(stream(1, "reviews"))
    low, high = error_bounds(Bets.of(WEIGHTS, "random"), WEIGHTS[documents][None], ERRORS[documents][None])
    assert (low[0], high[0]) == (seen.low[0, 0], seen.high[0, 0])


def stream_order(generator):
    import torch

    return torch.rand(1, 200, generator=generator, dtype=torch.float64).numpy()[0].argsort()[:50]


def test_the_command_prints_what_each_order_finds_and_proves(corpus, tmp_path, capsys):
    pd.DataFrame({"id": corpus.train.ids, "text": corpus.train.texts, "label": corpus.train.gold}).to_csv(
        tmp_path / "corpus.csv", index=False
    )
    words = ["dataset=files", f"dataset.path={tmp_path / 'corpus.csv'}", "rate=.1", "reads=80", "repetitions=20"]
    words += ["features=lsa", "learner.hidden=[4]", "n_epochs=2", "workers=1", f"output={tmp_path / 'out'}"]
    assert main(["annotate", "simulate", *words, "-v"]) == 0
    shown = capsys.readouterr().out
    for expected in (
        "16 of 160 labels were made wrong",
        "sampled",
        "ranked",
        "none",
        "reads to find",
        "95 % are promised",
    ):
        assert expected in shown
    rows = pd.read_csv(tmp_path / "out" / "reviews.csv")
    assert rows["order"].unique().tolist() == ["sampled", "ranked", "mixed"]
    assert rows["reads"].max() == 80
    assert json.loads((tmp_path / "out" / "reviews.json").read_text())["n_reviews"] == 20
    assert (tmp_path / "out" / "figures" / "reviews.png").exists()


def test_reviews_are_the_same_again_and_divided_among_seeds(corpus):
    given = {"rate": 0.1, "reads": 40, "repetitions": 9, "seeds": 2, "orders": "sampled", "by": "aum"}
    first, again = (simulate_reviews(corpus, **given, **QUICK) for _ in range(2))
    pd.testing.assert_frame_equal(first.to_frame(), again.to_frame())
    assert first.about["n_reviews"] == 9
    assert "AUM" in str(first) or "aum" in str(first)
    assert first.reads_until(2.0) == {"sampled": None}


def test_the_user_is_told_why_p_wrong_is_not_drawn_by(corpus):
    with pytest.raises(ConfigError, match=r"p_wrong cannot be told: .* by=consensus"):
        simulate_reviews(corpus, rate=0.1, by="p_wrong", repetitions=2, **QUICK)
    seen = simulate_reviews(corpus, rate=0.1, by="consensus", orders=["random"], repetitions=2, **QUICK)
    assert "ranks of consensus" in str(seen)


def test_all_problems_of_a_simulation_are_told_at_once():
    with pytest.raises(ConfigError) as refused:
        ReviewsRequest(noise="unifrm", rate=2, by="aumm", orders=["samplde"], reads=3, repetitions=0, confusions="x")
    assert len(refused.value.problems) == 7


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"orders": []}, "orders is empty"),
        ({"orders": ["ranked", "ranked"]}, "ranked twice"),
        ({"seeds": 3, "repetitions": 2}, "fewer than the 3 seeds"),
        ({"random_share": 1}, "random_share"),
        ({"floor": 0}, "floor"),
        ({"reads": 161}, "161 reads are more than the 160 documents"),
        ({"rate": 0.001}, "makes 0 of 160"),
    ],
)
def test_what_cannot_be_simulated_is_refused(given, message, corpus):
    with pytest.raises(CalError, match=message):
        simulate_reviews(corpus, **given, **QUICK)
