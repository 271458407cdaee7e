"""The number of threads of the libraries changes no acquired document and no figure of the report."""

import json
import os
import subprocess
import sys

import numpy as np
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from cal.threads import one_thread

SCRIPT = """
import hashlib, json, sys
import numpy as np
import torch
import cal
from cal.data.corpus import Corpus, Split
from cal.data.lsa import Lsa
from cal.learners.mlp import MLP
from cal.selection.aflite import aflite

rng = np.random.default_rng(0)
gold = np.arange(400) % 3
words = [f"w{word}" for word in range(900)]
drawn = (900 * rng.random((400, 14)) ** 3).astype(int)
texts = [" ".join(words[i] for i in row) + f" topic{label}" for row, label in zip(drawn, gold)]
split = lambda name, rows: Split([f"{name}{i}" for i in rows], [texts[i] for i in rows], gold[list(rows)], name)
corpus = Corpus(split("train", range(340)), split("test", range(340, 400)), ["a", "b", "c"])
features = Lsa(n_components=120).compute(corpus)
given = dict(features=features, learner=MLP(hidden=[64], n_epochs=2), seeds=[1, 2], seed_size=20, query_size=5)
names = ["random", "kmeans", "contrastive_al", "predicted_variability"]
curves = cal.simulate(corpus, names, rounds=2, seed_set="kmeans", workers=1, device="cpu", quiet=True, **given)
left = aflite(features.train, corpus.train.gold, 250, n_probes=8)
print(json.dumps({
    "threads": torch.get_num_threads(),
    "vectors": hashlib.md5(np.ascontiguousarray(features.train).data).hexdigest(),
    "acquired": curves.acquired.to_csv(),
    "comparison": curves.compare().to_frame().to_csv(),
    "summary": curves.summary(spread=True).to_csv(),
    "aflite": left.tolist(),
}))
"""


def test_two_processes_with_other_numbers_of_threads_give_the_same(tmp_path):
    """Both at once, each with an empty cache."""
    processes = []
    for n_threads in ("1", "2"):
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), n_threads)
        env = os.environ | limits | {"CAL_CACHE": str(tmp_path / n_threads)}
        processes.append(subprocess.Popen([sys.executable, "-c", SCRIPT], env=env, stdout=subprocess.PIPE, text=True))
    one, two = (json.loads(process.communicate()[0].splitlines()[-1]) for process in processes)
    assert (one.pop("threads"), two.pop("threads")) == (1, 2)
    assert one == two


def test_one_thread_reaches_every_library_and_gives_the_threads_back():
    np.ones((2, 2)) @ np.ones((2, 2))
    with threadpool_limits(2):
        before = torch.get_num_threads(), [pool["num_threads"] for pool in threadpool_info()]
        with one_thread():
            assert torch.get_num_threads() == 1
            assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        assert (torch.get_num_threads(), [pool["num_threads"] for pool in threadpool_info()]) == before
