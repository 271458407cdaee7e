"""One run of `cal audit`: from a configuration to a folder.

config.yaml, audit.json    the resolved configuration; what was audited, and versions
scores.csv, curves.csv, accuracies.csv    the frames of `cal.label_errors.audit.AuditResult`
means.csv                  means of the scores over seeds, with their intervals
wrong/NOISE-RATE-SEED-*.csv  the wrong labels of each injection: id, gold label and the one given
cells/                     finished injections, which the same command goes on from
report.md, report.html, figures/
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from cal.data.corpus import Corpus
from cal.files import OwnedFolder, dated_folder
from cal.label_errors.audit import AuditArguments, AuditResult, audit, check_audit_arguments
from cal.label_errors.audit_report import audit_document, audit_text
from cal.label_errors.audit_tables import means_of
from cal.learners.compute import resolve_device
from cal.provenance import provenance
from cal.report.markup import to_html, to_markdown
from cal.report.plot_style import rendered


def check_audit(config: Mapping[str, Any]) -> AuditArguments:
    """What the arguments of a configuration stand for.

    Raises:
        ConfigError: listing everything that is wrong.
    """
    return check_audit_arguments(**_arguments(config))


def run_audit(config: Mapping[str, Any], built: Mapping[str, Any], *, quiet: bool = True) -> str:
    """Audits, and writes everything about it into a folder.

    Args:
        config: of `cal audit`, checked; `output` is the folder, None a dated one under runs/.
        built: the dataset reader, features and learner it describes.
        quiet: whether to show no progress bar.

    Returns:
        What it found, for the terminal, and where the report is.

    Raises:
        CalError: if something cannot be read, trained or written.
    """
    folder = Path(config["output"]) if config["output"] else dated_folder(Path("runs"), "audit")
    target = OwnedFolder(folder, "cal audit", "audit.json")
    target.refuse_foreign()
    corpus = built["dataset"].read()
    with target.lock("audit"):
        result, about = _audited(target, config, built, corpus, quiet)
        _write(target, result, config, corpus, about)
    return f"{audit_text(result, corpus.name)}\n\n{folder / 'report.html'}"


def _audited(
    target: OwnedFolder, config: Mapping[str, Any], built: Mapping[str, Any], corpus: Corpus, quiet: bool
) -> tuple[AuditResult, dict[str, Any]]:
    """What the audit measured, and what it was an audit of."""
    about = {"corpus": corpus.name, "corpus_fingerprint": corpus.fingerprint}
    about |= provenance(resolve_device(config["device"]))
    target.write_json("audit.json", about)  # first: it marks our folder
    target.write_yaml("config.yaml", config)
    result = audit(
        corpus,
        features=built.get("features"),
        learner=built["learner"],
        **_arguments(config),
        folder=target.path,
        quiet=quiet,
    )
    return result, about


def _write(
    target: OwnedFolder, result: AuditResult, config: Mapping[str, Any], corpus: Corpus, about: Mapping[str, Any]
) -> None:
    """Tables, figures and the report."""
    frames = {name: getattr(result, name) for name in ("scores", "curves", "accuracies")} | {"means": means_of(result)}
    for name, frame in frames.items():
        target.write(f"{name}.csv", frame.to_csv(index=False).encode())
    described = orjson.dumps({"config": dict(config), **about}, option=orjson.OPT_INDENT_2).decode()
    document, figures = audit_document(result, corpus.name, described)
    files = {name: rendered(figure) for name, figure in figures.items()}
    for name, by_suffix in files.items():
        for suffix in ("png", "pdf"):
            target.write(f"figures/{name}.{suffix}", by_suffix[suffix])
    target.write("report.md", to_markdown(document).encode())
    pictures = {name: by_suffix["svg"] for name, by_suffix in files.items()}
    target.write("report.html", to_html(document, pictures).encode())


def _arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `audit`; a single name or number is a list of one."""

    def listed(name: str) -> Any:
        return [config[name]] if isinstance(config[name], str | int | float) else config[name]

    lists = {name: listed(name) for name in ("rates", "detectors", "mend")}
    return {"noises": listed("noise"), **lists} | {
        name: config[name] for name in ("seeds", "folds", "device", "workers")
    }
