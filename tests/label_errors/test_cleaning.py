"""Mending: labels that an oracle suspects, fixed or left out, against trainings on the labels that should remain."""

import numpy as np
import pytest
import torch

from cal.label_errors.cleaning import mended_accuracies
from cal.label_errors.noise import inject
from cal.learners.grid import TestScores, Training, train_all
from cal.learners.mlp import MLP
from cal.streams import stream


@pytest.fixture(scope="module")
def mended(make_task):
    """The corpus, the noised one, arguments of trainings, and rows after mending by an oracle and by its opposite."""
    corpus, features = make_task(n_train=60, n_test=90, signal=1.0)
    noised = inject(corpus, "uniform", 0.05, seed=4)
    training = {"features": features, "learner": MLP(hidden=[8], n_epochs=4, lr=1e-2), "device": "cpu", "workers": 1}
    scores = {"oracle": noised.wrong.astype(float), "worst": -noised.wrong.astype(float)}
    return corpus, noised, training, mended_accuracies(corpus, noised, scores, 4, **training)


def row_of(rows, treatment, detector=""):
    (row,) = [row for row in rows if (row["treatment"], row["detector"]) == (treatment, detector)]
    return row


def trained(mended, rows, gold):
    corpus, _, training, _ = mended
    (each,) = train_all(corpus, [Training(4, rows, gold[rows])], ask=TestScores.of(corpus), **training)
    return dict(zip(("accuracy", "macro_f1"), each.answers["test"].tolist(), strict=True))


def assert_scores(row, expected):
    assert {name: row[name] for name in expected} == expected


def test_as_is_is_trained_on_the_noisy_labels(mended):
    _, noised, _, rows = mended
    assert_scores(row_of(rows, "as is"), trained(mended, np.arange(60), noised.corpus.train.gold))


def test_fixing_all_wrong_labels_is_training_on_clean_ones(mended):
    *_, rows = mended
    clean, fixed = row_of(rows, "clean"), row_of(rows, "fix", "oracle")
    assert_scores(fixed, {name: clean[name] for name in ("accuracy", "macro_f1")})
    assert_scores(clean, trained(mended, np.arange(60), mended[0].train.gold))


def test_fixing_right_labels_changes_nothing(mended):
    *_, rows = mended
    as_is = row_of(rows, "as is")
    assert_scores(row_of(rows, "fix", "worst"), {name: as_is[name] for name in ("accuracy", "macro_f1")})


def test_dropping_trains_on_the_rest(mended):
    _, noised, _, rows = mended
    rest = np.flatnonzero(~noised.wrong)
    assert_scores(row_of(rows, "drop", "oracle"), trained(mended, rest, noised.corpus.train.gold))


def test_as_many_are_mended_at_random(mended):
    *_, rows = mended
    mended_numbers = {row["k"] for row in rows if row["treatment"] in ("fix", "drop")}
    assert mended_numbers == {3}
    assert row_of(rows, "fix", "random")["k"] == 3


def test_random_documents_are_drawn_by_the_seed(mended):
    corpus, noised, _, rows = mended
    drawn = torch.randperm(60, generator=stream(4, "mending")).numpy()[:3]
    gold, rest = noised.corpus.train.gold.copy(), np.setdiff1d(np.arange(60), drawn)
    assert_scores(row_of(rows, "drop", "random"), trained(mended, rest, gold))
    gold[drawn] = corpus.train.gold[drawn]
    assert_scores(row_of(rows, "fix", "random"), trained(mended, np.arange(60), gold))
