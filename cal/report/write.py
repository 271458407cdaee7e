"""Report: everything a finished simulation shows, as report.md, a self-contained report.html, figures and tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from cal.arguments import check_arguments
from cal.files import refuse_unwritable, write_whole
from cal.report import sections
from cal.report.findings import Findings
from cal.report.markup import Report, to_html, to_latex, to_markdown
from cal.report.plot_style import rendered
from cal.threads import one_thread

if TYPE_CHECKING:
    from cal.simulation.curves import LearningCurves


def write_report(curves: LearningCurves, folder: Path | str) -> Path:
    """Writes report.md, report.html, figures/*.png, figures/*.pdf and tables/*.tex; equal curves give equal bytes.

    The report compares the largest block of seeds and rounds that all strategies have finished, and says what that
    leaves out.

    Args:
        curves: result of the simulation, finished or interrupted.
        folder: where to write; made if it does not exist.

    Returns:
        The path of report.html.

    Raises:
        AnalysisError: if no round is finished, or runs differ in seed-set or query size.
        StorageError: if the folder cannot be written.
    """
    check_arguments(write_report, locals())
    refuse_unwritable(Path(folder))
    report, figures = describe(curves)
    files = {name: rendered(figure) for name, figure in figures.items()}
    contents = {
        f"figures/{name}.{suffix}": by_suffix[suffix] for name, by_suffix in files.items() for suffix in ("png", "pdf")
    }
    contents |= {f"tables/{name}.tex": to_latex(table).encode() for name, table in report.tables.items()}
    contents["report.md"] = to_markdown(report).encode()
    contents["report.html"] = to_html(report, {name: by_suffix["svg"] for name, by_suffix in files.items()}).encode()
    for name, content in contents.items():
        write_whole(Path(folder) / name, content, "Make room, or choose another folder.")
    return Path(folder) / "report.html"


@one_thread()
def describe(curves: LearningCurves) -> tuple[Report, dict[str, Figure]]:
    """The report of a simulation, and its figures by name."""
    findings = Findings.of(curves)
    comparison = findings.compare() if len(findings.areas) > 1 else None
    figures: dict[str, Figure] = {}
    parts = [
        sections.summary(findings, comparison),
        sections.learning_curves(findings, figures),
        sections.areas(findings, figures),
        sections.significance(comparison, figures),
        *sections.test_sets(findings),
        sections.labels_needed(findings),
        *sections.stopping(findings),
        *sections.wrong_labels(findings),
        sections.acquired_batches(findings, figures),
        sections.overlap(findings, figures),
        sections.data_maps(findings, figures),
        sections.seconds(findings, figures),
        sections.setting(findings),
    ]
    (only, *_) = findings.shared.strategies
    verdict = comparison.headline() if comparison else f"Only {only} was run; there is nothing to compare it with."
    return Report(f"Active learning on {findings.corpus}", verdict, parts), figures
