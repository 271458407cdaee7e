"""Prints how far the judges agree and how many of the first labels of each list are wrong, from judged.csv.

python experiments/trec_reread/score.py
"""

from itertools import product
from pathlib import Path

import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

LISTS = ("lsa", "minilm", "fine_tuned", "cleanlab", "cleanlab_penalised", "random")
COUNTED = {"wrong": ("wrong",), "wrong or arguable": ("wrong", "arguable")}


def precision(judged: pd.DataFrame, name: str, first: int, verdicts: tuple[str, ...]) -> str:
    """The share of the first labels of a list that both judges give one of some verdicts, with a 95 % interval."""
    read = judged[judged[name] <= first]
    n = int((read["judge_1"].isin(verdicts) & read["judge_2"].isin(verdicts)).sum())
    ends = binomtest(n, first).proportion_ci(method="exact")
    return f"{n / first:.2f} [{ends.low:.2f}, {ends.high:.2f}]"


def main() -> None:
    """Prints both tables."""
    judged = pd.read_csv(Path(__file__).with_name("judged.csv"))
    print(pd.crosstab(judged["judge_1"], judged["judge_2"]))
    print(f"kappa {cohen_kappa_score(judged['judge_1'], judged['judge_2']):.2f}\n")
    columns = list(product(COUNTED, (10, 50)))
    print("| list |", " | ".join(f"{counted}, first {first}" for counted, first in columns), "|")
    for name in LISTS:
        cells = [precision(judged, name, first, COUNTED[counted]) for counted, first in columns]
        print(f"| {name} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
