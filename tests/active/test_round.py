"""The classifier of a round: what it has in reserve."""

import numpy as np
import pytest

from cal.acquisition.pool_dynamics import AveragedMargin
from cal.acquisition.uncertainty import Entropy, Margin


@pytest.mark.parametrize(
    ("strategy", "by"), [("entropy", Entropy()), ("averaged_margin", AveragedMargin()), ("kmeans", Margin())]
)
def test_the_reserve_has_the_next_best_scores_and_those_of_margin_where_there_are_none(make, label, strategy, by):
    loop = make(strategy=strategy, test_share=0)
    label(loop, 2)
    trained = loop._chooser.train(loop._state.known([]), loop._state.round, 5)
    first = trained.choose(5).rows
    reserve = trained.reserve(8, first)
    score = dict(zip(trained.pool.candidates[0].tolist(), by.score(trained.pool)[0].tolist(), strict=True))
    left = {row: score[row] for row in score.keys() - {*first.tolist()}}
    np.testing.assert_allclose(reserve.scores, sorted(left.values(), reverse=True)[:8], rtol=0, atol=1e-12)
    assert [left[row] for row in reserve.rows.tolist()] == pytest.approx(reserve.scores.tolist())
    assert len({*reserve.rows.tolist()}) == 8
