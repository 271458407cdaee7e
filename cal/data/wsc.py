"""WSC, the Winograd schema challenge of SuperGLUE, as multiple choice."""

from __future__ import annotations

import logging
from collections import defaultdict
from itertools import product

from cal.data.columns import Columns
from cal.data.tables import RawTable
from cal.errors import DataError

logger = logging.getLogger(__name__)

WSC = "wsc"
_COLUMNS = Columns(
    text_column="text", choice_columns=["choice1", "choice2"], blank="_", label_column="label", id_column="id"
)


def with_choices(table: RawTable) -> tuple[RawTable, Columns]:
    """A table of pronouns and candidates as a table of choices, in the format of WinoGrande.

    In SuperGLUE, each row asks whether a pronoun (`span2_text`, word number `span2_index` of `text`) refers to a
    candidate (`span1_text`): yes or no. Here, rows with the same text and pronoun are combined, and each pair of a
    right and a wrong candidate becomes a document: the text with a blank for the pronoun, and the two candidates in
    the order of the text. Candidates are inserted unchanged, even for possessive pronouns. The id is made of the
    numbers of the two rows. Rows that belong to no such pair are left out with a warning.

    Args:
        table: table with the columns of SuperGLUE's wsc.

    Returns:
        The table of choices, and what its columns hold.

    Raises:
        DataError: if a column is missing, or no row has a partner.

    References:
        SuperGLUE: A Stickier Benchmark for General-Purpose Language Understanding Systems (Wang et al., 2019)
        https://arxiv.org/abs/1905.00537

    Example:
        >>> text = "Ann met Mary before she left."
        >>> rows = {"text": [text] * 2, "span1_text": ["Ann", "Mary"], "span1_index": [0, 2],
        ...         "span2_text": ["she"] * 2, "span2_index": [4, 4], "label": ["False", "True"]}
        >>> made, _ = with_choices(RawTable("wsc", rows))
        >>> [made.columns[name][0] for name in ("text", "choice1", "choice2", "label")]
        ['Ann met Mary before _ left.', 'Ann', 'Mary', '2']
    """
    names = ["text", "span1_text", "span1_index", "span2_text", "span2_index", "label"]
    text, candidate, place, pronoun, word, label = (table.column(name, "hub_id") for name in names)
    candidates: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: {"True": [], "False": []})
    for row in range(len(text)):
        blanked = _blanked(text[row], int(word[row]), pronoun[row])
        if blanked is not None and label[row] in ("True", "False"):
            candidates[text[row], blanked][label[row]].append(row)
    made: dict[str, list[str]] = {name: [] for name in ("id", "text", "choice1", "choice2", "label")}
    used: set[int] = set()
    for (_, blanked), rows in candidates.items():
        for right, wrong in product(rows["True"], rows["False"]):
            if candidate[right].strip().lower() == candidate[wrong].strip().lower():
                continue
            used |= {right, wrong}
            first, second = sorted((right, wrong), key=lambda row: (int(place[row]), row))
            values = (f"{first}-{second}", blanked, candidate[first], candidate[second], "12"[right == second])
            for name, value in zip(made, values, strict=True):
                made[name].append(value)
    if not used:
        raise DataError(
            f"{table.source}: in {len(text):,} rows no pronoun has both a right and a wrong candidate. "
            "Give a split with labels, such as train or validation."
        )
    if n_left := len(text) - len(used):
        logger.warning(
            "%s: %s of %s rows have no partner for a choice and are left out.",
            *(table.source, f"{n_left:,}", f"{len(text):,}"),
        )
    return RawTable(f"{table.source}, as choices", made), _COLUMNS


def _blanked(text: str, word: int, pronoun: str) -> str | None:
    """The text with a blank for its pronoun, or None if the pronoun is not at that word."""
    words = text.split()
    rest = " ".join(words[word:])
    # The word may have a quotation mark or a bracket before the pronoun.
    start = rest.lower().find(pronoun.lower().strip(), 0, len(words[word]) if word < len(words) else 0)
    if start < 0 or "_" in text:
        return None
    return f"{' '.join(words[:word])} {rest[:start]}_{rest[start + len(pronoun.strip()) :]}".strip()
