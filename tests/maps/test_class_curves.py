"""The probabilities of all classes over the epochs: from every training and log into the folder of a map, and back."""

import shutil
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import SGDClassifier

import cal
from cal.dynamics.class_curves import gold_curves
from cal.dynamics.data_map import DataMap
from cal.dynamics.jsonl import write_epoch
from cal.dynamics.recorder import DynamicsRecorder
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import AnalysisError, DataError
from cal.learners.mlp import MLP, MLPLearner
from cal.maps.curves_file import CURVES, read_curves, write_curves
from cal.maps.read import read_map
from cal.maps.request import MapRequest
from cal.maps.training import train_map
from cal.streams import Streams

pytestmark = pytest.mark.usefixtures("blank_pictures_in_module")

HALF = 2.0**-11
"""The largest error of a probability in half precision, twice over."""
N, N_CLASSES, N_EPOCHS = 30, 3, 4


@pytest.fixture(scope="module")
def task(make_task):
    return make_task(n_train=61, n_classes=4)


def of(data_map, name="gold"):
    """(instance, epoch) probabilities of a class by the class curves."""
    rows = torch.arange(len(data_map))
    return data_map.class_curves.float()[:, rows, getattr(data_map, name)].T


def random_logits(*shape, seed=0):
    return 4 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def drawn(n_runs=None, seed=0, **known):
    shape = (N_EPOCHS, N, N_CLASSES) if n_runs is None else (n_runs, N_EPOCHS, N, N_CLASSES)
    gold = torch.arange(N) % N_CLASSES
    gold = gold if n_runs is None else gold.repeat(n_runs, 1)
    ids = [f"id{i}" for i in range(N)]
    return DataMap.of(TrainingDynamics.from_logits(random_logits(*shape, seed=seed), gold), ids, name="tiny", **known)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a map, which tests copy."""
    folder = tmp_path_factory.mktemp("finished") / "map"
    drawn().save(folder)
    return folder


@pytest.mark.parametrize("capture", ["end", "during", "out_of_fold"])
@pytest.mark.parametrize("kind", ["mlp", "scikit"])
def test_every_training_keeps_all_classes(task, kind, capture):
    if (kind, capture) == ("scikit", "during"):
        pytest.skip("a scikit-learn classifier is recorded after an epoch")
    learner = MLP(hidden=[8], n_epochs=3, lr=1e-2) if kind == "mlp" else SGDClassifier(loss="log_loss")
    request = MapRequest(features=task.features, learner=learner, seeds=[3, 5], device="cpu", capture=capture)
    dynamics = train_map(request, task.corpus, None, quiet=True)
    assert dynamics.probs.shape == (*dynamics.gold_prob.shape, 4)
    torch.testing.assert_close(
        dynamics.probs.float().sum(dim=-1), torch.ones(dynamics.gold_prob.shape), atol=0.005, rtol=0
    )
    data_map = DataMap.of(dynamics).run(1)
    torch.testing.assert_close(of(data_map), dynamics.gold_prob[1].T, atol=HALF, rtol=0)
    of_predicted = dynamics.probs.gather(-1, dynamics.predicted.unsqueeze(-1)).squeeze(-1)
    assert torch.equal(of_predicted, dynamics.probs.amax(dim=-1))


def test_all_classes_are_those_that_the_learner_predicts(task):
    seen = []
    rows, gold = torch.arange(61)[None], torch.from_numpy(task.corpus.train.gold)[None]
    learner = MLPLearner(MLP(hidden=[8], n_epochs=3, lr=1e-2), task.features, 4, 1)
    look = {"on_epoch_end": lambda epoch: seen.append(learner.predict(rows).probs)}
    dynamics = learner.fit(rows, gold, Streams([3], 0), all_classes=True, **look)
    torch.testing.assert_close(dynamics.probs.double(), torch.stack(seen, dim=1), atol=HALF, rtol=0)
    assert learner.fit(rows, gold, Streams([3], 0)).probs is None


@dataclass
class WithoutClasses:
    """A learner that was written before learners could keep all classes."""

    reads_features: bool = False
    uses_gpu: bool = False
    asked: list = field(default_factory=list)

    def inputs(self, corpus, features):
        return corpus

    def build(self, inputs, n_classes, n_runs, device):
        return self

    def fit(self, labelled, gold, streams, *, capture, held_out, checkpoint, quiet):
        dynamics = TrainingDynamics.empty(gold, 2, capture)
        for epoch in range(2):
            dynamics.record(epoch, random_logits(*gold.shape, 4, seed=epoch))
        return dynamics


def test_a_learner_that_keeps_no_classes_draws_a_map_all_the_same(task, tmp_path):
    data_map = cal.map(task.corpus, learner=WithoutClasses(), seeds=[3], output=tmp_path / "map", quiet=True)
    assert data_map.class_curves is None
    loaded = DataMap.load(tmp_path / "map")
    torch.testing.assert_close(loaded.curves, data_map.curves, atol=HALF, rtol=0)
    assert loaded.class_curves is None


@pytest.mark.parametrize("n_runs", [None, 1, 3])
def test_a_saved_map_has_the_curves_of_the_one_in_memory(tmp_path, n_runs):
    data_map = drawn(n_runs, seeds=range(n_runs or 0))
    data_map.save(tmp_path / "map")
    loaded, one = DataMap.load(tmp_path / "map"), data_map.one()
    assert loaded.class_curves.dtype == torch.float16
    assert torch.equal(loaded.class_curves, one.class_curves)
    torch.testing.assert_close(loaded.curves, one.curves, atol=HALF, rtol=0)
    assert torch.equal(DataMap.load(tmp_path / "map" / "map.parquet").class_curves, one.class_curves)
    assert '"curves"' in loaded.page()
    loaded.save(tmp_path / "map")  # over the file that it reads from
    assert torch.equal(DataMap.load(tmp_path / "map").class_curves, one.class_curves)
    assert torch.equal(loaded.class_curves, one.class_curves)


@given(st.integers(1, 9), st.integers(1, 6), st.integers(2, 5), st.integers(1, 3), st.integers(0, 2**31))
def test_confidence_and_variability_are_those_of_the_curve_of_the_gold_label(
    tmp_path_factory, n, n_epochs, n_classes, n_runs, seed
):
    gold = torch.randint(n_classes, (n,), generator=torch.Generator().manual_seed(seed)).repeat(n_runs, 1)
    logits = random_logits(n_runs, n_epochs, n, n_classes, seed=seed)
    data_map = DataMap.of(TrainingDynamics.from_logits(logits, gold), [f"x{i}" for i in range(n)])
    one, path = data_map.one(), tmp_path_factory.mktemp("map") / CURVES
    write_curves(path, one.class_curves)
    curves = gold_curves(read_curves(path, n), one.gold).double()
    torch.testing.assert_close(curves.mean(dim=0), one.confidence.double(), atol=HALF, rtol=0)
    if n_runs == 1:  # the variability of a mean curve is no mean of variabilities
        torch.testing.assert_close(curves.std(dim=0, correction=0), one.variability.double(), atol=HALF, rtol=0)


def test_chosen_instances_and_runs_have_their_own_curves(tmp_path):
    data_map = drawn(3, seeds=[7, 8, 9])
    some = data_map[[20, 3]]
    assert torch.equal(some.class_curves, data_map.class_curves[..., [20, 3], :])
    assert torch.equal(data_map.run(1).class_curves, data_map.class_curves[1])
    some.save(tmp_path / "map")
    assert torch.equal(DataMap.load(tmp_path / "map").class_curves, data_map.one().class_curves[:, [20, 3]])
    assert torch.equal(DataMap.load(tmp_path / "map")[[1]].class_curves, some.one().class_curves[:, [1]])


def test_logs_of_files_and_of_a_recorder_give_all_classes(tmp_path):
    recorder, logits, ids = DynamicsRecorder(on_missing="partial"), random_logits(2, 4, 3), ["a", "b", "c", "d"]
    gold = torch.tensor([0, 1, 2, 0])
    for epoch in range(2):
        n = 4 - epoch  # the second epoch lacks one
        write_epoch(tmp_path / "logs", epoch, ids[:n], logits[epoch, :n], gold[:n])
        recorder.record(ids[:n], logits[epoch, :n], gold[:n])
        recorder.end_epoch()
    expected = torch.softmax(logits, dim=-1)
    expected[1, 3] = torch.nan
    for data_map in (recorder.data_map(), read_map(tmp_path / "logs", on_missing="partial")):
        torch.testing.assert_close(data_map.class_curves.float(), expected, atol=HALF, rtol=0, equal_nan=True)
        torch.testing.assert_close(data_map.curves, expected[:, range(4), gold], equal_nan=True)
        data_map.save(tmp_path / "map")
        loaded = DataMap.load(tmp_path / "map").class_curves
        torch.testing.assert_close(loaded, data_map.class_curves, atol=0, rtol=0, equal_nan=True)


def test_what_is_too_large_is_left_out_and_said(tmp_path, caplog):
    for epoch in range(2):
        write_epoch(tmp_path / "logs", epoch, ["a", "b"], random_logits(2, 2_100, seed=epoch), [0, 2_099])
    data_map = cal.map(logs=tmp_path / "logs", output=tmp_path / "map")
    assert data_map.class_curves is None
    assert "Curves are kept for the gold label only: 2 instances x 2 epochs x 2,100 classes" in caplog.text
    loaded = DataMap.load(tmp_path / "map")
    assert loaded.class_curves is None
    torch.testing.assert_close(loaded.curves, data_map.curves, atol=HALF, rtol=HALF)


def test_a_folder_of_an_earlier_version_still_loads(tmp_path, finished):
    for name in ("map.json", "map.parquet"):
        shutil.copy(finished / name, tmp_path)
    loaded = DataMap.load(tmp_path)
    assert (loaded.curves, loaded.class_curves, len(loaded)) == (None, None, N)


def test_curves_of_an_earlier_map_do_not_stay(tmp_path):
    data_map = drawn()
    data_map.save(tmp_path / "map")
    DataMap.from_frame(data_map.to_frame()).save(tmp_path / "map")  # which has none
    assert DataMap.load(tmp_path / "map").class_curves is None


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path, curves: path.write_bytes(b""), "curves.npy is empty"),
        (lambda path, curves: path.write_bytes(path.read_bytes()[:-2]), "cannot be read"),
        (lambda path, curves: np.save(path, curves[1:]), "has curves of 29 instances, and not of 30"),
        (lambda path, curves: np.save(path, curves[:, 1:]), "has 3 epochs, and not 4"),
        (lambda path, curves: np.save(path, curves[..., 1:]), "has 2 classes, and the map has class 2"),
        (lambda path, curves: np.save(path, curves.astype(float)), "holds float64"),
        (lambda path, curves: np.save(path, np.array([{}] * N)), "cannot be read"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, finished, make, told):
    for name in ("map.json", "map.parquet", CURVES):
        shutil.copy(finished / name, tmp_path)
    make(tmp_path / CURVES, np.load(tmp_path / CURVES))
    with pytest.raises(DataError, match=told):
        DataMap.load(tmp_path)


@pytest.mark.parametrize("name", ["curves", "class_curves"])
def test_curves_of_other_instances_are_refused(name):
    data_map = drawn()
    fields = {key: getattr(data_map, key) for key in vars(data_map)} | {name: getattr(data_map, name)[..., :2]}
    if name == "class_curves":
        fields[name] = data_map.class_curves[:, :2]
    with pytest.raises(AnalysisError, match=f"^{name} of shape"):
        DataMap(**fields)
