"""The ranked list: every number in it against a slow count."""

import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from cal.label_errors.error_estimate import ErrorEstimate
from cal.label_errors.reasons import by_epochs, by_models, by_neighbours
from cal.label_errors.suspects_table import READ, Evidence, suspects_table

NAMES = ["ABBR", "<b>DESC</b>", "HUM"]
N = 60


def evidence(n=N, **changes):
    rng = np.random.default_rng(3)
    gold = rng.permutation(np.arange(n) % 3)
    vectors = rng.normal(size=(n, 4)) + 1.5 * np.eye(3, 4)[gold]
    aum, correctness = rng.normal(size=n).round(1), rng.integers(0, 11, n) / 10
    arguments = {
        "ids": [f"id{k}" for k in range(n)],
        "gold": gold,
        "label_names": NAMES,
        "by": "aum",
        "order": np.argsort(-aum, kind="stable"),
        "scores": {"aum": aum, "confidence": rng.normal(size=n), "correctness": -correctness},
        "correctness": correctness,
        "n_epochs": 10,
        "predicted": rng.integers(0, 3, n),
        "texts": [f"text number {k}" for k in range(n)],
        "places": [f"row {k + 1}" for k in range(n)],
        "vectors": vectors,
    }
    return Evidence(**arguments | changes)


def by_cosine(given, at):
    """All other positions that are alike at all, the most like one first, with their cosines."""
    unit = [vector / np.linalg.norm(vector) for vector in given.vectors]
    others = [(float(unit[at] @ unit[k]), k) for k in range(len(unit)) if k != at]
    return [(k, cosine) for cosine, k in sorted(others, key=lambda pair: (-pair[0], pair[1])) if cosine > 0]


def test_every_document_is_listed_once_in_the_given_order():
    given = evidence()
    table = suspects_table(given)
    assert table["id"].tolist() == [given.ids[k] for k in given.order]
    assert table["rank"].tolist() == list(range(1, N + 1))


def test_scores_and_labels_are_those_of_the_document():
    given = evidence()
    for row, at in zip(suspects_table(given).to_dict("records"), given.order, strict=True):
        assert row["score"] == given.scores["aum"][at]
        assert (row["label"], row["text"], row["row"]) == (NAMES[given.gold[at]], given.texts[at], at + 1)


def test_a_rank_counts_the_more_suspicious():
    given = evidence()
    table = suspects_table(given).set_index("id")
    for name, scores in given.scores.items():
        for at, instance_id in enumerate(given.ids):
            assert table.loc[instance_id, f"rank_{name}"] == 1 + sum(other > scores[at] for other in scores)


def test_the_columns_that_people_read_come_first():
    table = suspects_table(evidence())
    assert tuple(table.columns[: len(READ)]) == READ
    assert READ == ("row", "id", "text", "label", "likely", "p_wrong", "why", "corrected")
    assert set(table["corrected"]) == {""}
    assert "place" not in table


def test_a_place_is_told_where_the_number_of_a_row_is_not_enough():
    places = ["row 3 of b.csv", "line 4", "index x", "", *(f"row {k}" for k in range(5, N + 1))]
    table = suspects_table(evidence(places=places)).set_index("id")
    assert [table.loc[f"id{k}", "place"] for k in range(5)] == places[:5]
    assert table.loc[[f"id{k}" for k in (0, 1, 4)], "row"].tolist() == [3, 4, 5]
    assert table.loc[["id2", "id3"], "row"].isna().all()


def test_without_places_there_are_no_rows():
    assert suspects_table(evidence(places=()))["row"].isna().all()


def test_neighbours_are_the_nearest_with_their_labels():
    given = evidence()
    for row, at in zip(suspects_table(given, 4).to_dict("records"), given.order, strict=True):
        expected = by_cosine(given, at)[:4]
        assert [other["id"] for other in row["neighbours"]] == [given.ids[k] for k, _ in expected]
        assert [other["label"] for other in row["neighbours"]] == [NAMES[given.gold[k]] for k, _ in expected]
        assert [other["text"] for other in row["neighbours"]] == [given.texts[k] for k, _ in expected]
        assert [other["place"] for other in row["neighbours"]] == [f"row {k + 1}" for k, _ in expected]
        np.testing.assert_allclose(
            [other["similarity"] for other in row["neighbours"]], [cosine for _, cosine in expected], atol=6e-4
        )


def probabilities():
    return np.random.default_rng(0).dirichlet(np.ones(3), N)


def test_the_likely_label_is_the_most_probable_other_one_out_of_fold():
    probs = probabilities()
    given = evidence(probs=probs)
    for row, at in zip(suspects_table(given).to_dict("records"), given.order, strict=True):
        others = {k: probs[at, k] for k in range(3) if k != given.gold[at]}
        likely = max(others, key=others.get)
        assert (row["likely"], row["likely_by"]) == (NAMES[likely], "out_of_fold")
        assert (row["p_likely"], row["p_label"]) == (probs[at, likely], probs[at, given.gold[at]])


def test_without_probabilities_it_is_the_predicted_one_or_that_of_most_neighbours():
    given = evidence()
    ways = Counter()
    for row, at in zip(suspects_table(given).to_dict("records"), given.order, strict=True):
        ways[row["likely_by"]] += 1
        labels = [other["label"] for other in row["neighbours"] if other["label"] != row["label"]]
        if given.predicted[at] != given.gold[at]:
            assert (row["likely"], row["likely_by"]) == (NAMES[given.predicted[at]], "predicted")
        elif labels:
            most = max(labels.count(label) for label in labels)
            first = next(label for label in labels if labels.count(label) == most)
            assert (row["likely"], row["likely_by"]) == (first, "neighbours")
        else:
            assert (row["likely"], row["likely_by"]) == ("", "")
        assert np.isnan(row["p_likely"])
    assert min(ways.values()) > 3


@pytest.mark.parametrize("nothing", [{"vectors": None}, {"predicted": np.full(N, -1), "vectors": None}])
def test_where_nothing_tells_another_label_there_is_none(nothing):
    given = evidence(**nothing)
    for row, at in zip(suspects_table(given).to_dict("records"), given.order, strict=True):
        told = given.predicted[at] not in (given.gold[at], -1)
        assert (row["likely"] != "", row["likely_by"]) == (told, "predicted" if told else "")
        assert row["neighbours"] == []
        assert "similar" not in row["why"]


def test_of_two_labels_the_likely_one_is_the_other():
    gold = np.arange(N) % 2
    table = suspects_table(evidence(gold=gold, label_names=["a", "b"], predicted=None, vectors=None))
    assert {*zip(table["label"], table["likely"], table["likely_by"], strict=True)} == {
        ("a", "b", "only_other"),
        ("b", "a", "only_other"),
    }


def test_the_reasons_are_what_similar_texts_say_and_then_what_models_say():
    probs = probabilities()
    for given in (evidence(), evidence(probs=probs), evidence(vectors=None), evidence(correctness=None)):
        for row, at in zip(suspects_table(given).to_dict("records"), given.order, strict=True):
            own, expected = NAMES[given.gold[at]], []
            if given.vectors is not None:
                expected += [by_neighbours([NAMES[given.gold[k]] for k, _ in by_cosine(given, at)[:5]], own)]
            if given.probs is not None:
                p_likely, p_own = probs[at, NAMES.index(row["likely"])], probs[at, given.gold[at]]
                expected += [by_models(p_likely, p_own, row["likely"], own)]
            elif given.correctness is not None:
                expected += [by_epochs(given.correctness[at], 10, NAMES[given.predicted[at]], own)]
            assert row["why"] == " ".join(expected)


def test_of_few_documents_fewer_neighbours_are_counted():
    vectors = np.random.default_rng(3).uniform(0.1, 1, size=(5, 4))
    table = suspects_table(evidence(5, gold=np.array([0, 0, 0, 1, 1]), vectors=vectors), 7)
    assert {len(neighbours) for neighbours in table["neighbours"]} == {4}
    assert table["why"].str.contains("4 most similar texts").all()


def test_a_document_without_words_has_no_neighbours_and_is_none():
    vectors = evidence().vectors.copy()
    vectors[:3] = 0
    given = evidence(vectors=vectors, predicted=None)
    for row in suspects_table(given).to_dict("records"):
        if row["id"] in ("id0", "id1", "id2"):
            assert (row["likely"], row["likely_by"], row["neighbours"]) == ("", "", [])
            assert "similar" not in row["why"]
        assert not {other["id"] for other in row["neighbours"]} & {"id0", "id1", "id2"}


def test_neighbours_are_looked_for_of_the_first_suspects_only_and_every_row_has_a_reason():
    table = suspects_table(evidence(), 3, 7)
    assert [len(neighbours) for neighbours in table["neighbours"]] == [3] * 7 + [0] * (N - 7)
    assert (table["why"] != "").all()


def test_no_neighbours_are_looked_for_where_none_are_asked_for():
    assert not suspects_table(evidence(), 0)["why"].str.contains("similar").any()


def test_labels_that_are_unknown_stay_empty():
    table = suspects_table(evidence(gold=np.full(N, -1), predicted=np.full(N, -1), vectors=None))
    assert set(table["label"]) == set(table["likely"]) == {""}


def test_probabilities_are_those_of_the_estimate():
    low, p, high = np.sort(np.random.default_rng(1).uniform(size=(3, N)), axis=0)
    given = evidence(estimate=ErrorEstimate(p, low, high, 12.4, 7.6, 1803.2))
    table = suspects_table(given)
    for name, values in {"p_wrong": p, "p_low": low, "p_high": high}.items():
        np.testing.assert_array_equal(table[name], values[given.order])


def test_permuted_documents_give_the_same_rows():
    given = evidence()
    shuffled = np.random.default_rng(5).permutation(N)
    place = np.argsort(shuffled)
    other = replace(
        given,
        order=place[given.order],
        scores={name: values[shuffled] for name, values in given.scores.items()},
        **{name: [getattr(given, name)[k] for k in shuffled] for name in ("ids", "texts", "places")},
        **{name: getattr(given, name)[shuffled] for name in ("gold", "correctness", "predicted", "vectors")},
    )
    assert suspects_table(given).equals(suspects_table(other))


def test_many_documents_take_seconds():
    n = 20_000
    rng = np.random.default_rng(0)
    given = evidence(n, probs=rng.dirichlet(np.ones(3), n), texts=["A text."] * n, vectors=None)
    start = time.process_time()
    suspects_table(given)
    assert time.process_time() - start < 2  # 0.2 s on a core of 2024
