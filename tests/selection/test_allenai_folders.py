"""The published rules of the original toolkit, restated with pandas, against what compat=allenai writes."""

import json

import numpy as np
import orjson
import pandas as pd
import pytest

from cal.dynamics.jsonl import write_epoch
from cal.errors import DataError
from cal.selection.allenai_folders import FRACTIONS, METRICS, guid, read_train_tsv
from cal.selection.request import SelectRequest

N_EPOCHS = 3
TIED = ("correctness", "forgetting")
HEADERS = {
    "snli": "index captionID pairID parse1 parse2 tree1 tree2 sentence1 sentence2 label1 gold_label",
    "mnli": "index promptID pairID genre parse1 parse2 tree1 tree2 sentence1 sentence2 label1 gold_label",
    "qnli": "index question sentence label",
    "winogrande": "index qID sentence option1 option2 answer",
}


def row(task, i, label):
    """Fields of a line; quotes are plain characters."""
    if task == "snli":
        return [f"x{i}", "cap", f"{i}.jpg#{i % 5}r1{label[0]}", *"pqrs", f'He said "{i}', f"It's {i}.", label, label]
    if task == "mnli":
        return [str(i), "p", f"pair{i}", "genre", *"pqrs", f'Premise "{i}.', f"Hypothesis {i}.", label, label]
    if task == "qnli":
        return [str(i), f'What is "{i}?', f"It is {i}.", label]
    return [str(i), f"q{i}", f'The "{i} hit the _.', "ball", "wall", label]


LABELS = ("entailment", "neutral", "contradiction")
ID_COLUMN = {"snli": 2, "mnli": 0, "qnli": 0, "winogrande": 0}


def write_tsv(folder, task, n, unlabelled=(), more=0):
    """The user's folder, and the (id, line) of each labelled row; those in `unlabelled` have no label."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row(task, i, "-" if i in unlabelled else LABELS[i % 3]) for i in range(n + len(unlabelled) + more)]
    text = "".join("\t".join(fields) + "\n" for fields in [HEADERS[task].split(), *rows])
    (folder / "train.tsv").write_text(text)
    for name in ("dev_matched", "dev_mismatched") if task == "mnli" else ("dev", "test"):
        (folder / f"{name}.tsv").write_text(f"the {name} file\n")
    return [(fields[ID_COLUMN[task]], "\t".join(fields)) for fields in rows if fields[-1] != "-"]


def write_logs(folder, ids):
    """Logs in a shuffled order of rows, as the toolkit writes them."""
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 3, len(ids))
    for epoch in range(N_EPOCHS):
        order = rng.permutation(len(ids))
        logits = rng.normal(size=(len(ids), 3)) + (epoch + 1) * np.eye(3)[gold] / 2
        write_epoch(folder, epoch, [ids[i] for i in order], logits[order], gold[order])


def published_metrics(folder):
    """A row per guid: the five metrics by loops over the logs."""
    probs, correct = {}, {}
    for epoch in range(N_EPOCHS):
        for line in (folder / f"dynamics_epoch_{epoch}.jsonl").read_bytes().splitlines():
            record = orjson.loads(line)
            logits = np.array(record[f"logits_epoch_{epoch}"])
            p = np.exp(logits - logits.max())
            probs.setdefault(record["guid"], []).append(p[record["gold"]] / p.sum())
            correct.setdefault(record["guid"], []).append(int(logits.argmax()) == record["gold"])
    rows = []
    for key, values in probs.items():
        forgotten = sum(a and not b for a, b in zip(correct[key], correct[key][1:], strict=False))
        c = np.mean(values)
        times = forgotten if any(correct[key]) else 1000
        rows.append((key, c * (1 - c), c, np.std(values), sum(correct[key]), times))
    columns = ["guid", "threshold_closeness", "confidence", "variability", "correctness", "forgetfulness"]
    return pd.DataFrame(rows, columns=columns)


def published_selection(frame, metric, direction, n):
    """The guids and values that the toolkit writes for a number of samples."""
    ascending = metric in ("confidence", "correctness")
    scores = frame.sort_values(by=[metric], ascending=not ascending if direction == "worst" else ascending)
    chosen = scores.head(n + 1)
    if direction == "both_ends":
        hardest = scores.head(int(n * 0.7))
        chosen = pd.concat([hardest, scores.tail(n - len(hardest))])
    return chosen["guid"].tolist(), chosen[metric].tolist()


def select(output, **changes):
    """What `cal select` prints."""
    given = {"fraction": 0.33, "device": "cpu", "workers": 1, "output": output, **changes}
    return str(SelectRequest(**given).run())


def train_rows(output, metric, fraction, task):
    folder = output / f"cartography_{metric}_{fraction:.2f}" / task.upper()
    header, *lines = (folder / "train.tsv").read_text().splitlines()
    assert header.split("\t") == HEADERS[task].split()
    return lines


@pytest.fixture(scope="module", params=[100, 1_000, 12_345])
def published(request, tmp_path_factory):
    """Logs of so many instances of SNLI with the toolkit's numbers for ids, their TSV files and metrics."""
    folder = tmp_path_factory.mktemp("published")
    rows = write_tsv(folder / "data" / "SNLI", "snli", request.param, unlabelled=(5, 50))
    by_guid = {guid(i, "snli"): line for i, line in rows}
    assert len(by_guid) == len(rows) == request.param
    write_logs(folder / "training_dynamics", list(by_guid))
    return folder, by_guid, published_metrics(folder / "training_dynamics")


@pytest.mark.parametrize("direction", ["best", "worst", "both_ends"])
@pytest.mark.parametrize("metric", METRICS)
def test_rows_are_those_of_the_original_toolkit(published, tmp_path, metric, direction):
    folder, by_guid, frame = published
    theirs = METRICS[metric]
    settings = {"logs": str(folder), "tsv": str(folder / "data"), "task": "SNLI", "compat": "allenai"}
    text = select(tmp_path, metric=metric, direction=direction, **settings)
    assert "2 of " in text
    assert "lines of train.tsv have no label" in text
    value = {by_guid[key]: number for key, number in zip(frame["guid"], frame[theirs], strict=True)}
    for fraction in FRACTIONS:
        n = int(fraction * len(frame))
        guids, values = published_selection(frame, theirs, direction, n)
        lines = train_rows(tmp_path, theirs, fraction, "snli")
        assert len(lines) == n + (direction != "both_ends")
        assert [value[line] for line in lines] == values or metric not in TIED
        if metric not in TIED:
            assert set(lines) == {by_guid[key] for key in guids}
            np.testing.assert_allclose([value[line] for line in lines], values, atol=1e-6)  # in the same order
    chosen = pd.read_csv(tmp_path / "selected.csv")
    assert len(chosen) == int(0.33 * len(frame)) + (direction != "both_ends")


def test_a_hundred_rows_are_one_too_many_each_as_published(tmp_path):
    write_tsv(tmp_path / "data", "qnli", 100)
    write_logs(tmp_path / "logs", [int(f"{i}3") for i in range(100)])
    settings = {"logs": str(tmp_path / "logs"), "task": "qnli", "tsv": str(tmp_path / "data")}
    select(tmp_path / "theirs", compat="allenai", **settings)
    select(tmp_path / "ours", formats=["allenai"], **settings)
    n_rows = {
        name: [len(train_rows(tmp_path / name, "variability", fraction, "qnli")) for fraction in FRACTIONS]
        for name in ("theirs", "ours")
    }
    assert n_rows == {"theirs": [2, 6, 11, 17, 26, 34, 51, 76], "ours": [1, 5, 10, 16, 25, 33, 50, 75]}


@pytest.mark.parametrize("kind", [str, int])
@pytest.mark.parametrize("task", HEADERS)
def test_ids_of_either_kind_find_their_lines(tmp_path, task, kind):
    rows = write_tsv(tmp_path, task, 30, unlabelled=(3,))
    tsv = read_train_tsv(tmp_path, task)
    assert (len(tsv), tsv.n_skipped) == (30, 1)
    ids = [i if kind is str else guid(i, task) for i, _ in rows]
    assert tsv.lines_of(ids[::-1]) == [line for _, line in rows[::-1]]


def test_numbers_are_those_of_the_published_logs():
    assert guid("4734364254.jpg#4r1e", "snli") == 4734364254410  # the first of the sample logs
    assert guid("vg_len_12c", "snli") == 555121
    assert guid("vg_verb12n", "snli") == 444122
    assert guid("7", "mnli") == guid("train-7", "mnli") == 73
    assert guid("0012", "winogrande") == 12


def test_dev_and_test_are_copied_and_what_was_asked_is_beside_them(tmp_path):
    rows = write_tsv(tmp_path / "data" / "MNLI", "mnli", 40)
    write_logs(tmp_path / "logs", [i for i, _ in rows])
    settings = {"logs": str(tmp_path / "logs"), "task": "MNLI", "tsv": str(tmp_path / "data"), "formats": ["allenai"]}
    text = select(tmp_path / "out", direction="worst", **settings)
    assert "No folder for 0.01: of 40 lines, that is less than one or more than the 40 instances" in text
    folder = tmp_path / "out" / "cartography_variability_worst_0.50" / "MNLI"
    assert sorted(path.name for path in folder.iterdir()) == ["dev_matched.tsv", "dev_mismatched.tsv", "train.tsv"]
    assert (folder / "dev_matched.tsv").read_text() == "the dev_matched file\n"
    asked = json.loads((tmp_path / "out" / "filtering_configs.json").read_text())
    assert list(asked) == sorted(asked)
    assert (asked["metric"], asked["worst"], asked["both_ends"]) == ("variability", True, False)
    assert not list((tmp_path / "out").glob("*_0.01"))


@pytest.mark.parametrize(("settings", "name"), [
    ({"metric": "forgetting", "direction": "both_ends"}, "forgetfulness_both_ends"),
    ({"metric": "aum"}, "aum"),
    ({"recipe": "hard", "within": "class"}, "hard_within_class"),
])  # fmt: skip
def test_what_is_chosen_otherwise_has_folders_of_its_own(tmp_path, settings, name):
    rows = write_tsv(tmp_path / "data", "qnli", 20)
    write_logs(tmp_path / "logs", [i for i, _ in rows])
    files = {"logs": str(tmp_path / "logs"), "task": "qnli", "tsv": str(tmp_path / "data"), "formats": ["allenai"]}
    select(tmp_path / "out", **settings, **files)
    assert len(train_rows(tmp_path / "out", name, 0.75, "qnli")) == 15


def test_a_share_is_of_the_labelled_lines_and_not_of_the_map(tmp_path):
    rows = write_tsv(tmp_path / "data", "qnli", 100, more=100)
    write_logs(tmp_path / "logs", [i for i, _ in rows[:100]])
    settings = {"logs": str(tmp_path / "logs"), "task": "qnli", "tsv": str(tmp_path / "data")}
    select(tmp_path / "out", compat="allenai", **settings)
    lines = [len(train_rows(tmp_path / "out", "variability", fraction, "qnli")) for fraction in FRACTIONS]
    assert lines == [3, 11, 21, 34, 51, 67, 100, 100]  # there are no more


def test_folders_of_more_than_there_are_to_choose_from_are_left_out(tmp_path):
    rows = write_tsv(tmp_path / "data", "qnli", 100)
    write_logs(tmp_path / "logs", [i for i, _ in rows])
    write_logs(tmp_path / "half", [i for i, _ in rows[:50]])
    files = {"task": "qnli", "tsv": str(tmp_path / "data"), "formats": ["allenai"]}
    suspects = {"logs": str(tmp_path / "logs"), "recipe": "without_suspects", "suspects": 0.3}
    for name, settings, n_left in [
        ("variability", {"logs": str(tmp_path / "half")}, 50),
        ("without_suspects", suspects, 70),
    ]:
        text = select(tmp_path / name, **settings, **files)
        assert f"No folder for 0.75: of 100 lines, that is less than one or more than the {n_left} instances" in text
        lines = [len(train_rows(tmp_path / name, name, fraction, "qnli")) for fraction in FRACTIONS[:-1]]
        assert lines == [1, 5, 10, 16, 25, 33, 50]
        assert not list((tmp_path / name).glob("*_0.75"))
        assert len(pd.read_csv(tmp_path / name / "selected.csv")) == int(0.33 * {50: 50, 70: 100}[n_left])


@pytest.mark.parametrize(("lines", "expected"), [
    (["1\tq\ts\tx", "2\tq\ts\tx", "1\tq\ts\ty"], "lines 2 and 4 have the same id '1'"),
    (["1\tq\ts"], "line 2: 3 fields, but the header has 4"),
    (["1\tq\ts\t-", "2\tq\ts\t"], "no labelled line"),
])  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused(tmp_path, lines, expected):
    for name in ("train", "dev", "test"):
        (tmp_path / f"{name}.tsv").write_text("\n".join(["index\tquestion\tsentence\tlabel", *lines]))
    with pytest.raises(DataError, match=expected):
        read_train_tsv(tmp_path, "qnli")


def test_further_fields_before_the_label_are_left_out_and_blank_lines_count_for_nothing(tmp_path):
    for name in ("dev", "test"):
        (tmp_path / f"{name}.tsv").touch()
    (tmp_path / "train.tsv").write_text("index\tquestion\tsentence\tlabel\r\n1\tq\ts\tx\ty\tz\r\n\r\n")
    tsv = read_train_tsv(tmp_path, "qnli")
    assert tsv.rows == {"1": "1\tq\ts\tz"}
    assert tsv.n_skipped == 0


def test_a_missing_dev_file_is_named(tmp_path):
    (tmp_path / "train.tsv").touch()
    with pytest.raises(DataError, match=r"no dev\.tsv and no test\.tsv"):
        read_train_tsv(tmp_path, "snli")


def test_an_id_without_a_line_is_refused_before_anything_is_written(tmp_path):
    rows = write_tsv(tmp_path / "data", "qnli", 20)
    write_logs(tmp_path / "logs", ["other", *(i for i, _ in rows[1:])])
    settings = {"logs": str(tmp_path / "logs"), "task": "qnli", "tsv": str(tmp_path / "data"), "formats": ["allenai"]}
    with pytest.raises(DataError, match=r"1 of 20 ids of the map .* 'other'"):
        select(tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_ids_that_become_one_number_are_named(tmp_path):
    for name in ("dev", "test"):
        (tmp_path / f"{name}.tsv").touch()
    (tmp_path / "train.tsv").write_text("index\tquestion\tsentence\tlabel\na1\tq\ts\tx\nb1\tq\ts\tx\n")
    with pytest.raises(DataError, match=r"'a1' and 'b1' in train\.tsv both become 13"):
        read_train_tsv(tmp_path, "qnli").lines_of([13])
