"""What a GPU must do as a CPU does; nothing here can be tried without one."""

import pytest
import torch

from cal import backprop
from cal.nn import StackedMLP
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
