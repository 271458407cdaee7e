"""The orders of a queue by name, apart from the drawing, so that help needs no libraries."""

from __future__ import annotations

ORDERS = {
    "sampled": "each document with a probability proportional to its weight, which tells how many errors there are",
    "ranked": "the highest weight first, which finds most errors and tells nothing about the others",
    "mixed": "the highest weight first, but now and then a document at random",
    "random": "all documents alike, as a control sample is drawn",
}
"""Orders, and how each draws the next document."""
FLOOR = 0.1
"""Share of the mean score that is added to every score, so that every document may be drawn."""
