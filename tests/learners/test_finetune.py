"""How one classifier is trained: as a plain loop would, stopped and gone on with anywhere."""

import itertools
import logging
import shutil

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from cal.errors import LearnerError, StorageError, WorkerError
from cal.learners import checkpoint as checkpoints
from cal.learners.dropout import KeyedDropout
from cal.learners.finetune import Schedule, bucketed
from cal.streams import Keyed, Streams, stream

N = 27
SEED = 3
KINDS = ["bert", "roberta", "deberta", "modernbert"]
_rng = np.random.default_rng(2)
LABELLED = torch.from_numpy(_rng.permutation(40)[:N]).unsqueeze(0)


def fit(learner, corpus, rows=LABELLED, seeds=(SEED,), round=1, **given):
    return learner.fit(rows, torch.from_numpy(corpus.train.gold)[rows], Streams(seeds, round), **given)


def assert_same_dynamics(given, expected):
    for name in ("gold_prob", "loss", "margin", "el2n", "predicted"):
        assert torch.equal(getattr(given, name), getattr(expected, name)), name


def assert_near_dynamics(given, expected, atol):
    for name in ("gold_prob", "loss", "margin"):
        torch.testing.assert_close(getattr(given, name), getattr(expected, name), rtol=0, atol=atol)


# --- the same as a loop


def loop(by_hand, corpus, learner, masks=lambda model: lambda epoch, rows: None):
    """(epoch, instance, class) logits after and during each epoch, by transformers and torch; and gold classes."""
    config = learner.schedule
    model, tokenizer, new = by_hand.plain(learner.tokens.model.name, corpus)
    generator = stream(SEED, "classifier/init", 1)
    for name, parameter in model.named_parameters():
        if name in new:
            if parameter.dim() > 1:
                values = torch.randn(parameter.shape, generator=generator) * 0.02
            else:
                values = torch.full(parameter.shape, 0.0 if "bias" in name else 1.0)
            parameter.data.copy_(values)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    free = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": free, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=config.lr)
    total = config.n_epochs * -(-N // config.batch_size)
    rising = round(config.warmup * total)
    factors = [
        *((i + 1) / rising for i in range(rising)),
        *((total - i) / (total - rising) for i in range(rising, total)),
    ]
    rows, draws = LABELLED[0].numpy(), Streams([SEED], 1).start("classifier/shuffle")
    lengths = np.array([by_hand.read(corpus, tokenizer, "train", [row])["input_ids"].shape[-1] for row in rows])
    gold, step, ends, passes = torch.from_numpy(corpus.train.gold)[LABELLED[0]], 0, [], []
    of_class = None
    if config.class_weights:
        given = compute_class_weight("balanced", classes=np.arange(corpus.n_classes), y=gold.numpy())
        of_class = torch.from_numpy(given).float()
    drop = masks(model)
    for epoch in range(config.n_epochs):
        during = torch.zeros(N, corpus.n_classes)
        for batch in bucketed(draws.permutation(N)[0].numpy(), lengths, config.batch_size):
            drop(epoch, rows[batch])
            logits = model(**by_hand.read(corpus, tokenizer, "train", rows[batch])).logits
            during[batch] = logits.detach()
            torch.nn.CrossEntropyLoss(of_class)(logits, gold[batch]).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            for group in optimizer.param_groups:
                group["lr"] = config.lr * factors[step]
            optimizer.step()
            optimizer.zero_grad()
            step += 1
        drop(epoch, None)
        with torch.no_grad():
            each = [model(**by_hand.read(corpus, tokenizer, "train", [row])).logits for row in rows]
        ends.append(torch.cat(each))
        passes.append(during)
    return torch.stack(ends), torch.stack(passes), gold


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n_texts", "n_choices"), [(1, 1), (2, 1), (1, 2), (2, 3)])
@pytest.mark.parametrize("capture", ["end", "during"])
def test_training_is_a_plain_loop(make_learner, make_corpus, tiny, by_hand, kind, n_texts, n_choices, capture):
    corpus = make_corpus(n_texts, n_choices)
    hyper = {"dropout": 0.0, "warmup": 0.3, "weight_decay": 0.3, "max_grad_norm": 0.5, "n_epochs": 3}
    learner = make_learner(corpus, model=tiny(kind), **hyper)
    dynamics = fit(learner, corpus, capture=capture)
    ends, passes, gold = loop(by_hand, corpus, learner)
    logits = passes if capture == "during" else ends
    expected = torch.nn.functional.cross_entropy(logits.transpose(1, 2), gold.expand(3, -1), reduction="none")
    torch.testing.assert_close(dynamics.loss[0], expected, rtol=0, atol=1e-4)
    assert (dynamics.loss[0, -1] - dynamics.loss[0, 0]).abs().max() > 1e-2  # something was learnt


@pytest.mark.parametrize("micro_batch_size", [None, 3])
def test_weighted_training_is_a_plain_loop_with_torchs_weighted_loss(
    make_learner, make_corpus, by_hand, micro_batch_size
):
    corpus = make_corpus()
    hyper = {"dropout": 0.0, "n_epochs": 3, "micro_batch_size": micro_batch_size}
    weighted, plain = (fit(make_learner(corpus, class_weights=w, **hyper), corpus) for w in ("balanced", None))
    ends, _, gold = loop(by_hand, corpus, make_learner(corpus, class_weights="balanced", **hyper))
    expected = torch.nn.functional.cross_entropy(ends.transpose(1, 2), gold.expand(3, -1), reduction="none")
    torch.testing.assert_close(weighted.loss[0], expected, rtol=0, atol=1e-4)
    assert (plain.loss[0] - expected).abs().max() > 1e-2


@pytest.mark.parametrize("n_choices", [1, 3])
def test_dropout_is_by_masks_of_epoch_document_and_module(make_learner, make_corpus, tiny, by_hand, n_choices):
    corpus = make_corpus(1, n_choices)
    learner = make_learner(corpus, dropout=0.3)
    dynamics = fit(learner, corpus)
    dropped = [
        (name, part) for name, part in learner.classifier.module.named_modules() if isinstance(part, KeyedDropout)
    ]

    def masks(model):
        now = {}
        for name, module in dropped:

            def hook(part, given, out, number=module._number):
                if now["rows"] is None:
                    return out
                sequences = (now["rows"][:, None] * n_choices + np.arange(n_choices)).ravel()
                keys = Keyed.of(Streams([SEED], 1), "classifier/dropout").derived(now["epoch"])
                keys = keys.derived(torch.from_numpy(sequences)).derived(number)
                return out * keys.keep(0.7, out[0].numel()).view(out.shape) / 0.7

            model.get_submodule(name).register_forward_hook(hook)
        return lambda epoch, rows: now.update(epoch=epoch, rows=rows)

    ends, _, gold = loop(by_hand, corpus, learner, masks)
    expected = torch.nn.functional.cross_entropy(ends.transpose(1, 2), gold.expand(2, -1), reduction="none")
    torch.testing.assert_close(dynamics.loss[0], expected, rtol=0, atol=1e-4)
    assert len(dropped) == 8  # of embeddings, three in each of two layers, and of the head


@pytest.mark.parametrize("change", [{"lr": 1e-3}, {"warmup": 0.0}, {"weight_decay": 0.9}, {"max_grad_norm": 0.01}])
def test_every_hyperparameter_reaches_the_training(make_learner, corpus, change):
    base = {"warmup": 0.5, "weight_decay": 0.1, "n_epochs": 2}
    usual, changed = (fit(make_learner(**base | one), corpus) for one in ({}, change))
    assert (usual.loss - changed.loss).abs().max() > 1e-5


def test_the_rate_rises_and_falls_in_lines():
    schedule = Schedule(1, 32, 32, lr=2.0, warmup=0.25, weight_decay=0, max_grad_norm=1)
    rates = [schedule.rate(step, 20) for step in range(20)]
    np.testing.assert_allclose(rates[:5], np.linspace(0.4, 2.0, 5))
    np.testing.assert_allclose([*rates[5:], 0], np.linspace(2.0, 0.0, 16))


@pytest.mark.parametrize("n", [1, 8, 31, 400, 1003])
def test_batches_hold_every_instance_once_and_the_small_one_is_last(n):
    order = np.random.default_rng(n).permutation(n)
    batches = bucketed(order, np.random.default_rng(0).integers(1, 50, n), 8)
    assert sorted(np.concatenate(batches).tolist()) == list(range(n))
    assert [len(batch) for batch in batches] == [8] * (n // 8) + [n % 8] * (n % 8 > 0)


def test_batches_are_of_like_length_in_a_random_order():
    lengths = np.random.default_rng(0).integers(1, 50, 800)
    batches = bucketed(np.random.default_rng(1).permutation(800), lengths, 8)
    assert np.mean([np.ptp(lengths[batch]) for batch in batches]) < 3
    first = [lengths[batch].mean() for batch in batches[:50]]
    assert abs(np.corrcoef(first, np.arange(50))[0, 1]) < 0.4


def test_equal_lengths_are_batches_of_the_shuffled_order():
    order = np.random.default_rng(1).permutation(20)
    batches = bucketed(order, np.full(20, 7), 8)
    assert [batch.tolist() for batch in batches] == [order[:8].tolist(), order[8:16].tolist(), order[16:].tolist()]


# --- small passes, and memory that runs out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("micro", [1, 3, 8, 100])
def test_small_passes_change_nothing(make_learner, corpus, tiny, kind, micro):
    """With dropout, whose masks must not depend on how a batch is cut."""
    whole, cut = (make_learner(model=tiny(kind), dropout=0.3, micro_batch_size=size) for size in (None, micro))
    assert_near_dynamics(fit(cut, corpus, capture="during"), fit(whole, corpus, capture="during"), 1e-4)


@pytest.fixture
def short_of_memory():
    """short_of_memory(learner, n): the memory runs out where more than n sequences are read at once."""
    handles = []

    def make(learner, n):
        def refuse(module, args, kwargs):
            if len(kwargs["input_ids"]) > n:
                raise torch.OutOfMemoryError("out of memory")

        handles.append(learner.classifier.module.register_forward_pre_hook(refuse, with_kwargs=True))

    yield make
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("n", [1, 3, 7])
def test_where_memory_runs_out_the_training_is_the_same(make_learner, corpus, short_of_memory, caplog, n):
    expected = fit(make_learner(), corpus)
    learner = make_learner()
    short_of_memory(learner, n)
    with caplog.at_level(logging.WARNING, "cal"):
        given = fit(learner, corpus)
    assert_near_dynamics(given, expected, 1e-4)
    assert "From here on, passes have 4 instances" in caplog.text
    assert "summed to batches of 8" in caplog.text


def test_scores_are_the_same_where_memory_runs_out(make_learner, corpus, short_of_memory):
    learner = make_learner(pooling="mean")
    fit(learner, corpus)
    rows = torch.arange(30).unsqueeze(0)
    whole = learner.predict(rows), learner.predict_split("test"), learner.dropout_probs(rows, 2, Streams([1], 0))
    short_of_memory(learner, 3)
    cut = learner.predict(rows), learner.predict_split("test"), learner.dropout_probs(rows, 2, Streams([1], 0))
    torch.testing.assert_close(cut[0].logits, whole[0].logits, rtol=0, atol=1e-5)
    torch.testing.assert_close(cut[0].embeddings, whole[0].embeddings, rtol=0, atol=1e-5)
    torch.testing.assert_close(cut[1:], whole[1:], rtol=0, atol=1e-5)


def test_memory_too_short_for_one_instance_is_said_with_what_to_do(make_learner, corpus, short_of_memory):
    learner = make_learner()
    short_of_memory(learner, 0)
    with pytest.raises(WorkerError, match=r"single document in a pass\. Give learner\.gradient_checkpointing=true"):
        fit(learner, corpus)


def test_memory_too_short_to_read_one_instance_is_said_with_what_to_do(make_learner, corpus, short_of_memory):
    learner = make_learner()
    fit(learner, corpus)
    short_of_memory(learner, 0)
    with pytest.raises(WorkerError, match="max_length"):
        learner.predict(LABELLED)


def test_a_training_that_diverges_is_said(make_learner, corpus):
    with pytest.raises(LearnerError, match=r"diverged in epoch 0: logits are not finite. Lower learner.lr"):
        fit(make_learner(lr=1e30, max_grad_norm=1e30, warmup=0.0), corpus)


# --- stopped and gone on with

ROWS = torch.stack([LABELLED[0], LABELLED[0].flip(0), LABELLED[0].roll(5)])
SEEDS = (3, 8, 3)  # two epochs of four steps each: 24 backward passes


@pytest.fixture(scope="module")
def through(make_learner, corpus):
    learner = make_learner(n_runs=3)
    dynamics = fit(learner, corpus, ROWS, SEEDS)
    return dynamics, learner.predict(ROWS)


def assert_goes_on(make_learner, corpus, through, path):
    learner = make_learner(n_runs=3)
    dynamics = fit(learner, corpus, ROWS, SEEDS, checkpoint=path)
    assert_same_dynamics(dynamics, through[0])
    given = learner.predict(ROWS)
    assert torch.equal(given.logits, through[1].logits)
    assert torch.equal(given.embeddings, through[1].embeddings)


@pytest.fixture
def stopped(monkeypatch):
    """stopped(n): a KeyboardInterrupt in place of the n-th of all backward passes from here on."""

    def make(n):
        count, backward = itertools.count(), torch.Tensor.backward

        def maybe(self, *given, **named):
            if next(count) == n:
                raise KeyboardInterrupt
            return backward(self, *given, **named)

        monkeypatch.setattr(torch.Tensor, "backward", maybe)

    return make


@pytest.mark.parametrize("n", [0, 5, 11, 12, 17, 23])
def test_stopped_within_any_step_it_ends_the_same(make_learner, corpus, through, tmp_path, stopped, n):
    path = tmp_path / "kept" / "training"
    stopped(n)
    with pytest.raises(KeyboardInterrupt):
        fit(make_learner(n_runs=3), corpus, ROWS, SEEDS, checkpoint=path)
    assert_goes_on(make_learner, corpus, through, path)


@pytest.mark.parametrize("n", [0, 7, 12, 14, 15, 27, 29])
def test_stopped_within_any_pass_it_ends_the_same(make_learner, corpus, through, tmp_path, n):
    """Every fifteen are the twelve steps of an epoch and the looks at the three runs after it."""
    learner, count = make_learner(n_runs=3), itertools.count()

    def maybe(*_):
        if next(count) == n:
            raise KeyboardInterrupt

    learner.classifier.module.register_forward_hook(maybe)
    with pytest.raises(KeyboardInterrupt):
        fit(learner, corpus, ROWS, SEEDS, checkpoint=tmp_path / "training")
    assert_goes_on(make_learner, corpus, through, tmp_path / "training")


@pytest.mark.parametrize("done", [False, True])
def test_stopped_while_weights_change_it_ends_the_same(make_learner, corpus, through, tmp_path, monkeypatch, done):
    """It cannot be known how many of them have changed, so nothing is written."""
    step, count = torch.optim.AdamW.step, itertools.count()

    def maybe(self):
        if next(count) == 6:
            if done:
                step(self)
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(torch.optim.AdamW, "step", maybe)
    with pytest.raises(KeyboardInterrupt):
        fit(make_learner(n_runs=3), corpus, ROWS, SEEDS, checkpoint=tmp_path / "training")
    monkeypatch.undo()
    assert_goes_on(make_learner, corpus, through, tmp_path / "training")


@pytest.mark.parametrize("last", [0, 1])
def test_stopped_at_the_end_of_an_epoch_it_ends_the_same(make_learner, corpus, through, tmp_path, last):
    def stop(epoch):
        if epoch == last:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(make_learner(n_runs=3), corpus, ROWS, SEEDS, checkpoint=tmp_path / "training", on_epoch_end=stop)
    assert_goes_on(make_learner, corpus, through, tmp_path / "training")


@pytest.mark.parametrize("capture", ["during", "out_of_fold"])
def test_stopped_it_ends_the_same_whatever_is_captured(make_learner, corpus, tmp_path, stopped, capture):
    rest = torch.tensor([[row for row in range(40) if row not in LABELLED[0].tolist()]])
    given = {"held_out": (rest, torch.from_numpy(corpus.train.gold)[rest])} if capture == "out_of_fold" else {}
    given["all_classes"] = True
    expected = fit(make_learner(), corpus, capture=capture, **given)
    stopped(6)
    with pytest.raises(KeyboardInterrupt):
        fit(make_learner(), corpus, capture=capture, **given, checkpoint=tmp_path / "training")
    again = fit(make_learner(), corpus, capture=capture, **given, checkpoint=tmp_path / "training")
    assert_same_dynamics(again, expected)
    assert torch.equal(again.probs, expected.probs)
    gold = (rest if capture == "out_of_fold" else LABELLED)[0]
    of_gold = again.probs[0][:, range(len(gold)), corpus.train.gold[gold.numpy()]]
    torch.testing.assert_close(of_gold.float(), again.gold_prob[0], atol=2.0**-11, rtol=0)


def test_stopped_twice_it_ends_the_same(make_learner, corpus, through, tmp_path, stopped):
    for n in (5, 9):
        stopped(n)
        with pytest.raises(KeyboardInterrupt):
            fit(make_learner(n_runs=3), corpus, ROWS, SEEDS, checkpoint=tmp_path / "training")
    assert_goes_on(make_learner, corpus, through, tmp_path / "training")


def test_killed_it_goes_on_from_what_it_wrote_now_and_then(
    make_learner, corpus, through, tmp_path, monkeypatch, caplog
):
    """Nothing is written when a process is killed; copies stand for what it had written until then."""
    path, written = tmp_path / "training", []
    write = checkpoints.Checkpoint.write

    def keeping(self):
        write(self)
        shutil.copy(path, tmp_path / f"copy{len(written)}")
        written.append(path)

    monkeypatch.setattr(checkpoints, "_SECONDS", 0.0)
    monkeypatch.setattr(checkpoints, "_STEPS", 5)
    monkeypatch.setattr(checkpoints.Checkpoint, "write", keeping)
    monkeypatch.setattr(checkpoints.time, "monotonic", itertools.count().__next__)
    fit(make_learner(n_runs=3), corpus, ROWS, SEEDS, checkpoint=path)
    monkeypatch.undo()
    assert len(written) >= 2
    for i in range(len(written)):
        with caplog.at_level(logging.WARNING, "cal"):
            assert_goes_on(make_learner, corpus, through, tmp_path / f"copy{i}")
    assert "Resuming the training in" in caplog.text


def test_a_finished_training_is_there_at_once(make_learner, corpus, through, tmp_path, monkeypatch):
    fit(make_learner(n_runs=3), corpus, ROWS, SEEDS, checkpoint=tmp_path / "training")
    monkeypatch.setattr(torch.Tensor, "backward", lambda *_: pytest.fail("trained again"))
    assert_goes_on(make_learner, corpus, through, tmp_path / "training")


def test_keeping_a_training_changes_nothing_and_leaves_one_file(make_learner, corpus, through, tmp_path):
    assert_goes_on(make_learner, corpus, through, tmp_path / "training")
    assert [path.name for path in tmp_path.iterdir()] == ["training"]


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"nonsense" * 50])
def test_a_damaged_file_is_said_with_what_to_do(make_learner, corpus, tmp_path, damage):
    path = tmp_path / "training"
    fit(make_learner(), corpus, checkpoint=path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StorageError, match=r"training cannot be read, .*Remove it to start again\."):
        fit(make_learner(), corpus, checkpoint=path)


def test_a_file_of_another_training_is_said_with_what_to_do(make_learner, corpus, tmp_path):
    path = tmp_path / "training"
    fit(make_learner(n_runs=3), corpus, ROWS, SEEDS, checkpoint=path)
    with pytest.raises(StorageError, match="Remove it"):
        fit(make_learner(), corpus, checkpoint=path)


def test_a_folder_that_cannot_be_written_is_a_warning(make_learner, corpus, through, tmp_path, caplog):
    (tmp_path / "file").write_text("a file is no folder")
    with caplog.at_level(logging.WARNING, "cal"):
        assert_goes_on(make_learner, corpus, through, tmp_path / "file" / "training")
    assert "Training continues without a checkpoint" in caplog.text
