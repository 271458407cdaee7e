"""`cal map-shards logs=` draws the map that `cal map logs=` draws in memory, however logs are divided."""

import gzip
import json
import re

import numpy as np
import pandas as pd
import pytest

import cal
import cal.cli
from cal.dynamics.jsonl import write_epoch
from cal.errors import ConfigError, DataError, StorageError

N, N_CLASSES, N_EPOCHS = 400, 3, 4
IDS = [f"id {row}" for row in range(N)]
KINDS = ("jsonl", "gzip", "shards", "recorder")


def some_logs(seed=0):
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, N_CLASSES, N)
    logits = (
        rng.normal(size=(N_EPOCHS, N, N_CLASSES)) + np.eye(N_CLASSES)[gold] * np.linspace(0, 2, N_EPOCHS)[:, None, None]
    )
    return logits.astype(np.float32), gold


def write(kind, folder, logits, gold, lacking=frozenset(), repeated=()):
    """Logs in an order of their own for each epoch; instances of (epoch, row) are left out."""
    rng = np.random.default_rng(1)
    if kind in ("shards", "recorder"):
        recorder = (
            cal.ShardRecorder(folder) if kind == "shards" else cal.DynamicsRecorder(folder=folder, on_missing="drop")
        )
    for epoch, matrix in enumerate(logits):
        rows = [row for row in [*rng.permutation(N).tolist(), *repeated] if (epoch, row) not in lacking]
        ids = [IDS[row] for row in rows]
        if kind in ("jsonl", "gzip"):
            write_epoch(folder, epoch, ids, matrix[rows], gold[rows], compress=kind == "gzip")
            continue
        for start in range(0, len(rows), 64):
            part = rows[start : start + 64]
            recorder.record(ids[start : start + 64], matrix[part], gold[part])
        recorder.end_epoch()
    return folder


@pytest.fixture
def small(monkeypatch):
    """Parts of few instances, so that there are several, and files of few batches."""
    monkeypatch.setattr("cal.shards.logged.ROWS", 70)
    monkeypatch.setattr("cal.shards.log_tables._ROWS", 90)
    monkeypatch.setattr("cal.dynamics.batches._BUFFER", 150 * N_CLASSES)


def drawn_of(folder, output, **given):
    return cal.map_shards(logs=folder, output=output, workers=1, **given)


def rows_of(drawn):
    return pd.concat(drawn.frames(), ignore_index=True).sort_values("id", ignore_index=True)


def assert_same_map(drawn, expected):
    rows, frame = rows_of(drawn), expected.to_frame().sort_values("id", ignore_index=True)
    for name in ("id", "gold", "predicted", "region", "correctness", "forgetting"):
        assert rows[name].tolist() == frame[name].tolist(), name
    for name in ("first_learnt", "last_learnt"):
        assert rows[name].tolist() == frame[name].fillna(-1).tolist(), name
    for name in ("confidence", "variability", "aum", "el2n", "loss", "aleatoric"):
        np.testing.assert_allclose(rows[name], frame[name], atol=1e-6, err_msg=name)
    summary = drawn.summary
    assert (summary["n_epochs"], summary["capture"]) == (expected.n_epochs, expected.capture)
    assert summary["regions"] == frame["region"].value_counts().to_dict()


@pytest.mark.parametrize("kind", KINDS)
def test_the_map_is_that_of_the_logs_in_memory(kind, small, tmp_path):
    logits, gold = some_logs()
    folder = write(kind, tmp_path / "logs", logits, gold)
    drawn = drawn_of(folder, tmp_path / "map")
    assert len(drawn.files) > 4
    like = write("jsonl", tmp_path / "like", logits, gold) if kind == "shards" else folder
    expected = cal.map(logs=like)
    drawn.summary["capture"] = expected.capture if kind == "shards" else drawn.summary["capture"]
    assert_same_map(drawn, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("on_missing", ["drop", "partial"])
def test_instances_that_lack_epochs(kind, on_missing, small, tmp_path, caplog):
    logits, gold = some_logs()
    lacking = {(1, 3), (2, 3), (0, 7), (3, 11)}
    folder = write(kind, tmp_path / "logs", logits, gold, lacking)
    drawn = drawn_of(folder, tmp_path / "map", on_missing=on_missing)
    told = "left out" if on_missing == "drop" else "measured in the others"
    assert f"3 of 400 instances lack some epochs and are {told}." in caplog.text
    like = write("jsonl", tmp_path / "like", logits, gold, lacking)
    expected = cal.map(logs=like, on_missing=on_missing)
    drawn.summary["capture"] = expected.capture
    assert_same_map(drawn, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_missing_instances_are_refused(kind, small, tmp_path):
    folder = write(kind, tmp_path / "logs", *some_logs(), {(1, 3)})
    with pytest.raises(
        DataError, match=r"1 (instance|of) .*such as 'id 3'\. on_missing=drop leaves such instances out"
    ):
        drawn_of(folder, tmp_path / "map")


@pytest.mark.parametrize("kind", ["jsonl", "shards"])
def test_repeated_instances_are_refused(kind, small, tmp_path):
    folder = write(kind, tmp_path / "logs", *some_logs(), repeated=[5]) if kind == "shards" else tmp_path / "logs"
    if kind == "jsonl":
        write(kind, folder, *some_logs())
        path = folder / "dynamics_epoch_1.jsonl"
        line = next(line for line in path.read_text().splitlines() if '"id 5"' in line)
        path.write_text(path.read_text() + line + "\n")
    with pytest.raises(DataError, match=r"epoch [01] has 'id 5' more than once\. Record each instance once"):
        drawn_of(folder, tmp_path / "map")
    assert len(drawn_of(folder, tmp_path / "map", on_missing="drop")) == N


def test_a_gold_label_that_changes_is_refused(small, tmp_path):
    folder = write("jsonl", tmp_path / "logs", *some_logs())
    path = folder / "dynamics_epoch_2.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["gold"] = (lines[0]["gold"] + 1) % N_CLASSES
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(DataError, match=rf"'{lines[0]['guid']}' has the gold label \d in epoch 2, and \d in this"):
        drawn_of(folder, tmp_path / "map", on_missing="drop")


@pytest.mark.parametrize("given", [{"epochs": [0, 2]}, {"burn_out": 2}])
@pytest.mark.parametrize("kind", KINDS)
def test_some_epochs(kind, given, small, tmp_path):
    logits, gold = some_logs()
    folder = write(kind, tmp_path / "logs", logits, gold)
    like = write("jsonl", tmp_path / "like", logits, gold)
    drawn, expected = drawn_of(folder, tmp_path / "map", **given), cal.map(logs=like, **given)
    drawn.summary["capture"] = expected.capture
    assert_same_map(drawn, expected)


@pytest.mark.parametrize("kind", ["jsonl", "shards", "recorder"])
def test_probabilities_are_refused_unless_they_are_meant(kind, small, tmp_path):
    logits, gold = some_logs()
    probs = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    folder = tmp_path / "logs"
    if kind == "jsonl":
        for epoch, rows in enumerate(probs):
            _as_lines(folder, epoch, rows, gold)
    else:
        of = {"shards": cal.ShardRecorder, "recorder": cal.DynamicsRecorder}[kind]
        recorder = of(folder=folder, values="logits")
        for rows in probs:
            recorder.record(IDS, rows, gold)
            recorder.end_epoch()
    with pytest.raises(DataError, match="these are not logits but probabilities"):
        drawn_of(folder, tmp_path / "map")
    drawn = drawn_of(folder, tmp_path / "map", values="probabilities")
    confidence = np.take_along_axis(probs, gold[None, :, None], axis=-1)[..., 0].mean(axis=0)
    np.testing.assert_allclose(rows_of(drawn)["confidence"], confidence[np.argsort(IDS)], atol=1e-5)


def _as_lines(folder, epoch, rows, gold):
    folder.mkdir(exist_ok=True)
    lines = [
        {"guid": each, f"logits_epoch_{epoch}": row, "gold": label}
        for each, row, label in zip(IDS, rows.tolist(), gold.tolist(), strict=True)
    ]
    (folder / f"dynamics_epoch_{epoch}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_label_names(small, tmp_path):
    folder = write("shards", tmp_path / "logs", *some_logs())
    drawn = drawn_of(folder, tmp_path / "map", label_names=["art", "law", "war"])
    assert drawn.summary["label_names"] == ["art", "law", "war"]
    assert set(drawn.sample["gold_label"]) == {"art", "law", "war"}
    with pytest.raises(DataError, match="2 label_names for logits of 3 classes"):
        drawn_of(folder, tmp_path / "other", label_names=["art", "law"])


def test_gold_labels_may_be_names(small, tmp_path):
    logits, gold = some_logs()
    folder = write("jsonl", tmp_path / "logs", logits, gold)
    names = ["art", "law", "war"]
    for path in folder.iterdir():
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(line | {"gold": names[line["gold"]]}) + "\n" for line in lines))
    assert_same_map(drawn_of(folder, tmp_path / "map", label_names=names), cal.map(logs=folder, label_names=names))


def test_instances_that_the_shards_lack_have_no_text(small, tmp_path, caplog):
    folder = write("shards", tmp_path / "logs", *some_logs())
    pd.DataFrame({"id": [*IDS[:100], "other"], "text": "a text"}).to_parquet(tmp_path / "corpus.parquet")
    drawn = cal.map_shards(tmp_path / "corpus.parquet", logs=folder, output=tmp_path / "map", workers=1)
    assert (drawn.sample["text"] == "a text").sum() == 100
    assert "300 of 400 instances on the page have no text: the shards lack their ids." in caplog.text
    pd.DataFrame({"id": ["other"], "text": "a text"}).to_parquet(tmp_path / "corpus.parquet")
    drawn = cal.map_shards(tmp_path / "corpus.parquet", logs=folder, output=tmp_path / "map", workers=1)
    assert "text" not in drawn.sample


def test_texts_come_from_shards(small, tmp_path):
    folder = write("shards", tmp_path / "logs", *some_logs())
    pd.DataFrame({"id": IDS, "text": [f"Text of {each}" for each in IDS]}).to_parquet(tmp_path / "corpus.parquet")
    drawn = cal.map_shards(tmp_path / "corpus.parquet", logs=folder, output=tmp_path / "map", workers=1)
    assert (drawn.sample["text"] == "Text of " + drawn.sample["id"]).all()


def test_workers_and_files_draw_the_same(small, tmp_path):
    folder = write("shards", tmp_path / "logs", *some_logs())
    one, two = drawn_of(folder, tmp_path / "one"), cal.map_shards(logs=folder, output=tmp_path / "two", workers=2)
    assert one.html == two.html
    pd.testing.assert_frame_equal(pd.concat(one.frames()), pd.concat(two.frames()))


@pytest.mark.parametrize("kind", KINDS)
def test_how_logs_are_divided_does_not_matter(kind, tmp_path, monkeypatch):
    folder = write(kind, tmp_path / "logs", *some_logs())
    one = drawn_of(folder, tmp_path / "one")
    monkeypatch.setattr("cal.shards.logged.ROWS", 30)
    monkeypatch.setattr("cal.shards.log_tables._ROWS", 90)
    monkeypatch.setattr("cal.maps.shard_tasks._MOST_WAITING", 100)
    many = drawn_of(folder, tmp_path / "many")
    assert (len(one.files), len(many.files) > 8) == (1, True)
    pd.testing.assert_frame_equal(rows_of(one), rows_of(many))
    assert {**one.summary, "correlation_of_confidence_and_variability": None} == {
        **many.summary,
        "correlation_of_confidence_and_variability": None,
    }
    pd.testing.assert_frame_equal(*(each.sample.sort_values("id", ignore_index=True) for each in (one, many)))


def test_other_options_leave_no_copies_of_the_logs(small, tmp_path):
    folder = write("jsonl", tmp_path / "logs", *some_logs())
    drawn_of(folder, tmp_path / "map")
    first = set((tmp_path / "map" / "parts").glob("*.arrow"))
    drawn_of(folder, tmp_path / "map", on_missing="drop")
    second = set((tmp_path / "map" / "parts").glob("*.arrow"))
    assert len(first) == len(second) == N_EPOCHS
    assert not first & second


def test_instances_that_were_never_finite_are_refused(small, tmp_path):
    recorder = cal.DynamicsRecorder(folder=tmp_path / "logs", on_missing="partial")
    for _ in range(2):
        recorder.record(["a", "b", "c"], [[1.0, 0.0], [np.nan, 0.0], [0.0, 1.0]], [0, 1, 1])
        recorder.end_epoch()
    for read in (lambda: cal.map(logs=tmp_path / "logs"), lambda: drawn_of(tmp_path / "logs", tmp_path / "map")):
        with pytest.raises(DataError, match=r"(lack|lacks) an epoch.* 'b'"):
            read()


def test_finished_parts_are_kept_and_new_logs_seen(small, tmp_path):
    logits, gold = some_logs()
    folder = write("jsonl", tmp_path / "logs", logits, gold)
    drawn_of(folder, tmp_path / "map")
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "map" / "parts").iterdir()}
    drawn_of(folder, tmp_path / "map", region="thresholds")
    assert {path: path.stat().st_mtime_ns for path in made} == made
    write_epoch(folder, 3, IDS, -logits[3], gold)
    assert_same_map(drawn_of(folder, tmp_path / "map"), cal.map(logs=folder))


def test_a_damaged_log_is_named(small, tmp_path):
    folder = write("gzip", tmp_path / "logs", *some_logs())
    path = folder / "dynamics_epoch_1.jsonl.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-20]))
    with pytest.raises(DataError, match=r"dynamics_epoch_1\.jsonl\.gz, line 400"):
        drawn_of(folder, tmp_path / "map")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"n_epochs": 3}, ConfigError, r"does not use n_epochs\. Leave it out\. burn_out=N reads"),
        ({"vector_column": "v", "n_epochs": 2}, ConfigError, "does not use n_epochs, vector_column. Leave them out"),
        ({"logs": None, "burn_out": 2}, ConfigError, "burn_out=2 is for reading logs"),
        ({"logs": None}, ConfigError, "There is nothing in shards"),
        ({"logs": "nowhere"}, DataError, "nowhere is not a folder of logs"),
        ({"epochs": [0, 9]}, DataError, "has no logs of epochs"),
    ],
)
def test_what_cannot_be_drawn_is_refused(given, error, message, tmp_path):
    folder = write("jsonl", tmp_path / "logs", *some_logs())
    with pytest.raises(error, match=message):
        cal.map_shards(**{"logs": folder, "output": tmp_path / "map", "workers": 1} | given)


def test_logs_that_are_nowhere_leave_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="is not a folder of logs"):
        cal.map_shards(logs="nowhere")
    assert not any(tmp_path.iterdir())


def test_logs_of_other_trainings_are_refused(small, tmp_path):
    logits, gold = some_logs()
    folder = write("jsonl", tmp_path / "logs", logits, gold)
    write_epoch(folder, 3, IDS, np.concatenate([logits[3], logits[3]], axis=1), gold)
    with pytest.raises(DataError, match=r"has logits of . classes, and .* of .\. Give logs of one training"):
        drawn_of(folder, tmp_path / "map")


def test_ids_of_two_kinds_are_refused(small, tmp_path):
    logits, gold = some_logs()
    folder = write("jsonl", tmp_path / "logs", logits, gold)
    write_epoch(folder, 3, list(range(N)), logits[3], gold)
    with pytest.raises(DataError, match=r"has ids that are text, and .*3\.jsonl has whole numbers"):
        drawn_of(folder, tmp_path / "map", on_missing="drop")


def test_lines_without_finite_logits_are_told(small, tmp_path, caplog):
    folder = write("jsonl", tmp_path / "logs", *some_logs())
    path = folder / "dynamics_epoch_2.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[4]["logits_epoch_2"][0] = float("nan")
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(DataError, match="line 5"):
        drawn_of(folder, tmp_path / "map")
    assert len(drawn_of(folder, tmp_path / "map", on_missing="drop")) == N - 1
    assert re.search(r"1 line without finite logits, .* first .*_2\.jsonl, line 5\.", caplog.text)


def test_instances_of_epochs_that_are_not_read_are_no_fault(small, tmp_path):
    recorder = cal.DynamicsRecorder(folder=tmp_path / "logs", on_missing="drop")
    for ids in (["a", "b"], ["a", "b", "c"]):
        recorder.record(ids, np.eye(3)[: len(ids)], [0, 1, 2][: len(ids)])
        recorder.end_epoch()
    assert len(drawn_of(tmp_path / "logs", tmp_path / "map", burn_out=1)) == 2


@pytest.mark.parametrize("name", ["epoch_0001.npy", "instances.parquet"])
def test_a_damaged_recorder_is_named(name, small, tmp_path):
    folder = write("recorder", tmp_path / "logs", *some_logs())
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(StorageError, match=rf"{name} cannot be read"):
        drawn_of(folder, tmp_path / "map")


def test_the_command_line_reads_logs(small, tmp_path, capsys):
    folder = write("jsonl", tmp_path / "logs", *some_logs())
    words = ["map-shards", f"logs={folder}", f"output={tmp_path / 'map'}", "workers=1"]
    assert cal.cli.main(words) == 0
    assert "400 instances, 4 epochs" in capsys.readouterr().out
    config = (tmp_path / "map" / "config.yaml").read_text()
    assert "on_missing: error" in config
    assert "learner" not in config


def test_another_command_says_what_reads_such_a_folder(tmp_path):
    folder = write("shards", tmp_path / "logs", *some_logs())
    with pytest.raises(DataError, match=r"the folder of a ShardRecorder, which cal map-shards logs=.* reads"):
        cal.map(logs=folder)


def test_folds_are_read_one_by_one(small, tmp_path):
    for fold in range(2):
        write("jsonl", tmp_path / "logs" / f"fold_{fold}", *some_logs())
    with pytest.raises(DataError, match=r"has 2 folds\. Read one of them: logs=.*fold_0"):
        drawn_of(tmp_path / "logs", tmp_path / "map")


@pytest.mark.parametrize("kind", [cal.DynamicsRecorder, cal.ShardRecorder])
def test_a_recorder_without_epochs_is_refused(kind, tmp_path):
    recorder = kind(folder=tmp_path / "logs")
    recorder.record(["a", "b"], np.eye(2), [0, 1])
    recorder.end_epoch()
    recorder.rewind(0)
    with pytest.raises(StorageError, match="has no finished epoch"):
        drawn_of(tmp_path / "logs", tmp_path / "map")
