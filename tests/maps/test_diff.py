"""What moved between two maps, and whether that is more than seeds do."""

import itertools
from collections import Counter

import numpy as np
import orjson
import pandas as pd
import pytest

from cal.errors import AnalysisError, ConfigError, StorageError
from cal.maps.diff import MOST_SPLITS, map_diff, seed_test
from cal.maps.diff_folder import write_diff
from cal.maps.folder import StoredMap

NAMES = ["easy-to-learn", "ambiguous", "hard-to-learn"]


def stored(n=30, seed=0, n_seeds=1, ids=None, rule="quantile", shift=0.0, label_names=True):
    rng = np.random.default_rng(seed)
    runs = np.clip(0.5 + 0.05 * rng.normal(size=(n_seeds, n)) + shift * (np.arange(n) < 3), 0, 1)
    ids = [f"i{k}" for k in range(n)] if ids is None else ids
    points = pd.DataFrame({"id": ids, "gold": np.arange(n) % 2, "predicted": 0, "confidence": runs.mean(axis=0)})
    points["variability"] = rng.uniform(0, 0.5, n)
    points["correctness"] = 0.5
    points["region"] = rng.choice(NAMES, n)
    if label_names:
        points["gold_label"] = points["predicted_label"] = np.array(["no", "yes"])[points["gold"]]
    points["text"] = [f"text of {k}" for k in ids]
    seeds = pd.DataFrame(columns=["seed", "id", "confidence"])
    if n_seeds > 1:
        seeds = pd.concat([pd.DataFrame({"seed": s, "id": ids, "confidence": run}) for s, run in enumerate(runs)])
    return StoredMap(points, seeds, {"region_rule": {rule: {}}})


def test_the_seed_test_is_its_definition():
    rng = np.random.default_rng(1)
    a, b = rng.uniform(size=(3, 12)), rng.uniform(size=(2, 12))

    def errors(one, other):
        squares = [sum((x - np.mean(g[:, i])) ** 2 for g in (one, other) for x in g[:, i]) for i in range(12)]
        return [np.sqrt(s / (len(one) + len(other) - 2) * (1 / len(one) + 1 / len(other))) for s in squares]

    offset = np.median(errors(a, b))

    def statistic(one, other):
        return [(np.mean(other[:, i]) - np.mean(one[:, i])) / (s + offset) for i, s in enumerate(errors(one, other))]

    runs, null = np.concatenate([a, b]), []
    for members in itertools.combinations(range(5), 3):
        if members != (0, 1, 2):
            others = [k for k in range(5) if k not in members]
            null += [abs(t) for t in statistic(runs[list(members)], runs[others])]
    expected = statistic(a, b)
    t, p = seed_test(a, b)
    np.testing.assert_allclose(t, expected)
    np.testing.assert_allclose(p, [(1 + sum(x >= abs(v) for x in null)) / (1 + len(null)) for v in expected])


def test_nothing_is_found_between_seeds_of_one_model():
    found = []
    for seed in range(20):
        diff = map_diff(stored(300, seed=2 * seed, n_seeds=5), stored(300, seed=2 * seed + 1, n_seeds=5))
        found.append(int(diff.moved["significant"].sum()))
    assert sum(count > 0 for count in found) <= 3  # one of twenty is expected at alpha .05


def test_what_really_moved_is_found():
    diff = map_diff(stored(300, seed=1, n_seeds=5), stored(300, seed=2, n_seeds=5, shift=0.4))
    assert {"i0", "i1", "i2"} <= set(diff.moved["id"][diff.moved["significant"]])
    assert diff.moved["significant"].sum() <= 5


def test_many_seeds_are_split_at_random_and_not_in_all_ways():
    rng = np.random.default_rng(0)
    _, p = seed_test(rng.uniform(size=(9, 4)), rng.uniform(size=(9, 4)))
    assert p.min() >= 1 / (MOST_SPLITS * 4 + 1)


def test_runs_that_never_vary_have_a_p_value():
    t, p = seed_test(np.full((3, 4), 0.5), np.full((3, 4), 0.5))
    assert t.tolist() == [0] * 4
    assert p.tolist() == [1] * 4


def test_changes_transitions_and_order_are_those_of_a_loop():
    a, b = stored(seed=1), stored(seed=2)
    shuffled = StoredMap(b.points.sample(frac=1, random_state=0), b.seeds, b.summary)
    diff = map_diff(a, shuffled)
    rows = {row["id"]: row for row in diff.moved.to_dict("records")}
    assert len(rows) == 30
    for one, other in zip(a.points.to_dict("records"), b.points.to_dict("records"), strict=True):
        row = rows[one["id"]]
        assert row["confidence_change"] == other["confidence"] - one["confidence"]
        assert (row["region_a"], row["region_b"]) == (one["region"], other["region"])
        assert row["distance"] == pytest.approx(
            ((one["confidence"] - other["confidence"]) ** 2 + (one["variability"] - other["variability"]) ** 2) ** 0.5
        )
        assert row["text"] == one["text"]
    assert diff.moved["distance"].is_monotonic_decreasing
    counts = Counter(zip(a.points["region"], b.points["region"], strict=True))
    assert {(x, y): diff.transitions.loc[x, y] for x in NAMES for y in NAMES} == {
        (x, y): counts[x, y] for x in NAMES for y in NAMES
    }
    assert "region" in diff.text()
    assert not diff.tested


def test_ids_that_do_not_match_are_named_both_ways():
    a, b = stored(3, ids=["x", "y", "a"]), stored(3, ids=["x", "y", "b"])
    with pytest.raises(AnalysisError, match=r"1 only in A \('a'\), 1 only in B \('b'\), 2 in both.*--shared"):
        map_diff(a, b)
    diff = map_diff(a, b, shared=True)
    assert (sorted(diff.moved["id"]), diff.only_a, diff.only_b) == (["x", "y"], ["a"], ["b"])
    with pytest.raises(AnalysisError, match="not maps of one corpus"):
        map_diff(a, stored(2, ids=["p", "q"]), shared=True)


def test_whole_numbers_and_texts_are_the_same_ids():
    assert len(map_diff(stored(3, ids=[1, 2, 3]), stored(3, ids=["1", "2", "3"])).moved) == 3


def test_other_gold_labels_are_counted():
    a, b = stored(seed=1), stored(seed=1)
    b.points.loc[[4, 5], "gold_label"] = ["yes", "no"]
    assert "2 have another gold label" in map_diff(a, b).text()


def test_labels_of_a_map_without_names_are_compared_by_number():
    assert "another gold label" not in map_diff(stored(), stored(label_names=False)).text()


def test_maps_with_other_region_rules_are_refused():
    with pytest.raises(AnalysisError, match="Draw one of them again"):
        map_diff(stored(), stored(rule="data_iq"))


def test_an_alpha_that_is_no_share_is_refused():
    with pytest.raises(ConfigError, match=r"alpha must be between 0 and 1, not 5"):
        map_diff(stored(), stored(), alpha=5)


def test_the_folder_has_tables_figures_and_a_page(tmp_path):
    diff = map_diff(stored(seed=1, n_seeds=3), stored(seed=2, n_seeds=3))
    write_diff(tmp_path / "out", diff, ["one", "other"])
    written = pd.read_csv(tmp_path / "out" / "diff.csv")
    pd.testing.assert_frame_equal(written, diff.moved, check_dtype=False)
    assert pd.read_csv(tmp_path / "out" / "transitions.csv", index_col=0).to_numpy().sum() == 30
    assert orjson.loads((tmp_path / "out" / "diff.json").read_bytes())["n_shared"] == 30
    for suffix in ("png", "pdf", "svg"):
        assert (tmp_path / "out" / "figures" / f"map_diff.{suffix}").stat().st_size > 5_000
    assert "From one to other" in (tmp_path / "out" / "diff.html").read_text()
    write_diff(tmp_path / "out", diff, ["one", "other"])  # replaces itself


def test_another_folder_is_not_overwritten(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match="is no folder of cal map-diff"):
        write_diff(tmp_path, map_diff(stored(), stored()), ["a", "b"])


def test_of_a_map_and_itself_nothing_moved():
    text = map_diff(stored(3, ids=[1, 2, 3]), stored(3, ids=[1, 2, 3])).text()
    assert text.endswith("Nothing moved.")
    assert "Moved most" not in text
