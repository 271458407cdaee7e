"""Problems of texts: what is planted is found with its reason, ordinary texts have none, and no order matters."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

import cal
from cal.doubtful_texts.text_problems import KINDS, find_text_problems

PLACES = "Rome Oslo Bonn Lima Bern Riga Graz York Kiel Cork Nice Genoa Turku Delft Ghent Basel Trier Porto".split()
STARTS = ["How far is it to", "Who lives in", "What is the river of", "When was the bridge built in", "Why go to"]
ORDINARY = [f"{start} {place}?" for start in STARTS for place in PLACES]
PLANTED = {
    "who LIVES in  Rome?": ("near_duplicate", "different labels"),
    "Who lives in Oslo": ("near_duplicate", "same label"),
    "N/A": ("empty", "empty"),
    "...": ("empty", "empty"),
    "How far is it to ZÃ¼rich?": ("broken", "encoding"),
    "How far is it<br>to Paris&nbsp;?": ("broken", "markup"),
    "why go why go why go why go why go": ("broken", "repeated"),
    "Кто живёт в Москве?": ("broken", "another script"),
    " ".join(f"Go to {start} by {place}." for start in PLACES for place in PLACES[:3]): ("broken", "very long"),
    "def f(x): return x[3] ** 2": ("unlike", "words"),
}
LABELS = ["a", "b"]


def problems(texts, gold=None, order=None, **given):
    order = np.arange(len(texts)) if order is None else order
    gold = np.arange(len(texts)) % 2 if gold is None else np.array(gold)
    return find_text_problems(
        [texts[k] for k in order], gold[order], LABELS, [f"id-{k}" for k in order], [f"row {k}" for k in order], **given
    )


def planted():
    texts = [*ORDINARY, *PLANTED]
    gold = np.zeros(len(texts), dtype=int)
    gold[len(ORDINARY)] = 1
    return texts, gold


def test_what_is_planted_is_found_with_its_reason():
    table = problems(*planted())
    found = {
        text: (kind, reason) for text, kind, reason in zip(table["text"], table["kind"], table["reason"], strict=True)
    }
    assert found == PLANTED | {
        "Who lives in Rome?": PLANTED["who LIVES in  Rome?"],
        "Who lives in Oslo?": PLANTED["Who lives in Oslo"],
    }


def test_ordinary_texts_have_no_problem():
    assert len(problems(ORDINARY)) == 0
    assert list(problems(ORDINARY)) == list(problems(*planted()))


def test_the_order_of_the_rows_changes_nothing():
    texts, gold = planted()
    vectors = np.random.default_rng(0).normal(size=(len(texts), 8))
    expected = problems(texts, gold, vectors=vectors)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(texts))
        pd.testing.assert_frame_equal(problems(texts, gold, order, vectors=vectors[order]), expected)


def test_groups_with_different_labels_come_first_and_are_counted_from_one():
    table = problems(*planted())
    assert table["group"].tolist()[:2] == [1, 1]
    assert table["reason"].tolist()[:2] == ["different labels"] * 2
    assert table["why"][0] == "The same as row 90 but for case and whitespace, which is labelled b."
    assert table["kind"].tolist()[-2:] == ["near_duplicate"] * 2
    assert table["group"].dropna().tolist() == [1, 1, 2, 2]


def test_texts_and_labels_may_be_missing():
    table = problems(["Who?", "who?", "Why?"], [-1, 0, 1])
    assert table["reason"].tolist() == ["same label"] * 2
    assert table["label"].tolist() == ["a", ""] or table["label"].tolist() == ["", "a"]
    assert len(find_text_problems(None, np.array([0, 1]), LABELS, ["a", "b"])) == 0
    assert len(find_text_problems([], np.array([], dtype=int), LABELS, [])) == 0


def test_the_function_takes_what_read_corpus_takes(tmp_path):
    texts, gold = planted()
    frame = pd.DataFrame({"text": texts, "label": [LABELS[label] for label in gold]})
    frame.to_csv(tmp_path / "mine.csv", index=False)
    of_file, of_frame = cal.text_problems(tmp_path / "mine.csv"), cal.text_problems(frame)
    assert of_file.to_frame()["text"].tolist() == of_frame.to_frame()["text"].tolist()
    assert set(of_file.to_frame()["kind"]) == set(KINDS)
    assert of_file.to_frame()["row"].tolist() == [texts.index(text) + 1 for text in of_file.to_frame()["text"]]
    of_file.save(tmp_path / "problems.csv")
    assert len(pd.read_csv(tmp_path / "problems.csv")) == len(of_file)
    for shown in (str(of_file), of_file._repr_html_()):
        assert "1 group of near-duplicates with different labels (2 texts)" in shown
        assert "row " in shown


def test_a_misspelt_copy_is_found_and_the_difference_is_told():
    table = problems([*ORDINARY, "Who livves in Delft?"])
    found = table[table["kind"] == "near_duplicate"].set_index("text")["why"]
    assert "“livves” only here, “lives” only there" in found["Who livves in Delft?"]


def test_what_datalab_finds_of_what_is_planted_is_found():
    datalab = pytest.importorskip("cleanlab.datalab.datalab", exc_type=ImportError)
    texts, gold = planted()
    x = TfidfVectorizer().fit_transform(texts).toarray()
    lab = datalab.Datalab({"text": texts, "label": gold.tolist()}, label_name="label", verbosity=0)
    lab.find_issues(features=x, issue_types={"near_duplicate": {}, "outlier": {}})
    issues, table = lab.get_issues(), problems(texts, gold)
    assert {texts[k] for k in np.flatnonzero(issues["is_near_duplicate_issue"])} <= set(table["text"])
    assert {texts[k] for k in np.flatnonzero(issues["is_outlier_issue"])} <= set(table["text"])


def test_a_text_that_is_also_in_another_split_is_found_across_splits():
    train = pd.DataFrame({"text": ["Who was Nero?", "Where is Rome?"], "label": ["HUM", "LOC"]})
    test = pd.DataFrame({"text": ["who was Nero ?"], "label": ["LOC"]})
    corpus = cal.Corpus.from_frame(train, test=test)
    assert len(cal.text_problems(corpus)) == 0
    found = cal.text_problems(corpus, split="all").to_frame()
    assert found["reason"].tolist() == ["different labels"] * 2
    assert {row.rpartition(" of ")[2] for row in found["row"]} == {"train", "test"}


def test_pairs_and_choices_that_share_a_part_are_no_near_duplicates():
    premise = "Two women in bright dresses sing and play guitars on a small stage in the park at night"
    texts = [f"{premise} / {rest}" for rest in ("They sing.", "they sing", "They sleep.", "There is music.")]
    texts += [f"They sing. / {premise}"]
    found = problems(texts, [0, 1, 1, 0, 1], in_parts=True)
    assert found["id"].tolist() == ["id-0", "id-1"]
    assert set(found["reason"]) == {"different labels"}
    assert len(problems(texts, [0, 1, 1, 0, 1])) > 2  # as single texts
