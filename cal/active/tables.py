"""The documents of a loop as a table, and the loop in notebooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from cal.active.sources import LoopDocuments
from cal.active.state import LoopState

if TYPE_CHECKING:
    import pandas as pd

GIVEN, TOLD = "given", "told"


def documents_table(documents: LoopDocuments, row_of: Mapping[str, int], state: LoopState) -> pd.DataFrame:
    """All documents in the order in which they were given; see `ActiveLearner.to_frame`.

    Args:
        documents: the documents.
        row_of: row of each id.
        state: what people have said, and what they were asked.
    """
    import pandas as pd

    texts, asked = documents.corpus.train.texts, state.role_of()
    rows = [row_of[each] for each in documents.ids]
    roles, rounds = [], []
    for row in rows:
        role, round = asked.get(row, (None, -1))
        if role is None and row in state.labels:
            role = GIVEN if row in state.given else TOLD
        roles.append(role)
        rounds.append(None if round < 0 else round)
    return pd.DataFrame(
        {
            "id": list(documents.ids),
            "text": [texts[row] for row in rows],
            "label": pd.Series([state.labels.get(row) for row in rows], dtype=object),
            "role": pd.Series(roles, dtype=object),
            "round": pd.Series(rounds, dtype="Int64"),
        }
    )


def learner_html(title: str, state: LoopState) -> str:
    """A loop for notebooks: its name, and how many documents have each label."""
    counts = Counter(state.labels.values())
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{counts[name]:,}</td></tr>" for name in state.label_names)
    if counts[None]:
        rows += f"<tr><th><i>cannot be labelled</i></th><td>{counts[None]:,}</td></tr>"
    return f"<p>{escape(title)}</p><table>{rows}</table>"
