"""What is simulated, in which order: each cell is one run folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from legacy import FAULTS, OF_CAL, OF_CLASSIFIER, OF_DAL, setting, summed

import cal
from cal.data.lsa import Lsa
from cal.learners.mlp import MLP
from cal.seeds import PAPER_SEEDS

# Sections 4.1 and 7 of the paper, as in conf/experiment/cal_trec.yaml and cal_agnews.yaml.
SETTINGS: dict[str, dict[str, Any]] = {
    "trec": {"learner": MLP(batch_size=16), "seed_size": 500, "query_size": 50, "rounds": 30},
    "ag_news_10k": {"learner": MLP(batch_size=64), "seed_size": 1_000, "query_size": 50, "rounds": 30},
}
GROUPS: dict[str, list[Any]] = {
    "paper": ["random", "least_confidence", "entropy", "mc_entropy", "dal", "cal"],  # mc_entropy is the paper's BALD
    "sweep": [{"cal": {"threshold": threshold}} for threshold in (0.0, 0.4, 0.6, 0.8)],  # .2 is the paper's
    "mix": [{"mix": {"dal": 0.5, "cal": 0.5}}],
    "bald": ["bald"],  # mutual information, as Houlsby et al. have it
}
LONG = ("long", "only_warm_start", "without_warm_start")
"""Settings with all 30 rounds, which is what the comparison with all data is about; `long` has all faults."""
FIRST, LAST = PAPER_SEEDS[:3], PAPER_SEEDS[3:]


@dataclass(frozen=True)
class Cell:
    """A group of strategies with one seed, on one corpus and one kind of vectors."""

    corpus: str
    features: str
    group: str
    seed: int

    @property
    def path(self) -> str:
        """Where its run folder is, among all."""
        return f"{self.corpus}_{self.features}/{self.group}/{self.seed}"

    def simulate(self, corpus: Any, glove: Path, folder: Path) -> None:
        """Runs it, from where its folder says it is."""
        given = SETTINGS[self.corpus] | ({"rounds": 15} if self.features == "lsa" else {})
        vectors = Lsa() if self.features == "lsa" else summed(str(glove))
        parameters = {"features": vectors, "seeds": [self.seed], "full_data": self.group == "paper", **given}
        cal.simulate(corpus, GROUPS[self.group], **parameters, output=folder, workers=1, device="cpu", quiet=True)


@dataclass(frozen=True)
class LegacyCell:
    """One strategy with one seed on TREC, with some faults of the released code."""

    name: str
    strategy: str
    seed: int
    corpus: str = "trec"

    @property
    def path(self) -> str:
        """Where its run folder is, among all."""
        return f"trec_legacy/{self.name}/{self.strategy}/{self.seed}"

    @property
    def faults(self) -> set[str]:
        """The faults that are on."""
        kind, _, fault = self.name.partition("_")
        return {"only": {fault}, "without": set(FAULTS) - {fault}}.get(kind, set(FAULTS))

    @property
    def rounds(self) -> int:
        """Number of rounds."""
        return 30 if self.name in LONG else 10

    def simulate(self, corpus: Any, glove: Path, folder: Path) -> None:
        """Runs it, from where its folder says it is."""
        given = setting(self.faults, str(glove))
        named = {spec if isinstance(spec, str) else next(iter(spec)): spec for spec in given.pop("strategies")}
        given |= {"seeds": [self.seed], "full_data": self.strategy == "random", "query_size": 50}
        given |= {"rounds": self.rounds, "output": folder}
        cal.simulate(corpus, [named[self.strategy]], **given, workers=1, device="cpu", quiet=True)


def queue() -> Iterator[Cell | LegacyCell]:
    """All cells, most important first; README.md says why in this order."""
    yield from grid("trec", "glove", "paper", FIRST)
    yield from legacy(["all"], GROUPS["paper"])
    yield from grid("ag_news_10k", "glove", "paper", FIRST)
    yield from legacy([f"only_{fault}" for fault in OF_CLASSIFIER], ["random", "cal"])
    yield from legacy([f"only_{fault}" for fault in OF_CAL], ["cal"])
    yield from legacy(["long"], ["random", "cal", "least_confidence"])
    yield from grid("trec", "glove", "sweep", FIRST)
    yield from legacy([f"without_{fault}" for fault in OF_CLASSIFIER], ["random", "cal"])
    yield from legacy([f"without_{fault}" for fault in OF_CAL], ["cal"])
    yield from grid("trec", "glove", "paper", LAST)
    yield from grid("ag_news_10k", "glove", "paper", LAST)
    yield from legacy([f"{kind}_{fault}" for kind in ("only", "without") for fault in OF_DAL], ["dal"])
    yield from grid("trec", "glove", "mix", FIRST)
    yield from grid("ag_news_10k", "glove", "mix", FIRST)
    yield from grid("ag_news_10k", "glove", "sweep", FIRST)
    yield from legacy([f"{kind}_{fault}" for kind in ("only", "without") for fault in OF_CLASSIFIER], ["dal"])
    yield from grid("trec", "glove", "sweep", LAST)
    yield from grid("trec", "lsa", "paper", FIRST)
    yield from grid("trec", "glove", "bald", FIRST)
    yield from grid("trec", "glove", "mix", LAST)
    yield from grid("ag_news_10k", "lsa", "paper", FIRST)
    yield from grid("ag_news_10k", "glove", "mix", LAST)
    yield from grid("ag_news_10k", "glove", "sweep", LAST)


def grid(corpus: str, features: str, group: str, seeds: Sequence[int]) -> Iterator[Cell]:
    """A cell per seed."""
    yield from (Cell(corpus, features, group, seed) for seed in seeds)


def legacy(names: Sequence[str], strategies: Sequence[str]) -> Iterator[LegacyCell]:
    """A cell per set of faults, seed and strategy."""
    yield from (LegacyCell(name, strategy, seed) for name in names for seed in FIRST for strategy in strategies)
