"""How well do metrics of training dynamics rank wrong labels? TREC with 10 % of the training labels flipped uniformly.

python experiments/label_noise/run.py ../shared/data/trec
"""

import sys
from dataclasses import replace

import numpy as np
import torch
from sklearn.metrics import average_precision_score

from cal.data.corpus import Corpus, Split
from cal.data.files import Files
from cal.data.lsa import Lsa
from cal.datamap.datamap import DataMap
from cal.learners.mlp import MLP
from cal.simulation.full_map import full_map
from cal.simulation.simulate import list_seeds
from cal.streams import stream

RATE, N_EPOCHS, SEEDS = 0.1, 10, list_seeds(5)
LOW_IS_SUSPECT = ("confidence", "aum", "correctness")
METRICS = ("confidence", "aum", "loss", "el2n", "correctness", "variability")


def flipped(corpus: Corpus, seed: int) -> tuple[Corpus, np.ndarray]:
    """The corpus with a share of its training labels replaced by another class, and which were."""
    train, generator = corpus.train, stream(seed, "flips")
    n = len(train)
    chosen = torch.randperm(n, generator=generator)[: round(RATE * n)].numpy()
    shift = torch.randint(1, corpus.n_classes, (len(chosen),), generator=generator).numpy()
    gold, wrong = train.gold.copy(), np.zeros(n, dtype=bool)
    gold[chosen] = (gold[chosen] + shift) % corpus.n_classes
    wrong[chosen] = True
    return replace(corpus, train=Split(train.ids, train.texts, gold, train.name)), wrong


def main(folder: str) -> None:
    scores: dict[str, list[float]] = {name: [] for name in METRICS}
    for seed in SEEDS:
        corpus, wrong = flipped(Files(path=folder).read(), seed)
        dynamics = full_map(corpus, features=Lsa(), learner=MLP(n_epochs=N_EPOCHS), seeds=[seed], quiet=True)
        drawn = DataMap.of(dynamics)[0]
        for name in METRICS:
            suspect = getattr(drawn, name).double().numpy() * (-1 if name in LOW_IS_SUSPECT else 1)
            scores[name].append(average_precision_score(wrong, suspect))
    print(f"average precision, {RATE:.0%} of labels flipped, {N_EPOCHS} epochs, seeds {SEEDS}; chance {RATE:.2f}")
    for name, values in scores.items():
        print(f"{name:<12} {np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}")


if __name__ == "__main__":
    main(sys.argv[1])
