"""The test sample: random documents that measure accuracy, because no strategy has chosen them.

They are drawn before anything is labelled, and nothing is ever trained on them. So at any time those that are labelled
are a simple random sample of all documents, whatever was chosen beside them.
"""

from __future__ import annotations

import numpy as np
import torch

from cal.streams import stream


def test_order(n: int, share: float, seed: int) -> np.ndarray:
    """Draws the test sample.

    Args:
        n: number of documents.
        share: share of the documents that may be drawn, and of each batch that comes from them.
        seed: seed of the draws.

    Returns:
        (test,) different rows, in the order in which people label them.

    Example:
        >>> test_order(20, 0.1, seed=7).tolist()
        [2, 14]
    """
    draws = torch.rand(n, generator=stream(seed, "live test"), dtype=torch.float64)
    order: np.ndarray = draws.argsort()[: round(share * n)].numpy()
    return order


test_order.__test__ = False  # type: ignore[attr-defined]  # for pytest


def n_test_of(n_asked: int, n: int, share: float) -> int:
    """Number of test documents in the next batch, so that their share of all documents asked for is `share`.

    Args:
        n_asked: number of documents asked for so far, test documents included.
        n: size of the next batch.
        share: share of test documents.

    Example:
        >>> [n_test_of(asked, 5, 0.1) for asked in (0, 5, 10, 15)]
        [0, 1, 0, 1]
    """
    return round_down(share * (n_asked + n)) - round_down(share * n_asked)


def round_down(value: float) -> int:
    """The whole part, where a product of decimals such as .1 * 30 counts as 3."""
    return int(value + 1e-9)
