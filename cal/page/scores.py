"""Scores by which documents can be sorted and queues ordered, and what they are in words."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cal.annotation.queues.basis import Basis
from cal.annotation.queues.homes import COLUMN, MAP, SOURCES, SUSPECTS
from cal.annotation.queues.scores import DISAGREEMENT, find_score, known_scores, usual_score
from cal.annotation.store.schema import SUGGESTION
from cal.page.models.selections import Scores, ScoreView

_TOLD = {
    (SUSPECTS, "p_wrong"): "probability that the given label is wrong",
    (SUSPECTS, "score"): "how suspicious the given label is, all signs together",
    (SUSPECTS, "p_label"): "probability that models give the given label, which they have not seen",
    (SUSPECTS, "p_likely"): "probability that models give the suggested label",
    (SUSPECTS, "rank"): "rank among the suspects, all signs together",
    (SUSPECTS, "row"): "row of the corpus",
    (MAP, "confidence"): "mean probability of the given label in training",
    (MAP, "variability"): "how much that probability changes in training",
    (MAP, "correctness"): "how often the given label was predicted in training",
    (MAP, "forgetting"): "how often the given label was learnt and forgotten again",
    (MAP, "threshold_closeness"): "how near the model was to not knowing",
    (MAP, "aum"): "how far the given label is ahead of the others in training",
    (MAP, "el2n"): "error of the model early in training",
    (MAP, "loss"): "mean loss in training",
    (MAP, "first_learnt"): "first epoch that predicts the given label",
    (MAP, "last_learnt"): "epoch from which the given label is predicted for good",
    (MAP, "aleatoric"): "how unsure the model was, averaged over training",
    (SOURCES, DISAGREEMENT): "how many different labels models give",
}


def read_scores(connection: Connection) -> Scores:
    """The scores of a project, those that people need first."""
    basis = Basis.of(connection)
    found = []
    without = _without_p_wrong(connection, basis)
    for name in known_scores(connection, basis):
        score = find_score(connection, basis, name)
        told = (
            _TOLD.get((score.home, score.name))
            or (f"how sure {score.source} is" if score.source else "")
            or (f"column {score.name} of the corpus" if score.home == COLUMN else score.name.replace("_", " "))
        )
        empty = without and score.is_probability
        found.append(ScoreView(name=name, told=told, kind=score.home, low_first=score.low_first, empty=empty))
    order = list(_TOLD)
    found.sort(key=lambda each: order.index(key) if (key := (each.kind, each.name)) in order else len(order))
    usual = usual_score(basis)
    return Scores(scores=found, usual="score" if usual == "p_wrong" and without else usual)


def _without_p_wrong(connection: Connection, basis: Basis) -> bool:
    known = sa.select(SUGGESTION.c.document_id).where(SUGGESTION.c.run_id == basis.suspects)
    return connection.execute(known.where(SUGGESTION.c.p_wrong.is_not(None)).limit(1)).first() is None
