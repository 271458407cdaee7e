"""Logs as people have them: each kind is read, or refused with what is wrong and what to do."""

import gzip
import json

import numpy as np
import pytest

import cal
from cal.cli import main
from cal.dynamics.lint import lint_logs
from cal.dynamics.logs import Logs
from cal.dynamics.open_logs import open_logs
from cal.dynamics.recorder import DynamicsRecorder
from cal.errors import CalError, ConfigError, DataError
from cal.label_errors.suspects_request import SuspectsRequest
from cal.maps.diff import map_diff

N, E, C = 12, 3, 3
LOGITS = np.random.default_rng(0).normal(size=(E, N, C)).round(4)
GOLD = LOGITS.sum(axis=0).argmax(axis=1).tolist()
PROBS = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=-1, keepdims=True)
NAMES = ["HUM", "LOC", "NUM"]


def write(
    folder, line=json.dumps, values=LOGITS, epochs=range(E), name="dynamics_epoch_{}.jsonl", bytes_of=str.encode, **keys
):
    """Logs of these values; `line` writes a record, and `guid` and `gold` make ids and gold labels of rows."""
    folder.mkdir(parents=True, exist_ok=True)
    guid, gold = keys.get("guid", int), keys.get("gold", GOLD.__getitem__)
    for epoch, logits in zip(epochs, values, strict=False):
        records = [
            {"guid": guid(row), f"logits_epoch_{epoch}": logits[row].tolist(), "gold": gold(row)} for row in range(N)
        ]
        (folder / name.format(epoch)).write_bytes(bytes_of("".join(f"{line(record)}\n" for record in records)))
    return folder


def with_logits(change):
    """A writer of lines with other logits."""

    def line(record):
        (key,) = [key for key in record if key.startswith("logits")]
        return json.dumps(record | {key: change(record[key])})

    return line


def confidences(folder, **parameters):
    return cal.read_logs(folder, **parameters).to_frame().set_index("id")["confidence"]


READ = {
    "byte order mark": {"bytes_of": lambda text: text.encode("utf-8-sig")},
    "UTF-16": {"bytes_of": lambda text: text.encode("utf-16")},
    "UTF-16 without mark": {"bytes_of": lambda text: text.encode("utf-16-le")},
    "Windows line ends": {"line": lambda record: json.dumps(record) + "\r"},
    "blank last line": {"bytes_of": lambda text: f"{text}\n  \n".encode()},
    "blank lines between": {"line": lambda record: json.dumps(record) + "\n"},
    "gzip without .gz": {"bytes_of": lambda text: gzip.compress(text.encode())},
    ".gz without gzip": {"name": "dynamics_epoch_{}.jsonl.gz"},
    "epochs written 1.0": {"name": "dynamics_epoch_{}.0.jsonl"},
    "ids written 3.0": {"guid": float},
    "gold written 1.0": {"gold": lambda row: float(GOLD[row])},
    "numbered from 1": {"epochs": range(1, 1 + E)},
    "log-probabilities": {"values": np.log(PROBS)},
}


@pytest.mark.parametrize("kind", READ)
def test_what_is_plainly_meant_is_read(tmp_path, kind):
    folder = write(tmp_path / "logs", **READ[kind])
    expected = confidences(write(tmp_path / "plain"))
    np.testing.assert_allclose(confidences(folder), expected, atol=1e-6)
    assert lint_logs(folder).faults == []


REFUSED = {
    "one logit": ({"line": with_logits(lambda z: z[:1])}, "there is one logit", "write [0.0,z]"),
    "a number": ({"line": with_logits(lambda z: z[0])}, "there is one logit", "write [0.0,z]"),
    "nested logits": ({"line": with_logits(lambda z: [z])}, "in a list within a list", "Take the inner one"),
    "a column of logits": ({"line": with_logits(lambda z: [[x] for x in z])}, "3 lists in a list", "number per class"),
    "text for numbers": ({"line": with_logits(lambda z: list(map(str, z)))}, "the logits are text", ".tolist()"),
    "a printed tensor": ({"line": with_logits(lambda z: f"tensor({z})")}, "the logits are text", ".tolist()"),
    "logits by name": ({"line": with_logits(lambda z: dict(zip(NAMES, z, strict=True)))}, "with names", "one order"),
    "a list": ({"line": lambda record: json.dumps(list(record.values()))}, "this is a list", "one object per line"),
    "objects in a list": (
        {"bytes_of": lambda text: f"[{','.join(text.splitlines())}]".encode()},
        *("a list of 12 objects", "jq -c '.[]'"),
    ),
    "objects over lines": (
        {"line": lambda record: json.dumps(record, indent=1)},
        *("spans several lines", "jq -c ."),
    ),
    "commas": ({"line": lambda record: json.dumps(record) + ","}, "a comma after the object", "Remove it"),
    "Python": ({"line": repr}, "as Python prints it", "json.dumps"),
    "Latin-1": (
        {"line": lambda record: json.dumps(record | {"guid": f"é{record['guid']}"}, ensure_ascii=False)}
        | {"bytes_of": lambda text: text.encode("latin-1")},
        *("not text in UTF-8", "Save the file as UTF-8"),
    ),
    "a printed id": ({"guid": "tensor({})".format}, "the id is 'tensor(0)', a printed object", "int(guid)"),
    "an id in a list": ({"guid": lambda row: [row]}, "in a list", "without brackets"),
    "no id": ({"guid": lambda row: None}, "the id is empty", "an id of its own"),
    "gold from 1": ({"gold": lambda row: GOLD[row] + 1}, "gold is 3, but", "subtract 1"),
    "no gold": ({"gold": lambda row: -1}, "gold is -1", "Leave instances without a label out"),
    "one-hot gold": ({"gold": lambda row: np.eye(3, dtype=int)[GOLD[row]].tolist()}, "gold is [", "position of the 1"),
    "gold as text": ({"gold": lambda row: NAMES[GOLD[row]]}, "which is text", "label_names=[NAME0,NAME1,...]"),
    "gold in quotes": ({"gold": lambda row: str(GOLD[row])}, "which is text", "without quotes"),
    "other keys": (
        {"line": lambda record: json.dumps(record).replace("guid", "id").replace('"gold"', '"label"')},
        *("there is no guid and no gold", "Rename 'id' to 'guid' and 'label' to 'gold'."),
    ),
    "a key of another epoch": (
        {"line": lambda record: json.dumps(record).replace("epoch_0", "epoch_1")},
        *("there is no logits_epoch_0", "Rename the file, or the key to logits_epoch_0"),
    ),
    "other names": ({"name": "epoch{}.json"}, "there is no log", "rename it to dynamics_epoch_0.jsonl"),
    "half epochs": ({"name": "dynamics_epoch_{}.5.jsonl"}, "there is no log", "Epochs are whole numbers, not 0.5"),
    "an absent epoch": ({"epochs": [0, 2, 3]}, "up to epoch 3, but none of 1", "epochs=[0,2,3]"),
    "probabilities": ({"values": PROBS}, "not logits but probabilities", 'values="probabilities"'),
    "rounded ones": ({"values": PROBS.round(4)}, "not logits but probabilities", 'values="probabilities"'),
    "float16": ({"values": PROBS.astype(np.float16)}, "not logits but probabilities", 'values="probabilities"'),
    "percentages": ({"values": (100 * PROBS).round(2)}, "not logits but percentages", 'values="probabilities"'),
    "signs changed": ({"values": -np.log(PROBS)}, "negative log-probabilities", "-x"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_anything_else_is_refused_with_its_own_remedy(tmp_path, kind):
    changes, what, remedy = REFUSED[kind]
    folder = write(tmp_path / "logs", **changes)
    with pytest.raises(DataError) as refused:
        open_logs(folder)
    assert what in str(refused.value)
    assert remedy in str(refused.value)
    assert any(what in fault.what and remedy in fault.remedy for fault in lint_logs(folder).faults)


@pytest.mark.parametrize("values", [PROBS, PROBS.astype(np.float32), 100 * PROBS], ids=["1", "float32", "100"])
def test_probabilities_draw_the_map_of_their_logits(tmp_path, values):
    folder = write(tmp_path / "logs", values=values)
    expected = confidences(write(tmp_path / "plain"))
    np.testing.assert_allclose(confidences(folder, values="probabilities"), expected, atol=1e-6)


def test_logits_are_no_probabilities(tmp_path):
    folder = write(tmp_path / "logs")
    with pytest.raises(DataError, match=r"are not probabilities.*Leave it out if these are logits"):
        open_logs(folder, cal.dynamics.log_options.LogOptions(values="probabilities"))


@pytest.mark.parametrize("rows", [[[0.25, 0.75]], [[0.4, 0.6], [0.7, 0.3]], np.eye(3)[GOLD], np.full((9, 2), 0.5)])
def test_a_few_rows_that_sum_to_1_may_be_logits(rows):
    recorder = DynamicsRecorder()
    recorder.record(range(len(rows)), np.asarray(rows), [0] * len(rows))
    recorder.end_epoch()
    assert recorder.n_epochs == 1


def test_a_recorder_refuses_probabilities_in_the_first_batch():
    recorder = DynamicsRecorder()
    with pytest.raises(DataError, match=r'not logits but probabilities.*values="probabilities"'):
        recorder.record(range(N), PROBS[0], GOLD)
    accepting, plain = DynamicsRecorder(values="probabilities"), DynamicsRecorder()
    for epoch in range(E):
        for each, values in ((accepting, PROBS), (plain, LOGITS)):
            each.record(range(N), values[epoch], GOLD)
            each.end_epoch()
    expected = plain.data_map().confidence.numpy()
    np.testing.assert_allclose(accepting.data_map().confidence.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("token", ["NaN", "nan", "Infinity", "-inf", "null", "1e999"])
@pytest.mark.parametrize("on_missing", ["drop", "partial"])
def test_a_diverged_row_counts_as_missing_in_its_epoch(tmp_path, token, on_missing, caplog):
    folder = write(tmp_path / "logs")
    path = folder / "dynamics_epoch_1.jsonl"
    lines = path.read_text().splitlines()
    lines[4] = f'{{"guid": 4, "logits_epoch_1": [{token}, 0.0, 1.0], "gold": {GOLD[4]}}}'
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r'on_missing="drop" .* on_missing="partial" .* epochs=\[0,2\]'):
        open_logs(folder)
    read, plain = confidences(folder, on_missing=on_missing), confidences(write(tmp_path / "plain"))
    assert len(read) == (N if on_missing == "partial" else N - 1)
    if on_missing == "partial":
        expected = PROBS[[0, 2], 4, GOLD[4]].mean()
        np.testing.assert_allclose(read.pop(4), expected, atol=1e-6)
    np.testing.assert_allclose(read, plain.drop(4), atol=1e-6)
    assert "1 line without finite logits" in caplog.text


def test_a_recorder_leaves_a_diverged_row_out_of_its_epoch(caplog):
    recorder = DynamicsRecorder(on_missing="partial")
    for epoch in range(E):
        logits = LOGITS[epoch].copy()
        logits[4] = np.nan if epoch == 1 else logits[4]
        recorder.record(range(N), logits, GOLD)
        recorder.end_epoch()
    assert recorder.report().to_numpy().tolist() == [[4, 1, "missing"]]
    assert abs(recorder.data_map().confidence[4].item() - PROBS[[0, 2], 4, GOLD[4]].mean()) < 1e-6
    assert "Logits are not finite for 1 of 12 instances" in caplog.text


def test_names_for_gold_labels_are_read_if_they_are_known(tmp_path):
    folder = write(tmp_path / "logs", gold=lambda row: NAMES[GOLD[row]])
    data_map = cal.read_logs(folder, label_names=NAMES)
    assert data_map.gold.tolist() == GOLD
    assert data_map.label_names == NAMES
    with pytest.raises(
        DataError, match=r"not the name of a class\. Did you mean 'HUMAN'\? The names are HUMAN, LOC, NUM"
    ):
        cal.read_logs(folder, label_names=["HUMAN", "LOC", "NUM"])
    with pytest.raises(DataError, match="2 label_names for logits of 3 classes"):
        cal.read_logs(write(tmp_path / "plain"), label_names=["HUM", "LOC"])


def test_folds_of_different_instances_are_one_log(tmp_path):
    for fold in range(2):
        write(tmp_path / "cv" / f"fold_{fold}", guid=lambda row, fold=fold: f"{fold}-{row}")
    read = confidences(tmp_path / "cv")
    np.testing.assert_allclose(read, np.tile(confidences(write(tmp_path / "plain")), 2), atol=1e-6)
    assert lint_logs(tmp_path / "cv").faults == []


def test_folds_that_share_instances_are_refused(tmp_path):
    for fold in range(2):
        write(tmp_path / "cv" / f"fold_{fold}")
    with pytest.raises(DataError, match=r"share 12 instances, such as 0.*Read one of them: .*fold_0"):
        open_logs(tmp_path / "cv")
    assert len(lint_logs(tmp_path / "cv").faults) == 1


def test_the_folder_of_a_recorder_has_no_faults(tmp_path):
    recorder = DynamicsRecorder(folder=tmp_path / "logs")
    for epoch in range(E):
        recorder.record(range(N), LOGITS[epoch], GOLD)
        recorder.end_epoch()
    report = lint_logs(tmp_path / "logs")
    assert report.faults == []
    assert "3 epochs, 12 instances" in str(report)
    assert cal.read_logs(tmp_path / "logs", burn_out=2).n_epochs == 2
    assert cal.read_logs(tmp_path / "logs", epochs=[0, 2]).n_epochs == 2


@pytest.mark.parametrize("command", ["map", "select", "weights", "suspects"])
def test_every_command_that_reads_logs_takes_the_same_words(tmp_path, command, capsys):
    folder = write(tmp_path / "logs", values=PROBS, epochs=[0, 2, 3])
    words = [command, f"logs={folder}", f"output={tmp_path / 'out'}", *["count=3"] * (command == "select")]
    assert main(words) == 1
    assert "none of 1" in capsys.readouterr().err
    assert main([*words, "epochs=[0,2,3]"]) == 1
    assert 'values="probabilities"' in capsys.readouterr().err
    accepted = ["epochs=[0,2,3]", "values=probabilities", "burn_out=2", "on_missing=drop"]
    assert main([*words, *accepted]) == 0


def test_map_diff_sends_faulty_logs_to_the_command_that_takes_the_words(tmp_path):
    folder = write(tmp_path / "logs", epochs=[0, 2, 3])
    with pytest.raises(DataError, match=r"epochs=\[0,2,3\].* Give such settings to cal map logs=.*logs, and compare"):
        map_diff(folder, write(tmp_path / "plain"))


@pytest.mark.parametrize("words", [{"epochs": [0]}, {"burn_out": 2}, {"values": "logits"}, {"on_missing": "drop"}])
def test_words_for_logs_without_logs_are_refused(words):
    with pytest.raises(ConfigError, match="Give logs=FOLDER, or leave"):
        SuspectsRequest(map="map", **words)


def test_nothing_but_our_own_errors(tmp_path):
    rng = np.random.default_rng(0)
    path = write(tmp_path / "logs") / "dynamics_epoch_1.jsonl"
    content = path.read_bytes()
    for _ in range(60):
        damaged = bytearray(content)
        for at in rng.integers(0, len(damaged), 3):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(damaged)
        lint_logs(tmp_path / "logs")
        try:
            Logs(tmp_path / "logs", on_missing="partial").to_store()
        except CalError:
            continue


def test_logs_or_a_map_in_place_of_a_corpus_are_told_their_parameter(tmp_path):
    with pytest.raises(ConfigError, match=r"holds logs, not a corpus. Call cal.map\(logs="):
        cal.map(write(tmp_path / "logs"))
    rows = cal.read_logs(tmp_path / "logs").to_frame()
    with pytest.raises(ConfigError, match=r"holds a map, not a corpus. Call cal.map\(map="):
        cal.map(rows)
    rows.to_csv(tmp_path / "map.csv", index=False)
    with pytest.raises(ConfigError, match=r"holds a map, not a corpus. Call cal.map\(map="):
        cal.map(str(tmp_path / "map.csv"))
    assert len(cal.map(map=tmp_path / "map.csv")) == N


def test_files_of_other_names_are_named_where_no_log_is_found(tmp_path):
    with pytest.raises(DataError, match=r"It has dynamics_epoch_0.txt, .*: rename them if they are logs."):
        cal.read_logs(write(tmp_path / "logs", name="dynamics_epoch_{}.txt"))
    (fault,) = lint_logs(tmp_path / "logs").faults  # and nobody is told to move them elsewhere
    assert "rename them if they are logs" in fault.remedy


def test_the_folder_of_a_map_in_place_of_logs_is_told_its_key(tmp_path):
    cal.read_logs(write(tmp_path / "logs")).save(tmp_path / "map")
    (fault,) = lint_logs(tmp_path / "map").faults
    assert fault.remedy == f"This is the folder of a map, which map={tmp_path / 'map'} gives."
