"""Where scores live, apart from looking them up, so that names can be checked without a database."""

from __future__ import annotations

SUSPECTS, MAP, COLUMN = HOMES = ("suspects", "map", "column")
"""First words of names of scores that say where a score is kept."""
SOURCES = "sources"
RESERVED = (*HOMES, SOURCES)
"""What no source of labels may be called."""
