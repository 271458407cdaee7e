import datasets
import pytest
import torch
import transformers
from torch.utils.data import Dataset

import cal
from cal.dynamics.huggingface import DynamicsCallback
from cal.dynamics.recorder import DynamicsRecorder, RecordingError
from cal.dynamics.store import LogStore
from cal.errors import ConfigError, DataError

N = 10


def model(dropout=0.1):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.BertConfig(
            vocab_size=16,
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            hidden_dropout_prob=dropout,
            num_labels=3,
        )
        return transformers.BertForSequenceClassification(config)


def columns():
    """Ten texts of unequal length; `text` and `length` are not for the model."""
    return {
        "input_ids": [[1 + row % 3, 4, 5][: 2 + row % 2] for row in range(N)],
        "labels": [row % 3 for row in range(N)],
        "id": [f"text-{row}" for row in range(N)],
        "text": ["not for the model"] * N,
        "length": list(range(N)),
    }


def pad(features):
    width = max(len(feature["input_ids"]) for feature in features)
    rows = [feature["input_ids"] for feature in features]
    batch = {
        "input_ids": torch.tensor([row + [0] * (width - len(row)) for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows]),
    }
    if "labels" in features[0]:
        batch["labels"] = torch.tensor([feature["labels"] for feature in features])
    return batch


class Rows(Dataset):
    """The same rows, not as a `datasets.Dataset`: the Trainer removes columns in another place."""

    def __len__(self):
        return N

    def __getitem__(self, row):
        return {name: column[row] for name, column in columns().items()}


def trainer(tmp_path, recording, *, data=None, eval_data=None, n_epochs=2, network=None, **arguments):
    args = transformers.TrainingArguments(
        tmp_path / "checkpoints",
        **{
            "num_train_epochs": n_epochs,
            "per_device_train_batch_size": 4,
            "learning_rate": 1e-2,
            "seed": 1,
            "use_cpu": True,
            "dataloader_pin_memory": False,
            "report_to": "none",
            "save_strategy": "no",
            "logging_strategy": "no",
            "disable_tqdm": True,
            **arguments,
        },
    )
    made = transformers.Trainer(
        network or model(),
        args,
        train_dataset=datasets.Dataset.from_dict(columns()) if data is None else data,
        eval_dataset=eval_data,
        data_collator=recording.collator if recording else pad,
        callbacks=[recording] if recording else [],
    )
    made.remove_callback(transformers.PrinterCallback)
    return made


class Snoop(transformers.TrainerCallback):
    """Predicts every training text after each epoch by itself."""

    def __init__(self):
        self.probs = []

    def on_epoch_end(self, args, state, control, **kwargs):
        network, data = kwargs["model"], columns()
        network.eval()
        with torch.no_grad():
            logits = torch.cat([network(torch.tensor([ids])).logits for ids in data["input_ids"]])
        network.train()
        self.probs.append(logits.softmax(1)[range(N), data["labels"]])


@pytest.mark.parametrize("data", [None, Rows()], ids=["datasets.Dataset", "torch Dataset"])
def test_end_is_what_the_model_says_of_each_text_after_each_epoch(tmp_path, data):
    recording, snoop = DynamicsCallback(DynamicsRecorder(), pad), Snoop()
    training = trainer(tmp_path, recording, data=data)
    training.add_callback(snoop)
    training.train()
    assert recording.recorder.ids == columns()["id"]
    torch.testing.assert_close(recording.recorder.dynamics().gold_prob, torch.stack(snoop.probs), atol=1e-5, rtol=0)


@pytest.mark.parametrize("capture", ["end", "during"])
def test_recording_changes_nothing_in_training(tmp_path, capture):
    alone, recorded = model(), model()
    plain = trainer(tmp_path, None, network=alone, data=datasets.Dataset.from_dict(columns()))
    plain.train()
    trainer(tmp_path, DynamicsCallback(DynamicsRecorder(capture=capture), pad), network=recorded).train()
    for one, other in zip(alone.parameters(), recorded.parameters(), strict=True):
        assert torch.equal(one, other)


def test_during_takes_the_logits_of_the_training_pass(tmp_path):
    """With one batch an epoch and no dropout, those before the first update are those of the untrained model."""
    recording = DynamicsCallback(DynamicsRecorder(capture="during"), pad)
    network, data = model(dropout=0.0), columns()
    network.config.attention_probs_dropout_prob = 0.0
    network.eval()
    with torch.no_grad():
        logits = torch.cat([network(torch.tensor([ids])).logits for ids in data["input_ids"]])
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    trainer(tmp_path, recording, network=network, per_device_train_batch_size=N).train()
    expected = logits.softmax(1)[range(N), data["labels"]]
    torch.testing.assert_close(recording.recorder.dynamics().gold_prob[0], expected, atol=1e-5, rtol=0)


def test_evaluating_in_training_and_after_it_is_not_recorded_and_works(tmp_path):
    recording = DynamicsCallback(DynamicsRecorder(capture="during"), pad)
    training = trainer(tmp_path, recording, eval_strategy="epoch", eval_data=Rows())
    training.train()
    assert recording.recorder.n_epochs == 2
    assert training.evaluate()["eval_loss"] > 0
    unnamed = datasets.Dataset.from_dict(columns()).remove_columns(["id"])
    assert training.predict(unnamed).predictions.shape == (N, 3)


@pytest.mark.parametrize("capture", ["end", "during"])
def test_label_smoothing_and_accumulation_do_not_hide_the_gold_label(tmp_path, capture):
    recording = DynamicsCallback(DynamicsRecorder(capture=capture), pad)
    trainer(tmp_path, recording, label_smoothing_factor=0.1, gradient_accumulation_steps=2).train()
    assert recording.recorder.dynamics().gold.tolist() == columns()["labels"]


@pytest.mark.parametrize("data", [None, Rows()], ids=["datasets.Dataset", "torch Dataset"])
@pytest.mark.parametrize("remove", [True, False])
def test_columns_that_the_model_does_not_take_reach_the_collator_only_if_asked_for(tmp_path, data, remove):
    seen = set()

    def collator(features):
        seen.update(*features)
        return pad(features)

    recording = DynamicsCallback(DynamicsRecorder(), collator)
    trainer(tmp_path, recording, data=data, remove_unused_columns=remove).train()
    assert seen == {"input_ids", "labels"} | (set() if remove else {"text", "length"})
    assert recording.recorder.ids == columns()["id"]


def test_ids_may_be_whole_numbers_in_another_column(tmp_path):
    recording = DynamicsCallback(DynamicsRecorder(), pad, id_column="length")
    trainer(tmp_path, recording).train()
    assert recording.recorder.ids == list(range(N))


def test_an_epoch_that_max_steps_cuts_short_does_not_count(tmp_path, caplog):
    recording = DynamicsCallback(DynamicsRecorder(capture="during"), pad)
    trainer(tmp_path, recording, max_steps=4).train()  # three steps an epoch
    assert recording.recorder.n_epochs == 1
    assert "Training stopped within epoch 1" in caplog.text


def test_training_that_resumes_from_a_checkpoint_goes_on_recording(tmp_path):
    whole = DynamicsCallback(DynamicsRecorder(), pad)
    trainer(tmp_path / "whole", whole, n_epochs=3).train()
    first = DynamicsCallback(DynamicsRecorder(folder=tmp_path / "logs"), pad)
    made = trainer(tmp_path, first, n_epochs=3, save_strategy="epoch")

    class Stop(transformers.TrainerCallback):
        def on_save(self, args, state, control, **kwargs):
            control.should_training_stop = True

    made.add_callback(Stop())
    made.train()
    assert LogStore(tmp_path / "logs").n_epochs == 1
    second = DynamicsCallback(DynamicsRecorder(folder=tmp_path / "logs"), pad)
    trainer(tmp_path, second, n_epochs=3).train(resume_from_checkpoint=True)
    assert second.recorder.n_epochs == 3
    torch.testing.assert_close(second.recorder.dynamics().gold_prob, whole.recorder.dynamics().gold_prob)


def test_training_resumes_within_an_epoch_only_where_nothing_of_it_is_lost(tmp_path):
    class Stop(transformers.TrainerCallback):
        def on_save(self, args, state, control, **kwargs):
            control.should_training_stop = True

    made = trainer(tmp_path, DynamicsCallback(DynamicsRecorder(), pad), save_strategy="steps", save_steps=2)
    made.add_callback(Stop())
    made.train()  # three steps an epoch
    during = DynamicsCallback(DynamicsRecorder(capture="during"), pad)
    with pytest.raises(ConfigError, match=r"Training resumes within epoch 0.*save_strategy='epoch'.*capture='end'"):
        trainer(tmp_path, during).train(resume_from_checkpoint=True)
    end = DynamicsCallback(DynamicsRecorder(capture="end"), pad)
    trainer(tmp_path, end).train(resume_from_checkpoint=True)
    assert end.recorder.n_epochs == 2


def test_epochs_are_not_recorded_twice(tmp_path):
    recording = DynamicsCallback(DynamicsRecorder(), pad)
    trainer(tmp_path, recording).train()
    with pytest.raises(ConfigError, match=r"Training starts after epoch 0, but 2 epochs are recorded.*rewind\(0\)"):
        trainer(tmp_path, recording).train()


def test_the_collator_must_be_given_too(tmp_path):
    recording = DynamicsCallback(DynamicsRecorder(), pad)
    training = trainer(tmp_path, recording)
    training.data_collator = transformers.default_data_collator
    with pytest.raises(ConfigError, match=r"Trainer\(\.\.\., data_collator=callback\.collator, callbacks="):
        training.train()


@pytest.mark.parametrize("capture", ["end", "during"])
def test_a_dataset_without_ids_is_refused(tmp_path, capture):
    data = datasets.Dataset.from_dict(columns()).remove_columns(["id"])
    recording = DynamicsCallback(DynamicsRecorder(capture=capture), pad)
    training = trainer(tmp_path, recording, data=data.rename_column("length", "idx"))
    with pytest.raises(DataError, match=r"needs the columns 'id' and 'labels'; id_column='idx' .*It has input_ids"):
        training.train()
    assert training.state.global_step == 0


def test_ids_that_occur_twice_end_training_with_a_report(tmp_path):
    data = datasets.Dataset.from_dict(columns() | {"id": ["same"] * 2 + columns()["id"][2:]})
    with pytest.raises(RecordingError, match=r"Ids recorded more than once: 1 \('same'\)"):
        trainer(tmp_path, DynamicsCallback(DynamicsRecorder(), pad), data=data).train()


@pytest.mark.parametrize("capture", ["end", "during"])
def test_a_trainer_records_into_shards_what_it_records_in_memory(tmp_path, capture):
    shards = cal.ShardRecorder(tmp_path / "logs", capture=capture)
    memory = DynamicsRecorder(capture=capture)
    for recorder in (shards, memory):
        trainer(tmp_path, DynamicsCallback(recorder, pad)).train()
    drawn = cal.map_shards(logs=tmp_path / "logs", output=tmp_path / "map", workers=1)
    rows = next(drawn.frames()).set_index("id")
    expected = memory.data_map().to_frame().set_index("id").loc[rows.index]
    for name in ("gold", "predicted", "confidence", "variability", "correctness", "aum"):
        assert rows[name].tolist() == pytest.approx(expected[name].tolist(), abs=1e-6), name
    assert drawn.summary["capture"] == capture
