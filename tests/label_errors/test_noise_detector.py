"""The paper's noise detector: which labels are flipped, and the line between them and the others."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from cal.dynamics.data_map import DataMap
from cal.dynamics.regions import EASY, regions
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import AnalysisError
from cal.label_errors.noise_detector import NoiseDetector, flips_from_easy, other_classes


@pytest.fixture
def drawn():
    logits = torch.randn(5, 400, 3, generator=torch.Generator().manual_seed(0))
    logits[:, :200, 0] += 3
    return DataMap.of(TrainingDynamics.from_logits(logits, torch.zeros(400, dtype=torch.long)))


def test_other_classes_are_all_others_alike():
    drawn = other_classes(np.full(3000, 1), 4, torch.Generator().manual_seed(0))
    shares = np.bincount(drawn, minlength=4) / 3000
    assert shares[1] == 0
    assert shares[[0, 2, 3]] == pytest.approx([1 / 3] * 3, abs=0.03)


def test_a_share_of_all_is_flipped_and_all_of_it_was_easy(drawn):
    positions, classes = flips_from_easy(drawn, 3, share=0.05, seed=4)
    assert len(set(positions.tolist())) == len(positions) == 20
    assert set(regions(drawn.to_frame())[positions]) == {EASY}
    assert set(classes.tolist()) == {1, 2}


def test_flips_are_those_of_the_seed(drawn):
    first, again, other = (flips_from_easy(drawn, 3, seed=seed) for seed in (4, 4, 5))
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert set(first[0].tolist()) != set(other[0].tolist())


def test_more_than_the_easy_cannot_be_flipped(drawn):
    with pytest.raises(AnalysisError, match="easy-to-learn"):
        flips_from_easy(drawn, 3, share=0.9)


def test_the_line_has_the_least_balanced_penalised_loss():
    rng = np.random.default_rng(0)
    flipped, others = rng.normal(0.3, 0.2, 20), rng.normal(0.7, 0.2, 150)

    def objective(line):
        slope, intercept = line
        loss_flipped = np.log1p(np.exp(-(slope * flipped + intercept))).mean()
        loss_others = np.log1p(np.exp(slope * others + intercept)).mean()
        return slope**2 / 2 + 170 / 2 * (loss_flipped + loss_others)

    expected = minimize(objective, [0.0, 0.0], tol=1e-10).x
    detector = NoiseDetector.fit(flipped, others)
    assert [detector.slope, detector.intercept] == pytest.approx(expected, rel=1e-2)


def test_what_is_flagged_is_more_probable_than_not():
    detector = NoiseDetector(slope=-10.0, intercept=4.0)
    feature = np.array([0.1, 0.39, 0.41, 0.9])
    assert detector.probability(feature) == pytest.approx(1 / (1 + np.exp(10 * feature - 4)))
    assert detector.flagged(feature).tolist() == [True, True, False, False]


@pytest.mark.parametrize(("flipped", "others"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0])])
def test_a_line_needs_numbers_of_both(flipped, others):
    with pytest.raises(AnalysisError, match="one of each"):
        NoiseDetector.fit(np.array(flipped), np.array(others))
