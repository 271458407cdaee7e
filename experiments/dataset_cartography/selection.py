"""Tables 2 to 4: accuracy in and out of distribution after training on a third of the data, chosen in twelve ways.

    python experiments/dataset_cartography/selection.py dataset=trec dataset.path=../shared/data/trec --out topic
    python experiments/dataset_cartography/selection.py dataset=ag_news dataset.path=../shared/data/ag_news_10k \
        learner.batch_size=64 --out topic
    python experiments/dataset_cartography/selection.py dataset=docstrings --out length

The corpora of the paper and RoBERTa-large, on a GPU; the files in conf/experiment say how test sets out of distribution
are given:
    python experiments/dataset_cartography/selection.py experiment=cartography_winogrande
    ... and cartography_snli, cartography_mnli, cartography_qnli
"""

import numpy as np
import pandas as pd
from task import Task, markdown, run, said, write_table

from cal.selection.active import active_selection
from cal.selection.aflite import aflite
from cal.selection.recipes import RECIPES, Chooser, n_of

FRACTION = 0.33
OF_THE_MAP = {
    "random": "random",
    "high-correctness": "high_correctness",
    "high-confidence": "easy",
    "low-variability": "low_variability",
    "forgetting": "forgetting",
    "low-correctness": "low_correctness",
    "hard-to-learn": "hard",
    "ambiguous": "ambiguous",
}
OF_ACTIVE_LEARNERS = {"AL-uncertainty": "entropy", "AL-greedyK": "coreset"}
PAPER = {  # Table 2: WinoGrande, WSC
    "100 %": (79.7, 86.0),
    "random": (73.3, 85.6),
    "high-correctness": (70.8, 84.1),
    "high-confidence": (69.4, 83.9),
    "low-variability": (70.1, 83.7),
    "forgetting": (75.5, 84.8),
    "AL-uncertainty": (75.7, 85.7),
    "AL-greedyK": (74.2, 86.5),
    "AFLite": (76.8, 86.6),
    "low-correctness": (78.2, 86.3),
    "hard-to-learn": (77.9, 87.2),
    "ambiguous": (78.7, 87.6),
}


def main(task: Task) -> str:
    train = task.corpus.train
    count = n_of(len(train), fraction=FRACTION)
    parts = {"100 %": [np.arange(len(train))] * len(task.seeds)}
    maps = task.maps()
    for name, recipe in OF_THE_MAP.items():
        runs = zip(maps, task.seeds, strict=True)
        parts[name] = [Chooser(drawn, RECIPES[recipe], seed=seed).take(count) for drawn, seed in runs]
    # The paper's acquisition models know 1 % of the data, and choose all the rest at once.
    n_seed = max(len(train) // 100, 2 * task.corpus.n_classes)
    for name, strategy in OF_ACTIVE_LEARNERS.items():
        given = {"strategy": strategy, "count": count, "seed_size": n_seed, "query_size": count - n_seed}
        parts[name] = [active_selection(task.corpus, task.setup, seed=seed, **given) for seed in task.seeds]
    vectors = task.request.features
    if vectors is not None:
        parts["AFLite"] = [aflite(vectors.train, train.gold, count, seed=seed) for seed in task.seeds]

    accuracies = task.accuracies(parts)
    path = write_table(task.output, "selection", accuracies)
    tests = [column for column in accuracies if column not in ("training", "seed", "n")]
    by_name = {name: of.set_index("seed") for name, of in accuracies.groupby("training")}
    rows = [
        [name, *(said(by_name[name][test]) for test in tests), *(_against(by_name, name, test) for test in tests)]
        for name in PAPER
        if name in by_name
    ]
    header = ["training", *(f"accuracy on {test}" for test in tests), *(f"less random, {test}" for test in tests)]
    n_tests = ", ".join(f"{test} {len(split)}" for test, split in task.corpus.splits().items())
    about = f"{task.corpus.name}: {n_tests}; {count} chosen; seeds {', '.join(map(str, task.seeds))}; {path}"
    return f"{about}\n\n{markdown(header, rows)}"


def _against(by_name: dict[str, pd.DataFrame], name: str, test: str) -> str:
    """The difference to a random third, with the interval of seeds in pairs."""
    return "" if name == "random" else said(by_name[name][test] - by_name["random"][test])


if __name__ == "__main__":
    run(main, __doc__)
