"""Maps of whole corpora by fine-tuned encoders: in one process, in two, and after an interruption."""

import csv
import subprocess
import sys

import pandas as pd
import pytest

from cal.cli import main
from cal.data.lsa import Lsa
from cal.errors import ConfigError
from cal.learners.finetune import FineTuning
from cal.learners.mlp import MLP
from cal.maps.request import MapRequest
from cal.maps.training import train_map


def full_map(corpus, **given):
    return train_map(MapRequest(**given), corpus, None, quiet=True)


TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "cal"]


@pytest.fixture(scope="module")
def command(tiny, corpus, tmp_path_factory):
    """command(folder): the words of `cal map`; 40 documents in batches of 7, so that processes share them unevenly."""
    folder = tmp_path_factory.mktemp("corpus")
    for name, split in {"train": corpus.train, "test": corpus.test}.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            rows = zip(split.ids, split.texts, split.gold.tolist(), strict=True)
            csv.writer(file).writerows([("id", "text", "label"), *rows])

    def words(output, *more):
        model = ["learner=transformer", f"model={tiny()}", "learner.batch_size=7", "learner.lr=3e-3", "n_epochs=3"]
        data = ["dataset=files", f"dataset.path={folder}", "device=cpu"]
        return ["map", *data, *model, "precision=float32", f"output={output}", *more]

    return words


@pytest.fixture(scope="module")
def alone(command, tmp_path_factory):
    """The map of one process."""
    folder = tmp_path_factory.mktemp("alone") / "map"
    assert main(command(folder)) == 0
    return points(folder)


def points(folder):
    return pd.read_parquet(folder / "map.parquet").set_index("id")


@pytest.mark.slow
def test_two_processes_with_micro_batches_draw_the_map_of_one(command, alone, tmp_path):
    words = command(tmp_path / "map", "learner.micro_batch_size=2")
    done = subprocess.run([*TWO, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Map: ") == 1  # the second process is silent
    together = points(tmp_path / "map")
    assert together.index.is_unique
    assert set(together.index) == set(alone.index)
    for metric in ("confidence", "variability", "aum", "loss"):
        pd.testing.assert_series_equal(together.loc[alone.index, metric], alone[metric], rtol=0, atol=1e-5)


@pytest.mark.slow
def test_two_processes_record_what_training_saw(command, tmp_path):
    """With dropout on: masks belong to instances, not to processes."""
    assert main(command(tmp_path / "one", "capture=during")) == 0
    done = subprocess.run([*TWO, *command(tmp_path / "two", "capture=during")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    one, two = points(tmp_path / "one"), points(tmp_path / "two")
    pd.testing.assert_series_equal(two.loc[one.index, "confidence"], one["confidence"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("capture", ["end", "during"])
def test_an_interrupted_map_goes_on_in_the_middle_of_an_epoch(command, tmp_path, monkeypatch, caplog, capture):
    assert main(command(tmp_path / "whole", f"capture={capture}")) == 0
    whole, take = FineTuning._take_step, FineTuning._take_step

    def stop(self, epoch, batch):
        if self.step == 9:  # of 18
            raise KeyboardInterrupt
        take(self, epoch, batch)

    given = command(tmp_path / "map", f"capture={capture}", "workers=1")
    with monkeypatch.context() as patched:
        patched.setattr(FineTuning, "_take_step", stop)
        assert main(given) == 130
    assert "to resume" in caplog.text
    assert not (tmp_path / "map" / "map.json").exists()
    steps = []
    monkeypatch.setattr(
        FineTuning, "_take_step", lambda self, epoch, batch: (steps.append(1), whole(self, epoch, batch))
    )
    assert main(given) == 0
    assert len(steps) == 9
    pd.testing.assert_frame_equal(points(tmp_path / "map"), points(tmp_path / "whole"), check_exact=True)
    assert not (tmp_path / "map" / "checkpoints").exists()


def test_a_finished_seed_is_not_trained_again(command, tmp_path, monkeypatch):
    """The first of two seeds is done when the second is interrupted."""
    whole, n_trainings = FineTuning._take_step, []

    def stop(self, epoch, batch):
        if self.step == 0 and len(n_trainings) == 1:
            raise KeyboardInterrupt
        if self.step == 17:
            n_trainings.append(1)
        whole(self, epoch, batch)

    given = command(tmp_path / "map", "seeds=2", "workers=1")
    with monkeypatch.context() as patched:
        patched.setattr(FineTuning, "_take_step", stop)
        assert main(given) == 130
    steps = []
    monkeypatch.setattr(
        FineTuning, "_take_step", lambda self, epoch, batch: (steps.append(1), whole(self, epoch, batch))
    )
    assert main(given) == 0
    assert len(steps) == 18


def test_other_settings_do_not_go_on_with_a_training(command, tmp_path, monkeypatch):
    whole, steps = FineTuning._take_step, []

    def stop(self, epoch, batch):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FineTuning, "_take_step", stop)
        assert main(command(tmp_path / "map", "workers=1")) == 130
    monkeypatch.setattr(
        FineTuning, "_take_step", lambda self, epoch, batch: (steps.append(1), whole(self, epoch, batch))
    )
    assert main(command(tmp_path / "map", "workers=1", "learner.lr=1e-3")) == 0
    assert len(steps) == 18


def test_the_hardest_documents_are_printed(command, alone, tmp_path, capsys):
    assert main(command(tmp_path / "map", "hardest=3")) == 0
    lines = (
        capsys.readouterr()
        .out.split("Hardest to learn: confidence, correctness, id, labels and text\n")[1]
        .splitlines()[:3]
    )
    expected = alone.sort_values("confidence").index[:3].tolist()
    assert [line.split()[2] for line in lines] == expected
    assert all("gold " in line and ", predicted " in line for line in lines)


def test_perceptrons_are_not_trained_by_several_processes(corpus, monkeypatch):
    monkeypatch.setattr("cal.learners.grid.n_processes", lambda: 2)
    with pytest.raises(ConfigError, match="Several processes can train learner=transformer together"):
        full_map(corpus, features=Lsa(), learner=MLP(), device="cpu")


def test_a_simulation_is_not_for_several_processes(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["simulate", "experiment=smoke"]) == 1
    assert "cal simulate runs in one process" in capsys.readouterr().err
