"""Label cleaning: labels that an oracle suspects, fixed or dropped, against trainings on what should remain."""

import numpy as np
import pytest
import torch

from cal.data.noise import inject
from cal.label_errors.cleaning import cleaned_accuracies
from cal.learners.grid import Setup, TestScores, Training, train_all
from cal.learners.mlp import MLP
from cal.streams import stream


@pytest.fixture(scope="module")
def cleaned(make_task):
    """The corpus, the noised one, arguments of trainings, and rows after cleaning by an oracle and by its opposite."""
    corpus, features = make_task(n_train=60, n_test=90, signal=1.0)
    noised = inject(corpus, "uniform", 0.05, seed=4)
    setup = Setup(MLP(hidden=[8], n_epochs=4, lr=1e-2), features, workers=1)
    scores = {"oracle": noised.wrong.astype(float), "worst": -noised.wrong.astype(float)}
    return corpus, noised, setup, cleaned_accuracies(corpus, noised, scores, 4, setup)


def row_of(rows, treatment, detector=""):
    (row,) = [row for row in rows if (row["treatment"], row["detector"]) == (treatment, detector)]
    return row


def trained(cleaned, rows, gold):
    corpus, _, setup, _ = cleaned
    (each,) = train_all(corpus, [Training(4, rows, gold[rows])], setup, ask=TestScores.of(corpus))
    return dict(zip(("accuracy", "macro_f1"), each.answers["test"].tolist(), strict=True))


def assert_scores(row, expected):
    assert {name: row[name] for name in expected} == expected


def test_as_is_is_trained_on_the_noisy_labels(cleaned):
    _, noised, _, rows = cleaned
    assert_scores(row_of(rows, "as is"), trained(cleaned, np.arange(60), noised.corpus.train.gold))


def test_fixing_all_wrong_labels_is_training_on_clean_ones(cleaned):
    *_, rows = cleaned
    clean, fixed = row_of(rows, "clean"), row_of(rows, "fix", "oracle")
    assert_scores(fixed, {name: clean[name] for name in ("accuracy", "macro_f1")})
    assert_scores(clean, trained(cleaned, np.arange(60), cleaned[0].train.gold))


def test_fixing_right_labels_changes_nothing(cleaned):
    *_, rows = cleaned
    as_is = row_of(rows, "as is")
    assert_scores(row_of(rows, "fix", "worst"), {name: as_is[name] for name in ("accuracy", "macro_f1")})


def test_dropping_trains_on_the_rest(cleaned):
    _, noised, _, rows = cleaned
    rest = np.flatnonzero(~noised.wrong)
    assert_scores(row_of(rows, "drop", "oracle"), trained(cleaned, rest, noised.corpus.train.gold))


def test_as_many_are_cleaned_at_random(cleaned):
    *_, rows = cleaned
    cleaned_numbers = {row["k"] for row in rows if row["treatment"] in ("fix", "drop")}
    assert cleaned_numbers == {3}
    assert row_of(rows, "fix", "random")["k"] == 3


def test_random_documents_are_drawn_by_the_seed(cleaned):
    corpus, noised, _, rows = cleaned
    drawn = torch.randperm(60, generator=stream(4, "mending")).numpy()[:3]
    gold, rest = noised.corpus.train.gold.copy(), np.setdiff1d(np.arange(60), drawn)
    assert_scores(row_of(rows, "drop", "random"), trained(cleaned, rest, gold))
    gold[drawn] = corpus.train.gold[drawn]
    assert_scores(row_of(rows, "fix", "random"), trained(cleaned, np.arange(60), gold))
