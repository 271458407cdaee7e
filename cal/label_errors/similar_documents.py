"""Similar documents: the nearest of each, or of the most suspicious of many, by vectors that say which are similar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from cal.arguments import check_arguments
from cal.checks import refuse, whole_numbers
from cal.data.directions import principal_directions, project
from cal.label_errors.neighbour_votes import nearest

N_NEIGHBOURS = 10
"""Most neighbours of a document that a list of suspects keeps."""
NEIGHBOURS = ("id", "neighbours", "similarities")
"""Columns of `similar_documents`."""
_MANY = 20_000  # documents, beyond which only so many get neighbours, from candidates in fewer dimensions
_CANDIDATES = 3  # times as many are found there as are kept
_DIMENSIONS = 256  # of sparse vectors
_CHUNK = 1_000  # documents whose candidates are compared at a time


def similar_documents(
    vectors: Any,
    ids: Sequence[str | int],
    k: int = N_NEIGHBOURS,
    n_threads: int = 1,
    order: np.ndarray | None = None,
) -> pd.DataFrame:
    """The nearest of every document by cosine similarity above 0.

    They are exact up to 20,000 documents. Beyond, only the 20,000 most suspicious get any, because the time grows with
    the square of the number; these are the nearest of 30 candidates that are found in 128 dimensions, and sparse
    vectors are projected on 256 principal directions.

    Args:
        vectors: (instance, feature) vectors, dense or sparse; a vector of zeros has no neighbours.
        ids: (instance,) ids.
        k: most neighbours of a document.
        n_threads: number of threads for very many documents. Results do not depend on it.
        order: (instance,) positions of the documents, the most suspicious first; None takes them as they are.

    Returns:
        A row per document: `id`, `neighbours` (their ids, the nearest first) and `similarities`. Both are empty for
        documents that nothing is similar to, and for those beyond the 20,000.

    Example:
        >>> x = np.array([[1.0, 0.0], [1.0, 0.1], [0.9, 0.2], [-1.0, 0.0]])
        >>> similar_documents(x, ["a", "b", "c", "d"], k=2)["neighbours"].tolist()
        [['b', 'c'], ['a', 'c'], ['b', 'a'], []]
    """
    check_arguments(similar_documents, locals())
    refuse(whole_numbers(k=k, n_threads=n_threads))
    n, many, is_sparse = vectors.shape[0], vectors.shape[0] > _MANY, sparse.issparse(vectors)
    if n < 2:
        return _frame(ids, [[]] * n, [[]] * n)
    asked = np.arange(n)
    if is_sparse and not many:
        positions, cosines = _nearest_sparse(vectors, min(k, n - 1))
    else:
        x = project(vectors, principal_directions(vectors, _DIMENSIONS)) if is_sparse else vectors
        x = np.asarray(x, dtype=np.float32)
        if many:
            asked = (asked if order is None else np.asarray(order))[:_MANY]
        positions, cosines = nearest([x], min(k * (_CANDIDATES if many else 1), n - 1), n_threads, asked)
        positions, cosines = _compared(x, asked, positions, k) if many else (positions, cosines)
    neighbours: list[list[Any]] = [[] for _ in range(n)]
    similarities: list[list[float]] = [[] for _ in range(n)]
    kept = cosines > 0
    rounded = cosines.astype(np.float64).clip(max=1).round(4)
    for at, near, of, keep in zip(asked.tolist(), positions, rounded, kept, strict=True):
        neighbours[at], similarities[at] = [ids[other] for other in near[keep].tolist()], of[keep].tolist()
    return _frame(ids, neighbours, similarities)


def _nearest_sparse(x: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(instance, k) nearest of sparse vectors, and their cosine similarities."""
    from sklearn.preprocessing import normalize

    unit = sparse.csr_array(normalize(sparse.csr_array(x, dtype=np.float32)))
    n = unit.shape[0]
    positions, cosines = np.empty((n, k), np.int64), np.empty((n, k), np.float32)
    for start in range(0, n, _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, n))
        products = (unit[rows] @ unit.T).toarray()
        products[np.arange(len(rows)), rows] = -1  # not itself
        chosen = np.argpartition(-products, k - 1, axis=1)[:, :k]
        of_chosen = np.take_along_axis(products, chosen, axis=1)
        order = np.argsort(-of_chosen, axis=1, kind="stable")
        positions[rows] = np.take_along_axis(chosen, order, axis=1)
        cosines[rows] = np.take_along_axis(of_chosen, order, axis=1)
    return positions, cosines


def _compared(x: np.ndarray, asked: np.ndarray, candidates: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(asked, k) nearest of the candidates, and their cosine similarities, by all dimensions."""
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    k = min(k, candidates.shape[1])
    positions, cosines = np.empty((len(asked), k), np.int64), np.empty((len(asked), k), np.float32)
    for start in range(0, len(asked), _CHUNK):
        of = slice(start, start + _CHUNK)
        products = np.einsum("ikf,if->ik", unit[candidates[of]], unit[asked[of]])
        order = np.argsort(-products, axis=1, kind="stable")[:, :k]
        positions[of] = np.take_along_axis(candidates[of], order, axis=1)
        cosines[of] = np.take_along_axis(products, order, axis=1)
    return positions, cosines


def _frame(ids: Sequence[str | int], neighbours: list[list[Any]], similarities: list[list[float]]) -> pd.DataFrame:
    return pd.DataFrame(dict(zip(NEIGHBOURS, (list(ids), neighbours, similarities), strict=True)))
