"""Audit report: the findings as text for the terminal and as a document with figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from cal.data.noise import NOISE
from cal.errors import in_words, quantity
from cal.label_errors.audit_advice import Advice, advise
from cal.label_errors.audit_classes import class_table
from cal.label_errors.audit_tables import (
    Injection,
    cleaning_table,
    detector_table,
    injections,
    interval_over_seeds,
    overview_table,
    remarks,
)
from cal.label_errors.detection_scores import READ
from cal.report.markup import Block, Bullets, Folded, Paragraph, Picture, Report, Section, TextTable
from cal.report.plot_style import label, line_style, new_figure, styled

if TYPE_CHECKING:
    from cal.label_errors.audit_result import AuditResult

_OF_INJECTED = (
    "All numbers count injected errors only. Labels that were wrong before count as right, so real precision is "
    "higher. Human errors are often harder to find."
)

_WIDTH = 110
_FEW_WRONG = 20
"""Number of wrong labels below which one of them moves recall by more than 5 points."""
_SMALL_TEST = 400
"""Number of test documents below which the standard error of an accuracy of .8 is above 2 points."""


def audit_text(result: AuditResult, name: str) -> str:
    """The text for the terminal, most important first.

    Args:
        result: result of the audit.
        name: name of the corpus.
    """
    parts, advice = injections(result), advise(result)
    lines = [advice.sentence, *([f"  {advice.command}"] if advice.command else []), "", _subject(result, name), ""]
    tables = [overview_table(result, advice.found), class_table(result, advice.detector)]
    for table in (each for each in tables if each is not None):
        lines += [*_as_text(table), *wrap(table.caption, _WIDTH), ""]
    lines += [f"{_capital(part.title)}: {part.headline(advice.detector)}" for part in parts]
    for part in parts:
        lines += ["", f"{_capital(part.title)} ({quantity(part.n_wrong, 'wrong label')})"]
        lines += [*_as_text(detector_table(part)), *remarks(part)]
        if len(part.accuracies):
            lines += ["", *_as_text(cleaning_table(part))]
    return "\n".join([*lines, "", *_cautions(result, parts, advice)])


def audit_document(result: AuditResult, name: str, about: str) -> tuple[Report, dict[str, Figure]]:
    """The report as a document, and its figures by name.

    Args:
        result: result of the audit.
        name: name of the corpus.
        about: configuration and versions, as text.
    """
    parts, advice = injections(result), advise(result)
    best = advice.detector
    by_part = TextTable(
        ["noise", "AP", f"found by reading {READ} %", "ceiling", "wrong of what is read", "best detector here"],
        [
            [
                _capital(part.title),
                part.of(best, "average_precision").decimals(),
                part.of(best, f"recall_at_{READ}").percent(),
                f"{100 * part.ceiling:.0f} %",
                part.of(best, f"precision_at_{READ}").percent(),
                part.ranked()[0],
            ]
            for part in parts
        ],
        f"Average precision of {best}, what it finds in the {READ} % most suspicious documents, and the detector with "
        "the highest average precision.",
    )
    blocks: list[Block] = [Paragraph(f"Rank your labels with it: {advice.command}")] if advice.command else []
    blocks += [Paragraph(_subject(result, name)), overview_table(result, advice.found), by_part]
    blocks += [table] if (table := class_table(result, best)) is not None else []
    sections = [Section("Summary", [*blocks, Bullets(_cautions(result, parts, advice), warning=True)])]
    figures = {}
    for part in parts:
        picture = f"recall_{part.noise}_{100 * part.rate:g}"
        figures[picture] = recall_figure(part)
        sections.append(_section(part, best, picture))
    sections.append(Section("Setting", [Folded("Configuration, versions, commit and device", about)]))
    return Report(f"Audit of {name}", advice.sentence, sections), figures


@styled
def recall_figure(part: Injection) -> Figure:
    """Share of the wrong labels found by share of documents read, for each detector, below the ceiling.

    Args:
        part: results for one kind of noise at one rate.
    """
    figure = new_figure(8.5, 4.6)
    axes = figure.subplots()
    percent = np.sort(part.curves["reviewed"].unique())
    share = part.n_wrong / part.scores["n_instances"].iloc[0]
    last = min(max(20.0, 300 * share), percent[-1])
    n_documents = np.round(percent / 100 * part.scores["n_instances"].iloc[0])  # rounded as in `recall_curve`
    axes.plot(percent, 100 * np.minimum(1, n_documents / part.n_wrong), color="black", linewidth=1.2, label="ceiling")
    names = part.scores["detector"].unique().tolist()
    for name in part.ranked():
        curves = part.curves[part.curves["detector"] == name].pivot(index="seed", columns="reviewed", values="recall")
        style = line_style(names, name)
        axes.plot(percent, 100 * curves.mean(), **style, markevery=4, label=label(name))
        if len(curves) > 1:
            ends = 100 * interval_over_seeds(curves.to_numpy())
            axes.fill_between(percent, *ends, color=style["color"], alpha=0.15, linewidth=0)
    axes.plot(percent, percent, color="#8A96A3", linestyle=":", linewidth=1.2, label="at random")
    axes.axvline(READ, color="#8A96A3", linewidth=0.8)
    axes.set(xlim=(0, last), ylim=(0, 103), xlabel="documents read, most suspicious first (%)")
    axes.set_ylabel("wrong labels found (%)")
    axes.set_title(f"{_capital(part.title)}: {quantity(part.n_wrong, 'wrong label')}", loc="left", weight="bold")
    figure.legend(loc="outside right upper", title="by average precision")
    return figure


def _section(part: Injection, best: str, picture: str) -> Section:
    bands = "; bands are 95 % intervals over seeds" if part.scores["seed"].nunique() > 1 else ""
    caption = f"Wrong labels found by documents read{bands}. No ranking can exceed the black line."
    blocks: list[Block] = [
        Paragraph(f"{NOISE[part.noise].summary} {part.headline(best)}"),
        Picture(picture, caption),
        detector_table(part),
    ]
    blocks += [Paragraph(line) for line in remarks(part)]
    if len(part.accuracies):
        blocks.append(cleaning_table(part))
    return Section(_capital(part.title), blocks)


def _cautions(result: AuditResult, parts: Sequence[Injection], advice: Advice) -> list[str]:
    """What the numbers do not say."""
    n_seeds, best = result.scores["seed"].nunique(), advice.detector
    cautions = [_OF_INJECTED]
    if advice.command:
        cautions.append(f"{best} was chosen by the same numbers that are reported for it, which flatters it a little.")
    useless = [part.title for part in parts if not part.of_use(best)]
    if useless and advice.command:
        cautions.append(
            f"{best} is of no use against {in_words(useless)}: its average precision is below twice that of a random "
            "order."
        )
    cautions += result.about.get("left_out", [])
    if (fewest := min(part.n_wrong for part in parts)) < _FEW_WRONG:
        cautions.append(
            f"With {quantity(fewest, 'wrong label')} per seed, the numbers are mostly chance. Use higher rates, more "
            "seeds or more documents."
        )
    n_test = result.about.get("n_test")
    if len(result.accuracies) and n_test is not None and n_test < _SMALL_TEST:
        cautions.append(
            f"Accuracy is measured on {quantity(n_test, 'test document')}, each worth {100 / n_test:.2g} points: "
            "gains from cleaning cannot be told from chance."
        )
    if n_seeds == 1:
        cautions.append(
            "With one seed there are no intervals, and it is not known how much of the ranking stays with another. Use "
            "more, such as seeds=5."
        )
    else:
        cautions.append(
            f"Brackets hold 95 % intervals of the mean over {n_seeds} seeds (percentile bootstrap). They cover other "
            f"draws of noise and training, not other corpora{', and few seeds make them too narrow' * (n_seeds < 10)}."
        )
    return cautions


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _subject(result: AuditResult, name: str) -> str:
    seeds = result.scores["seed"].unique().tolist()
    n = int(result.scores["n_instances"].iloc[0])
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"
    told = f"{name}: {n:,} training documents, wrong labels injected with {which}."
    return f"{told} {result.about.get('vectors') or ''}".strip()


def _as_text(table: TextTable) -> Iterator[str]:
    lines = [table.header, *table.rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        yield "  ".join([line[0].ljust(widths[0]), *cells]).rstrip()
