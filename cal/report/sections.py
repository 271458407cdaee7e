"""Sections of the report of a simulation; a section adds the figures it shows to `figures`, by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from cal.data.cautions import overlap_text
from cal.errors import quantity
from cal.report import batches, map_plots, plots, tables
from cal.report.comparison import PICTURE_CAPTION, Comparison
from cal.report.findings import Findings
from cal.report.markup import Block, Folded, Paragraph, Picture, Section
from cal.simulation.run_folder import FULL_DATA
from cal.simulation.wrong_labels import wrong_labels_bought

MAPS_PER_FIGURE = 8  # a tall page; as each map is rasterised on a canvas of its figure, the cost grows with the square
_NOISE = (
    "The oracle errs with probability {:.3g}: labels of the seed set, of what is acquired and of all training data may "
    "be wrong. Accuracy is measured on the right labels of the test split."
)
_ENDED = (
    "A run ended as soon as it met a stopping criterion, so runs differ in length; curves and comparisons cover the "
    "seeds and rounds that all strategies have."
)


def summary(findings: Findings, comparison: Comparison | None) -> Section:
    """What was compared, reasons for caution, and the final scores."""
    shared, about = findings.shared, findings.curves.about
    first, last = (int(shared.rounds["n_labelled"].agg(end)) for end in ("min", "max"))
    sizes = f" ({about['n_train']:,} training and {about['n_test']:,} test documents)" if "n_test" in about else ""
    text = (
        f"{quantity(len(shared.strategies), 'strategy', 'strategies')} on {findings.corpus}{sizes}: "
        f"{quantity(len(shared.seeds), 'seed')}, {quantity(shared.last_round, 'round')} of acquisition, "
        f"from {first:,} to {last:,} labels."
    )
    if findings.full_accuracy is not None:
        text += f" Training on all data reaches an accuracy of {findings.full_accuracy:.3f}."
    if "n_copies" in about:
        text += (
            f" Each text is asked for once: {quantity(about['n_copies'], 'copy', 'copies')} of others are set aside."
        )
    notes = [*findings.curves.remarks, *shared.notes, *([_ENDED] if shared.notes and _stops(findings) else [])]
    notes += [_NOISE.format(findings.curves.noise)] if findings.curves.noise else []
    notes += comparison.warnings() if comparison else []
    notes += _of_corpus(about)
    final = tables.final_table(shared, findings.areas)
    return Section("Summary", [Paragraph(text), *tables.cautions(notes), final])


def _of_corpus(about: Mapping[str, Any]) -> list[str]:
    """Notes on documents that inflate accuracies, and on a dev split."""
    notes = []
    if n_known := about.get("n_test_in_train"):
        notes.append(overlap_text(n_known, about["n_test"]))
    if n_dev := about.get("n_dev"):
        what = "Only stopping criteria use" if about.get("uses_dev") else "Nothing here uses"
        notes.append(f"{what} the dev split of the corpus ({quantity(n_dev, 'document')}).")
    return notes


def learning_curves(findings: Findings, figures: dict[str, Figure]) -> Section:
    """Test accuracy over the number of labels."""
    figures["learning_curves"] = findings.learning_curves()
    one_seed = len(findings.shared.seeds) == 1
    spread = "no bands, because there is one seed" if one_seed else "bands are 95 % t-intervals of the mean"
    full = "" if findings.full_accuracy is None else "; dotted: training on all data"
    caption = f"Test accuracy by number of labelled instances, mean over seeds; {spread}{full}. Grey: other strategies."
    if len(findings.stopped):
        caption += (
            " Symbols: mean number of labels at which a stopping criterion was first met, filled where all seeds shown "
            "met it."
        )
    return Section("Learning curves", [Picture("learning_curves", caption)])


def areas(findings: Findings, figures: dict[str, Figure]) -> Section:
    """The area under each learning curve."""
    figures["area_under_curve"] = plots.area_strips(findings.areas, findings.shared.strategies)
    caption = "Area under the learning curve divided by its width: the mean accuracy from the first to the last label."
    table = tables.area_table(findings.shared, findings.areas)
    return Section("Area under the curve", [Picture("area_under_curve", caption), table])


def significance(comparison: Comparison | None, figures: dict[str, Figure]) -> Section:
    """Both tests between all pairs of strategies."""
    if comparison is None:
        return Section("Significance", [Paragraph("There is one strategy, so there is nothing to compare.")])
    reading = Paragraph(
        "Almost Stochastic Order asks how far one strategy is from being better at every quantile of its scores. "
        f"ε_min is the upper confidence bound of that distance; below {comparison.threshold} the strategy counts "
        "as better. The paired permutation test asks how often chance alone would produce such a mean difference on "
        "the same seeds. The scores are areas under the learning curve, one per seed."
    )
    blocks: list[Block] = [reading, *comparison.blocks()]
    if comparison.n_seeds > 1:
        figures["eps_min"] = comparison.plot()
        blocks.insert(2, Picture("eps_min", PICTURE_CAPTION))
    return Section("Significance", blocks)


def test_sets(findings: Findings) -> list[Section]:
    """Accuracy on further test sets, if there are any."""
    curves = findings.curves
    if curves.tests.empty:
        return []
    return [Section("Test sets", [tables.further_table(findings.shared, curves.tests, curves.full_data)])]


def labels_needed(findings: Findings) -> Section:
    """How many labels reach a share of the full-data accuracy."""
    if findings.full_accuracy is None:
        return Section("Labels needed", [Paragraph("There is no run on all data to measure against.")])
    needed = batches.labels_needed(findings.shared.rounds, findings.full_accuracy)
    n_train = findings.curves.about.get("n_train")
    return Section("Labels needed", [tables.labels_table(needed, findings.full_accuracy, n_train)])


def stopping(findings: Findings) -> list[Section]:
    """When stopping criteria were met, if there are any."""
    curves = findings.curves
    criteria = curves.about.get("stopping", [])
    if not criteria:
        return []
    text = "Each criterion judges from predictions, never from the test split, whether there are enough labels. "
    text += _ENDED if _stops(findings) else "None of them ended a run; with stop=true the first one met does."
    table = tables.stopping_table(curves.stopped, curves.rounds, findings.shared.strategies, criteria)
    return [Section("Stopping", [Paragraph(text), table])]


def wrong_labels(findings: Findings) -> list[Section]:
    """How many wrong labels each strategy bought, if the oracle errs."""
    if not findings.curves.noise:
        return []
    text = (
        "The oracle gives some documents a wrong label, the same ones to all strategies of a seed. A strategy that "
        "buys more of them than random batches would is drawn to wrong labels; one that buys fewer avoids them. With "
        "few labels and seeds the difference may be luck."
    )
    bought = wrong_labels_bought(findings.shared.rounds)
    table = tables.wrong_labels_table(bought, findings.shared.strategies)
    return [Section("Wrong labels", [Paragraph(text), table])]


def acquired_batches(findings: Findings, figures: dict[str, Figure]) -> Section:
    """Training dynamics of the acquired batches."""
    statistics = batches.batch_statistics(findings.shared.rounds)
    if statistics.empty:
        return Section("Acquired batches", [Paragraph("No batch was acquired.")])
    figures["batches"] = plots.batch_panels(statistics, findings.shared.strategies)
    caption = (
        "Mean confidence, variability and correctness of the batch acquired in each round, measured by the first "
        "training that includes it; mean over seeds."
    )
    return Section("Acquired batches", [Picture("batches", caption)])


def overlap(findings: Findings, figures: dict[str, Figure]) -> Section:
    """How much of what they acquired the strategies share."""
    shared, acquired = findings.shared, findings.curves.acquired
    acquired = acquired[acquired["seed"].isin(shared.seeds) & (acquired["round"] <= shared.last_round)]
    if len(shared.strategies) < 2 or shared.last_round == 0:
        return Section("Overlap", [Paragraph("There are no two sets of acquired instances to compare.")])
    n_train = findings.curves.about.get("n_train")
    n_open = None if n_train is None else n_train - findings.curves.n_aside
    pairs = batches.overlap(acquired, shared.strategies, n_open)
    figures["overlap"] = plots.overlap_matrix(pairs, shared.strategies)
    caption = (
        "Instances that both strategies acquired over all rounds, by id, as a multiple of what two random draws from "
        "the same pool would share; mean over seeds."
    )
    return Section("Overlap", [Picture("overlap", caption), tables.overlap_table(pairs)])


def data_maps(findings: Findings, figures: dict[str, Figure]) -> Section:
    """Data maps of the seed set, of each strategy's last labelled set, and of the whole train split."""
    shared, maps = findings.shared, findings.curves.maps
    maps = maps[maps["seed"].isin(shared.seeds)]
    if maps.empty:
        return Section("Data maps", [Paragraph("No data maps were stored.")])
    seed = int(maps["seed"].iloc[0])
    maps = maps[maps["seed"] == seed]
    by_strategy = maps[maps["strategy"].isin(shared.strategies)]
    seed_maps = by_strategy[by_strategy["round"] == 0]
    final_maps = by_strategy[(by_strategy["round"] == shared.last_round) & (by_strategy["round"] > 0)]
    groups = [
        (
            "seed_map",
            "Data map of the seed set, the same for every strategy",
            {"seed set": seed_maps[seed_maps["strategy"] == seed_maps["strategy"].min()]},
        ),
        (
            "final_maps",
            f"Data maps of the labelled set after round {shared.last_round}",
            {name: final_maps[final_maps["strategy"] == name] for name in shared.strategies},
        ),
        (
            "full_data_map",
            "Data map of training on all data",
            {"all training data": maps[maps["strategy"] == FULL_DATA]},
        ),
    ]
    blocks: list[Block] = []
    for name, caption, by_title in groups:
        present = [(title, frame) for title, frame in by_title.items() if len(frame)]
        for start in range(0, len(present), MAPS_PER_FIGURE):
            figure = f"{name}_{start // MAPS_PER_FIGURE + 1}" if start else name
            shown = dict(present[start : start + MAPS_PER_FIGURE])
            figures[figure] = map_plots.data_maps(shown, f"{caption} (seed {seed})")
            blocks.append(Picture(figure, f"{caption}; one seed, {seed}. Right: densities, with a line at the mean."))
    return Section("Data maps", blocks or [Paragraph("No data maps of the compared rounds were stored.")])


def seconds(findings: Findings, figures: dict[str, Figure]) -> Section:
    """Where the time of a run went."""
    figures["seconds"] = plots.seconds_bars(findings.shared.rounds, findings.shared.strategies)
    caption = "Seconds per run by phase: training, test evaluation and acquisition; mean over seeds."
    return Section("Seconds per strategy", [Picture("seconds", caption)])


def setting(findings: Findings) -> Section:
    """Configuration and versions, folded."""
    text = json.dumps(findings.curves.about, indent=2, ensure_ascii=False, sort_keys=True, default=str)
    return Section("Setting", [Folded("Configuration, versions, commit and device", text)])


def _stops(findings: Findings) -> bool:
    return bool(findings.curves.about.get("config", {}).get("stop"))
