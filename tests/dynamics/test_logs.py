"""The logs of all epochs: one order of instances, whatever the order of lines, and no epoch that is not there."""

import json
import statistics
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from cal.dynamics.data_map import DataMap
from cal.dynamics.jsonl import write_epoch
from cal.dynamics.logs import Logs, log_files
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import AnalysisError, ConfigError, DataError

PUBLISHED = Path(__file__).resolve().parents[2] / "../shared/data/allenai"

N, E, C = 40, 5, 3
IDS = [f"id{i}" for i in range(N)]


@pytest.fixture
def logits():
    return np.random.default_rng(1).normal(size=(E, N, C)).round(10)


@pytest.fixture
def gold():
    return np.random.default_rng(2).integers(0, C, N)


@pytest.fixture
def write(tmp_path, logits, gold):
    """write(rows=None, ids=IDS, compress=...): the logs of some rows of each epoch, shuffled after the first."""

    def write(rows=None, ids=IDS, compress=lambda epoch: False):
        rng = np.random.default_rng(3)
        for epoch in range(E):
            chosen = np.arange(N) if rows is None else np.array(rows(epoch))
            chosen = rng.permutation(chosen) if epoch else chosen
            given = [ids[row] for row in chosen]
            write_epoch(tmp_path, epoch, given, logits[epoch, chosen], gold[chosen], compress=compress(epoch))
        return tmp_path

    return write


def add_line(folder, epoch, **record):
    path = folder / f"dynamics_epoch_{epoch}.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, json.dumps(record)]) + "\n")


def assert_same_map(given, expected):
    for name in ("confidence", "variability", "correctness", "aum", "loss", "forgetting", "first_learnt"):
        torch.testing.assert_close(getattr(given, name), getattr(expected, name), rtol=0, atol=1e-6, equal_nan=True)


def test_metrics_are_those_of_a_plain_loop_over_the_lines(write, gold):
    folder = write(compress=lambda epoch: epoch % 2 == 1)
    logs = Logs(folder)
    expected = {instance_id: [] for instance_id in IDS}
    for epoch, path in log_files(folder).items():
        import gzip

        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for line in text.splitlines():
            record = json.loads(line)
            exps = [2.718281828459045**value for value in record[f"logits_epoch_{epoch}"]]
            expected[record["guid"]].append(exps[record["gold"]] / sum(exps))
    running = logs.running()
    assert logs.ids == IDS
    assert logs.gold.tolist() == gold.tolist()
    for row, instance_id in enumerate(IDS):
        assert abs(running.confidence[row].item() - statistics.fmean(expected[instance_id])) < 1e-7  # of float32
        assert abs(running.variability[row].item() - statistics.pstdev(expected[instance_id])) < 1e-7  # of float32


def test_dynamics_are_those_of_the_logits(write, logits, gold):
    given = Logs(write()).dynamics()
    expected = TrainingDynamics.from_logits(torch.from_numpy(logits), torch.from_numpy(gold))
    torch.testing.assert_close(given.gold_prob.double(), expected.gold_prob)
    assert torch.equal(given.predicted, expected.predicted)
    assert given.capture == "during"


def test_a_store_of_the_logs_draws_the_same_map(write, tmp_path_factory):
    logs = Logs(write())
    store = logs.to_store(tmp_path_factory.mktemp("store") / "logs")
    assert list(store.ids) == logs.ids
    assert_same_map(store.data_map(), DataMap.of(logs.running(), logs.ids))


@pytest.mark.parametrize("ids", [IDS, list(range(100, 100 + N))], ids=["text", "numbers"])
def test_ids_keep_their_type(write, ids):
    assert Logs(write(ids=ids)).ids == ids


def test_only_the_epochs_asked_for_are_read(write, logits, gold):
    folder = write()
    (folder / "dynamics_epoch_2.jsonl").write_text("damaged")
    given = Logs(folder, epochs=[3, 0, 3]).running()
    expected = TrainingDynamics.from_logits(torch.from_numpy(logits[[0, 3]]), torch.from_numpy(gold))
    torch.testing.assert_close(given.confidence, expected.gold_prob.mean(dim=0))
    assert given.n_epochs == 2


def test_a_stray_file_is_no_epoch(write):
    folder = write()
    for name in (".DS_Store", "dynamics_epoch_1.jsonl.part", "dynamics_epoch_x.jsonl", "old_dynamics_epoch_9.jsonl"):
        (folder / name).write_text("stray")
    (folder / "dynamics_epoch_99.jsonl").mkdir()
    assert list(Logs(folder).files) == list(range(E))


def test_the_folder_above_training_dynamics_will_do(write, tmp_path_factory):
    above = tmp_path_factory.mktemp("model")
    write().rename(above / "training_dynamics")
    assert len(Logs(above)) == N


def test_memory_does_not_grow_with_epochs(tmp_path):
    for epoch in range(12):
        write_epoch(tmp_path, epoch, range(2000), np.zeros((2000, 3)), np.zeros(2000, int))
    peaks = []
    for n_epochs in (3, 3, 12):  # the first warms up
        tracemalloc.start()
        Logs(tmp_path, epochs=range(n_epochs)).running()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.1 * peaks[1]


def missing_in(row, *epochs):
    return lambda epoch: [r for r in range(N) if r != row or epoch not in epochs]


def test_drop_leaves_out_what_lacks_an_epoch_and_says_so(write, logits, gold, caplog):
    logs = Logs(write(missing_in(7, 2)), on_missing="drop")
    kept = [row for row in range(N) if row != 7]
    expected = TrainingDynamics.from_logits(torch.from_numpy(logits[:, kept]), torch.from_numpy(gold[kept]))
    assert logs.ids == [IDS[row] for row in kept]
    assert_same_map(DataMap.of(logs.running()), DataMap.of(expected))
    assert "1 of 40 instances lacks some epochs and is left out." in caplog.text


@pytest.mark.parametrize("absent", [(0,), (4,), (0, 2, 3)], ids=["late", "last", "several"])
def test_partial_places_an_instance_by_the_epochs_it_has(write, logits, gold, absent):
    logs = Logs(write(missing_in(7, *absent)), on_missing="partial")
    row = logs.ids.index("id7")
    has = [epoch for epoch in range(E) if epoch not in absent]
    alone = TrainingDynamics.from_logits(torch.from_numpy(logits[has][:, [7]]), torch.from_numpy(gold[[7]]))
    drawn, expected = logs.to_store().data_map(), DataMap.of(alone)
    for name in ("confidence", "variability", "correctness", "aum"):
        torch.testing.assert_close(getattr(drawn, name)[row], getattr(expected, name)[0], rtol=0, atol=1e-6)
    assert logs.dynamics().gold_prob[:, row].isnan().tolist() == [epoch in absent for epoch in range(E)]
    with pytest.raises(AnalysisError, match="to_store"):
        logs.running()


@pytest.mark.parametrize("on_missing", ["drop", "partial"])
def test_complete_logs_are_the_same_however_missing_ones_are_handled(write, on_missing):
    folder = write()
    logs = Logs(folder, on_missing=on_missing)
    assert logs.ids == IDS
    assert_same_map(DataMap.of(logs.running()), DataMap.of(Logs(folder).running()))
    assert logs.faults.empty


@pytest.mark.parametrize("on_missing", ["drop", "partial"])
def test_of_several_lines_the_first_counts(write, on_missing, gold):
    expected = DataMap.of(Logs(write()).running())
    folder = write()
    add_line(folder, 1, guid="id3", logits_epoch_1=[9.0, 0.0, -9.0], gold=int(gold[3]))
    assert_same_map(DataMap.of(Logs(folder, on_missing=on_missing).running()), expected)


def test_missing_late_and_repeated_instances_are_a_table(write, gold):
    folder = write(missing_in(7, 2))
    add_line(folder, 3, guid="new", logits_epoch_3=[0.0, 0.0, 0.0], gold=0)
    add_line(folder, 4, guid="id3", logits_epoch_4=[0.0, 0.0, 0.0], gold=int(gold[3]))
    rows = Logs(folder, on_missing="partial").faults[["id", "epoch", "fault"]].to_numpy().tolist()
    assert rows == [["id7", 2, "missing"], ["new", 3, "late"], ["new", 4, "missing"], ["id3", 4, "duplicate"]]


def faulty(name, write, gold):
    folder = write(missing_in(7, 2) if name == "missing" else None)
    if name == "late":
        add_line(folder, 3, guid="new", logits_epoch_3=[0.0, 0.0, 0.0], gold=0)
    if name == "duplicate":
        add_line(folder, 0, guid="id3", logits_epoch_0=[0.0, 0.0, 0.0], gold=int(gold[3]))
    return folder


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", r"For example id 'id7' is missing in epoch 2\. on_missing=\"drop\" keeps the 39 complete"),
        ("late", r"For example id 'new' is not in an earlier epoch in epoch 3"),
        ("duplicate", r"For example id 'id3' is in several lines in epoch 0"),
    ],
)
def test_what_is_not_in_every_epoch_once_is_an_error_that_says_what_to_do(write, gold, name, words):
    with pytest.raises(DataError, match=words):
        Logs(faulty(name, write, gold)).running()


def test_gold_that_changes_names_the_line(write, gold):
    folder = write()
    path = folder / "dynamics_epoch_2.jsonl"
    lines = path.read_text().splitlines()
    record = json.loads(lines[11])
    before = record["gold"]
    record["gold"] = (before + 1) % C
    path.write_text("\n".join([*lines[:11], json.dumps(record), *lines[12:]]) + "\n")
    words = rf"dynamics_epoch_2\.jsonl, line 12: gold of id '{record['guid']}' is {record['gold']}, and was {before}"
    for on_missing in ("error", "drop", "partial"):
        with pytest.raises(DataError, match=words):
            Logs(folder, on_missing=on_missing).running()


def test_another_number_of_classes_names_the_file(write):
    folder = write()
    write_epoch(folder, 3, IDS, np.zeros((N, C + 1)), np.zeros(N, int))
    with pytest.raises(DataError, match=r"dynamics_epoch_3\.jsonl, line 1: there are 4 logits, but 3 in earlier"):
        Logs(folder).running()


def test_ids_of_another_kind_name_the_file(write, logits, gold):
    folder = write(ids=list(range(N)))
    write_epoch(folder, 3, [str(i) for i in range(N)], logits[3], gold)
    with pytest.raises(DataError, match=r"dynamics_epoch_3\.jsonl, line 1: ids look like '0', and .* like 0"):
        Logs(folder).running()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"epochs": [1, 9]}, r"no logs of epochs \[9\]\. It has 0, 1, 2, 3, 4"),
        ({"burn_out": 9}, r"burn_out=9 reads the first 9 epochs, but .* has 5\. Give burn_out=5 or less"),
        ({"epochs": []}, "epochs is empty"),
        ({"epochs": 3}, r"epochs must be a list of epoch numbers, such as \[0, 1\], not 3; burn_out=3 reads"),
        ({"epochs": "0"}, "epochs must be a list of epoch numbers"),
        ({"epochs": [0.5]}, r"epochs must be a whole number of at least 0, not 0\.5"),
        ({"burn_out": 0}, "burn_out must be a whole number of at least 1"),
        ({"values": "probs"}, "values must be logits, probabilities or null, not 'probs'"),
        ({"label_names": "HUM"}, "label_names must be a list of names"),
        ({"label_names": ["HUM", "HUM"]}, "label_names must be two or more different names"),
    ],
)
def test_epochs_that_are_not_there_are_refused(write, arguments, words):
    with pytest.raises((DataError, ConfigError), match=words):
        Logs(write(), **arguments)


def test_two_logs_of_an_epoch_are_refused(write):
    folder = write()
    (folder / "dynamics_epoch_1.jsonl.gz").write_bytes(b"")
    with pytest.raises(DataError, match="are both logs of epoch 1"):
        Logs(folder)


def test_a_folder_without_logs_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"there is no log\. Logs are named dynamics_epoch_0"):
        Logs(tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        Logs(tmp_path / "none")


def test_an_unknown_way_of_handling_is_refused(write):
    with pytest.raises(ConfigError, match="on_missing must be error, drop or partial, not 'skip'"):
        Logs(write(), on_missing="skip")


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published logs are not beside the checkout")
def test_the_published_samples_are_explained():
    with pytest.raises(DataError, match="0 of 50 instances are in all 5 epochs") as refused:
        Logs(PUBLISHED).running()
    assert "different instances" in str(refused.value)
    with pytest.raises(DataError, match="different instances"):
        Logs(PUBLISHED, on_missing="drop")
    assert len(Logs(PUBLISHED, on_missing="partial").to_store().data_map()) == 50


@pytest.mark.parametrize(
    ("rows", "on_missing"),
    [(None, "error"), (lambda epoch: range(epoch, N), "drop"), (lambda epoch: range(epoch, N), "partial")],
)
def test_the_map_of_logs_is_that_of_their_store(write, rows, on_missing):
    logs = Logs(write(rows), on_missing=on_missing)
    one, other = logs.data_map(name="mine"), logs.to_store().data_map(name="mine")
    assert (logs.n_epochs, logs.n_classes, one.name) == (E, C, "mine")
    assert one.to_frame().equals(other.to_frame())
    for curves in ("curves", "class_curves"):
        torch.testing.assert_close(getattr(one, curves), getattr(other, curves), rtol=0, atol=0, equal_nan=True)
