"""A paired test that may be looked at after every seed: its level at any time, its oracle and its power."""

from itertools import combinations, product
from math import prod, tanh

import numpy as np
import pytest

from cal.anytime import ALPHA, THETAS, decide, decided_after, e_values, first_decision, make_pairs
from cal.errors import AnalysisError, ConfigError

N_SIMULATIONS, N_SEEDS = 2000, 50


def oracle(differences):
    """The capital on the first strategy after all of these differences, bet by bet."""
    capital = []
    for theta in THETAS:
        factors = []
        for k, d in enumerate(differences):
            so_far = [abs(each) for each in differences[: k + 1] if each]
            factors.append(1 + (tanh(theta * d / (sum(so_far) / len(so_far))) if d else 0))
        capital.append(prod(factors))
    return sum(capital) / len(capital)


def test_capital_is_what_the_bets_have_won():
    d = np.random.default_rng(0).normal(0.01, 0.02, (20, 15)).round(2)  # with ties
    up, down = e_values(d)
    for k, n in product(range(len(d)), (1, 2, 7, 15)):
        assert up[k, n - 1] == pytest.approx(oracle(d[k, :n]))
        assert down[k, n - 1] == pytest.approx(oracle(-d[k, :n]))


@pytest.mark.parametrize("n", [1, 4, 9])
def test_over_all_signs_of_any_differences_the_capital_is_one_on_average(n):
    """Exactly: the null hypothesis says that all signs are equally likely, whatever the sizes."""
    sizes = np.random.default_rng(n).standard_cauchy(n)
    for capital in e_values(np.array([*product((-1, 1), repeat=n)]) * sizes):
        assert capital.mean(axis=0) == pytest.approx(np.ones(n))


def test_neither_the_unit_nor_ties_nor_the_order_of_the_pair_matter():
    d = np.random.default_rng(1).normal(1, 1, 12)
    up, down = e_values(d)
    np.testing.assert_allclose(e_values(d * 1e-9), (up, down))
    assert np.array_equal(e_values(-d), (down, up))
    with_ties = e_values(np.insert(d, [0, 5, 5, 12], 0.0))[0]
    assert with_ties[[0, *range(1, 6), *range(8, 15)]].tolist() == [1.0, *up]
    assert with_ties[[6, 7, 15]].tolist() == [up[4], up[4], up[-1]]


def test_a_strategy_against_itself_on_the_same_streams_is_never_decided():
    decision = decide({"a": np.ones(50), "b": np.ones(50)}, [("a", "b")])[0]
    assert (decision.better, decision.n_seeds, decision.e_value) == (None, 50, 1)


rng_of = np.random.default_rng
NULLS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "differences of skewed areas": lambda rng, shape: rng.gamma(0.5, size=shape) - rng.gamma(0.5, size=shape),
    "heavy tails": lambda rng, shape: rng.standard_cauchy(shape),
    "discrete with ties": lambda rng, shape: rng.integers(-1, 2, shape),
    "signs alone": lambda rng, shape: rng.choice([-1.0, 1.0], shape),
    "sizes that grow": lambda rng, shape: rng.normal(size=shape) * 1.5 ** np.arange(shape[1]),
    "sizes that shrink": lambda rng, shape: rng.normal(size=shape) * 0.8 ** np.arange(shape[1]),
}


@pytest.mark.parametrize("null", NULLS)
def test_false_decisions_at_any_time_of_looking_are_at_most_five_percent(null):
    """2,000 strategies against themselves, with other noise."""
    d = NULLS[null](rng_of(len(null)), (N_SIMULATIONS, N_SEEDS))
    up, down = e_values(d)
    assert ((up + down) / 2 >= 1 / ALPHA).any(axis=1).mean() <= ALPHA


@pytest.mark.parametrize(("ahead", "n_simulations"), [(0.0, N_SIMULATIONS), (3.0, 300)])
def test_of_several_pairs_a_false_decision_on_any_is_as_rare(ahead, n_simulations):
    """Four strategies, of which the first may be ahead, so that its pairs are decided; the others are equal."""
    rng, wrong = rng_of(3), 0
    pairs = make_pairs("all", "abcd")
    null = [k for k, pair in enumerate(pairs) if "a" not in pair or not ahead]
    areas = rng.normal(size=(n_simulations, 4, N_SEEDS)) + rng.normal(size=(n_simulations, 1, N_SEEDS))
    areas[:, 0] += ahead
    for each in areas:
        up, down = e_values([each[ord(one) - 97] - each[ord(other) - 97] for one, other in pairs])
        after = decided_after((up + down) / 2)
        wrong += any(after[k] for k in null)
    assert wrong / n_simulations <= ALPHA


@pytest.mark.parametrize("scenario", range(40))
def test_pairs_are_decided_when_every_mean_with_others_is_high_enough(scenario):
    """Against all sets of open pairs, one by one."""
    values = np.exp(rng_of(scenario).normal(2, 1.5, (4, 6)))
    expected = [0] * 4
    for n, column in enumerate(values.T, start=1):
        for _ in range(4):  # what is decided leaves the sets of the others
            open_ = [k for k in range(4) if not expected[k]]
            sets = [[*each] for size in range(1, 5) for each in combinations(open_, size)]
            refuted = [k for k in open_ if all(column[each].mean() >= 20 for each in sets if k in each)]
            for k in refuted:
                expected[k] = n
    assert decided_after(values) == expected


def test_the_first_seeds_that_can_decide():
    assert (first_decision(), first_decision(0.01)) == (6, 8)
    ahead = {"a": np.full(6, 0.8), "b": np.full(6, 0.7)}
    assert decide(ahead, [("a", "b")])[0].n_seeds == 6
    assert decide({name: scores[:5] for name, scores in ahead.items()}, [("a", "b")])[0].better is None


@pytest.mark.parametrize(("effect", "most"), [(3, 8), (1.2, 10), (0.8, 19)])
def test_differences_that_a_test_with_twenty_seeds_sees_are_decided_by_fewer(effect, most):
    up, down = e_values(rng_of(0).normal(effect, 1, (500, N_SEEDS)))
    decided = (up + down) / 2 >= 1 / ALPHA
    after = np.where(decided.any(axis=1), decided.argmax(axis=1) + 1, N_SEEDS + 1)
    assert np.median(after) <= most
    assert (up > down)[np.arange(500)[decided.any(axis=1)], after[decided.any(axis=1)] - 1].mean() > 0.99


def test_a_decision_says_who_is_better_and_after_how_many_seeds():
    rng = rng_of(5)
    noise = rng.normal(0, 0.001, (3, 12))
    scores = dict(zip(("low", "high", "same"), np.array([[0.6], [0.8], [0.8]]) + noise, strict=True))
    low, same = decide(scores, [("low", "high"), ("same", "high")])
    assert (low.better, low.n_seeds) == ("high", 8)
    assert str(low).startswith("high is better than low: decided after 8 seeds (e-value ")
    assert same.better is None
    assert str(same).startswith("same – high: undecided after 12 seeds (e-value ")
    assert low.difference == pytest.approx(-0.2, abs=0.01)


NAMES = ["cal", "bald", "margin"]


def test_pairs_are_all_or_those_with_a_baseline_or_listed():
    assert make_pairs("all", NAMES) == [("cal", "bald"), ("cal", "margin"), ("bald", "margin")]
    assert make_pairs("bald", NAMES) == [("cal", "bald"), ("margin", "bald")]
    assert make_pairs([["margin", "cal"]], NAMES) == [("margin", "cal")]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("margn", r"'margn', which is not among the strategies cal, bald, margin\. Did you mean margin\?"),
        ([["cal", "marge"]], "'marge'"),
        (["cal", "margin"], "must be all, the name of a strategy"),
        ([["cal", "bald", "margin"]], "must be all"),
        (7, "must be all"),
        ([], "lists no pair"),
        ([["cal", "cal"]], "with itself, or a pair twice"),
        ([["cal", "bald"], ["bald", "cal"]], "with itself, or a pair twice"),
        ([[["cal"], {}]], "which is not among"),
    ],
    ids=str,
)
def test_pairs_that_are_none_are_refused(spec, message):
    with pytest.raises(ConfigError, match=message):
        make_pairs(spec, NAMES)


@pytest.mark.parametrize("scores", [{"a": [0.1, 0.2], "b": [0.1]}, {"a": [0.1], "b": [np.nan]}, {"a": [], "b": [[]]}])
def test_scores_that_are_not_of_the_same_seeds_are_refused(scores):
    with pytest.raises(AnalysisError):
        decide(scores)


def test_one_strategy_cannot_be_compared():
    with pytest.raises(ConfigError, match="Two strategies or more"):
        make_pairs("all", ["cal"])
