"""One training step of the paper's perceptron: cal's, autograd's, and what the hardware needs at the least.

    cal benchmark step                                     300-300-300-300-6, batch 16: the paper's on TREC
    cal benchmark step --batch 64 --widths 300,300,300,300,4
    cal benchmark step --json

Everything is measured in turns, one thread, float32, dropout .3, fresh batches each step, shuffles and masks included:

step        what cal does: `cal.learners.backprop.fit`
autograd    the same networks in PyTorch's modules, cross-entropy, loss.backward() and torch.optim.AdamW as they come
gemm        the matrix products of a step alone (forward, by weights, by inputs): nothing can do without them
bandwidth   the bytes that a step must read and write, over the speed at which this machine copies arrays of that size:
            weights forward, weights backward but the first layer's, gradients written, and for AdamW gradients read,
            weights and two moments read and written
both        gemm, and the bytes of AdamW alone: what PyTorch's kernels could reach if nothing else took time
discriminator  the same for the binary discriminator of CAL and DAL (width of the last hidden layer, 300, 2; no dropout)
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable

from machine import describe

N_TURNS = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--widths", default="300,300,300,300,6", help="input, hidden layers, classes")
    parser.add_argument("--steps", type=int, default=400, help="steps a turn")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    widths = [int(width) for width in given.widths.split(",")]

    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    small = [widths[-2], 300, 2]
    times = in_turns(
        {
            "step": ours(widths, given.batch, 0.3, given.steps),
            "autograd_step": autograd(widths, given.batch, 0.3, given.steps),
            "gemm_floor": products(widths, given.batch, given.steps),
            "array_copy": copies(widths, given.steps),
            "discriminator_step": ours(small, given.batch, 0.0, given.steps),
            "discriminator_autograd_step": autograd(small, given.batch, 0.0, given.steps),
        }
    )
    n_weights, n_first = count(widths), count(widths[:2])
    copied = times.pop("array_copy") / 2  # a copy reads one array and writes one
    times["bandwidth_floor"] = copied * (3 + 7 - n_first / n_weights)
    times["both_floors"] = times["gemm_floor"] + 7 * copied
    result = {f"{name}_ms": round(seconds * 1e3, 4) for name, seconds in times.items()}
    result |= {
        "autograd_ratio": round(times["autograd_step"] / times["step"], 2),
        "gemm_ratio": round(times["step"] / times["gemm_floor"], 2),
        "bandwidth_ratio": round(times["step"] / times["bandwidth_floor"], 2),
        "both_floors_ratio": round(times["step"] / times["both_floors"], 2),
    }
    if given.json:
        about = {"widths": widths, "batch": given.batch, "steps": given.steps, "turns": N_TURNS}
        print(json.dumps({"benchmark": "step", "machine": describe(), **about, **result}))
        return
    print(f"{'-'.join(map(str, widths))}, batch {given.batch}, one thread: median of {N_TURNS} turns")
    for name, value in result.items():
        unit = " ms" if name.endswith("_ms") else " x"
        print(f"  {name.removesuffix('_ms').replace('_', ' '):<30}{value:8.3f}{unit}")


def in_turns(contestants: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Median seconds a step; each does a turn before any does its next, so that what else runs here hits all."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(N_TURNS + 1):
        for name, contestant in contestants.items():
            seconds = contestant()
            if turn:  # the first warms up
                times[name].append(seconds)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def ours(widths: list[int], batch: int, dropout: float, n_steps: int) -> Callable[[], float]:
    import torch

    from cal.learners import backprop
    from cal.learners.nn import StackedMLP
    from cal.streams import Streams

    streams = Streams([1], 0)
    net = StackedMLP(1, widths, dropout)
    net.initialise(streams, "net")
    x = torch.randn(1, n_steps * batch // 5, widths[0], generator=torch.Generator().manual_seed(0))
    gold = torch.arange(x.shape[1]).unsqueeze(0) % widths[-1]

    def turn() -> float:
        start = time.perf_counter()
        backprop.fit(net, x, gold, streams, purpose="net", n_epochs=5, batch_size=batch, lr=1e-4)
        return (time.perf_counter() - start) / (5 * -(-x.shape[1] // batch))

    return turn


def autograd(widths: list[int], batch: int, dropout: float, n_steps: int) -> Callable[[], float]:
    import torch
    from torch import nn

    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(dropout)]
    net = nn.Sequential(*layers[:-2])
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-4)
    x = torch.randn(n_steps * batch // 5, widths[0], generator=torch.Generator().manual_seed(0))
    gold = torch.arange(len(x)) % widths[-1]

    def turn() -> float:
        start = time.perf_counter()
        for _ in range(5):
            for rows in torch.randperm(len(x)).split(batch):
                optimiser.zero_grad()
                nn.functional.cross_entropy(net(x[rows]), gold[rows]).backward()
                optimiser.step()
        return (time.perf_counter() - start) / (5 * -(-len(x) // batch))

    return turn


def products(widths: list[int], batch: int, n_steps: int) -> Callable[[], float]:
    import torch

    shapes = list(itertools.pairwise(widths))
    weights = [torch.randn(shape) for shape in shapes]
    inputs, outputs = ([torch.randn(batch, shape[side]) for shape in shapes] for side in (0, 1))
    by_weights = [torch.empty(shape) for shape in shapes]

    def turn() -> float:
        start = time.perf_counter()
        with torch.inference_mode():
            for _ in range(n_steps):
                for x, weight, y in zip(inputs, weights, outputs, strict=True):
                    torch.mm(x, weight, out=y)
                for layer in reversed(range(len(shapes))):
                    torch.mm(inputs[layer].t(), outputs[layer], out=by_weights[layer])
                    if layer:
                        torch.mm(outputs[layer], weights[layer].t(), out=inputs[layer])
        return (time.perf_counter() - start) / n_steps

    return turn


def count(widths: list[int]) -> int:
    """Weights and biases."""
    return sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(widths))


def copies(widths: list[int], n_steps: int) -> Callable[[], float]:
    import torch

    arrays = [torch.ones(count(widths)) for _ in range(4)]  # weights, gradients, two moments

    def turn() -> float:
        start = time.perf_counter()
        for _ in range(n_steps):
            for here, there in itertools.pairwise([*arrays, arrays[0]]):
                there.copy_(here)
        return (time.perf_counter() - start) / n_steps / 4

    return turn


if __name__ == "__main__":
    main()
