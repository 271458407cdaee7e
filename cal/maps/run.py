"""One run of `cal map`: from a configuration to a map folder."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import shorten
from typing import Any

import pandas as pd

from cal.data.corpus import Corpus
from cal.dynamics.data_map import DataMap
from cal.dynamics.distributed import gathered, rank
from cal.dynamics.logs import open_logs
from cal.errors import DataError
from cal.files import dated_folder
from cal.learners.compute import resolve_device
from cal.maps.folder import CHECKPOINTS, map_folder
from cal.maps.summary import with_label_names
from cal.maps.training import full_map
from cal.provenance import provenance
from cal.seeds import list_seeds

logger = logging.getLogger(__name__)


def draw_map(config: Mapping[str, Any], built: Mapping[str, Any], *, quiet: bool = True) -> tuple[str, Path]:
    """Trains, or reads logs, and writes a map folder.

    Args:
        config: of `cal map`, checked; `output` is the folder, None a dated one under runs/.
        built: the dataset reader, features and learner it describes; no reader for logs without texts.
        quiet: whether to show no progress bar.

    Returns:
        A summary in a few lines, and the interactive page; nothing to say but in the first of several processes.

    Raises:
        CalError: if something cannot be read, trained or written.
    """
    # Of several processes the first one says where; the others help it train.
    folder = gathered(Path(config["output"]) if config["output"] else dated_folder(Path("runs"), "map"))[0]
    map_folder(folder).refuse_foreign()
    corpus: Corpus | None = built["dataset"].read() if "dataset" in built else None
    if config["logs"] is None and corpus is not None:
        data_map = _draw_trained(folder, config, built, corpus, quiet)
    else:
        data_map = _draw_logs(folder, config, corpus)
    text = "" if data_map is None else str(data_map)
    if data_map is not None and config["hardest"]:
        text += f"\n\n{hardest_text(data_map.to_frame(), config['hardest'])}"
    return text, folder / "map.html"


def hardest_text(points: pd.DataFrame, n: int) -> str:
    """The n instances of least confidence: confidence, correctness, id, gold and predicted label, and the text.

    Args:
        points: rows of a map, as `DataMap.to_frame` has them.
        n: greatest number of instances.

    Example:
        >>> points = pd.DataFrame({"id": ["a", "b"], "confidence": [0.9, 0.1], "correctness": [1.0, 0.0]})
        >>> points = points.assign(loss=[0.1, 2.3], gold=0, predicted=[0, 1], text=["Who?", "How far is it?"])
        >>> print(hardest_text(points, 1))
        hardest to learn, by confidence
        .100  0.00  b  gold 0, predicted 1: How far is it?
    """
    named = with_label_names(points)
    first = named.sort_values(["confidence", "loss", "id"], ascending=[True, False, True], kind="stable").head(n)
    texts = first.get("text", pd.Series("", index=first.index)).map(lambda text: shorten(text, 200, placeholder=" …"))
    rows = zip(
        first["confidence"], first["correctness"], first["id"], first["gold"], first["predicted"], texts, strict=True
    )
    lines = [
        f"{confidence:.3f}".removeprefix("0")
        + f"  {correctness:.2f}  {instance_id}  gold {gold}, predicted {predicted}: {text}".rstrip(": ")
        for confidence, correctness, instance_id, gold, predicted, text in rows
    ]
    return "\n".join(["hardest to learn, by confidence", *lines])


def _draw_trained(
    folder: Path, config: Mapping[str, Any], built: Mapping[str, Any], corpus: Corpus, quiet: bool
) -> DataMap | None:
    names = ("seeds", "capture", "folds", "device", "workers")
    try:
        dynamics = full_map(
            corpus,
            features=built.get("features"),
            learner=built["learner"],
            quiet=quiet,
            checkpoints=folder / CHECKPOINTS,
            **{name: config[name] for name in names},
        )
    except KeyboardInterrupt:
        if any(path.is_file() for path in (folder / CHECKPOINTS).rglob("*")):
            logger.warning("What is trained is kept; the same command with output=%s goes on from there.", folder)
        raise
    if rank():
        return None
    data_map = DataMap.of(
        dynamics,
        corpus.train.ids,
        name=corpus.name,
        texts=corpus.train.texts,
        label_names=corpus.label_names,
        seeds=list_seeds(config["seeds"]),
        region_rule=config["region"],
    )
    about = {"corpus_fingerprint": corpus.fingerprint, **provenance(resolve_device(config["device"]))}
    data_map.save(folder, config=config, about=about)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    return data_map.one()


def _draw_logs(folder: Path, config: Mapping[str, Any], corpus: Corpus | None) -> DataMap:
    """The map of logs, with texts and label names of the corpus where there is one."""
    path = Path(config["logs"])
    store = open_logs(path, config["on_missing"])
    data_map = store.data_map()
    if corpus is not None and corpus.n_classes != store.n_classes:
        raise DataError(
            f"The logs in {path} are of {store.n_classes} classes, and {corpus.name} has {corpus.n_classes}. "
            "Give the dataset that the logs are of, or none."
        )
    data_map = replace(
        data_map,
        name=path.resolve().name,
        curves=store.dynamics().gold_prob,
        texts=None if corpus is None else _texts(corpus, store.kept_ids(), data_map.gold.tolist()),
        label_names=None if corpus is None else corpus.label_names,
        region_rule=config["region"],
    )
    known = {key: config[key] for key in ("logs", "on_missing", "dataset", "region", "output")}
    data_map.save(folder, config=known, about=provenance("cpu"))
    return data_map


def _texts(corpus: Corpus, ids: Sequence[str | int], gold: Sequence[int]) -> list[str]:
    """The training text of each id, empty where there is none; logs that do not fit the corpus are warned of."""
    row_of = {instance_id: row for row, instance_id in enumerate(corpus.train.ids)}
    rows = [row_of.get(str(instance_id)) for instance_id in ids]
    if absent := rows.count(None):
        logger.warning("%d of %d ids of the logs are not in the train split of %s.", absent, len(ids), corpus.name)
    known = [(row, label) for row, label in zip(rows, gold, strict=True) if row is not None]
    if differing := sum(int(corpus.train.gold[row]) != label for row, label in known):
        logger.warning(
            "%d of %d gold labels of the logs differ from those of %s: the names of labels may be wrong.",
            *(differing, len(known), corpus.name),
        )
    return ["" if row is None else corpus.train.texts[row] for row in rows]
