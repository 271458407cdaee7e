"""The best documents are those of a whole sort, in whatever batches they come."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from cal.shards.best import TIES, Best
from cal.streams import uniform_of


@given(
    scores=st.lists(st.integers(0, 4), min_size=1, max_size=60),
    n=st.integers(1, 70),
    cuts=st.lists(st.integers(0, 60), max_size=5),
    order=st.randoms(use_true_random=False),
)
def test_it_keeps_what_a_sort_of_all_would(scores, n, cuts, order):
    ids = [f"d{row}" for row in range(len(scores))]
    draws = uniform_of(7, TIES, ids)[:, 0]
    expected = sorted(range(len(ids)), key=lambda row: (-scores[row], draws[row]))[:n]
    rows = order.sample(range(len(ids)), len(ids))
    whole, parts = Best(n, 7), []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(rows)], strict=True):
        mine = rows[start:end]
        if mine:
            part = Best(n, 7)
            part.add(np.array([float(scores[row]) for row in mine]), pa.table({"id": [ids[row] for row in mine]}))
            parts.append(part)
    for part in parts:
        whole.merge(part.table)
    assert whole.table["id"].to_pylist() == [ids[row] for row in expected]
    assert whole.table["score"].to_pylist() == [float(scores[row]) for row in expected]
