"""Report: everything a finished simulation shows, as report.md, a self-contained report.html and figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cal.files import write_whole
from cal.report import batches, map_plots, plots, tables
from cal.report.comparison import Comparison, aso_matrix
from cal.report.document import Block, Document, Folded, Paragraph, Picture, Section, to_html, to_markdown
from cal.report.plot_style import rendered
from cal.report.scores import AREA, SharedRounds, shared_rounds
from cal.simulation.curves import LearningCurves
from cal.simulation.run_folder import FULL_DATA

N_BOOTSTRAP = 10_000  # 1,000 leave ε_min a standard error of about .01; with few scores ten times as many are free
_REMEDY = "Make room, or choose another folder."
MAPS_PER_FIGURE = 8  # a tall page; as each map is rasterised on a canvas of its figure, the cost grows with the square
_ENDED = (
    "A run ended with the first stopping criterion that it met, so runs differ in length; curves and comparisons are "
    "over the seeds and rounds that all strategies have."
)


def write_report(curves: LearningCurves, folder: Path | str) -> Path:
    """Writes report.md, report.html and figures/*.png and *.pdf; the same curves give the same bytes.

    What is compared is the largest block of seeds and rounds that all strategies have finished; the
    report says what that leaves out.

    Args:
        curves: the simulation, finished or interrupted.
        folder: where to write; made if it does not exist.

    Returns:
        The path of report.html.

    Raises:
        AnalysisError: if no round is finished, or runs differ in seed-set or query size.
        StorageError: if the folder cannot be written.
    """
    document, figures = describe(curves)
    files = {name: rendered(figure) for name, figure in figures.items()}
    target = Path(folder)
    for name, by_suffix in files.items():
        for suffix in ("png", "pdf"):
            write_whole(target / "figures" / f"{name}.{suffix}", by_suffix[suffix], _REMEDY)
    write_whole(target / "report.md", to_markdown(document).encode(), _REMEDY)
    pictures = {name: by_suffix["svg"] for name, by_suffix in files.items()}
    write_whole(target / "report.html", to_html(document, pictures).encode(), _REMEDY)
    return target / "report.html"


def describe(curves: LearningCurves) -> tuple[Document, dict[str, Figure]]:
    """The report as a document, and its figures by name."""
    shared = shared_rounds(curves.rounds, curves.strategies)
    areas = shared.areas()
    comparison = None
    if len(areas) > 1:
        comparison = aso_matrix(areas, paired=shared.paired, n_bootstrap=N_BOOTSTRAP, measure=AREA)
    full = curves.full_data.dropna(subset=["accuracy"])
    full = full[full["seed"].isin(shared.seeds)] if full["seed"].isin(shared.seeds).any() else full
    full_accuracy = float(full["accuracy"].mean()) if len(full) else None
    figures: dict[str, Figure] = {}
    sections = [
        _summary(curves, shared, comparison, full_accuracy),
        _curves(shared, full_accuracy, curves.stopped, figures),
        _areas(shared, areas, figures),
        _significance(comparison, figures),
        *_tests(curves, shared),
        _labels_needed(curves, shared, full_accuracy),
        *_stopping(curves, shared),
        _batches(shared, figures),
        _overlap(curves, shared, figures),
        _maps(curves, shared, figures),
        _seconds(shared, figures),
        Section("Setting", [Folded("Configuration, versions, commit and device", _as_json(curves.about))]),
    ]
    verdict = comparison.headline() if comparison else f"Only {shared.strategies[0]} was run: nothing to compare with."
    corpus = str(curves.about.get("corpus", "a corpus without name"))
    return Document(f"Active learning on {corpus}", verdict, sections), figures


def _summary(
    curves: LearningCurves, shared: SharedRounds, comparison: Comparison | None, full_accuracy: float | None
) -> Section:
    first, last = (int(shared.rounds["n_labelled"].agg(end)) for end in ("min", "max"))
    about, seeds = curves.about, shared.seeds
    sizes = f" ({about['n_train']:,} training and {about['n_test']:,} test documents)" if "n_test" in about else ""
    text = (
        f"{_count(len(shared.strategies), 'strategy', 'strategies')} on {about.get('corpus', 'the corpus')}{sizes}: "
        f"{_count(len(seeds), 'seed')}, {_count(shared.last_round, 'round')} of acquisition, "
        f"from {first:,} to {last:,} labels."
    )
    if full_accuracy is not None:
        text += f" Training on all data reaches an accuracy of {full_accuracy:.3f}."
    notes = [*shared.notes, *([_ENDED] if shared.notes and _ends(curves) else [])]
    return Section("Summary", [Paragraph(text), *tables.cautions(notes, comparison), tables.final_table(shared)])


def _ends(curves: LearningCurves) -> bool:
    return bool(curves.about.get("config", {}).get("stop"))


def _curves(
    shared: SharedRounds, full_accuracy: float | None, stopped: pd.DataFrame, figures: dict[str, Figure]
) -> Section:
    stopped = stopped[stopped["seed"].isin(shared.seeds) & (stopped["round"] <= shared.last_round)]
    figures["learning_curves"] = plots.learning_curves(shared.rounds, shared.strategies, full_accuracy, stopped)
    n_seeds = len(shared.seeds)
    spread = "no band, because there is one seed" if n_seeds == 1 else "bands are 95 % t-intervals of the mean"
    full = "" if full_accuracy is None else "; dotted, training on all data"
    caption = f"Test accuracy over labelled instances, mean over seeds; {spread}{full}. Grey: the other strategies."
    if len(stopped):
        caption += (
            " Symbols: mean number of labels with which a stopping criterion was first met, filled where it was met in "
            "all seeds shown."
        )
    return Section("Learning curves", [Picture("learning_curves", caption)])


def _areas(shared: SharedRounds, areas: dict[str, np.ndarray], figures: dict[str, Figure]) -> Section:
    figures["area_under_curve"] = plots.area_strips(areas, shared.strategies)
    caption = "Area under the learning curve divided by its width: the mean accuracy from first to last label."
    return Section("Area under the curve", [Picture("area_under_curve", caption), tables.area_table(shared, areas)])


def _significance(comparison: Comparison | None, figures: dict[str, Figure]) -> Section:
    if comparison is None:
        return Section("Significance", [Paragraph("One strategy cannot be compared.")])
    reading = Paragraph(
        "Almost Stochastic Order asks how far one strategy is from being better at every quantile of its scores; "
        f"ε_min is the upper confidence bound of that distance, and below {comparison.threshold} the strategy counts "
        "as better. The paired permutation test asks how often chance alone would produce such a mean difference on "
        "the same seeds. The scores are areas under the learning curve, one per seed."
    )
    blocks: list[Block] = [reading, *tables.comparison_blocks(comparison)]
    if comparison.n_seeds > 1:
        figures["eps_min"] = plots.eps_min_matrix(comparison.eps_min, comparison.names, comparison.threshold)
        blocks.insert(2, Picture("eps_min", "ε_min of row over column; framed where the row dominates the column."))
    return Section("Significance", blocks)


def _tests(curves: LearningCurves, shared: SharedRounds) -> list[Section]:
    if curves.tests.empty:
        return []
    return [Section("Test sets", [tables.further_table(shared, curves.tests, curves.full_data)])]


def _labels_needed(curves: LearningCurves, shared: SharedRounds, full_accuracy: float | None) -> Section:
    title = "Labels needed"
    if full_accuracy is None:
        return Section(title, [Paragraph("There is no run on all data to measure against.")])
    needed = batches.labels_needed(shared.rounds, full_accuracy)
    return Section(title, [tables.labels_table(needed, full_accuracy, curves.about.get("n_train"))])


def _stopping(curves: LearningCurves, shared: SharedRounds) -> list[Section]:
    criteria = curves.about.get("stopping", [])
    if not criteria:
        return []
    text = "Each criterion judges from predictions, never from the test split, whether enough is labelled. "
    text += _ENDED if _ends(curves) else "None of them ended a run: that is what stop=true is for."
    table = tables.stopping_table(curves.stopped, curves.rounds, shared.strategies, criteria)
    return [Section("Stopping", [Paragraph(text), table])]


def _batches(shared: SharedRounds, figures: dict[str, Figure]) -> Section:
    statistics = batches.batch_statistics(shared.rounds)
    if statistics.empty:
        return Section("Acquired batches", [Paragraph("No batch was acquired.")])
    figures["batches"] = plots.batch_panels(statistics, shared.strategies)
    caption = (
        "Mean confidence, variability and correctness of the batch acquired in each round, measured by the training "
        "that first includes it; mean over seeds."
    )
    return Section("Acquired batches", [Picture("batches", caption)])


def _overlap(curves: LearningCurves, shared: SharedRounds, figures: dict[str, Figure]) -> Section:
    title, acquired = "Overlap", curves.acquired
    acquired = acquired[acquired["seed"].isin(shared.seeds) & (acquired["round"] <= shared.last_round)]
    if len(shared.strategies) < 2 or shared.last_round == 0:
        return Section(title, [Paragraph("There are no two sets of acquired instances to compare.")])
    pairs = batches.overlap(acquired, shared.strategies, curves.about.get("n_train"))
    figures["overlap"] = plots.overlap_matrix(pairs, shared.strategies)
    caption = (
        "Instances that both strategies acquired over all rounds, by id, as a multiple of what two blind draws from "
        "the same pool would share; mean over seeds."
    )
    return Section(title, [Picture("overlap", caption), tables.overlap_table(pairs)])


def _maps(curves: LearningCurves, shared: SharedRounds, figures: dict[str, Figure]) -> Section:
    maps = curves.maps[curves.maps["seed"].isin(shared.seeds)]
    if maps.empty:
        return Section("Data maps", [Paragraph("No data maps were stored.")])
    seed = int(maps["seed"].iloc[0])
    maps = maps[maps["seed"] == seed]
    of_runs = maps[maps["strategy"].isin(shared.strategies)]
    seed_maps = of_runs[of_runs["round"] == 0]
    chosen = {"seed_map": {"seed set": seed_maps[seed_maps["strategy"] == seed_maps["strategy"].min()]}}
    chosen["final_maps"] = {
        name: of_runs[(of_runs["strategy"] == name) & (of_runs["round"] == shared.last_round)]
        for name in shared.strategies
        if shared.last_round > 0
    }
    chosen["full_data_map"] = {"all training data": maps[maps["strategy"] == FULL_DATA]}
    captions = {
        "seed_map": "Data map of the seed set, the same for every strategy",
        "final_maps": f"Data maps of the labelled set after round {shared.last_round}",
        "full_data_map": "Data map of training on all data",
    }
    blocks: list[Block] = []
    for name, caption in captions.items():
        present = [(title, frame) for title, frame in chosen[name].items() if len(frame)]
        for start in range(0, len(present), MAPS_PER_FIGURE):
            figure = f"{name}_{start // MAPS_PER_FIGURE + 1}" if start else name
            shown = dict(present[start : start + MAPS_PER_FIGURE])
            figures[figure] = map_plots.data_maps(shown, f"{caption} (seed {seed})")
            blocks.append(Picture(figure, f"{caption}; one seed, {seed}. Right: densities, with a line at the mean."))
    return Section("Data maps", blocks or [Paragraph("No data maps of the compared rounds were stored.")])


def _seconds(shared: SharedRounds, figures: dict[str, Figure]) -> Section:
    figures["seconds"] = plots.seconds_bars(shared.rounds, shared.strategies)
    caption = "Seconds per run by phase: training, test evaluation and acquisition; mean over seeds."
    return Section("Seconds per strategy", [Picture("seconds", caption)])


def _count(n: int, noun: str, plural: str = "") -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {plural or noun + 's'}"


def _as_json(about: dict[str, Any]) -> str:
    return json.dumps(about, indent=2, ensure_ascii=False, sort_keys=True, default=str)
