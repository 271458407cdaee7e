import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score

from cal.learners.evaluate import accuracy, macro_f1


@pytest.mark.parametrize("n_classes", [2, 3, 8])
@pytest.mark.parametrize("n", [1, 4, 30])
def test_scores_equal_scikit_learns(n, n_classes):
    """With few instances, classes are missing from gold, from the predictions or from both."""
    rng = np.random.default_rng(n)
    gold, predicted = rng.integers(0, n_classes, n), rng.integers(0, n_classes, (20, n))
    f1 = [f1_score(gold, run, average="macro", zero_division=0) for run in predicted]
    given = macro_f1(torch.from_numpy(predicted), torch.from_numpy(gold), n_classes)
    np.testing.assert_allclose(given, f1, rtol=0, atol=1e-12)
    expected = [accuracy_score(gold, run) for run in predicted]
    np.testing.assert_allclose(accuracy(torch.from_numpy(predicted), torch.from_numpy(gold)), expected, atol=1e-12)
