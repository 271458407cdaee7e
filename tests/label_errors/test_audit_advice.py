"""Audit advice: which detector is recommended, in what words, and that its command can be followed."""

import shlex
from dataclasses import replace
from itertools import product

import pandas as pd
import pytest

from cal.config import compose
from cal.label_errors.audit_advice import advise
from cal.label_errors.audit_result import AuditResult
from cal.label_errors.suspects_request import SuspectsRequest

PARTS = [("uniform", 0.05), ("confused", 0.1)]


def result_of(shares, seconds=None, precision=None, parts=PARTS, command=""):
    """An audit in which detectors find shares of what is possible, one per seed, in so many seconds."""
    rows = []
    for (noise, rate), (name, values) in product(parts, shares.items()):
        for seed, share in enumerate(values):
            ceiling = min(1.0, 0.05 / rate)
            row = {"noise": noise, "rate": rate, "seed": seed, "detector": name, "n_instances": 1000.0}
            row |= {"n_wrong": 1000 * rate, "recall_at_5": share * ceiling, "ceiling_at_5": ceiling}
            row |= {"average_precision": (precision or {}).get(name, 0.6), "seconds": (seconds or {}).get(name, 1.0)}
            rows.append(row)
    return AuditResult(pd.DataFrame(rows), pd.DataFrame(), pd.DataFrame(), {"command": command})


def test_what_finds_clearly_more_is_recommended_whatever_it_costs():
    advice = advise(result_of({"aum": [0.6, 0.62, 0.61], "stack": [0.7, 0.71, 0.72]}, {"stack": 30.0}))
    assert advice.detector == "stack"
    assert advice.sentence == (
        "Use stack on this corpus: in the 5 % of the documents that it ranks first, it finds 71 % of the wrong labels "
        "that can be found there, on average over all kinds and rates of noise, and none finds more; next is aum with "
        "61 %."
    )
    assert [(name, round(found.mean, 2)) for name, found in advice.found.items()] == [("stack", 0.71), ("aum", 0.61)]


def test_what_finds_as_many_for_less_is_recommended_with_both_prices():
    shares = {"aum": [0.70, 0.75, 0.71], "stack": [0.74, 0.74, 0.75], "loss": [0.60, 0.61, 0.62]}
    advice = advise(result_of(shares, {"aum": 2.04, "stack": 6.33, "loss": 0.1}, parts=[("uniform", 0.05)]))
    assert advice.detector == "aum"
    assert advice.sentence.endswith(
        "it finds 72 % of the wrong labels, as many as stack (74 %), in 2 seconds instead of 6.3."
    )


@pytest.mark.parametrize(
    ("shares", "seconds", "chosen"),
    [
        ({"aum": [0.705], "stack": [0.71]}, {"aum": 1, "stack": 9}, "aum"),  # less than a point
        ({"aum": [0.68], "stack": [0.71]}, {"aum": 1, "stack": 9}, "stack"),  # one seed tells no more
        ({"aum": [0.705, 0.70], "stack": [0.71, 0.71]}, {"aum": 9, "stack": 10}, "stack"),  # times vary
        ({"aum": [0.2, 0.9], "stack": [0.9, 0.8]}, {"aum": 1, "stack": 9}, "stack"),  # 30 points are no tie
        ({"aum": [0.6, 0.6], "variability": [0.7, 0.7]}, None, "aum"),  # a control
        ({"aum": [0.705, 0.70], "stack": [0.71, 0.71]}, {"aum": 0.1, "stack": 0.9}, "stack"),  # less than a second
        ({"aum": [0.7, 0.7], "loss": [0.1 + 0.6, 0.7]}, None, "aum"),  # rounding is no difference
    ],
)
def test_ties_and_controls(shares, seconds, chosen):
    assert advise(result_of(shares, seconds)).detector == chosen


def test_what_finds_the_same_share_is_said_to_find_as_many():
    sentence = advise(result_of({"aum": [0.702], "loss": [0.701]})).sentence
    assert sentence.endswith(", and none finds more; loss finds as many.")


def test_a_detector_alone_is_compared_with_none():
    assert advise(result_of({"aum": [0.7]})).sentence.endswith(". It is the only detector that was tried.")


def test_where_no_detector_is_of_use_that_is_said_and_no_command():
    advice = advise(result_of({"aum": [0.1, 0.1], "loss": [0.05, 0.05]}, precision={"aum": 0.09, "loss": 0.04}))
    assert advice.command == ""
    assert advice.sentence.startswith(
        "No detector is of use on this corpus: in its first 5 % of the documents the best, aum, finds 10 % of the "
        "wrong labels that can be found there, and a random order finds 8 %."
    )


def test_of_a_handful_of_wrong_labels_nothing_is_concluded():
    few = result_of({"aum": [1.0, 1.0], "loss": [0.5, 0.5]})
    advice = advise(replace(few, scores=few.scores.assign(n_wrong=12.0)))
    assert advice.sentence.startswith("This audit cannot tell which detector to use: it has 48 wrong labels in all")
    assert advice.command == ""
    assert advise(replace(few, scores=few.scores.assign(n_wrong=13.0))).detector == "aum"


@pytest.mark.parametrize(
    ("features", "advised"),
    [({"kind": "lsa"}, "features=minilm"), ({"kind": "encoder"}, "learner=transformer"), (None, "model=FOLDER")],
)
def test_what_might_help_is_not_what_was_used(features, advised):
    useless = replace(result_of({"aum": [0.1]}, precision={"aum": 0.01}), config={"features": features})
    assert advised in advise(useless).sentence


def test_the_command_is_the_audits_own_as_suspects_and_can_be_run():
    words = ["/usr/bin/cal", "audit", "dataset=files", "dataset.path=my file.csv", "n_epochs=3", "seeds=5", "folds=4"]
    words += ["detectors=[aum,loss]", "confusions=a.csv", "output=DIR", "features=lsa", "stability=false", "--quiet"]
    command = advise(result_of({"aum": [0.7]}, command=shlex.join(words))).command
    expected = "cal suspects dataset=files 'dataset.path=my file.csv' n_epochs=3 folds=4 features=lsa by=aum"
    assert command == expected
    request = compose(SuspectsRequest, "suspects", shlex.split(command)[2:])
    assert (request.by, request.folds, request.learner.n_epochs) == ("aum", 4, 3)


@pytest.mark.parametrize("command", ["", "my script.py", "cal audit dataset=x -m n_epochs=1,2", "cal audit 'x"])
def test_elsewhere_the_command_is_pythons(command):
    advice = advise(result_of({"aum": [0.7]}, command=command))
    assert advice.command == 'cal.suspects(corpus, by="aum"), with the other arguments of this audit'
