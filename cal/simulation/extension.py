"""Extension: more rounds, seeds and strategies in a run folder, which does only what is missing.

A run whose round limit was lower repeats its last round, which acquired nothing and whose classifiers are not kept: one
more training per run. Everything else stays, so that the folder ends as that of one simulation of the larger request.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from cal.errors import StorageError, in_words, quantity
from cal.simulation.identity import FREE, OF_RUNS, differences, meant
from cal.simulation.run_folder import FULL_DATA, Run, RunFolder

logger = logging.getLogger(__name__)
GROWS = OF_RUNS | {"rounds"}
"""Keys of the configuration that may be larger when a folder is continued."""
_LISTS = ("strategies", "seeds", "strategy_digests")


@dataclass(frozen=True)
class Held:
    """What a run folder holds, of a request too.

    Attributes:
        strategies: strategies with a finished run.
        seeds: seeds with a finished run.
        rounds: the last round that a run has finished or acquired documents for.
        full_data: whether there is a training on all data.
        n_runs: number of finished runs.
    """

    strategies: Collection[str]
    seeds: Collection[int]
    rounds: int
    full_data: bool
    n_runs: int

    @classmethod
    def of(cls, folder: RunFolder, strategies: Sequence[str], seeds: Sequence[int]) -> Held:
        """What a folder holds.

        Args:
            folder: the folder.
            strategies: strategies asked for; how far their runs are counts even where the folder does not list them.
            seeds: seeds asked for.

        Raises:
            StorageError: if a file of records is damaged.
        """
        listed = set(product(*folder.known_runs()))
        asked = set(product(strategies, seeds))
        lasts = {pair: records[-1] for pair in listed | asked if (records := folder.records(Run(*pair)))}
        finished = [pair for pair in listed & lasts.keys() if not lasts[pair]["acquired"]]
        reached = [lasts[pair]["round"] + bool(lasts[pair]["acquired"]) for pair in {*finished, *asked} & lasts.keys()]
        full_data = any(folder.records(Run(FULL_DATA, seed)) for seed in folder.known_runs()[1])
        of_each = [list(dict.fromkeys(each)) for each in zip(*finished, strict=True)] or [[], []]
        return cls(of_each[0], of_each[1], max(reached, default=0), full_data, len(finished))

    def beyond(self, config: Mapping[str, Any], about: Mapping[str, Any]) -> list[str]:
        """What a request leaves out, in a few words each."""
        parts = []
        for name, one in (("strategies", "strategy"), ("seeds", "seed")):
            if left := sorted(set(getattr(self, name)) - set(about[name])):
                parts.append(f"{one if len(left) == 1 else name} {', '.join(map(str, left))}")
        if self.rounds > config["rounds"]:
            parts.append(f"rounds up to {self.rounds} (asked for: {config['rounds']})")
        if self.full_data and not config["full_data"]:
            parts.append("training on the full data (full_data=true)")
        return parts


def open_folder(
    folder: RunFolder, config: Mapping[str, Any], about: Mapping[str, Any], n_first: int | None = None
) -> None:
    """Creates a run folder, or makes it that of a request for the same or more, and says what is missing.

    The runs are left to whoever carries them out.

    Args:
        folder: the run folder.
        config: the resolved configuration of the request.
        about: contents of run.json for it, with all seeds that may be run.
        n_first: number of seeds to list at first, where it turns out later how many there are; None is all.

    Raises:
        StorageError: if it holds another simulation, or finished runs or rounds that are not asked for.
    """
    if not folder.has_rounds():
        folder.create(config, {**about, "seeds": about["seeds"][:n_first]})
        return
    before = folder.about()
    known = {**before, "config": folder.config()}
    if differing := differences(known, {**about, "config": config}, free=GROWS):
        raise StorageError(
            f"{folder.path} holds another simulation. Different: {'; '.join(differing)}. "
            "Give the same configuration to resume it, or another output=DIR. Only strategies, seeds and rounds may "
            "become more."
        )
    held = Held.of(folder, about["strategies"], about["seeds"])
    if beyond := held.beyond(config, about):
        raise StorageError(
            f"{folder.path} holds more than is asked for: {'; '.join(beyond)}. Ask for all that it holds, and more if "
            "you like, or give another output=DIR."
        )
    if n_first is not None:
        n_held = max((about["seeds"].index(seed) + 1 for seed in held.seeds), default=0)
        about = {**about, "seeds": about["seeds"][: max(n_first, n_held)]}
    if not _grows(known, config, about):
        return
    if added := _added(held, known["config"], config, about):
        logger.warning("%s", f"{folder.path} {added}")
    lists = {name: about[name] for name in _LISTS}
    lists["strategy_digests"] = {**before.get("strategy_digests", {}), **about["strategy_digests"]}
    changed = {key: value for key, value in about.items() if key not in lists and before.get(key) != value}
    kept = {key: value for key, value in before.items() if key != "finished"}
    # First the list of runs: whoever is killed between the two continues with the rounds.
    folder.write_json("run.json", {**kept, **lists, "continued": [*before.get("continued", []), changed]})
    folder.write_yaml("config.yaml", config)


def stopped_short(last: Mapping[str, Any], n_rounds: int, stop: bool) -> bool:
    """Whether a run has ended with fewer rounds than it is to have, and no criterion has stopped it.

    It goes on, unless its pool is empty.

    Args:
        last: record of its last round.
        n_rounds: number of rounds that it is to have now.
        stop: whether a run ends with the first stopping criterion that is met.
    """
    was_stopped = stop and bool(last.get("stopping", {}).get("met"))
    return not last["acquired"] and not was_stopped and bool(last["round"] < n_rounds)


def _grows(known: Mapping[str, Any], config: Mapping[str, Any], about: Mapping[str, Any]) -> bool:
    """Whether run.json and the configuration would say other runs, or more rounds."""
    lists = any(known.get(name) != about[name] for name in ("strategies", "seeds"))
    return lists or any(meant(known["config"].get(key)) != meant(config.get(key)) for key in GROWS - FREE)


def _added(held: Held, before: Mapping[str, Any], config: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """What a folder holds and what is missing, in a sentence; empty if none of its runs is finished."""
    strategies = [name for name in about["strategies"] if name not in held.strategies]
    n_seeds = len(set(about["seeds"]) - set(held.seeds))
    n_rounds = config["rounds"] - int(before.get("rounds", config["rounds"]))
    missing = [f"{_strategies(strategies)} ({', '.join(strategies)})"] if strategies else []
    missing += [quantity(n, noun) for n, noun in ((n_seeds, "seed"), (n_rounds, "round")) if n > 0]
    if not held.n_runs or not missing:
        return ""
    again = "; finished runs repeat their last round, because its classifiers were not kept" if n_rounds > 0 else ""
    return (
        f"holds {_strategies(held.strategies)} with {quantity(len(held.seeds), 'seed')}. "
        f"To be added: {in_words(missing)}{again}."
    )


def _strategies(names: Collection[str]) -> str:
    return quantity(len(names), "strategy", "strategies")
