from dataclasses import replace

import pandas as pd
import pytest

from cal.data.corpus import TestSet
from cal.data.features import Features
from cal.errors import AnalysisError, StorageError
from cal.learners.mlp import MLP
from cal.simulation.curves import LearningCurves


def test_loading_gives_what_the_simulation_gave(simulated, assert_same, tmp_path):
    given = simulated(output=tmp_path, full_data=True)
    assert_same(LearningCurves.load(tmp_path), given)


def test_strategies_and_seeds_come_in_the_order_given(simulated):
    curves = simulated(strategies=["random", "entropy", "bald"], seeds=[9, 2])
    assert curves.strategies == ["random", "entropy", "bald"]
    assert curves.seeds == [9, 2]


def test_folders_of_other_strategies_and_seeds_are_merged(simulated, assert_same, tmp_path):
    whole = simulated(strategies=["random", "entropy"], full_data=True)
    for strategy in ("random", "entropy"):
        for seed in (1, 2):
            simulated(
                strategies=[strategy],
                seeds=[seed],
                full_data=strategy == "random",
                output=tmp_path / f"{strategy}{seed}",
            )
    assert_same(LearningCurves.load(*sorted(tmp_path.iterdir())), whole)


def test_a_reference_line_in_two_folders_counts_once(simulated, tmp_path):
    for strategy in ("random", "entropy"):
        simulated(strategies=[strategy], full_data=True, output=tmp_path / strategy)
    merged = LearningCurves.load(tmp_path / "random", tmp_path / "entropy")
    assert merged.full_data.seed.tolist() == [1, 2]
    assert not merged.maps.duplicated(["strategy", "seed", "round", "id"]).any()


@pytest.mark.parametrize("other", [1, 2])
def test_folders_that_share_a_run_are_refused(simulated, tmp_path, other):
    """Whichever two of the folders it is."""
    strategies = ["random", "entropy", ["random", "entropy"][other - 1]]
    for k, strategy in enumerate(strategies):
        simulated(strategies=[strategy], seeds=[1], output=tmp_path / str(k))
    with pytest.raises(AnalysisError, match=rf"both hold 1 runs, e\.g\. {strategies[-1]} with seed 1"):
        LearningCurves.load(tmp_path / "0", tmp_path / "1", tmp_path / "2")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"query_size": 6}, "query_size"),
        ({"learner": MLP(hidden=[8], n_epochs=2)}, "learner"),
        ({"rounds": 2}, "rounds"),
    ],
    ids=str,
)
def test_folders_of_other_simulations_are_refused(simulated, tmp_path, changes, key):
    simulated(strategies=["random"], output=tmp_path / "one")
    simulated(strategies=["entropy"], output=tmp_path / "other", **changes)
    with pytest.raises(AnalysisError, match=rf"cannot be compared; they differ in .*{key}"):
        LearningCurves.load(tmp_path / "one", tmp_path / "other")


def test_folders_of_other_documents_are_refused(simulated, make_task, tmp_path):
    simulated(strategies=["random"], output=tmp_path / "one")
    simulated(make_task(n_train=63), strategies=["entropy"], output=tmp_path / "other")
    with pytest.raises(AnalysisError, match="the documents of the corpus"):
        LearningCurves.load(tmp_path / "one", tmp_path / "other")


def test_folders_of_other_vectors_are_refused(simulated, make_task, tmp_path):
    corpus, features = make_task()
    simulated(strategies=["random"], output=tmp_path / "one")
    others = {name: 2 * vectors for name, vectors in features.splits().items()}
    simulated((corpus, Features.of(others)), strategies=["entropy"], output=tmp_path / "other")
    with pytest.raises(AnalysisError, match="they differ in the document vectors"):
        LearningCurves.load(tmp_path / "one", tmp_path / "other")


def test_a_pool_that_ran_empty_is_said(simulated, blank_pictures, tmp_path, caplog):
    curves = simulated(strategies=["random"], seeds=[1], query_size=20, rounds=9)
    (remark,) = curves.remarks
    assert remark.startswith("The pool ran empty in round 3 of 9: all 60 training documents are labelled")
    assert caplog.messages.count(remark) == 1
    curves.report(tmp_path)
    assert "ran empty in round 3 of 9" in (tmp_path / "report.md").read_text()
    assert simulated(strategies=["random"], seeds=[1], query_size=20, rounds=3).remarks == []
    aside = simulated(
        strategies=["random"],
        seeds=[1],
        query_size=20,
        rounds=9,
        dev_size=8,
        stopping=[{"target_accuracy": {"accuracy": 1}}],
    )
    assert "all 60 training documents but the 8 set aside" in aside.remarks[0]


def test_a_folder_without_a_simulation_is_refused(tmp_path):
    with pytest.raises(StorageError, match="is not the folder of a simulation"):
        LearningCurves.load(tmp_path)


def test_summary_is_the_mean_over_seeds_after_the_last_round(simulated):
    curves = simulated()
    summary = curves.summary()
    assert list(summary.index) == curves.strategies
    for strategy in curves.strategies:
        last = curves.rounds.query("strategy == @strategy and `round` == 3")
        assert summary.accuracy[strategy] == pytest.approx(sum(last.accuracy) / len(last))
        assert summary.n_labelled[strategy] == 27


def test_tables_are_written_as_csv(simulated, tmp_path):
    curves = simulated()
    curves.to_csv(tmp_path)
    rounds, acquired = (pd.read_csv(tmp_path / name) for name in ("curves.csv", "acquired.csv"))
    assert rounds.accuracy.tolist() == curves.rounds.accuracy.tolist()
    assert acquired.id.tolist() == curves.acquired.id.tolist()


@pytest.fixture
def with_tests(make_task):
    """The small task with its test split again as a further test set, and once more with two classes as one label."""
    corpus, features = make_task()
    tests = {
        "again": TestSet(corpus.test, corpus.label_names, [0, 1, 2]),
        "merged": TestSet(replace(corpus.test, gold=corpus.test.gold.clip(max=1)), ["a", "b"], [0, 1, 1]),
    }
    vectors = features.splits()
    more = Features.of(vectors | dict.fromkeys(tests, vectors["test"]))
    return replace(corpus, tests=tests), more


def test_further_test_sets_have_a_row_for_every_round(simulated, with_tests):
    curves = simulated(with_tests, full_data=True)
    assert list(curves.tests) == ["strategy", "seed", "round", "n_labelled", "test", "accuracy", "macro_f1"]
    again = curves.tests[curves.tests["test"] == "again"].drop(columns="test").reset_index(drop=True)
    full = curves.full_data.assign(strategy="full_data", round=0)
    pd.testing.assert_frame_equal(again, pd.concat([curves.rounds, full], ignore_index=True)[list(again)])
    merged = curves.tests[curves.tests["test"] == "merged"]
    assert (merged["accuracy"].to_numpy() >= again["accuracy"].to_numpy()).all()
    assert curves.strategies == ["random", "entropy", "cal(hidden=8,n_epochs=3,lr=0.01)"]


def test_further_test_sets_of_folders_are_merged(simulated, with_tests, tmp_path):
    whole = simulated(with_tests, strategies=["random", "entropy"], full_data=True)
    for strategy in ("random", "entropy"):
        simulated(with_tests, strategies=[strategy], full_data=True, output=tmp_path / strategy)
    merged = LearningCurves.load(tmp_path / "random", tmp_path / "entropy").tests
    keys = ["strategy", "seed", "round", "test"]
    expected = whole.tests.sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(merged.sort_values(keys, ignore_index=True), expected)


def test_further_test_sets_are_written_as_csv_where_there_are_any(simulated, with_tests, tmp_path):
    curves = simulated(with_tests)
    curves.to_csv(tmp_path / "with")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "with" / "tests.csv"), curves.tests, check_dtype=False)
    simulated().to_csv(tmp_path / "without")
    assert not (tmp_path / "without" / "tests.csv").exists()


TABLES = ["rounds", "acquired", "full_data", "maps", "stopped", "tests"]


@pytest.fixture
def everything(simulated, with_tests, tmp_path):
    """Curves with rows in every table, as loaded from their folder."""
    stopping = [{"target_accuracy": {"accuracy": 0.01}}, "overall_uncertainty"]
    simulated(with_tests, full_data=True, stopping=stopping, dev_size=9, output=tmp_path / "run")
    curves = LearningCurves.load(tmp_path / "run")
    assert all(len(getattr(curves, name)) for name in TABLES)
    return curves


def test_saved_curves_load_as_they_were(everything, tmp_path):
    everything.save(tmp_path / "saved")
    loaded = LearningCurves.load(tmp_path / "saved")
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(loaded, name), getattr(everything, name), check_exact=True)
    assert loaded.about == everything.about | {"folders": [str(tmp_path / "saved")]}


def test_merged_curves_are_saved_as_one_folder(simulated, assert_same, tmp_path):
    for strategy, seed in (("random", 1), ("random", 2), ("entropy", 1), ("entropy", 2)):
        simulated(strategies=[strategy], seeds=[seed], full_data=True, output=tmp_path / f"{strategy}{seed}")
    merged = LearningCurves.load(*sorted(tmp_path.iterdir()))
    merged.save(tmp_path / "saved")
    assert_same(LearningCurves.load(tmp_path / "saved"), merged)


def test_an_interrupted_simulation_that_was_saved_can_be_resumed(simulated, assert_same, tmp_path):
    whole = simulated(output=tmp_path / "whole")
    config = (tmp_path / "whole" / "config.yaml").read_bytes()
    before = {name: getattr(whole, name)[getattr(whole, name)["round"] < 2] for name in ("rounds", "maps")}
    acquired = whole.acquired[whole.acquired["round"] <= 2]
    replace(whole, **before, acquired=acquired).save(tmp_path / "saved")
    assert (tmp_path / "saved" / "config.yaml").read_bytes() == config
    assert_same(simulated(output=tmp_path / "saved"), whole)


def test_saving_keeps_what_a_run_folder_knows(simulated, tmp_path):
    curves = simulated(output=tmp_path)
    kept = {path: path.read_bytes() for folder in ("rounds", "maps") for path in (tmp_path / folder).iterdir()}
    curves.save(tmp_path)
    assert {path: path.read_bytes() for path in kept} == kept


def test_curves_are_not_saved_into_the_folder_of_another_simulation(simulated, tmp_path):
    simulated(query_size=6, output=tmp_path)
    with pytest.raises(StorageError, match="query_size"):
        simulated().save(tmp_path)


def test_the_spread_is_the_standard_deviation_over_seeds(simulated):
    curves = simulated()
    summary = curves.summary(spread=True)
    last = curves.rounds.query("strategy == 'random' and `round` == 3")
    assert summary["accuracy_spread"]["random"] == pytest.approx(last["accuracy"].std())
    pd.testing.assert_frame_equal(summary[["n_labelled", "accuracy", "macro_f1"]], curves.summary())


def test_curves_show_themselves(simulated, tmp_path):
    curves = simulated()
    assert repr(curves) == f"LearningCurves of {curves.about['corpus']!r}: 3 strategies, 2 seeds, 3 rounds"
    assert repr(
        replace(curves, rounds=curves.rounds.query("strategy == 'random' and seed == 1 and round < 2"))
    ).endswith(": 1 strategy, 1 seed, 1 round")
    assert str(curves) == curves.summary().to_string(float_format="{:.3f}".format)
    html = curves._repr_html_()
    assert "accuracy_spread" in html
    assert "data:image/svg" in html
    pd.testing.assert_frame_equal(curves.to_frame(), curves.rounds)
    assert "area" in curves.plot().axes[0].get_title(loc="left")


def test_the_report_is_that_of_the_command(simulated, blank_pictures, tmp_path):
    curves = simulated()
    assert curves.report(tmp_path) == tmp_path / "report.html"
    assert curves.compare().headline() in (tmp_path / "report.md").read_text().replace("\\", "")
    assert {"acquired.csv", "curves.csv", "figures", "tables"} <= {path.name for path in tmp_path.iterdir()}
    curves.report(tmp_path)  # an earlier report is replaced


def test_a_report_replaces_no_file_of_the_user(simulated, tmp_path):
    (tmp_path / "report.md").write_text("mine")
    with pytest.raises(StorageError, match=r"no folder of cal report: it has report\.md and no acquired\.csv"):
        simulated().report(tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
