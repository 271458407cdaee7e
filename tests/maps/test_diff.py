"""What moved between two maps, and whether that is more than seeds do."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import orjson
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from cal.dynamics.data_map import DataMap
from cal.dynamics.map_frame import VALUES
from cal.dynamics.metrics import COORDINATES
from cal.errors import AnalysisError, ConfigError, StorageError
from cal.maps.diff import MOST_SPLITS, map_diff, seed_test
from cal.maps.diff_result import MapDiff

NAMES = ["easy-to-learn", "ambiguous", "hard-to-learn"]


def drawn(n=30, seed=0, n_seeds=1, ids=None, rule="quantile", shift=0.0, label_names=("no", "yes")):
    """A map whose confidence hardly varies between seeds, but where it is shifted, in the first three instances."""
    rng = np.random.default_rng(seed)
    runs = np.clip(0.5 + 0.05 * rng.normal(size=(n_seeds, n)) + shift * (np.arange(n) < 3), 0, 1)
    zeros = torch.zeros(n)
    values = dict.fromkeys(VALUES, zeros) | {"confidence": torch.from_numpy(runs.mean(axis=0))}
    values |= {"variability": torch.from_numpy(rng.uniform(0, 0.5, n)), "correctness": zeros + 0.5}
    values |= {"gold": torch.arange(n) % 2, "predicted": zeros.long()}
    ids = [f"i{k}" for k in range(n)] if ids is None else ids
    return DataMap(
        **values,
        n_epochs=1,
        ids=ids,
        texts=[f"text of {k}" for k in ids],
        label_names=label_names,
        region=rng.choice(NAMES, n),
        region_rule=rule,
        by_seed={name: torch.from_numpy(runs / (1 + (name == "variability"))) for name in COORDINATES}
        if n_seeds > 1
        else None,
    )


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
        diff = map_diff(drawn(300, seed=2 * seed, n_seeds=5), drawn(300, seed=2 * seed + 1, n_seeds=5))
        found.append(int(diff.moved["significant"].sum()))
    assert sum(count > 0 for count in found) <= 3  # one of twenty is expected at alpha .05


def test_what_really_moved_is_found():
    diff = map_diff(drawn(300, seed=1, n_seeds=5), drawn(300, seed=2, n_seeds=5, shift=0.4))
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
    a, b = drawn(seed=1), drawn(seed=2)
    diff = map_diff(a, b[torch.randperm(30, generator=torch.Generator().manual_seed(0))])
    rows = {row["id"]: row for row in diff.moved.to_dict("records")}
    assert len(rows) == 30
    for one, other in zip(a.to_frame().to_dict("records"), b.to_frame().to_dict("records"), strict=True):
        row = rows[one["id"]]
        assert row["confidence_change"] == other["confidence"] - one["confidence"]
        assert (row["region_a"], row["region_b"]) == (one["region"], other["region"])
        assert row["distance"] == pytest.approx(
            ((one["confidence"] - other["confidence"]) ** 2 + (one["variability"] - other["variability"]) ** 2) ** 0.5
        )
        assert row["text"] == one["text"]
    assert diff.moved["distance"].is_monotonic_decreasing
    counts = Counter(zip(a.region, b.region, strict=True))
    assert {(x, y): diff.transitions.loc[x, y] for x in NAMES for y in NAMES} == {
        (x, y): counts[x, y] for x in NAMES for y in NAMES
    }
    assert "region" in str(diff)
    assert not diff.tested


def test_ids_that_do_not_match_are_named_both_ways():
    a, b = drawn(3, ids=["x", "y", "a"]), drawn(3, ids=["x", "y", "b"])
    with pytest.raises(AnalysisError, match=r"1 only in A \('a'\), 1 only in B \('b'\), 2 in both.*--shared"):
        map_diff(a, b)
    diff = map_diff(a, b, shared=True)
    assert (sorted(diff.moved["id"]), diff.only_a, diff.only_b) == (["x", "y"], ["a"], ["b"])
    with pytest.raises(AnalysisError, match="not maps of one corpus"):
        map_diff(a, drawn(2, ids=["p", "q"]), shared=True)


def test_whole_numbers_and_texts_are_the_same_ids():
    assert len(map_diff(drawn(3, ids=[1, 2, 3]), drawn(3, ids=["1", "2", "3"])).moved) == 3


def test_other_gold_labels_are_counted():
    a, b = drawn(seed=1), drawn(seed=1)
    b.gold[[4, 5]] = torch.tensor([1, 0])
    assert "Another gold label in B, so that confidence is in another label: 2." in str(map_diff(a, b))


def test_labels_of_a_map_without_names_are_compared_by_number():
    assert "another gold label" not in str(map_diff(drawn(), drawn(label_names=None)))


def test_maps_with_other_region_rules_are_refused():
    with pytest.raises(AnalysisError, match="Draw one again"):
        map_diff(drawn(), drawn(rule="data_iq"))


def test_an_alpha_that_is_no_share_is_refused():
    with pytest.raises(ConfigError, match=r"alpha must be a number above 0 and below 1, not 5"):
        map_diff(drawn(), drawn(), alpha=5)


def test_the_folder_has_tables_figures_and_a_page(tmp_path):
    diff = map_diff(drawn(seed=1, n_seeds=3), drawn(seed=2, n_seeds=3))
    diff = replace(diff, names=("one", "other"))
    diff.save(tmp_path / "out")
    written = pd.read_csv(tmp_path / "out" / "diff.csv")
    pd.testing.assert_frame_equal(written, diff.moved, check_dtype=False)
    assert pd.read_csv(tmp_path / "out" / "transitions.csv", index_col=0).to_numpy().sum() == 30
    assert orjson.loads((tmp_path / "out" / "diff.json").read_bytes())["n_shared"] == 30
    for suffix in ("png", "pdf", "svg"):
        assert (tmp_path / "out" / "figures" / f"map_diff.{suffix}").stat().st_size > 5_000
    assert "From one to other" in (tmp_path / "out" / "diff.html").read_text()
    diff.save(tmp_path / "out")  # replaces itself


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_what_is_saved_is_loaded(tmp_path, blank_pictures, n_seeds):
    diff = map_diff(drawn(seed=1, n_seeds=n_seeds), drawn(seed=2, n_seeds=n_seeds))
    diff.save(tmp_path)
    again = MapDiff.load(tmp_path)
    pd.testing.assert_frame_equal(again.to_frame(), diff.to_frame(), check_dtype=False, rtol=1e-12)
    assert (str(again), repr(again)) == (str(diff), repr(diff))
    assert isinstance(again.plot(), Figure)
    assert "Shared ids: 30" in diff._repr_html_()


def test_a_folder_without_differences_is_refused(tmp_path):
    with pytest.raises(StorageError, match="no differences"):
        MapDiff.load(tmp_path)


def test_another_folder_is_not_overwritten(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match="is no folder of cal map-diff"):
        map_diff(drawn(), drawn()).save(tmp_path)


def test_of_a_map_and_itself_nothing_moved():
    text = str(map_diff(drawn(3, ids=[1, 2, 3]), drawn(3, ids=[1, 2, 3])))
    assert text.endswith("Nothing moved.")
    assert "Moved most" not in text
