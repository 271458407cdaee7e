"""LearningCurves: the result of a simulation, as tables, figure, comparison and report."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cal.arguments import check_arguments
from cal.checks import instances_of, paths, refuse
from cal.errors import AnalysisError, ConfigError, StorageError
from cal.files import OwnedFolder
from cal.simulation.cells import cell_name, chosen_cell, free_keys, merged_about
from cal.simulation.identity import OF_RUNS, differences
from cal.simulation.packed import packed_cells, read_cell, setting_of
from cal.simulation.record_tables import COLUMNS, frame, read_tables, write_tables
from cal.simulation.records import WRONG
from cal.simulation.run_folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cal.anytime import PairDecision
    from cal.report.comparison import Comparison


@dataclass(frozen=True, eq=False, repr=False)
class LearningCurves:
    """What every run of a grid reached, round by round, and what it acquired.

    `print` shows the summary, a notebook the summary and the curves. Each attribute but `about` is a data frame.

    Attributes:
        rounds: one row per strategy, seed and round: n_labelled; accuracy and macro_f1 on the test split; n_wrong of
            these labels are wrong, and n_wrong_by_chance if batches had been drawn at random; confidence, variability
            and correctness, averaged over the batch that this round is the first to train on (in round 0 the seed set);
            seconds_fit, seconds_evaluate and seconds_acquire.
        acquired: strategy, seed, round, id, score; round 0 is the seed set, which has no scores (NaN).
        full_data: seed, n_labelled, accuracy, macro_f1 of training on all data; may be empty.
        maps: strategy, seed, round, id, gold, confidence, variability, correctness of the labelled set after the first
            and the last round; strategy `full_data` is the whole train split. gold is the label that the oracle gave.
        about: corpus, versions, git commit, device, folders and configuration.
        stopped: strategy, seed, criterion, round, n_labelled and accuracy on the test split when a stopping criterion
            was first met; no row for criteria that were not.
        tests: strategy, seed, round, n_labelled, test, accuracy, macro_f1 on each further test set, named by `test`;
            strategy `full_data` is training on all data. Empty without further test sets.

    Example:
        >>> curves = LearningCurves.load("runs/trec")  # doctest: +SKIP
        >>> curves.summary(spread=True)  # doctest: +SKIP
        >>> curves.compare().headline()  # doctest: +SKIP
        >>> curves.report("report")  # doctest: +SKIP
    """

    rounds: pd.DataFrame
    acquired: pd.DataFrame
    full_data: pd.DataFrame
    maps: pd.DataFrame
    about: dict[str, Any]
    stopped: pd.DataFrame = field(default_factory=lambda: frame("stopped"))
    tests: pd.DataFrame = field(default_factory=lambda: frame("tests"))

    @property
    def strategies(self) -> list[str]:
        """Names of the strategies, in the order given to the simulation."""
        return list(dict.fromkeys(self.rounds["strategy"]))

    @property
    def seeds(self) -> list[int]:
        """The seeds, in the order given to the simulation."""
        return [int(seed) for seed in dict.fromkeys(self.rounds["seed"])]

    @property
    def noise(self) -> float:
        """Probability that a label is wrong; 0 if the oracle never errs."""
        noise: float = setting_of(self.about)["noise"]
        return noise

    @property
    def n_aside(self) -> int:
        """Number of training documents that no run labels: those of `dev_size`, and copies of others."""
        return (self.about.get("config", {}).get("dev_size") or 0) + (self.about.get("n_copies") or 0)

    @classmethod
    def load(cls, *sources: Path | str, cell: str | None = None) -> LearningCurves:
        """The finished rounds in one or several run folders, and in files of packed curves.

        Args:
            sources: run folders of the same simulation with other strategies or seeds, and files of `pack_curves` that
                have it among their cells.
            cell: name of the cell to take of the files, or its beginning; None for the cell of the folders, or the
                only one of a file.

        Raises:
            StorageError: if a folder is not that of a simulation, a file is damaged, or nothing has a finished round.
            AnalysisError: if folders differ in more than strategies and seeds or share a run, or a file has no such
                cell or several.
        """
        refuse(each for source in sources for each in paths(source=source))
        check_arguments(LearningCurves.load, {"cell": cell})
        if not sources:
            raise ConfigError("There is no folder to load; give one or more run folders.")
        folders = [_load(RunFolder(source)) for source in sources if not Path(source).is_file()]
        of = folders[0].about if folders and cell is None else None
        files = [_unpack(Path(source), cell, of) for source in sources if Path(source).is_file()]
        parts = [(files if Path(source).is_file() else folders).pop(0) for source in sources]
        return cls.merge(*parts)

    @classmethod
    def merge(cls, *parts: LearningCurves) -> LearningCurves:
        """Curves of the same simulation with other strategies or seeds as one.

        Args:
            parts: the curves, in the order in which their strategies come.

        Raises:
            StorageError: if none has a finished round.
            AnalysisError: if they differ in more than strategies and seeds, or share a run.
        """
        refuse(each for part in parts for each in instances_of(LearningCurves, part=part))
        if not parts:
            raise ConfigError("There are no curves to merge; give one or more.")
        names = [", ".join(part.about.get("folders", [f"part {k}"])) for k, part in enumerate(parts, start=1)]
        for (one, one_name), (other, other_name) in combinations(zip(parts, names, strict=True), 2):
            _check_comparable(one, other, one_name, other_name)
        if not any(len(part.rounds) for part in parts):
            raise StorageError(f"No finished round in {', '.join(names)}; simulate first.")
        keys = {  # what several of them may hold is the same in each
            "full_data": ["seed"],
            "maps": ["strategy", "seed", "round", "id"],
            "tests": ["strategy", "seed", "round", "test"],
        }
        tables = {}
        for name in COLUMNS:
            given = [getattr(part, name) for part in parts]
            table = pd.concat([rows for rows in given if len(rows)] or given[:1])
            tables[name] = (table.drop_duplicates(keys[name]) if name in keys else table).reset_index(drop=True)
        return cls(**tables, about=merged_about([part.about for part in parts]) | {"folders": list(names)})

    def save(self, folder: Path | str) -> None:
        """Writes a run folder that `load` reads: the records of all rounds, their maps, and the tables as CSV.

        A simulation's own folder knows more, such as the seconds of each step; records already there are kept.

        Args:
            folder: where to write; new, empty, or a folder of the same simulation.

        Raises:
            StorageError: if it holds another simulation or cannot be written.
        """
        check_arguments(LearningCurves.save, locals())
        target = RunFolder(folder)
        about = {key: value for key, value in self.about.items() if key not in ("config", "folders")}
        about["strategies"] = list(dict.fromkeys([*about.get("strategies", []), *self.strategies]))
        about["seeds"] = list(dict.fromkeys([*about.get("seeds", []), *self.seeds]))
        is_new = not (target.path / "run.json").exists()
        with target.taken(again=True):
            target.create(self.about.get("config", {}), about)
            write_tables(target, {name: getattr(self, name) for name in COLUMNS})
            self.to_csv(folder)
            if is_new:
                target.finish()

    def to_csv(self, folder: Path | str) -> None:
        """Writes acquired.csv (strategy, seed, round, id), curves.csv and, if not empty, stopped.csv and tests.csv.

        If the oracle errs, curves.csv counts wrong labels: n_wrong and n_wrong_by_chance.

        Raises:
            StorageError: if the folder cannot be written.
        """
        check_arguments(LearningCurves.to_csv, locals())
        target = RunFolder(folder)
        curve_columns = ["strategy", "seed", "round", "n_labelled", "accuracy", "macro_f1"]
        curve_columns += WRONG if self.noise else ()
        target.write("acquired.csv", self.acquired[["strategy", "seed", "round", "id"]].to_csv(index=False).encode())
        target.write("curves.csv", self.rounds[curve_columns].to_csv(index=False).encode())
        for name, table in (("stopped.csv", self.stopped), ("tests.csv", self.tests)):
            if len(table):
                target.write(name, table.to_csv(index=False).encode())

    @property
    def remarks(self) -> list[str]:
        """What else the reader of these curves should know, in sentences: that the pool ran empty."""
        config = self.about.get("config", {})
        n_planned, n_train = config.get("rounds"), self.about.get("n_train")
        if not isinstance(n_planned, int) or n_train is None or self.rounds.empty:
            return []
        last = self.rounds.sort_values("round").groupby(["strategy", "seed"], sort=False).tail(1)
        ended = last[(last["n_labelled"] >= n_train - self.n_aside) & (last["round"] < n_planned)]
        if ended.empty:
            return []
        aside = f" but the {self.n_aside:,} set aside" if self.n_aside else ""
        return [
            f"The pool ran empty in round {int(ended['round'].max())} of {n_planned}: all {n_train:,} training "
            f"documents{aside} are labelled, and the curves end there. Give fewer rounds or a smaller query_size."
        ]

    def to_frame(self) -> pd.DataFrame:
        """A copy of `rounds`: one row per strategy, seed and round."""
        return self.rounds.copy()

    def summary(self, *, spread: bool = False) -> pd.DataFrame:
        """Accuracy and macro F1 of each strategy after its last round, mean over seeds.

        Args:
            spread: add accuracy_spread and macro_f1_spread, the standard deviations over seeds; NaN with one seed.

        Returns:
            One row per strategy: n_labelled, accuracy, macro_f1; if the oracle errs, also n_wrong and
            n_wrong_by_chance, the wrong ones among these labels, and how many there would be on average if the
            batches were random.
        """
        check_arguments(LearningCurves.summary, locals())
        last = self.rounds.sort_values("round").groupby(["strategy", "seed"], sort=False).tail(1)
        by_strategy = last.groupby("strategy")[["n_labelled", "accuracy", "macro_f1"]]
        means = by_strategy.mean().loc[self.strategies]
        if spread:
            means = means.join(by_strategy.std()[["accuracy", "macro_f1"]].add_suffix("_spread"))
            means = means[["n_labelled", "accuracy", "accuracy_spread", "macro_f1", "macro_f1_spread"]]
        if self.noise:
            means = means.join(last.groupby("strategy")[[*WRONG]].mean())
        return means

    def plot(self) -> Figure:
        """The learning curves, all strategies together and one by one.

        Raises:
            AnalysisError: if no round is finished.
        """
        from cal.report.findings import Findings

        return Findings.of(self).learning_curves()

    def compare(self, *, alpha: float = 0.05, engine: str = "vectorised", decide: Any = None) -> Comparison:
        """Every strategy against every other, by area under the learning curve, as in the report.

        Args:
            alpha: significance level before correction.
            engine: "vectorised" or "deepsig", as in `cal.report.aso`.
            decide: pairs to decide between, looking after every seed: `all`, the name of a strategy to compare each
                other one with, or a list of pairs; None is those of a simulation with seeds=until_decided.

        Raises:
            AnalysisError: if there are fewer than two strategies, or no round is finished.
            ConfigError: if `decide` names no pairs of strategies.
        """
        check_arguments(LearningCurves.compare, {"alpha": alpha, "engine": engine})
        from cal.report.findings import Findings

        return Findings.of(self).compare(alpha=alpha, engine=engine, decide=decide)

    def decisions(self, pairs: Any = None, *, alpha: float = 0.05) -> list[PairDecision]:
        """Which strategy of each pair is better, by a test of `cal.anytime` that looks at the areas after every seed.

        Args:
            pairs: `all`, the name of a strategy to compare each other one with, or a list of pairs; None is those of
                a simulation with seeds=until_decided, and else none.
            alpha: probability that any of the decisions is ever wrong, at most.

        Raises:
            AnalysisError: if the strategies have no seed in common, or no round is finished.
            ConfigError: if `pairs` names no pairs of strategies.

        Example:
            >>> for decision in curves.decisions("random"):  # doctest: +SKIP
            ...     print(decision)
            margin is better than random: decided after 7 seeds (e-value 31.9)
        """
        check_arguments(LearningCurves.decisions, {"alpha": alpha})
        from cal.report.findings import Findings

        return Findings.of(self).decisions(pairs, alpha)

    def report(self, folder: Path | str) -> Path:
        """Writes what `cal report` writes: report.html, report.md, figures, LaTeX tables and CSV files.

        Args:
            folder: where to write; new, empty, a run folder, or one with an earlier report.

        Returns:
            The path of report.html.

        Raises:
            AnalysisError: if no round is finished.
            StorageError: if it holds something else, another command writes to it, or it cannot be written.
        """
        check_arguments(LearningCurves.report, locals())
        from cal.report.write import write_report

        run = RunFolder(folder)
        target = run if (run.path / run.mark).exists() else OwnedFolder(folder, "cal report", "acquired.csv")
        with target.taken(again=True):
            self.to_csv(folder)
            return write_report(self, folder)

    def __str__(self) -> str:
        return self.summary().to_string(float_format="{:.3f}".format)

    def __repr__(self) -> str:
        n_rounds = int(self.rounds["round"].max()) if len(self.rounds) else 0
        counts = [(len(self.strategies), "strategy", "strategies"), (len(self.seeds), "seed", "seeds")]
        sizes = [f"{n} {one if n == 1 else many}" for n, one, many in [*counts, (n_rounds, "round", "rounds")]]
        return f"LearningCurves of {self.about.get('corpus')!r}: {', '.join(sizes)}"

    def _repr_html_(self) -> str:
        from cal.report.markup import image
        from cal.report.plot_style import rendered

        table = self.summary(spread=True).to_html(float_format="{:.3f}".format, na_rep="–")
        return table + image(rendered(self.plot(), ["svg"])["svg"], "Learning curves")


def about_of(folder: RunFolder) -> dict[str, Any]:
    """What a run folder says of its simulation: run.json, and the configuration under `config`."""
    about = folder.about()
    about.pop("finished", None)  # the report of a finished simulation stays the same when it is written again
    return about | {"config": folder.config()}


def _load(folder: RunFolder) -> LearningCurves:
    about = about_of(folder)
    tables = read_tables(folder, *folder.known_runs())
    return LearningCurves(**tables, about=about | {"folders": [str(folder.path)]})


def _unpack(path: Path, cell: str | None, of: dict[str, Any] | None) -> LearningCurves:
    """A cell of a file of packed curves: that of a folder that says `of`, or the one whose name begins so."""
    name = chosen_cell(packed_cells(path), cell if of is None else cell_name(of), str(path), of)
    about, tables = read_cell(path, name)
    return LearningCurves(**tables, about=dict(about) | {"folders": [str(path)]})


def _check_comparable(one: LearningCurves, other: LearningCurves, one_name: str, other_name: str) -> None:
    if differences(one.about, other.about, free=free_keys(one.about) & free_keys(other.about)):
        differing = differences(one.about, other.about, free=OF_RUNS)
        raise AnalysisError(
            f"{one_name} and {other_name} cannot be compared; they differ in {'; '.join(differing)}. "
            "Merge only folders that differ in strategies and seeds."
        )
    runs = [set(zip(part.rounds["strategy"], part.rounds["seed"], strict=True)) for part in (one, other)]
    if shared := runs[0] & runs[1]:
        strategy, seed = min(shared)
        raise AnalysisError(
            f"{one_name} and {other_name} both hold {len(shared)} runs, e.g. {strategy} with seed {seed}. "
            "Merge only folders with different runs."
        )
