"""What recording costs: the share of training time that DynamicsRecorder takes, on a small transformer.

    python experiments/benchmarks/recorder.py

A BERT of 4 layers and width 128 learns random texts of 32 tokens in batches of 32, on one CPU thread. Every call of
`record` and `end_epoch` is timed within the loop it slows down, because two runs differ by more than it takes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch
import transformers

from cal.dynamics.recorder import DynamicsRecorder


def share(ids: list[str] | torch.Tensor, folder: Path | None, n_epochs: int) -> tuple[float, float]:
    """Seconds of training, and seconds of them that recording took."""
    n = len(ids)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=1000,
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=512,
        num_labels=6,
    )
    model = transformers.BertForSequenceClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    texts, gold = torch.randint(0, 1000, (n, 32)), torch.randint(0, 6, (n,))
    recorder = DynamicsRecorder(folder=folder, capture="during")
    recording = 0.0
    start = time.perf_counter()
    for _ in range(n_epochs):
        for rows in torch.randperm(n).split(32):
            logits = model(texts[rows]).logits
            names = ids[rows] if isinstance(ids, torch.Tensor) else [ids[row] for row in rows.tolist()]
            before = time.perf_counter()
            recorder.record(names, logits, gold[rows])
            recording += time.perf_counter() - before
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(logits, gold[rows]).backward()
            optimizer.step()
        before = time.perf_counter()
        recorder.end_epoch()
        recording += time.perf_counter() - before
    return time.perf_counter() - start, recording


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    ids = {"numbers": torch.arange(given.instances), "strings": [f"text-{row}" for row in range(given.instances)]}
    print(f"{given.instances} instances x {given.epochs} epochs; goal: at most 2 %\n")
    print(f"{'ids':<10}{'kept in':<10}{'training':>10}{'recording':>12}{'share':>9}")
    share(ids["numbers"][:64], None, 1)  # warms up
    with tempfile.TemporaryDirectory() as folder:
        for kind, names in ids.items():
            for place, path in {"memory": None, "folder": Path(folder) / kind}.items():
                training, recording = share(names, path, given.epochs)
                print(f"{kind:<10}{place:<10}{training:>8.1f} s{recording * 1e3:>9.1f} ms{recording / training:>9.2%}")


if __name__ == "__main__":
    main()
