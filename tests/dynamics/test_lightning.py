import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn
from torch.utils.data import DataLoader

from cal.dynamics.lightning import DynamicsLightningCallback
from cal.dynamics.recorder import DynamicsRecorder
from cal.errors import ConfigError

N = 10
X = torch.randn(N, 4, generator=torch.Generator().manual_seed(0))
GOLD = torch.arange(N) % 2
IDS = [f"{row:02}" for row in range(N)]

pytestmark = [
    # Lightning advises processes that load data, which a few rows do not need,
    pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers"),
    # and uses a class that torch is about to retire.
    pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated:FutureWarning"),
]


class Classifier(LightningModule):
    def __init__(self, returns_logits=True):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
        self.returns_logits, self.seen, self.after = returns_logits, {}, []

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        ids, x, gold = batch.values() if isinstance(batch, dict) else batch
        logits = self(x)
        self.seen.setdefault(self.current_epoch, {}).update(zip(ids, logits.detach(), strict=True))
        loss = nn.functional.cross_entropy(logits, gold)
        return {"loss": loss, "logits": logits} if self.returns_logits else loss

    def on_train_epoch_end(self):
        self.net.eval()
        with torch.no_grad():
            self.after.append(self(X))
        self.net.train()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(module, recorder=None, *, unpack=None, rows=None, max_epochs=3, **options):
    callbacks = [DynamicsLightningCallback(recorder, unpack)] if recorder else []
    rows = rows or list(zip(IDS, X, GOLD, strict=True))
    loader = DataLoader(rows, batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(0))
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, **options}
    trainer = Trainer(
        max_epochs=max_epochs, accelerator="cpu", callbacks=callbacks, enable_model_summary=False, **options
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        trainer.fit(module, loader)


def gold_prob(logits):
    return logits.softmax(1)[range(N), GOLD]


def test_end_is_what_the_module_says_of_each_instance_after_each_epoch():
    module, recorder = Classifier(), DynamicsRecorder()
    fit(module, recorder)
    assert recorder.ids == IDS
    torch.testing.assert_close(recorder.dynamics().gold_prob, torch.stack([gold_prob(z) for z in module.after]))


def test_during_takes_the_logits_of_the_training_step():
    module, recorder = Classifier(), DynamicsRecorder(capture="during")
    fit(module, recorder)
    seen = [torch.stack([module.seen[epoch][name] for name in IDS]) for epoch in range(3)]
    torch.testing.assert_close(recorder.dynamics().gold_prob, torch.stack([gold_prob(z) for z in seen]))


@pytest.mark.parametrize("capture", ["end", "during"])
def test_recording_changes_nothing_in_training(capture):
    alone, recorded = Classifier(), Classifier()
    fit(alone)
    fit(recorded, DynamicsRecorder(capture=capture))
    for one, other in zip(alone.parameters(), recorded.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("capture", ["end", "during"])
def test_batches_of_another_make_are_unpacked(capture):
    rows = [{"name": name, "x": x, "gold": gold} for name, x, gold in zip(IDS, X, GOLD, strict=True)]
    recorder = DynamicsRecorder(capture=capture)
    fit(Classifier(), recorder, unpack=lambda batch: (batch["name"], batch["x"], batch["gold"]), rows=rows)
    assert recorder.ids == IDS


def test_batches_of_another_make_are_refused_without_unpack():
    rows = [{"name": name, "x": x, "gold": gold} for name, x, gold in zip(IDS, X, GOLD, strict=True)]
    with pytest.raises(ConfigError, match=r"A batch is dict, not \(ids, inputs, gold classes\).*unpack="):
        fit(Classifier(), DynamicsRecorder(), rows=rows)


def test_during_needs_logits_of_the_training_step():
    with pytest.raises(ConfigError, match=r"training_step must return \{'loss': loss, 'logits': logits\}"):
        fit(Classifier(returns_logits=False), DynamicsRecorder(capture="during"))


def test_epochs_are_not_recorded_twice(tmp_path):
    recorder = DynamicsRecorder(folder=tmp_path)
    fit(Classifier(), recorder, max_epochs=2)
    with pytest.raises(ConfigError, match=r"Training starts after epoch 0, but 2 epochs are recorded.*rewind\(0\)"):
        fit(Classifier(), DynamicsRecorder(folder=tmp_path))


def test_an_epoch_that_max_steps_cuts_short_does_not_count(caplog):
    recorder = DynamicsRecorder(capture="during")
    fit(Classifier(), recorder, max_steps=4)  # three steps an epoch
    assert recorder.n_epochs == 1
    assert "Training stopped within epoch 1" in caplog.text
