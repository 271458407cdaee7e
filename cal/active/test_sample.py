"""The test sample: random documents that measure accuracy, because no strategy has chosen them.

They are drawn before anything is labelled, and nothing is ever trained on them. So at any time those that are labelled
are a simple random sample of all documents, whatever was chosen beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np


def sample_order(n: int, share: float, seed: int, given: Collection[int] = ()) -> np.ndarray:
    """Draws the test sample.

    Args:
        n: number of documents.
        share: share of the documents that may be drawn, and of each batch that comes from them.
        seed: seed of the draws.
        given: rows that were labelled before the loop began, perhaps because somebody chose them; none is drawn.

    Returns:
        (test,) different rows, in the order in which people label them.

    Example:
        >>> sample_order(20, 0.1, seed=7).tolist()
        [2, 14]
    """
    import torch

    from cal.streams import stream

    draws = torch.rand(n, generator=stream(seed, "live test"), dtype=torch.float64)
    order: np.ndarray = draws.argsort().numpy()
    if len(given):
        order = order[~np.isin(order, list(given))]
    return order[: round(share * len(order))]


def n_of_share(n_before: int, n: int, share: float) -> int:
    """Number of documents of the next batch that make up a share of all documents.

    Args:
        n_before: number of documents before.
        n: size of the next batch.
        share: the share.

    Example:
        >>> [n_of_share(before, 5, 0.1) for before in (0, 5, 10, 15)]
        [0, 1, 0, 1]
    """
    return round_down(share * (n_before + n)) - round_down(share * n_before)


n_test_of = n_of_share
"""Number of test documents in the next batch, so that their share of all documents asked for is `share`."""


def mixed(n: int, n_test: int, seed: int, batch: int) -> np.ndarray:
    """Draws which places of a batch have test documents, so that nobody can tell them by their place.

    Args:
        n: size of the batch.
        n_test: number of test documents.
        seed: seed of the draws.
        batch: number of the batch.

    Returns:
        (n,) booleans.

    Example:
        >>> mixed(10, 2, seed=7, batch=0).sum()
        np.int64(2)
    """
    import torch

    from cal.streams import stream

    draws = torch.rand(n, generator=stream(seed, "live test/places", batch), dtype=torch.float64)
    is_test = np.zeros(n, dtype=bool)
    is_test[draws.argsort().numpy()[:n_test]] = True
    return is_test


def sample_so_far(order: Sequence[int], decided: Collection[int]) -> list[int]:
    """The test documents that measure accuracy now: the first ones, up to the first that is not decided.

    A label that somebody gave out of turn counts when its turn comes. So which documents measure does not depend on
    what people chose to label.

    Example:
        >>> sample_so_far([8, 3, 5, 9], decided={3, 8, 9})
        [8, 3]
    """
    sample = []
    for row in order:
        if row not in decided:
            break
        sample.append(row)
    return sample


def round_down(value: float) -> int:
    """The whole part, where a product of decimals such as .1 * 30 counts as 3."""
    return int(value + 1e-9)
