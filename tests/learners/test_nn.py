import contextlib
import copy
import functools
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from cal.learners import backprop
from cal.learners.nn import StackedMLP
from cal.streams import Streams

WIDTHS = [[4, 3], [5, 7, 2], [6, 8, 5, 3], [3, 16, 16, 16, 6]]


def modules(net: StackedMLP) -> list[list[nn.Linear]]:
    """The same networks in PyTorch's own layers: per run a list of linear layers."""
    runs = []
    for run in range(net.n_runs):
        layers = []
        for weight, bias in zip(net.weights, net.biases, strict=True):
            layer = nn.Linear(weight.shape[1], weight.shape[2], dtype=net.dtype)
            layer.weight.data, layer.bias.data = weight[run].T.clone(), bias[run, 0].clone()
            layers.append(layer)
        runs.append(layers)
    return runs


def logits_of(layers, x, masks=None):
    for depth, layer in enumerate(layers[:-1]):
        x = torch.relu(layer(x))
        if masks is not None:
            x = x * masks[depth]
    return layers[-1](x)


def random_net(n_runs, widths, dropout=0.0, dtype=torch.float64):
    net = StackedMLP(n_runs, widths, dropout, dtype=dtype)
    net.initialise(Streams(range(n_runs), 0), "net")
    return net


def factors(kept, run, net):
    """Per hidden layer what dropout multiplies a run's (instance, unit) activations by."""
    if kept is None:
        return None
    return (kept[run].to(net.dtype) / (1 - net.dropout)).split(net.widths[1:-1], dim=-1)


def random_batch(n_runs, n, widths, dtype=torch.float64):
    generator = torch.Generator().manual_seed(n)
    x = torch.randn(n_runs, n, widths[0], generator=generator, dtype=dtype)
    return x, torch.randint(0, widths[-1], (n_runs, n), generator=generator)


@pytest.mark.parametrize("n_runs", [1, 3])
@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-10), (torch.float32, 1e-6)])
def test_gradients_equal_autograd(n_runs, widths, dropout, dtype, atol):
    net = random_net(n_runs, widths, dropout, dtype)
    x, gold = random_batch(n_runs, 9, widths, dtype)
    kept = Streams(range(n_runs), 0).start("kept").keep(1 - dropout, 9, sum(widths[1:-1])) if dropout else None
    target = nn.functional.one_hot(gold, widths[-1]).to(x.dtype)
    for run, layers in enumerate(modules(net)):
        nn.functional.cross_entropy(logits_of(layers, x[run], factors(kept, run, net)), gold[run]).backward()
        grads = torch.zeros_like(net.flat[run : run + 1])
        batch = backprop.Backprop(net, net.flat[run : run + 1], grads, 9)
        for _ in range(2):  # again, into tensors that are not empty any more
            batch.x.copy_(x[run])
            batch.target.copy_(target[run])
            batch.gradients(None if kept is None else kept[run : run + 1])
        weight_grads, bias_grads = net.views(grads)
        for depth, layer in enumerate(layers):
            torch.testing.assert_close(weight_grads[depth][0], layer.weight.grad.T, rtol=0, atol=atol)
            torch.testing.assert_close(bias_grads[depth][0, 0], layer.bias.grad, rtol=0, atol=atol)


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_forward_equals_torch_layers(widths):
    net = random_net(2, widths)
    x, _ = random_batch(2, 7, widths)
    expected = torch.stack([logits_of(layers, x[run]) for run, layers in enumerate(modules(net))])
    torch.testing.assert_close(net.forward(x)[-1], expected, rtol=0, atol=1e-12)


def test_inputs_may_be_shared_by_all_runs():
    net = random_net(3, [4, 8, 2])
    x = torch.randn(1, 6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(net.forward(x)[-1], net.forward(x.repeat(3, 1, 1))[-1])


def test_initial_weights_are_those_of_a_linear_layer():
    """Uniform in ±1/sqrt(inputs): bounded by it, reaching it, centred, with a third of its square as variance."""
    net = StackedMLP(1, [100, 400, 2])
    net.initialise(Streams([0], 0), "net")
    weight = net.weights[0]
    assert weight.abs().max() <= 0.1
    assert weight.abs().max() > 0.0999
    assert abs(weight.mean()) < 5 * 0.1 / 3**0.5 / 200
    assert weight.var().item() == pytest.approx(0.01 / 3, rel=0.02)
    assert net.biases[0].abs().max() <= 0.1


def test_two_purposes_start_from_different_weights():
    nets = [StackedMLP(1, [4, 8, 2]) for _ in range(2)]
    for net, purpose in zip(nets, ["classifier", "discriminator"], strict=True):
        net.initialise(Streams([0], 0), purpose)
    assert not torch.equal(nets[0].weights[0], nets[1].weights[0])


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_fit_equals_a_plain_training_loop(dropout):
    """PyTorch's modules, loss and AdamW, run by run and step by step, on the same draws."""
    widths, n, n_epochs, batch_size, seeds = [5, 8, 6, 3], 22, 4, 5, [11, 12]
    net = random_net(2, widths, dropout)
    x, gold = random_batch(2, n, widths)
    plain = copy.deepcopy(modules(net))
    seen: list[int] = []
    backprop.fit(
        net,
        x,
        gold,
        Streams(seeds, 3),
        purpose="net",
        n_epochs=n_epochs,
        batch_size=batch_size,
        lr=3e-2,
        weight_decay=0.1,
        on_epoch_end=seen.append,
    )
    assert seen == list(range(n_epochs))

    for run, seed in enumerate(seeds):
        layers = plain[run]
        parameters = [parameter for layer in layers for parameter in layer.parameters()]
        optimiser = torch.optim.AdamW(parameters, lr=3e-2, weight_decay=0.1)
        alone = Streams([seed], 3)
        shuffle, masks = alone.start("net/shuffle"), alone.start("net/dropout")
        for _ in range(n_epochs):
            order = shuffle.permutation(n)[0]
            kept = masks.keep(1 - dropout, n, sum(widths[1:-1]))[0].double() / (1 - dropout) if dropout else None
            for start in range(0, n, batch_size):
                rows = slice(start, start + batch_size)
                batch_masks = None if kept is None else kept[rows].split(widths[1:-1], dim=-1)
                loss = nn.functional.cross_entropy(
                    logits_of(layers, x[run][order[rows]], batch_masks), gold[run][order[rows]]
                )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        for depth, layer in enumerate(layers):
            torch.testing.assert_close(net.weights[depth][run], layer.weight.data.T, rtol=0, atol=1e-8)
            torch.testing.assert_close(net.biases[depth][run, 0], layer.bias.data, rtol=0, atol=1e-8)


def test_fit_learns_probabilities_as_a_plain_training_loop_does():
    widths, n, seed = [5, 8, 3], 12, 11
    net = random_net(1, widths)
    (layers,) = copy.deepcopy(modules(net))
    x, _ = random_batch(1, n, widths)
    target = torch.softmax(torch.randn(1, n, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), -1)
    backprop.fit(net, x, target, Streams([seed], 0), purpose="net", n_epochs=3, batch_size=5, lr=3e-2)

    parameters = [parameter for layer in layers for parameter in layer.parameters()]
    optimiser, shuffle = torch.optim.AdamW(parameters, lr=3e-2), Streams([seed], 0).start("net/shuffle")
    for _ in range(3):
        for batch in shuffle.permutation(n)[0].split(5):
            optimiser.zero_grad()
            nn.functional.cross_entropy(logits_of(layers, x[0, batch]), target[0, batch]).backward()
            optimiser.step()
    for depth, layer in enumerate(layers):
        torch.testing.assert_close(net.weights[depth][0], layer.weight.data.T, rtol=0, atol=1e-8)


def test_two_fits_with_the_same_moments_are_one_training():
    """PyTorch's AdamW, which keeps its state."""
    widths, n = [5, 8, 3], 11
    net = random_net(2, widths)
    x, gold = random_batch(2, n, widths)
    plain, moments = copy.deepcopy(modules(net)), backprop.Moments.fresh(net)
    given = {"purpose": "net", "n_epochs": 2, "batch_size": 4, "lr": 3e-2, "moments": moments}
    for round in range(2):
        backprop.fit(net, x, gold, Streams([4, 5], round), **given)
    assert moments.n_steps.tolist() == [12, 12]
    for run, layers in enumerate(plain):
        optimiser = torch.optim.AdamW([parameter for layer in layers for parameter in layer.parameters()], lr=3e-2)
        for round in range(2):
            shuffle = Streams([[4, 5][run]], round).start("net/shuffle")
            for batch in [batch for _ in range(2) for batch in shuffle.permutation(n)[0].split(4)]:
                optimiser.zero_grad()
                nn.functional.cross_entropy(logits_of(layers, x[run, batch]), gold[run, batch]).backward()
                optimiser.step()
        for depth, layer in enumerate(layers):
            torch.testing.assert_close(net.weights[depth][run], layer.weight.data.T, rtol=0, atol=1e-8)


class HalfSquares(backprop.Backprop):
    """(logits - target)² / 2, averaged over instances; a loss of one's own."""

    def logit_gradient(self):
        return (self.logits - self.target) / len(self.x[0])


def test_a_network_can_be_trained_by_a_loss_of_ones_own():
    net = random_net(1, [5, 8, 3])
    x, _ = random_batch(1, 6, [5, 3])
    target = torch.randn(1, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ((first, last),) = copy.deepcopy(modules(net))
    given = {"purpose": "net", "n_epochs": 1, "batch_size": 6, "lr": 1e-2, "gradients": HalfSquares}
    backprop.fit(net, x, target, Streams([1], 0), **given)
    optimiser = torch.optim.AdamW([*first.parameters(), *last.parameters()], lr=1e-2)
    ((last(torch.relu(first(x[0]))) - target[0]) ** 2 / 2).sum(dim=1).mean().backward()
    optimiser.step()
    torch.testing.assert_close(net.weights[0][0], first.weight.data.T, rtol=0, atol=1e-8)
    torch.testing.assert_close(net.weights[1][0], last.weight.data.T, rtol=0, atol=1e-8)


def test_networks_of_a_subclass_are_selected_as_such():
    class Own(StackedMLP):
        pass

    assert type(Own(2, [3, 2]).select([1])) is Own


def test_gold_classes_are_probabilities_of_one():
    nets = [random_net(2, [5, 8, 3], 0.3) for _ in range(2)]
    x, gold = random_batch(2, 9, [5, 3])
    for net, target in zip(nets, (gold, nn.functional.one_hot(gold, 3)), strict=True):
        backprop.fit(net, x, target, Streams([1, 2], 0), purpose="net", n_epochs=2, batch_size=4, lr=1e-2)
    assert torch.equal(nets[0].flat, nets[1].flat)


@pytest.mark.parametrize("widths", [[5, 7, 2], [6, 8, 5, 3], [3, 16, 16, 16, 6]], ids=str)
def test_a_thinned_network_says_what_the_masked_one_says(widths):
    net = random_net(2, widths, 0.4)
    x, _ = random_batch(2, 9, widths)
    kept = Streams([1, 2], 0).start("kept").keep(0.6, 1, sum(widths[1:-1]))
    for run, plain in enumerate(modules(net)):
        expected = logits_of(plain, x[run], factors(kept, run, net))
        units, layers = net.thinned(run, kept[run, 0])
        h = (x[run] @ net.weights[0][run] + net.biases[0][run])[:, units]
        for weight, bias in layers:
            h = torch.relu(h) @ weight + bias
        torch.testing.assert_close(h, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seeds", [[1, 2, 3], [5, 5, 5], [7, 1, 7]], ids=str)
@pytest.mark.parametrize("widths", [[3, 7, 2], [5, 16, 16, 16, 3], [4, 33, 6]], ids=str)
@pytest.mark.parametrize("n", [5, 23])
def test_a_run_of_a_stack_equals_that_run_alone_bit_for_bit(seeds, widths, n):
    def fitted(runs):
        streams = Streams([seeds[run] for run in runs], 2)
        net = StackedMLP(len(runs), widths, 0.3)
        net.initialise(streams, "net")
        backprop.fit(net, x[runs], gold[runs], streams, purpose="net", n_epochs=3, batch_size=4, lr=1e-2)
        return net

    x, gold = random_batch(3, n, widths, torch.float32)
    stack, probe = fitted([0, 1, 2]), x[:1]
    for run in range(3):
        alone = fitted([run])
        for mine, theirs in zip(alone.weights + alone.biases, stack.weights + stack.biases, strict=True):
            assert torch.equal(mine[0], theirs[run])
        assert torch.equal(alone.forward(probe)[-1][0], stack.forward(probe)[-1][run])


def test_select_gives_those_networks():
    net = random_net(4, [5, 8, 3])
    x, _ = random_batch(4, 6, [5, 3])
    assert torch.equal(net.select([2, 0]).forward(x[[2, 0]])[-1], net.forward(x)[-1][[2, 0]])


def test_a_selected_network_is_a_copy():
    net = random_net(2, [5, 8, 3])
    before = net.weights[0].clone()
    net.select([1]).weights[0].zero_()
    assert torch.equal(net.weights[0], before)


def test_fit_leaves_inputs_and_gold_alone():
    net = random_net(2, [5, 8, 3], 0.3)
    x, gold = random_batch(2, 9, [5, 3])
    kept = x.clone(), gold.clone()
    backprop.fit(net, x, gold, Streams([1, 2], 0), purpose="net", n_epochs=2, batch_size=4, lr=1e-2)
    assert torch.equal(x, kept[0])
    assert torch.equal(gold, kept[1])


def test_a_network_can_be_selected_more_than_once():
    net = random_net(2, [5, 8, 3])
    assert torch.equal(net.select([1, 1, 0]).flat, net.flat[[1, 1, 0]])


def test_bf16_rounds_the_factors_of_products():
    exact = random_net(2, [5, 8, 3], dtype=torch.float32)
    rounded = StackedMLP(2, [5, 8, 3], precision="bf16")
    rounded.flat.copy_(exact.flat.bfloat16())
    x = random_batch(2, 6, [5, 3], torch.float32)[0].bfloat16().float()
    h = torch.relu(torch.bmm(x, rounded.weights[0]) + rounded.biases[0])  # not rounded: sums are exact
    expected = torch.bmm(h.bfloat16().float(), rounded.weights[1]) + rounded.biases[1]
    torch.testing.assert_close(rounded.forward(x)[-1], expected, rtol=0, atol=1e-6)
    assert not torch.equal(rounded.forward(x)[-1], exact.forward(x)[-1])


def test_bf16_learns_nearly_the_same():
    x, gold = random_batch(2, 64, [5, 3], torch.float32)
    nets = [StackedMLP(2, [5, 16, 3], 0.3, precision=name) for name in ("float32", "bf16")]
    for net in nets:
        net.initialise(Streams([1, 2], 0), "net")
        backprop.fit(net, x, gold, Streams([1, 2], 0), purpose="net", n_epochs=5, batch_size=8, lr=1e-2)
    assert 0 < (nets[0].flat - nets[1].flat).abs().mean() < 0.01


def test_tf32_is_for_products_of_these_networks_only(monkeypatch):
    seen, bmm = [], torch.bmm

    def watched_bmm(*factors, **options):
        seen.append(torch.backends.cuda.matmul.allow_tf32)
        return bmm(*factors, **options)

    monkeypatch.setattr(torch, "bmm", watched_bmm)
    StackedMLP(1, [5, 8, 3], precision="tf32").forward(torch.zeros(1, 2, 5))
    assert seen == [True, True]
    assert not torch.backends.cuda.matmul.allow_tf32


def test_callbacks_may_change_what_they_compute():
    """The steps run without autograd's bookkeeping, which must not reach what is computed between epochs."""
    net, kept = random_net(2, [5, 8, 3]), []
    x, gold = random_batch(2, 9, [5, 3])
    training = {"purpose": "net", "n_epochs": 2, "batch_size": 4, "lr": 1e-2}
    backprop.fit(
        net, x, gold, Streams([1, 2], 0), **training, on_epoch_end=lambda epoch: kept.append(net.forward(x)[-1])
    )
    kept[0].add_(1)
    assert not net.flat.is_inference()


class PlayedGraph:
    """A CUDA graph played by the CPU: what is called while it captures is not done, but done at each replay."""

    capturing = None

    def capture_begin(self):
        PlayedGraph.capturing = self

    def capture_end(self):
        PlayedGraph.capturing = None

    def replay(self):
        self.step(*self.given)


@pytest.fixture
def played_gpu(monkeypatch):
    step = backprop._Training._step

    def step_or_capture(self, *given):
        if PlayedGraph.capturing is None:
            step(self, *given)
        else:
            PlayedGraph.capturing.step, PlayedGraph.capturing.given = functools.partial(step, self), given

    monkeypatch.setattr(backprop._Training, "_step", step_or_capture)
    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", PlayedGraph)
    monkeypatch.setattr(torch.cuda, "Stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("captured", [False, True])
def test_runs_that_step_together_learn_what_each_learns_alone(played_gpu, dropout, captured):
    """As on a GPU: a stack in one program, and its steps captured, for whole batches and for the shorter last one."""
    x, gold = random_batch(3, 22, [5, 4])
    streams = Streams([1, 2, 1], 0)
    alone, together = (random_net(3, [5, 8, 6, 4], dropout) for _ in range(2))
    backprop.fit(alone, x, gold, streams, purpose="net", n_epochs=3, batch_size=8, lr=1e-2)

    adamw = {"lr": 1e-2, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01}
    target = nn.functional.one_hot(gold, 4).double()
    given = slice(0, 3), x, None, target, adamw, captured, backprop.Moments.fresh(together), backprop.Backprop
    training = backprop._Training(together, *given)
    shuffle, masks = streams.start("net/shuffle"), streams.start("net/dropout")
    for _ in range(3):
        order = shuffle.permutation(22)
        kept = masks.keep(1 - dropout, 22, 14) if dropout else None
        for start in range(0, 22, 8):
            rows = slice(start, start + 8)
            logits = training.step(order[:, rows], None if kept is None else kept[:, rows])
            assert tuple(logits.shape) == (3, min(8, 22 - start), 4)
    torch.testing.assert_close(together.flat, alone.flat, rtol=0, atol=1e-10)
