"""The part of a request that every command has that reads logs."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.checks import Problems, is_path, paths
from cal.request import Request

if TYPE_CHECKING:
    from cal.data.corpus import Corpus
    from cal.dynamics.log_options import LogOptions

logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class LogsRequest(Request):
    """Logs instead of a map, and how to read them.

    Args:
        logs: instead of a map, a folder of dynamics_epoch_0.jsonl and so on, or of a recorder
        on_missing: instances that some epochs of the logs lack, or whose logits are not finite there: error, drop them
            or partial, which uses the epochs they have
        epochs: list of the epochs of the logs to read, numbered as in the names of the files; null reads all
        burn_out: number of epochs of the logs to read, the first ones; null reads all
        values: what the logs hold, logits or probabilities; null takes logits, and refuses what can only be
            probabilities
        label_names: list of the names of the classes in the order of the logits; needed if gold labels in the logs are
            names, unless a dataset has them

    Attributes:
        log_options: how to read the logs.
    """

    logs: Any = None
    on_missing: str = "error"
    epochs: Any = None
    burn_out: int | None = None
    values: str | None = None
    label_names: Any = None
    log_options: LogOptions = field(init=False, repr=False)

    def _resolve(self, problems: Problems) -> None:
        from cal.dynamics.log_options import LogOptions

        super()._resolve(problems)  # type: ignore[safe-super]
        problems += paths(or_null=True, logs=self.logs)
        self.logs = str(self.logs) if is_path(self.logs) else None
        names = [each.name for each in dataclasses.fields(LogOptions)]
        given = {name: getattr(self, name) for name in names}
        self.log_options = problems.attempt(lambda: LogOptions(**given), otherwise=LogOptions())

    def _source_problems(self, data_map: Any) -> list[str]:
        """A sentence about each problem with the parameters that give a map."""
        problems = []
        if data_map is not None and self.logs is not None:
            problems.append("Give either map=FOLDER or logs=FOLDER, not both.")
        elif self.logs is None and not _holds_logs(data_map) and (unused := self.log_options.given):
            are, it = ("are", "them") if len(unused) > 1 else ("is", "it")
            problems.append(f"{', '.join(unused)} {are} for reading logs. Give logs=FOLDER, or leave {it} out.")
        return problems

    def options_with(self, corpus: Corpus | None) -> LogOptions:
        """How to read the logs; names of the classes are those of the corpus if no others are given."""
        from cal.dynamics.open_logs import gold_is_named

        folder: Any = self.logs or getattr(self, "map", None)
        if corpus is None or self.log_options.label_names is not None:
            return self.log_options
        if not _holds_logs(folder) or not gold_is_named(folder):
            return self.log_options
        names = list(corpus.label_names)
        logger.warning(
            "Gold labels in the logs are names; their logits are taken in the order of the labels of %s: %s. If the "
            "model had another order, give it: label_names=[...].",
            *(corpus.name, ", ".join(names)),
        )
        return dataclasses.replace(self.log_options, label_names=names)


def _holds_logs(given: Any) -> bool:
    """Whether a map is given as a folder of logs."""
    from cal.dynamics.find_logs import has_logs

    return isinstance(given, str | Path) and not (Path(given) / "map.json").exists() and has_logs(given)
