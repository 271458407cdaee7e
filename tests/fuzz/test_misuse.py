"""Misuse: whatever an argument of a public function is, the function works or raises an error of our own."""

from __future__ import annotations

import math
import runpy
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from cal.errors import CalError

WRONG = {
    **{"None": None, "a set": {"a", "b"}, "a frozenset": frozenset({1}), "text": "no such thing", "bytes": b"x"},
    **{
        "an object": object(),
        "nan": math.nan,
        "infinity": math.inf,
        "negative": -1,
        "huge": 10**30,
        "endless": 10**5000,
    },
    **{"a half": 1.5, "complex": 1j, "true": True, "a matrix": np.zeros((2, 2)), "a tensor": torch.zeros(2, 3)},
    **{"a frame": pd.DataFrame({"a": [1, 2]}), "a series": pd.Series([1.5, None]), "empty": [], "short": ["a"]},
    **{"long": [0] * 999, "nested": [[1], [2, 3]], "a mapping": {}, "a generator": iter(()), "0-d": np.array(1.5)},
    **{
        "a function": len,
        "a class": int,
        "surrogate": "\ud800",
        "null byte": "a\0b",
        "dates": np.array(["2020"], "M8[Y]"),
    },
}
OF_THE_USER = {("compute_training_dynamics", "loss_fn"), ("compute_training_dynamics", "collate"), ("train_all", "ask")}
"""Arguments that are functions of the user: what another function raises there is the user's own error."""

ONE_IN = 9  # in CI


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    return runpy.run_path(str(Path(__file__).with_name("public_calls.py")))["public_calls"](folder)


@pytest.mark.filterwarnings("ignore")
def test_every_public_call_is_valid_as_it_is(calls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call in calls:
        unusable = any(isinstance(value, str) and value == "nowhere" for value in call.arguments.values())
        if call.spoiled is None and not unusable:  # the others draw whole reports
            call.function(**call.arguments)


@pytest.mark.slow
def test_what_is_wrong_is_refused_by_an_error_of_our_own(calls, tmp_path, monkeypatch, by_hand):
    monkeypatch.chdir(tmp_path)
    bare = []
    spoiled = [
        (call, argument, wrong)
        for call in calls
        for argument in (call.arguments if call.spoiled is None else call.spoiled)
        for wrong in WRONG
        if not ((call.name, argument) in OF_THE_USER and wrong in ("a function", "a class"))
    ]
    for call, argument, wrong in spoiled if by_hand else spoiled[::ONE_IN]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                call.function(**call.arguments | {argument: WRONG[wrong]})
            except CalError as error:
                if not str(error).strip():
                    bare.append(f"{call.name}({argument}={wrong}): an empty message")
            except Exception as error:
                bare.append(f"{call.name}({argument}={wrong}): {type(error).__name__}: {error}")
    assert not bare, "\n".join(bare)


@pytest.mark.parametrize(
    "wrong",
    [set("ab"), frozenset("ab"), {"a": 1, "b": 2}, "ab", None, 3],
    ids=["set", "frozenset", "dict", "text", "None", "number"],
)
@pytest.mark.parametrize(
    ("name", "argument"),
    [
        *[("Split", name) for name in ("ids", "texts", "gold")],
        *[("Corpus.from_texts", name) for name in ("texts", "labels")],
        *[("record", name) for name in ("ids", "logits", "gold")],
        *[("LogStore.append", name) for name in ("ids", "logits", "gold")],
        *[("write_epoch", name) for name in ("ids", "logits", "gold")],
        *[("Features.by_id", name) for name in ("ids", "vectors")],
        *[("Training", name) for name in ("rows", "gold")],
        *[("aso", name) for name in ("a", "b")],
        ("Split.where", "chosen"),
        ("by_mislabel", "probability"),
        ("EasyToHard", "order"),
    ],
)
def test_values_without_order_are_refused_and_the_argument_is_named(calls, name, argument, wrong):
    call = next(call for call in calls if call.name == name)
    with pytest.raises(CalError, match=argument):
        call.function(**call.arguments | {argument: wrong})
