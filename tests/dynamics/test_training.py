import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from cal.dynamics.end_pass import in_order, logits_of, without_dropout
from cal.dynamics.metrics import METRICS
from cal.dynamics.recorder import DynamicsRecorder
from cal.dynamics.training import compute_training_dynamics
from cal.errors import ConfigError, DataError

N = 30


def task():
    generator = torch.Generator().manual_seed(0)
    gold = torch.arange(N) % 3
    return nn.functional.one_hot(gold, 4) + 0.5 * torch.randn(N, 4, generator=generator), gold


def network(dropout=0.0, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 3))


class Named(nn.Module):
    """Takes named arguments and returns its logits in an object, as models of transformers do."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, features):
        return type("Output", (), {"logits": self.inner(features)})()


def dictionaries(gold_name="labels", **more):
    x, gold = task()
    return [
        {"features": x[row], gold_name: int(gold[row]), **{name: of(row) for name, of in more.items()}}
        for row in range(N)
    ]


@pytest.fixture(scope="module")
def frame():
    return compute_training_dynamics(network(), TensorDataset(*task()), 4, batch_size=8, lr=1e-2)


def test_the_frame_has_a_row_per_id_and_the_metrics(frame):
    assert frame.index.tolist() == list(range(N))
    assert frame.index.name == "id"
    assert list(frame.columns) == ["gold", "predicted", *METRICS]
    assert frame["gold"].tolist() == task()[1].tolist()


def test_it_is_the_map_of_a_loop_written_out():
    x, gold = task()
    model, optimizer = network(), None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    frame = compute_training_dynamics(model, TensorDataset(x, gold), 3, batch_size=N, optimizer=optimizer)
    model = network()
    probs = []
    for _ in range(3):  # in one batch, the order of instances says nothing
        nn.functional.cross_entropy(model(x), gold).backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.1 * parameter.grad
                parameter.grad = None
            probs.append(model(x).softmax(1)[range(N), gold].double().numpy())
    np.testing.assert_allclose(frame["confidence"], np.mean(probs, axis=0), atol=1e-5)
    np.testing.assert_allclose(frame["variability"], np.std(probs, axis=0), atol=1e-5)


def test_during_takes_the_logits_before_the_update():
    x, gold = task()
    expected = network()(x).softmax(1)[range(N), gold].detach()
    frame = compute_training_dynamics(network(), TensorDataset(x, gold), 1, batch_size=N, capture="during")
    np.testing.assert_allclose(frame["confidence"], expected, atol=1e-6)


def test_the_same_seed_gives_the_same_frame_whatever_was_drawn_before(frame):
    data = TensorDataset(*task())
    one = compute_training_dynamics(network(0.5), data, 2, seed=3)
    torch.rand(7)
    pd.testing.assert_frame_equal(one, compute_training_dynamics(network(0.5), data, 2, seed=3), check_exact=True)
    assert not one.equals(compute_training_dynamics(network(0.5), data, 2, seed=4))


def test_the_global_random_state_is_left_as_it_was():
    before = torch.random.get_rng_state()
    compute_training_dynamics(network(0.5), TensorDataset(*task()), 1)
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_pass_at_the_end_changes_nothing_in_training():
    models = [network(0.5), network(0.5)]
    for model, capture in zip(models, ["during", "end"], strict=True):
        compute_training_dynamics(model, TensorDataset(*task()), 3, capture=capture, batch_size=4)
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("gold_name", ["labels", "label"])
def test_dictionaries_are_as_good_as_pairs(frame, gold_name):
    data = dictionaries(gold_name, id=lambda row: f"{row:02}", text=lambda row: "not for the model", length=float)
    named = compute_training_dynamics(Named(network()), data, 4, batch_size=8, lr=1e-2)
    assert named.index.tolist() == [f"{row:02}" for row in range(N)]
    pd.testing.assert_frame_equal(named.reset_index(drop=True), frame.reset_index(drop=True), check_exact=True)


def test_ids_may_be_given(frame):
    names = [f"{N - row:02}" for row in range(N)]
    given = compute_training_dynamics(network(), TensorDataset(*task()), 4, batch_size=8, lr=1e-2, ids=names)
    pd.testing.assert_frame_equal(given.loc[names].reset_index(drop=True), frame.reset_index(drop=True))


def test_a_collator_may_pad():
    x, gold = task()
    data = [{"features": x[row, : 2 + row % 3].tolist(), "labels": int(gold[row]), "id": row} for row in range(N)]

    def pad(items):
        rows = [torch.tensor(item["features"]) for item in items]
        padded = torch.stack([nn.functional.pad(row, (0, 4 - len(row))) for row in rows])
        return {"features": padded, "labels": torch.tensor([item["labels"] for item in items])}

    assert len(compute_training_dynamics(Named(network()), data, 1, collate=pad)) == N


def test_another_loss_is_used():
    used = []

    def loss(logits, gold):
        used.append(len(gold))
        return nn.functional.multi_margin_loss(logits, gold)

    compute_training_dynamics(network(), TensorDataset(*task()), 1, batch_size=20, loss_fn=loss)
    assert used == [20, 10]


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"n_epochs": 0}, ConfigError, "n_epochs must be a whole number of at least 1, not 0"),
        ({"capture": "out_of_fold"}, ConfigError, "capture must be during or end"),
        ({"ids": ["a"]}, DataError, "1 ids for 30 instances"),
        ({"ids": ["a"] * N}, DataError, "Ids recorded more than once: 1 ('a')"),
        ({"dataset": []}, DataError, "The dataset has no items"),
        ({"dataset": iter(TensorDataset(*task()))}, DataError, "The dataset has no items or no length"),
        ({"dataset": TensorDataset(torch.ones(3, 4))}, DataError, "have 1 parts"),
        ({"dataset": dictionaries("class")}, DataError, "have features, class, but no gold class"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments, error, said):
    with pytest.raises(error) as raised:
        compute_training_dynamics(
            **{"model": network(), "dataset": TensorDataset(*task()), "n_epochs": 1, "batch_size": N, **arguments}
        )
    assert said in str(raised.value)


def test_a_model_without_logits_is_refused():
    with pytest.raises(ConfigError, match="The model returned str"):
        logits_of("positive")


def test_modules_kept_in_evaluation_mode_stay_so():
    model = network()
    model[0].eval()
    with without_dropout(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model] == [False, True, True, True]


def test_the_pass_in_order_draws_nothing():
    before = torch.random.get_rng_state()
    assert torch.cat(list(in_order(torch.arange(5), 2))).tolist() == [0, 1, 2, 3, 4]
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_dataset_without_length_is_refused():
    with pytest.raises(ConfigError, match="needs a dataset with a length"):
        in_order((row for row in range(3)), 2)


def test_three_lines_in_a_loop_of_ones_own():
    (x, gold), model = task(), network(0.5)
    optimizer = torch.optim.AdamW(model.parameters())
    recorder = DynamicsRecorder(capture="during")  # 1
    for epoch in range(3):
        for rows in torch.randperm(N, generator=torch.Generator().manual_seed(epoch)).split(7):
            logits = model(x[rows])
            recorder.record(rows, logits, gold[rows])  # 2
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits, gold[rows]).backward()
            optimizer.step()
        recorder.end_epoch()  # 3
    dynamics = recorder.dynamics()
    assert dynamics.gold_prob.shape == (3, N)
    assert torch.equal(dynamics.gold, gold)
