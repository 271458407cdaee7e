"""The request of `cal select`, and the function that makes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cal.arguments import check_arguments
from cal.checks import Problems, one_of, whole_numbers
from cal.data.request import SplitRequest
from cal.errors import ConfigError, UnknownNameError, shown
from cal.files import taken
from cal.learners.request import TrainingRequest
from cal.maps.logs_request import LogsRequest
from cal.request import make, takes

if TYPE_CHECKING:
    from cal.selection.recipes import Recipe
    from cal.selection.result import Selection

FROM_TEXTS = ("al_uncertainty", "al_greedy_k", "aflite")
"""Recipes that need no map: active learning by uncertainty or core-sets, and AFLite."""

_FREE: Mapping[str | None, tuple[str, ...]] = {  # parameters that each recipe leaves to the user
    None: ("metric", "direction", "ratio"),
    "ambiguous_easy": ("easy",),
    "without_suspects": ("metric", "direction", "ratio", "suspects", "suspicion"),
}
_OF_RECIPES = ("metric", "direction", "ratio", "easy", "suspects", "suspicion")
_OF_LOGS = ("logs", "on_missing", "epochs", "burn_out", "values", "label_names")
_OF_MAPS = ("map", *_OF_LOGS, "within", "region", "compat", "task", "tsv")
_OF_LEARNERS = ("n_epochs", "model", "precision")


@dataclass(kw_only=True)
class SelectRequest(LogsRequest, TrainingRequest, SplitRequest):
    """Choose the part of a corpus to train on, from its data map or from logs.

    Args:
        dataset: source of texts and label names for a map, or the corpus to choose from if the recipe needs no map
        map: folder of cal map, or a file of a map or of coordinates (parquet, csv, tsv or jsonl, such as
            td_metrics.jsonl); in Python also a DataMap or a data frame
        recipe: preset for metric and direction: easy, ambiguous, hard, ambiguous_easy, without_suspects, forgetting,
            low_variability, low_correctness, high_correctness or random; without a map, from dataset=NAME:
            al_uncertainty or al_greedy_k (active learning) or aflite (adversarial filtering)
        metric: metric to rank by, most valuable first: low confidence, correctness and AUM, high values of the others;
            also by the name of the Dataset Cartography toolkit, such as forgetfulness
        direction: end of the ranking to take: best, worst or both_ends
        ratio: share that both_ends takes from the front; the rest comes from the back
        fraction: share to choose, int(fraction * N) instances; or
        count: number of instances to choose
        within: class takes equally many of each class; region keeps each region's share
        region: rule of the regions, quantile, thresholds, data_iq or {rule: {parameter: value}}; null means the map's
            own rule, else quantile
        easy: share that ambiguous_easy replaces by the easiest
        suspects: share that without_suspects drops first, into dropped.csv, before it applies metric and direction
        suspicion: score that without_suspects ranks suspects by: aum, loss, confidence, el2n or correctness
        seed: seed of random (recipe or metric), al_uncertainty, al_greedy_k and aflite
        formats: list of formats beside selected.csv: ids, jsonl, parquet, huggingface and allenai (TSV folders of the
            Dataset Cartography toolkit; needs task and tsv)
        task: task of the TSV files: snli, mnli, qnli or winogrande
        tsv: your folder with train.tsv, dev.tsv and test.tsv, or with a subfolder TASK that has them
        compat: allenai chooses as many instances as the original toolkit, int(fraction * N) + 1
        output: folder of the selection

    Attributes:
        chosen_by: recipe that the parameters describe; None for a recipe that chooses from texts.
    """

    map: Any = None
    recipe: str | None = None
    metric: str = "variability"
    direction: str = "best"
    ratio: float = 0.7
    fraction: Any = None
    count: int | None = None
    within: str | None = None
    region: Any = None
    easy: float = 0.1
    suspects: float = 0.05
    suspicion: str = "aum"
    seed: int = 0
    formats: Any = ()
    task: str | None = None
    tsv: str | None = None
    compat: str | None = None
    chosen_by: Recipe | None = field(init=False, repr=False, default=None)

    @property
    def from_texts(self) -> bool:
        """Whether the recipe chooses from texts instead of a map."""
        return isinstance(self.recipe, str) and self.recipe in FROM_TEXTS

    @property
    def wants_folders(self) -> bool:
        """Whether to write the folders of the original toolkit."""
        listed = isinstance(self.formats, list | tuple) and "allenai" in self.formats
        return listed or (self.compat == "allenai" and self.tsv is not None)

    def _resolve(self, problems: Problems) -> None:
        from cal.dynamics.metrics import our_name
        from cal.dynamics.regions import region_rule
        from cal.selection.folder import FORMATS
        from cal.selection.recipes import GROUPS, size_problems

        given = {name: getattr(self, name) for name in (*_OF_LEARNERS,)}  # before they become part of the learner
        super()._resolve(problems)
        self.metric, self.suspicion = our_name(self.metric), our_name(self.suspicion)
        problems += size_problems(self.fraction, self.count) + whole_numbers(0, seed=self.seed)
        if not self.from_texts:
            problems += self._source_problems(self.map)
            if self.map is None and self.logs is None:
                problems.append("There is no map to work on. Give map=FOLDER, or logs=FOLDER.")
            self.chosen_by = problems.attempt(self._recipe, otherwise=None)
            problems += self._folder_problems()
        problems += self._unused(given)
        problems += one_of(GROUPS, or_null=True, within=self.within)
        if self.region is not None:
            problems.attempt(lambda: region_rule(self.region), otherwise=("", {}))
        if not isinstance(self.formats, list | tuple):
            problems.append(f"formats must be a list, such as [jsonl, parquet], not {shown(self.formats)}.")
        else:
            problems += [problem for name in self.formats for problem in one_of(FORMATS, formats=name)]

    def _uses_features(self) -> bool:
        return self.recipe == "aflite"

    def _recipe(self) -> Recipe:
        from cal.selection.recipes import RECIPES, Recipe

        if self.recipe not in (None, *RECIPES):
            raise UnknownNameError("recipe", str(self.recipe), (*RECIPES, *FROM_TEXTS))
        start = Recipe() if self.recipe is None else RECIPES[self.recipe]
        return replace(start, **{key: getattr(self, key) for key in _FREE.get(self.recipe, ())})

    def _unused(self, given: Mapping[str, Any]) -> list[str]:
        """A sentence about the parameters that were set but that the selection does not use."""
        from cal.selection.recipes import RANDOM, RECIPES

        who = f"recipe={self.recipe}" if self.recipe else f"metric={self.metric}"
        if self.from_texts:
            used = {"seed"} if self.recipe == "aflite" else {"seed", *_OF_LEARNERS}
        elif self.recipe not in (None, *RECIPES):
            return []  # an unknown recipe, reported elsewhere
        else:
            used = {*_OF_MAPS, *_FREE.get(self.recipe, ())}
            if RANDOM in (self.recipe, self.metric):
                used = used - {"direction", "ratio"} | {"seed"}
            elif "direction" in used:
                who += f" direction={self.direction}"
                used -= set() if self.direction == "both_ends" else {"ratio"}
        values = {name: getattr(self, name) for name in (*_OF_RECIPES, *_OF_MAPS, "seed")}
        unused = [
            f"{name}={value}"
            for name, value in {**values, **given}.items()
            if name not in used and value is not getattr(SelectRequest, name) and value != getattr(SelectRequest, name)
        ]
        if self.from_texts and self.wants_folders:
            unused.append("formats=[allenai]")
        return [f"{who} does not use {', '.join(unused)}. Leave it out or change the recipe."] if unused else []

    def _folder_problems(self) -> list[str]:
        """A sentence about each problem with the parameters for the original toolkit."""
        from cal.selection import allenai_folders as allenai

        problems = []
        if self.compat not in (None, "allenai"):
            problems += one_of(["allenai"], compat=self.compat)
        elif self.compat is not None:
            others = [name for name in ("recipe", "within", "count") if getattr(self, name) is not None]
            if others or self.metric not in allenai.METRICS:
                problems.append(
                    f"compat=allenai needs a fraction and one of the metrics {', '.join(allenai.METRICS)}; it cannot "
                    f"use {', '.join(others) or self.metric}."
                )
            if self.direction == "both_ends" and self.ratio != SelectRequest.ratio:
                problems.append(
                    f"compat=allenai always has ratio={SelectRequest.ratio}, not {self.ratio}. Leave ratio or compat "
                    "out."
                )
        if self.wants_folders:
            if self.task is None or self.tsv is None:
                problems.append(
                    "formats=[allenai] needs task=NAME and tsv=FOLDER with your own train.tsv, dev.tsv and test.tsv."
                )
            elif str(self.task).lower() not in allenai.TASKS:
                problems += one_of(allenai.TASKS, task=self.task)
        elif self.task is not None or self.tsv is not None:
            problems.append("task and tsv are for formats=[allenai]. Add it, or leave them out.")
        return problems

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Selection:
        """Chooses instances; writes the selection to `output` if given.

        Args:
            corpus: a `Corpus`, or anything that `cal.read_corpus` takes; None reads `dataset`, if given.
            quiet: hide the progress bar.

        Raises:
            CalError: if something cannot be read, chosen or written.
        """
        from cal.selection.folder import SELECT, refuse_other, result_folder
        from cal.selection.select import select_from_map, select_from_texts

        folder = None if self.output is None else result_folder(self.output, SELECT)
        with taken(folder):
            if folder is not None:
                refuse_other(folder.path, SELECT)
            if self.from_texts:
                read = self.read_corpus(corpus)
                origin = self.origin(read.train.ids, read.train.gold, corpus)
                if folder is not None:
                    folder.refuse_other_data(origin)
                selection = select_from_texts(self, read, origin, quiet)
            else:
                selection = select_from_map(self, self.corpus_if_given(corpus))
            if folder is not None:
                selection.save(folder.path, self.formats)
        return selection


@takes(SelectRequest)
def select(source: Any = None, *, corpus: Any = None, quiet: bool = False, **parameters: Any) -> Selection:
    """Chooses the part of a corpus to train on, from its data map.

    Args:
        source: a `DataMap`, its `to_frame()`, or the folder or file of a map; for al_uncertainty, al_greedy_k and
            aflite, a corpus or anything that `cal.read_corpus` takes.
        corpus: source of texts and label names for a map.
        quiet: hide the progress bar.
        **parameters: those of `SelectRequest`.

    Returns:
        The chosen instances, most valuable first, with `ids`, `to_frame()`, `plot()` and `save(folder)`.

    Raises:
        ConfigError: listing every invalid parameter.
        CalError: if something cannot be read or chosen.

    Example:
        >>> import torch
        >>> import cal
        >>> logits = torch.tensor([[[2.0, 0.0], [0.0, 2.0], [1.0, 0.0]]])  # (epoch, instance, class)
        >>> dynamics = cal.TrainingDynamics.from_logits(logits, torch.tensor([0, 0, 0]))
        >>> data_map = cal.DataMap.of(dynamics, ["a", "b", "c"])
        >>> cal.select(data_map, recipe="hard", count=2).ids
        ['b', 'c']
        >>> data_map.select(recipe="easy", count=1).ids
        ['a']
    """
    check_arguments(select, {"quiet": quiet})
    from cal.dynamics.data_map import DataMap

    if isinstance(recipe := parameters.get("recipe"), str) and recipe in FROM_TEXTS:
        if corpus is None and isinstance(source, DataMap):
            raise ConfigError(f"recipe={recipe} chooses from texts. Give a corpus instead of a map.")
        return make(SelectRequest, parameters).run(source if corpus is None else corpus, quiet=quiet)
    given = {} if source is None else {"map": source}
    return make(SelectRequest, given | parameters).run(corpus, quiet=quiet)
