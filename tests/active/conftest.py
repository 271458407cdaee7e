"""Shared by the tests of the loop: questions and topics whose words give their labels away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cal
from cal.data.corpus import Corpus, Split
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


@pytest.fixture(scope="session")
def topics() -> Corpus:
    """400 texts of four topics, half of whose words tell the topic, and 200 more to test on."""
    rng = np.random.default_rng(19)
    gold = rng.choice(4, 600, p=[0.4, 0.3, 0.2, 0.1])
    words = [[f"word{topic}{letter}" for letter in "abcdefghijklmnop"] for topic in range(4)]
    common = [f"common{letter}" for letter in "abcdefghijklmnopqrst"]
    texts = [" ".join(rng.choice(words[topic] if rng.random() < 0.45 else common) for _ in range(7)) for topic in gold]
    ids = [f"d{number:03d}" for number in range(600)]
    parts = [Split(ids[rows], texts[rows], gold[rows]) for rows in (slice(400), slice(400, None))]
    return Corpus(*parts, ["arts", "law", "sports", "trade"])
