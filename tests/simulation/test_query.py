"""Asking for a text once, whatever its copies."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from cal.config import compose
from cal.data.corpus import Corpus, Split
from cal.data.spelling import text_form
from cal.errors import ConfigError, StorageError
from cal.help import configured_help
from cal.report import sections
from cal.report.findings import Findings
from cal.request import nested
from cal.simulation.query import Query
from cal.simulation.request import SimulationRequest
from cal.simulation.run_folder import Run, RunFolder

DISTINCT = {"query": {"distinct": True}}
N_TEXTS = 25


@pytest.fixture(scope="module")
def copied(make_task):
    """A task of 60 documents with 25 texts, whose copies differ in case and whitespace and often in their label."""
    corpus, features = make_task()
    forms = ["text {}", "Text  {}", " TEXT {}\n"]
    texts = [forms[row % 3].format(row % N_TEXTS) for row in range(len(corpus.train))]
    train = dataclasses.replace(corpus.train, texts=texts)
    return Corpus(train, corpus.test, corpus.label_names, name="copies"), features


@pytest.fixture(scope="module")
def asked_once(simulated, copied, tmp_path_factory):
    folder = tmp_path_factory.mktemp("distinct") / "run"
    return simulated(copied, **DISTINCT, output=folder, rounds=5), folder


def test_copies_are_the_documents_whose_text_came_before():
    texts = ["How far?", "how  FAR?", "Who?", "How far", "who? ", "How far?"]
    seen, expected = set(), []
    for row, text in enumerate(texts):
        expected += [row] if text_form(text) in seen else []
        seen.add(text_form(text))
    assert Query(distinct=True).copies(texts) == expected == [1, 4, 5]
    assert Query().copies(texts) == []


def test_no_text_is_labelled_twice(asked_once, copied):
    curves, _ = asked_once
    text_of = dict(zip(copied[0].train.ids, map(text_form, copied[0].train.texts), strict=True))
    for _, run in curves.acquired.groupby(["strategy", "seed"]):
        texts = [text_of[each] for each in run["id"]]
        assert len(set(texts)) == len(texts) == N_TEXTS  # and in the end each of them is


def test_a_pool_without_its_copies_that_runs_empty_is_said(asked_once):
    (remark,) = asked_once[0].remarks
    assert "but the 35 set aside are labelled" in remark


def test_the_first_document_stands_for_its_text_whatever_the_strategy(simulated, copied):
    corpus = copied[0]
    first = {}
    for each, text in zip(corpus.train.ids, corpus.train.texts, strict=True):
        first.setdefault(text_form(text), each)
    curves = simulated(copied, **DISTINCT, strategies=["random", "margin"], seeds=[1, 2])
    assert set(curves.acquired["id"]) <= set(first.values())


def test_what_is_set_aside_for_criteria_repeats_no_text_either(simulated, copied, tmp_path):
    stopping = {"stopping": [{"target_accuracy": {"accuracy": 1.0}}], "dev_size": 6}
    curves = simulated(
        copied, **DISTINCT, **stopping, strategies=["random", "margin"], seeds=[1], rounds=5, output=tmp_path / "a"
    )
    assert curves.rounds["n_labelled"].max() == N_TEXTS - 6
    # Both have acquired the whole pool, as any two would by chance.
    [pair] = sections.overlap(Findings.of(curves), {}).blocks[1].rows
    assert pair[-1] == "1.00"


def test_without_copies_nothing_changes(simulated, assert_same):
    assert_same(simulated(**DISTINCT), simulated())


def test_cut_short_it_goes_on_the_same(simulated, assert_same, copied, asked_once, tmp_path):
    curves, folder = asked_once
    copy = RunFolder(tmp_path / "run")
    copy.create(RunFolder(folder).config(), RunFolder(folder).about())
    for path in (folder / "rounds").glob("*.jsonl"):
        content = path.read_bytes()
        (copy.path / "rounds" / path.name).write_bytes(content[: len(content) // 2])
    for path in (folder / "maps").iterdir():
        (copy.path / "maps" / path.name).write_bytes(path.read_bytes())
    assert_same(simulated(copied, **DISTINCT, output=copy.path, rounds=5), curves)
    assert copy.records(Run("random", curves.seeds[0]))[-1]["n_labelled"] == N_TEXTS


def test_it_is_another_simulation(simulated, copied, asked_once):
    with pytest.raises(StorageError, match=re.escape("query.distinct: True -> False")):
        simulated(copied, rounds=5, output=asked_once[1])


def test_too_few_texts_are_refused_before_any_work(simulated, copied):
    with pytest.raises(ConfigError, match=f"seed_size is {N_TEXTS}, but there are {N_TEXTS} documents"):
        simulated(copied, **DISTINCT, seed_size=N_TEXTS)


def test_the_report_says_how_many_are_set_aside(asked_once, simulated):
    said = str(sections.summary(Findings.of(asked_once[0]), None).blocks)
    assert "Each text is asked for once: 35 copies of others are set aside." in said
    assert "asked for once" not in str(sections.summary(Findings.of(simulated()), None).blocks)


def test_it_goes_together_with_an_oracle_that_errs(simulated, copied):
    curves = simulated(copied, **DISTINCT, oracle={"noise": 0.2}, rounds=5, strategies=["random"], seeds=[1])
    last = curves.rounds.iloc[-1]
    assert last["n_labelled"] == N_TEXTS
    assert last["n_wrong"] == pytest.approx(last["n_wrong_by_chance"])  # as the whole pool is bought


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"distinkt": True}, "query has no parameter 'distinkt'. Did you mean 'distinct'? It takes: distinct."),
        ({"distinct": "yes"}, "query: distinct must be true or false, not 'yes'."),
        (True, "query must be parameters such as {distinct: true}, not True."),
    ],
)
def test_what_no_query_can_be_is_refused(spec, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        nested(Query, spec, "query", "{distinct: true}")


def test_words_of_the_command_line_are_the_request_of_python():
    request = compose(SimulationRequest, "simulate", ["features=lsa", "query.distinct=true", "device=cpu"])
    assert request.asked == Query(distinct=True)
    assert request.as_data()["query"] == {"distinct": True}
    assert "query: {distinct: false}" in configured_help("simulate")


def test_pairs_of_texts_are_the_same_if_both_are():
    parts = [("How far?", "Far."), ("How far?", "Near."), ("how far?", "far.")]
    texts = ["\n".join(pair) for pair in parts]
    train = Split(list("abc"), texts, np.array([0, 1, 0]), sequences=[[pair] for pair in parts])
    assert len(Query(distinct=True).copies(train.texts)) == 1
