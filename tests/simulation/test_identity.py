"""Whether two simulations are the same: one answer for resuming, for dated folders and for merging."""

from __future__ import annotations

import pytest

from cal.errors import StorageError
from cal.simulation.identity import FREE, OF_RUNS, differences
from cal.simulation.run_folder import RunFolder
from cal.simulation.simulate import choose_folder

ONE = {
    "config": {"rounds": 3, "strategies": ["cal"], "learner": {"mlp": {"lr": 0.1}}, "output": "a", "workers": 1},
    "corpus_fingerprint": "c",
    "features_fingerprint": "f",
    "strategy_digests": {"cal": "d"},
}


def with_config(**values) -> dict:
    return {**ONE, "config": {**ONE["config"], **values}}


@pytest.mark.parametrize(
    ("other", "free", "expected"),
    [
        (ONE, FREE, []),
        (with_config(output="b", workers=2, profile=True), FREE, []),
        (with_config(stopping=None), FREE, []),
        (with_config(distinct=False), FREE, []),  # what a version has added, and is off
        (with_config(oracle={"noise": 0.0, "kind": "annotator"}), FREE, []),  # how it would err if it did
        (with_config(oracle={"noise": 0.1}), FREE, ["oracle.noise: 0.0 -> 0.1"]),
        (with_config(rounds=5, learner={"mlp": {"lr": 0.2}}), FREE, ["learner.mlp.lr: 0.1 -> 0.2", "rounds: 3 -> 5"]),
        (with_config(strategies=["dal"]), FREE, ["strategies: ['cal'] -> ['dal']"]),
        (with_config(strategies=["dal"], seeds=[1], full_data=True), OF_RUNS, []),
        ({**ONE, "corpus_fingerprint": "x"}, OF_RUNS, ["the documents of the corpus"]),
        (
            {**ONE, "features_fingerprint": "x"},
            FREE,
            ["the document vectors, or what the learner reads instead of them"],
        ),
        (ONE | {"strategy_digests": {"cal": "x"}}, OF_RUNS, ["the code or the parameters of cal"]),
        (ONE | {"strategy_digests": {"dal": "x"}}, OF_RUNS, []),
        (ONE | {"strategy_digests": {"dal": "x"}}, FREE, ["the code or the parameters of cal, dal"]),
    ],
)
def test_differences_are_those_that_change_results(other, free, expected):
    assert differences(ONE, other, free) == expected


@pytest.fixture
def unfinished(tmp_path):
    folder = RunFolder(tmp_path / "2026-01-01_00-00-00-trec")
    folder.create(ONE["config"], {key: value for key, value in ONE.items() if key != "config"})
    return folder


def test_an_unfinished_folder_of_the_same_simulation_is_chosen(unfinished, caplog):
    assert choose_folder(unfinished.path.parent, "trec", ONE) == unfinished.path
    assert "Resuming the unfinished simulation" in caplog.text


@pytest.mark.parametrize("key", ["corpus_fingerprint", "features_fingerprint"])
def test_an_unfinished_folder_of_other_contents_blocks_nothing_and_is_named(unfinished, caplog, key):
    chosen = choose_folder(unfinished.path.parent, "trec", {**ONE, key: "changed"})
    assert chosen != unfinished.path
    (line,) = caplog.messages
    assert line.startswith(f"{unfinished.path} is unfinished, but its contents differ (the document")
    assert line.endswith(f"starting a new one in {chosen}.")


def test_finished_and_other_and_damaged_folders_are_passed_over(unfinished, caplog):
    assert choose_folder(unfinished.path.parent, "trec", with_config(rounds=9)) != unfinished.path
    (unfinished.path / "config.yaml").write_text("a: [")
    assert choose_folder(unfinished.path.parent, "trec", ONE) != unfinished.path
    assert not caplog.messages


def test_a_folder_that_another_process_is_at_is_passed_over(unfinished):
    with unfinished.lock():
        assert choose_folder(unfinished.path.parent, "trec", ONE) != unfinished.path
    (unfinished.path / "rounds" / "cal-1.jsonl").touch()
    with pytest.raises(StorageError, match="Different: rounds: 3 -> 9"):
        unfinished.create(with_config(rounds=9)["config"], ONE)
