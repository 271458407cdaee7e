"""Until decided: a simulation adds seeds until it is known which strategy of each pair is better.

After every seed, in their order, the areas under the learning curves so far are looked at; `cal.anytime` is the test.
Seeds run in portions that fill the processes, but only those up to the decision are listed, so that neither the verdict
nor the result depends on how many run at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cal.anytime import Pair, decided_after, e_values, first_decision
from cal.errors import quantity
from cal.simulation.area import area_under_curve
from cal.simulation.run_folder import Run, RunFolder

if TYPE_CHECKING:
    from cal.simulation.request import SimulationRequest

UNTIL_DECIDED = "until_decided"


def n_first(request: SimulationRequest) -> int | None:
    """Number of seeds before which no look can decide; None if the number of seeds is given."""
    return first_decision() if request.pairs else None


def portions(
    request: SimulationRequest, folder: RunFolder, tell: Callable[[str], None], n_workers: int
) -> Iterator[list[int]]:
    """The seeds to run next, portion by portion; when one has run, the next is asked for.

    Args:
        request: the simulation.
        folder: its run folder, whose list of seeds grows with those looked at.
        tell: called with what is undecided.
        n_workers: number of runs at a time.
    """
    seeds = request.all_seeds
    if not request.pairs:
        yield seeds
        return
    n_listed = n_next = len(folder.known_runs()[1])
    n_run = 0
    while True:
        yield seeds[n_run:n_next]
        n_run = n_next
        after = decided_seeds(folder, request.pairs, seeds[:n_run])
        if all(after) or n_run == len(seeds):
            folder.list_seeds(seeds[: max([n_listed, *after] if all(after) else [n_run])])
            return
        folder.list_seeds(seeds[:n_run])
        tell(undecided(request.pairs, after, n_run, len(seeds)))
        n_next = min(n_run + _n_at_once(request, n_workers), len(seeds))


def decided_seeds(folder: RunFolder, pairs: Sequence[Pair], seeds: Sequence[int]) -> list[int]:
    """The number of seeds after which each pair is decided; 0 for those that are not.

    Args:
        folder: run folder with finished runs of all strategies and seeds.
        pairs: the pairs.
        seeds: the seeds, in the order of looking.
    """
    names = dict.fromkeys(name for pair in pairs for name in pair)
    areas = {name: np.array([_area(folder, Run(name, seed)) for seed in seeds]) for name in names}
    up, down = e_values([areas[one] - areas[other] for one, other in pairs])
    return decided_after((up + down) / 2)


def undecided(pairs: Sequence[Pair], after: Sequence[int], n_seeds: int, most: int) -> str:
    """What is undecided, in a line.

    Example:
        >>> undecided([("cal", "random"), ("cal", "margin")], [8, 0], 9, 50)
        'undecided after 9 of at most 50 seeds: cal – margin'
    """
    open_ = [f"{one} – {other}" for (one, other), n in zip(pairs, after, strict=True) if not n]
    return f"undecided after {n_seeds} of at most {quantity(most, 'seed')}: {', '.join(open_)}"


def _n_at_once(request: SimulationRequest, n_workers: int) -> int:
    """Seeds of a portion: as many as give each worker a run. On a GPU, runs side by side cost little."""
    if request.device != "cpu":
        return first_decision()
    n_runs = len(request.acquisitions) + request.full_data
    return -(-n_workers // n_runs)


def _area(folder: RunFolder, run: Run) -> float:
    records = folder.records(run)
    return area_under_curve([each["n_labelled"] for each in records], [each["accuracy"] for each in records])
