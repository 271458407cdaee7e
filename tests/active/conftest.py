"""Shared by the tests of the loop: questions whose words give their labels away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import cal
from cal.learners.mlp import MLP

WORDS = {
    "number": ["far", "many", "much", "long"],
    "person": ["wrote", "sang", "painted", "ruled"],
    "place": ["where", "country", "city", "river"],
}
QUICK = {"features": "lsa", "learner": MLP(hidden=[16], n_epochs=5, lr=1e-2)}


@pytest.fixture(scope="session")
def questions() -> pd.DataFrame:
    """120 questions of three labels in turn, with ids."""
    rows = [
        (f"q{i}-{label[:2]}", f"Say {words[i % 4]} or {words[(i // 4) % 4]}, thing {i % 13} of {i}?", label)
        for i in range(40)
        for label, words in WORDS.items()
    ]
    return pd.DataFrame(rows, columns=["id", "text", "label"])


@pytest.fixture(scope="session")
def gold(questions: pd.DataFrame) -> dict[str, str]:
    """The right label of each id."""
    return dict(zip(questions["id"], questions["label"], strict=True))


@pytest.fixture
def make(questions: pd.DataFrame) -> Callable[..., cal.ActiveLearner]:
    """make(documents=None, **options): a loop that takes a moment."""

    def made(documents: Any = None, **options: Any) -> cal.ActiveLearner:
        return cal.ActiveLearner(questions[["id", "text"]] if documents is None else documents, **QUICK | options)

    return made


@pytest.fixture
def label(gold: dict[str, str]) -> Callable[..., list[list[str]]]:
    """label(loop, n_batches, size): labels batches as the questions say, and returns them."""

    def labelled(loop: cal.ActiveLearner, n_batches: int, size: int = 10) -> list[list[str]]:
        batches = []
        for _ in range(n_batches):
            batches.append(ids := loop.ask(size))
            loop.tell(ids, [gold[id] for id in ids])
        return batches

    return labelled
