"""What recording costs: the share of training time that DynamicsRecorder takes, on a small transformer.

    cal benchmark recorder
    cal benchmark recorder --instances 500 --epochs 2

A BERT of 4 layers and width 128 learns random texts of 32 tokens in batches of 32, on one CPU thread. Every call of
`record` and `end_epoch` is timed within the loop it slows down, because two runs differ by more than it takes.
With capture=end there is a pass without dropout over all texts besides, which any way to take these logits needs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def seconds(ids: list[str] | torch.Tensor, folder: Path | None, capture: str, n_epochs: int) -> Counter[str]:
    """Seconds of training, of the pass at the end of each epoch and of recording."""
    import torch
    import transformers

    from cal.dynamics.end_pass import without_dropout
    from cal.dynamics.recorder import DynamicsRecorder

    spent: Counter[str] = Counter()

    @contextmanager
    def timed(what: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        spent[what] += time.perf_counter() - start

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
    recorder = DynamicsRecorder(folder=folder, capture=capture)

    def record(rows: torch.Tensor, logits: torch.Tensor) -> None:
        names = ids[rows] if isinstance(ids, torch.Tensor) else [ids[row] for row in rows.tolist()]
        with timed("recording"):
            recorder.record(names, logits, gold[rows])

    for _ in range(n_epochs):
        for rows in torch.randperm(n).split(32):
            with timed("training"):
                logits = model(texts[rows]).logits
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(logits, gold[rows]).backward()
                optimizer.step()
            if capture == "during":
                record(rows, logits)
        if capture == "end":
            for rows in torch.arange(n).split(32):
                with timed("pass"), without_dropout(model):
                    logits = model(texts[rows]).logits
                record(rows, logits)
        with timed("recording"):
            recorder.end_epoch()
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object; the table goes to stderr")
    given = parser.parse_args()

    import torch

    torch.set_num_threads(1)
    ids = {"numbers": torch.arange(given.instances), "strings": [f"text-{row}" for row in range(given.instances)]}
    table = sys.stderr if given.json else sys.stdout
    print(
        f"{given.instances} instances x {given.epochs} epochs; goal: recording takes at most 2 % of training\n",
        file=table,
    )
    heads = f"{'training':>10}{'end pass':>10}{'recording':>12}{'share':>9}"
    print(f"{'capture':<10}{'ids':<10}{'kept in':<10}{heads}", file=table)
    seconds(ids["numbers"][:64], None, "during", 1)  # warms up
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for capture in ("during", "end"):
            for kind, names in ids.items():
                for place, path in {"memory": None, "folder": Path(folder) / capture / kind}.items():
                    spent = seconds(names, path, capture, given.epochs)
                    share = spent["recording"] / spent["training"]
                    print(
                        f"{capture:<10}{kind:<10}{place:<10}{spent['training']:>8.1f} s{spent['pass']:>8.1f} s"
                        f"{spent['recording'] * 1e3:>9.1f} ms{share:>9.2%}",
                        file=table,
                    )
                    figures = {"training_seconds": spent["training"], "end_pass_seconds": spent["pass"]}
                    figures |= {"recording_seconds": spent["recording"], "recording_ratio": share}
                    row = {"capture": capture, "ids": kind, "kept_in": place}
                    rows.append(row | {key: round(value, 5) for key, value in figures.items()})
    if given.json:
        from machine import describe

        about = {"instances": given.instances, "epochs": given.epochs, "goal_ratio": 0.02}
        print(json.dumps({"benchmark": "recorder", "machine": describe(), **about, "rows": rows}))


if __name__ == "__main__":
    main()
