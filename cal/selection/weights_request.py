"""The request of `cal weights`, and the function that makes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal.checks import Problems, is_path, one_of, paths
from cal.errors import DataError
from cal.files import taken
from cal.maps.logs_request import LogsRequest
from cal.request import make, takes

if TYPE_CHECKING:
    import numpy as np

    from cal.selection.weighted import Weights

BY = ("variability", "inverse_confidence", "mislabel")
"""Ways to weigh instances."""


@dataclass(kw_only=True)
class WeightsRequest(LogsRequest):
    """Weigh the instances of a data map for training, with non-negative weights of mean 1.

    Args:
        map: folder of cal map, or a file of a map or of coordinates (parquet, csv, tsv or jsonl, such as
            td_metrics.jsonl); in Python also a DataMap or a data frame
        by: variability, inverse_confidence, or mislabel (1 - probability that the label is wrong)
        probabilities: for mislabel, a csv or parquet file with columns id and p_wrong, or the folder of cal suspects
            dataset=NAME where it could estimate them; in Python also Suspects, a data frame with these columns, or a
            Series of p_wrong by id
        output: folder of the weights
    """

    map: Any = None
    by: str = "variability"
    probabilities: Any = None
    output: Any = None

    def _resolve(self, problems: Problems) -> None:
        problems += paths(or_null=True, output=self.output)
        self.output = Path(self.output) if is_path(self.output) else None
        super()._resolve(problems)
        problems += self._source_problems(self.map)
        if self.map is None and self.logs is None:
            problems.append("There is no map to work on. Give map=FOLDER, or logs=FOLDER.")
        if self.by not in BY:
            problems += one_of(BY, by=self.by)
        elif self.by == "mislabel" and self.probabilities is None:
            problems.append(
                "by=mislabel needs probabilities with columns id and p_wrong: your own, or those of cal suspects where "
                "it could estimate them."
            )
        elif self.by != "mislabel" and self.probabilities is not None:
            problems.append(f"by={self.by} does not use probabilities. Leave them out or use by=mislabel.")

    def run(self, corpus: Any = None, *, quiet: bool = False) -> Weights:
        """Weighs the instances; writes the weights to `output` if given.

        Args:
            corpus: ignored.
            quiet: ignored, as there is no progress to show.

        Raises:
            CalError: if something cannot be read, weighed or written.
        """
        from cal.selection.folder import WEIGHTS, refuse_other, result_folder

        folder = None if self.output is None else result_folder(self.output, WEIGHTS)
        with taken(folder):
            if folder is not None:
                refuse_other(folder.path, WEIGHTS)
            weights = self._weights()
            if folder is not None:
                weights.save(folder.path)
        return weights

    def _weights(self) -> Weights:
        from cal.maps.given import given_map
        from cal.provenance import provenance
        from cal.selection.weighted import Weights
        from cal.selection.weights import by_inverse_confidence, by_mislabel, by_variability

        data_map, source = given_map(self.map, self.logs, self.log_options)
        points = data_map.to_frame()
        about = {
            "config": self.as_data(),
            **self.origin(points["id"], points["gold"]),
            **provenance("cpu"),
            "n_instances": len(points),
            "source": source,
            "capture": data_map.capture,
            "n_epochs": data_map.n_epochs,
        }
        values: np.ndarray
        if self.by == "mislabel":
            values = by_mislabel(_probabilities(self.probabilities, points["id"].tolist()))
            about["probabilities"] = _origin(self.probabilities)
        else:
            of_map = {"variability": by_variability, "inverse_confidence": by_inverse_confidence}
            values = of_map[self.by](data_map)
        known = [name for name in ("id", "place", "gold", "gold_label") if name in points]
        return Weights(points[known].assign(weight=values), about)


@takes(WeightsRequest)
def weights(source: Any = None, **parameters: Any) -> Weights:
    """Weighs the instances of a data map for training, with non-negative weights of mean 1.

    Args:
        source: a `DataMap`, its `to_frame()`, or the folder or file of a map.
        **parameters: those of `WeightsRequest`.

    Returns:
        Weights by id, with `to_frame()`, `plot()` and `save(folder)`.

    Raises:
        ConfigError: listing every invalid parameter.
        CalError: if something cannot be read or weighed.

    Example:
        >>> import torch
        >>> import cal
        >>> logits = torch.tensor([[[0.0, 0.0], [99.0, 0.0]]])  # (epoch, instance, class): confidence .5 and 1
        >>> dynamics = cal.TrainingDynamics.from_logits(logits, torch.tensor([0, 0]))
        >>> data_map = cal.DataMap.of(dynamics, ["a", "b"])
        >>> cal.weights(data_map, by="inverse_confidence").to_frame()["weight"].round(3).tolist()
        [1.333, 0.667]
    """
    given = {} if source is None else {"map": source}
    return make(WeightsRequest, given | parameters).run()


def _origin(probabilities: Any) -> dict[str, str]:
    """The entries of the manifest about where probabilities come from."""
    from cal.files import digest_of

    if not isinstance(probabilities, str | Path):
        return {"given": type(probabilities).__name__}
    return {"path": str(probabilities), "sha256": digest_of(_file(probabilities))}


def _file(given: str | Path) -> Path:
    """The file of probabilities; in a folder, that of `cal suspects`."""
    return Path(given) / "suspects.csv" if Path(given).is_dir() else Path(given)


def _probabilities(given: Any, ids: Sequence[str | int]) -> list[float]:
    """The p_wrong of each id."""
    import pandas as pd

    from cal.dynamics.ids import few

    named = str(_file(given)) if isinstance(given, str | Path) else "The table of probabilities"
    try:
        table = _table(given)
        p_wrong = pd.Series(pd.to_numeric(table["p_wrong"]).to_numpy(), index=table["id"].astype(str))
    except KeyError as error:
        raise DataError(
            f"{named} has no column {error}; it needs id and p_wrong, as cal suspects writes them."
        ) from None
    except FileNotFoundError:
        raise DataError(
            f"{named} does not exist. Give the folder of cal suspects, or a table with columns id and p_wrong."
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{named} cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    if n_empty := int(p_wrong.isna().sum()):
        raise DataError(
            f"{named}: p_wrong is empty in {n_empty} of {len(p_wrong)} rows.{_why_empty(given)} Weigh by=variability "
            "or by=inverse_confidence instead, or leave suspects out with cal select recipe=without_suspects."
        )
    if (twice := p_wrong.index.duplicated()).any():
        raise DataError(f"{named} has ids more than once: {few(p_wrong.index[twice].tolist())}.")
    if absent := [instance_id for instance_id in ids if str(instance_id) not in p_wrong.index]:
        raise DataError(f"{named} has no probability for {len(absent)} of {len(ids)} ids of the map: {few(absent)}.")
    return p_wrong[[str(instance_id) for instance_id in ids]].tolist()


def _why_empty(given: Any) -> str:
    """Why `cal suspects` gave no probabilities, if these are its own."""
    import orjson

    about = getattr(given, "about", {})
    if isinstance(given, str | Path):
        try:
            about = orjson.loads(_file(given).with_name("suspects.json").read_bytes())
        except (OSError, ValueError):
            return ""  # a table of one's own
    return f" {about['no_p_wrong']}" if about.get("no_p_wrong") else ""


def _table(given: Any) -> Any:
    """The rows of a file, a data frame, a Series by id or `Suspects`."""
    import pandas as pd

    from cal.exchange.spreadsheet import from_spreadsheet

    if isinstance(given, str | Path):
        path = _file(given)
        if path.suffix != ".parquet" and path.exists():
            return from_spreadsheet(path)
        return pd.read_parquet(path)
    if isinstance(given, pd.Series):
        return given.rename_axis("id").rename("p_wrong").reset_index()
    table = given.to_frame() if hasattr(given, "to_frame") else given
    if not isinstance(table, pd.DataFrame):
        raise DataError(
            f"probabilities must be Suspects, a data frame with columns id and p_wrong, a Series by id or a file, not "
            f"{type(given).__name__}."
        )
    return table
