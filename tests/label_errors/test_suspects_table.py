"""The ranked list: every number in it against a slow count."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from cal.label_errors.error_estimate import ErrorEstimate
from cal.label_errors.suspects_table import Evidence, estimate_text, shortened, suspects_table, suspects_text

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
        assert (row["gold"], row["text"]) == (NAMES[given.gold[at]], given.texts[at])


def test_a_rank_counts_the_more_suspicious():
    given = evidence()
    table = suspects_table(given).set_index("id")
    for name, scores in given.scores.items():
        for at, instance_id in enumerate(given.ids):
            assert table.loc[instance_id, f"rank_{name}"] == 1 + sum(other > scores[at] for other in scores)


def test_neighbours_are_the_nearest_with_another_label():
    given = evidence()
    for row, at in zip(suspects_table(given, 4).to_dict("records"), given.order, strict=True):
        expected = [(k, cosine) for k, cosine in by_cosine(given, at) if given.gold[k] != given.gold[at]][:4]
        assert [other["id"] for other in row["neighbours"]] == [given.ids[k] for k, _ in expected]
        assert [other["label"] for other in row["neighbours"]] == [NAMES[given.gold[k]] for k, _ in expected]
        assert [other["text"] for other in row["neighbours"]] == [given.texts[k] for k, _ in expected]
        np.testing.assert_allclose(
            [other["similarity"] for other in row["neighbours"]], [cosine for _, cosine in expected], atol=6e-4
        )


def test_the_likely_label_is_the_most_probable_other_one_out_of_fold():
    probs = np.random.default_rng(0).dirichlet(np.ones(3), N)
    given = evidence(probs=probs)
    for row, at in zip(suspects_table(given).to_dict("records"), given.order, strict=True):
        others = {k: probs[at, k] for k in range(3) if k != given.gold[at]}
        assert row["likely"] == NAMES[max(others, key=others.get)]
        assert row["likely_by"] == "out_of_fold"


def test_without_probabilities_it_is_the_predicted_one_or_that_of_most_neighbours():
    given = evidence()
    ways = Counter()
    for row, at in zip(suspects_table(given).to_dict("records"), given.order, strict=True):
        ways[row["likely_by"]] += 1
        if given.predicted[at] != given.gold[at]:
            assert (row["likely"], row["likely_by"]) == (NAMES[given.predicted[at]], "predicted")
        else:
            labels = [other["label"] for other in row["neighbours"]]
            most = max(labels.count(label) for label in labels)
            first = next(label for label in labels if labels.count(label) == most)
            assert (row["likely"], row["likely_by"]) == (first, "neighbours")
    assert min(ways.values()) > 10


@pytest.mark.parametrize("nothing", [{"vectors": None}, {"predicted": np.full(N, -1), "vectors": None}])
def test_where_nothing_tells_another_label_there_is_none(nothing):
    given = evidence(**nothing)
    for row, at in zip(suspects_table(given).to_dict("records"), given.order, strict=True):
        told = given.predicted[at] not in (given.gold[at], -1)
        assert (row["likely"] != "", row["likely_by"]) == (told, "predicted" if told else "")
        assert row["neighbours"] == []
        assert "nearest" not in row["why"]


def test_the_reasons_say_ranks_and_epochs_as_they_are():
    given = evidence()
    for row, at in zip(suspects_table(given).to_dict("records"), given.order, strict=True):
        ranks = re.match(r"AUM: rank (\d+) of 60; confidence: rank (\d+); its label", row["why"])
        assert [int(rank) for rank in ranks.groups()] == [
            1 + sum(other > given.scores[name][at] for other in given.scores[name]) for name in ("aum", "confidence")
        ]
        n_right, last = re.search(r"predicted in (\d+) of 10 epochs, (\S+) at the end", row["why"]).groups()
        assert int(n_right) == round(10 * given.correctness[at])
        assert last == NAMES[given.predicted[at]]


def test_the_reasons_count_the_labels_of_the_ten_nearest():
    given = evidence()
    seen = Counter()
    for row, at in zip(suspects_table(given).to_dict("records"), given.order, strict=True):
        labels = [NAMES[given.gold[k]] for k, _ in by_cosine(given, at)[:10]]
        others = Counter(label for label in labels if label != row["gold"])
        said = next(part for part in row["why"].split("; ") if re.search(r" of its \d+ nearest ", part))
        if not others:
            kind, expected = "none", "none of its 10 nearest has another label"
            assert said == expected
        else:
            n, most = others.total(), others.most_common(1)[0][1]
            n_said, rest = re.match(r"(all|\d+) of its 10 nearest (?:has|have) (.*)", said).groups()
            assert n_said == ("all" if n == 10 else str(n))
            kind = "one" if len(others) == 1 else "several"
            if kind == "one":
                assert rest == f"the label {next(iter(others))}"
            else:
                of_them, label = re.match(r"other labels, (\d+) of them (\S+)", rest).groups()
                assert int(of_them) == most == others[label]
        seen[kind] += 1
    assert set(seen) == {"none", "one", "several"}


def test_the_reasons_quote_the_neighbours():
    for row in suspects_table(evidence()).to_dict("records"):
        quoted = ", ".join(f"“{other['text']}” ({other['label']})" for other in row["neighbours"])
        assert row["why"].endswith(f"nearest with another label: {quoted}.")


def test_the_reasons_give_both_probabilities_out_of_fold():
    probs = np.random.default_rng(0).dirichlet(np.ones(3), N)
    given = evidence(probs=probs)
    for row, at in zip(suspects_table(given).to_dict("records"), given.order, strict=True):
        p = probs[at, NAMES.index(row["likely"])]
        said = (
            f"classifiers that never saw it give {row['likely']} {p:.2f} and its label {probs[at, given.gold[at]]:.2f}"
        )
        assert said in row["why"]


def test_of_few_documents_fewer_neighbours_are_counted():
    vectors = np.random.default_rng(3).uniform(0.1, 1, size=(5, 4))
    table = suspects_table(evidence(5, gold=np.array([0, 0, 0, 1, 1]), vectors=vectors), 3)
    assert sorted(len(neighbours) for neighbours in table["neighbours"]) == [2, 2, 2, 3, 3]
    assert table["why"].str.contains("of its 4 nearest").all()


def test_documents_of_one_label_have_no_neighbours_with_another():
    table = suspects_table(evidence(gold=np.zeros(N, int)))
    assert {len(neighbours) for neighbours in table["neighbours"]} == {0}
    assert table["why"].str.endswith("none of its 10 nearest has another label.").all()


def test_a_document_without_words_has_no_neighbours_and_is_none():
    vectors = evidence().vectors.copy()
    vectors[:3] = 0
    given = evidence(vectors=vectors, predicted=None)
    for row in suspects_table(given).to_dict("records"):
        if row["id"] in ("id0", "id1", "id2"):
            assert (row["likely"], row["likely_by"], row["neighbours"]) == ("", "", [])
            assert "nearest" not in row["why"]
        assert not {other["id"] for other in row["neighbours"]} & {"id0", "id1", "id2"}


def test_neighbours_are_looked_for_of_the_first_suspects_only():
    counts = [len(neighbours) for neighbours in suspects_table(evidence(), 3, 7)["neighbours"]]
    assert counts == [3] * 7 + [0] * (N - 7)


def test_no_neighbours_are_looked_for_where_none_are_asked_for():
    assert not suspects_table(evidence(), 0)["why"].str.contains("nearest").any()


def test_probabilities_are_those_of_the_estimate():
    rng = np.random.default_rng(1)
    low, p, high = np.sort(rng.uniform(size=(3, N)), axis=0)
    given = evidence(estimate=ErrorEstimate(p, low, high, 12.4, 7.6, 1803.2))
    table = suspects_table(given)
    for name, values in {"p_wrong": p, "p_low": low, "p_high": high}.items():
        np.testing.assert_array_equal(table[name], values[given.order])
    said = "About 12 of the 5,452 labels look wrong (95 % interval 8-1,803)."
    assert estimate_text(vars(given.estimate), 5452) == said


def test_permuted_documents_give_the_same_rows():
    given = evidence()
    shuffled = np.random.default_rng(5).permutation(N)
    place = np.argsort(shuffled)
    other = replace(
        given,
        ids=[given.ids[k] for k in shuffled],
        order=place[given.order],
        scores={name: values[shuffled] for name, values in given.scores.items()},
        texts=[given.texts[k] for k in shuffled],
        **{name: getattr(given, name)[shuffled] for name in ("gold", "correctness", "predicted", "vectors")},
    )
    assert suspects_table(given).equals(suspects_table(other))


def test_the_printed_list_has_the_first_and_breaks_long_texts():
    table = suspects_table(evidence(texts=["word " * 2000] * N))
    text = suspects_text(table, 3)
    assert [line.split(". ")[0] for line in text.splitlines() if re.match(r"\d+\. ", line)] == ["1", "2", "3"]
    assert max(map(len, text.splitlines())) < 130
    assert len(text) < 3000


def test_a_text_without_spaces_is_cut():
    assert shortened("é" * 100, 10) == "é" * 9 + "…"
    assert shortened("a\n\tb", 10) == "a b"
