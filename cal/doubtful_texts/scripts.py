"""Scripts: which script a text is written in, such as Latin or Arabic."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from cal.doubtful_texts.letters import code_points

_BLOCKS = {
    "Latin": [(0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F), (0x1E00, 0x1EFF)],
    "Greek": [(0x370, 0x3FF), (0x1F00, 0x1FFF)],
    "Cyrillic": [(0x400, 0x52F)],
    "Armenian": [(0x530, 0x58F)],
    "Hebrew": [(0x590, 0x5FF)],
    "Arabic": [(0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC)],
    "Devanagari": [(0x900, 0x97F)],
    "Bengali": [(0x980, 0x9FF)],
    "Gurmukhi": [(0xA00, 0xA7F)],
    "Gujarati": [(0xA80, 0xAFF)],
    "Tamil": [(0xB80, 0xBFF)],
    "Telugu": [(0xC00, 0xC7F)],
    "Kannada": [(0xC80, 0xCFF)],
    "Malayalam": [(0xD00, 0xD7F)],
    "Sinhala": [(0xD80, 0xDFF)],
    "Thai": [(0xE00, 0xE7F)],
    "Lao": [(0xE80, 0xEFF)],
    "Tibetan": [(0xF00, 0xFFF)],
    "Burmese": [(0x1000, 0x109F)],
    "Georgian": [(0x10A0, 0x10FF), (0x1C90, 0x1CBF)],
    "Korean": [(0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF)],
    "Ethiopic": [(0x1200, 0x139F)],
    "Khmer": [(0x1780, 0x17FF)],
    "Chinese or Japanese": [(0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF)],
}
SCRIPTS = tuple(_BLOCKS)
"""Names of the scripts."""

_LEAST_LETTERS = 4


def scripts_of(texts: Sequence[str]) -> np.ndarray:
    """(text,) position in `SCRIPTS` of the script of more than half of a text's letters; -1 if it has under four.

    Example:
        >>> [SCRIPTS[script] for script in scripts_of(["How far?", "Кто он?", "这个产品什么时候发货"])]
        ['Latin', 'Cyrillic', 'Chinese or Japanese']
    """
    n_cells = len(texts) * len(SCRIPTS)
    cells = np.zeros(n_cells, dtype=np.int64)
    table = _script_of_point()
    for points, owner in code_points(texts):
        script = table[np.minimum(points, len(table) - 1)]
        letters = script >= 0
        first = int(owner[0]) * len(SCRIPTS)
        of_texts = np.bincount(owner[letters] * len(SCRIPTS) + script[letters] - first)
        cells[first : first + len(of_texts)] += of_texts
    counts = cells.reshape(len(texts), len(SCRIPTS))
    n_letters = counts.sum(axis=1)
    main = counts.argmax(axis=1)
    clear = (n_letters >= _LEAST_LETTERS) & (2 * counts.max(axis=1) > n_letters)
    return np.where(clear, main, -1)


@cache
def _script_of_point() -> np.ndarray:
    """(code point,) position of its script, -1 for a sign that belongs to none."""
    table = np.full(max(last for blocks in _BLOCKS.values() for _, last in blocks) + 2, -1, dtype=np.int8)
    for script, blocks in enumerate(_BLOCKS.values()):
        for first, last in blocks:
            table[first : last + 1] = script
    table[[0xD7, 0xF7]] = -1  # × and ÷
    return table
