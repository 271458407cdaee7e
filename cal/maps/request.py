"""The request of `cal map`, and the function that makes one."""

from __future__ import annotations

import dataclasses
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import orjson

from cal.arguments import check_arguments
from cal.checks import Problems, one_of, whole_numbers
from cal.data.request import SplitRequest
from cal.errors import ConfigError, DataError, shown
from cal.files import taken
from cal.learners.request import TrainingRequest
from cal.maps.logs_request import LogsRequest
from cal.request import make, takes
from cal.seeds import list_seeds

if TYPE_CHECKING:
    from cal.data.corpus import Corpus
    from cal.dynamics.data_map import DataMap

logger = logging.getLogger(__name__)
CHECKPOINTS = "checkpoints"


@dataclass(kw_only=True)
class MapRequest(LogsRequest, TrainingRequest, SplitRequest):
    """Draw the data map of a whole train split, of logs that any training left, or of coordinates in a file.

    Args:
        dataset: reader of the corpus to train on, or that gives texts and label names to logs or a map
        map: map to draw instead of training: a file with ids, confidence, variability and correctness (jsonl, csv, tsv
            or parquet), such as td_metrics.jsonl, or a folder of cal map; in Python also a DataMap or a data frame
        logs: folder of dynamics_epoch_0.jsonl and so on, or of a recorder, to draw instead of training
        seeds: number of seeds (the paper's five first), or a list; several make a mean map
        capture: when to record: after each epoch (end), while training (during), or by models that never saw the
            document (out_of_fold)
        folds: number of parts of the train split for capture=out_of_fold
        region: rule of the regions: quantile, thresholds, data_iq or {rule: {parameter: value}}
        hardest: number of documents of least confidence to print, with gold and predicted label
        output: folder of the map, with the probability of every label after each epoch; the same command resumes an
            interrupted training
    """

    map: Any = None
    seeds: Any = 1
    capture: str = "end"
    folds: int = 5
    region: Any = "quantile"
    hardest: int = 0

    def _resolve(self, problems: Problems) -> None:
        from cal.dynamics.regions import region_rule
        from cal.dynamics.training_dynamics import Capture
        from cal.maps.map_file import SUFFIXES

        given = [
            name
            for name in ("n_epochs", "seeds", "capture", "folds")
            if getattr(self, name) != getattr(type(self), name)
        ]
        super()._resolve(problems)
        hint = " burn_out=N reads the first N epochs of logs." if "n_epochs" in given else ""
        it = "it" if len(given) == 1 else "them"
        for source, what in (("logs", "FOLDER"), ("map", "FILE")):
            if getattr(self, source) is not None and given:
                problems.append(
                    f"{source}={what} trains nothing, and so does not use {', '.join(given)}. Leave {it} out."
                    + (hint if source == "logs" else "")
                )
        if self.output is not None and self.output.suffix in SUFFIXES:
            problems.append(f"output={self.output} is the name of a file, and a map is a folder. Leave the ending out.")
        problems += self._source_problems(self.map)
        problems += whole_numbers(0, hardest=self.hardest) + whole_numbers(2, folds=self.folds)
        problems += one_of(get_args(Capture), capture=self.capture)
        problems.attempt(lambda: region_rule(self.region), otherwise=("", {}))
        self.seeds = problems.attempt(lambda: list_seeds(self.seeds), otherwise=[])

    def run(self, corpus: Any = None, *, quiet: bool = False) -> DataMap:
        """Trains, or reads logs, and, given an output folder, saves the map there: see `cal.maps.folder`.

        Several seeds give their mean, with the coordinates of each seed in `by_seed`.

        Args:
            corpus: whatever `cal.read_corpus` takes; None reads `dataset`, if there is one.
            quiet: hide the progress bar.

        Raises:
            ConfigError: if there is neither a corpus nor logs.
            CalError: if something cannot be read, trained or written.
        """
        from cal.dynamics.distributed import rank
        from cal.maps.folder import map_folder
        from cal.provenance import provenance

        if self.logs is None and self.map is None and self.dataset is None and corpus is None:
            raise ConfigError(
                "Nothing to draw: give a corpus to train on (dataset=NAME on the command line), or logs=FOLDER to read "
                "logs, or map=FILE to read coordinates."
            )
        _refuse_given_map(corpus)
        folder = None if self.output is None or rank() else map_folder(self.output)
        with taken(folder):
            read = self.corpus_if_given(corpus)
            config = self.as_data()
            if self.logs is None and self.map is None:
                assert read is not None
                about = self.origin(read.train.ids, read.train.gold, corpus)
                if folder is not None:
                    folder.refuse_other_data(about)
                data_map = self._trained(read, quiet).one()
                about |= {"corpus_fingerprint": read.fingerprint, **provenance(self.device)}
            else:
                data_map = (self._of_logs(read) if self.map is None else self._of_map(read)).one()
                ids = range(len(data_map)) if data_map.ids is None else data_map.ids
                if read is not None:
                    self.say_joined(ids, read)
                about = self.origin(ids, data_map.gold.tolist()) | provenance("cpu")
                used = ("map", "logs", *vars(self.log_options), "dataset", "region", "output")
                config = {key: config[key] for key in used}
            if folder is not None:
                data_map.save(folder.path, config=config, about=about)
                shutil.rmtree(folder.path / CHECKPOINTS, ignore_errors=True)
        return data_map

    def run_in_folder(self, *, quiet: bool = False) -> tuple[str, Path]:
        from cal.dynamics.distributed import gathered, rank
        from cal.maps.summary import hardest_text, summary_text

        # If several processes share the training, the first one chooses the folder.
        chosen = gathered(self.output or (None if rank() else self._new_folder()))
        folder = self.output = Path(str(chosen[0]))
        data_map = self.run(quiet=quiet)
        if rank():
            return "", folder
        text = summary_text(orjson.loads((folder / "map.json").read_bytes()))
        return (f"{text}\n\n{hardest_text(data_map.to_frame(), self.hardest)}" if self.hardest else text), folder

    def _trained(self, corpus: Corpus, quiet: bool) -> DataMap:
        from cal.dynamics.class_curves import why_no_room
        from cal.dynamics.data_map import DataMap
        from cal.maps.training import train_map

        checkpoints = None if self.output is None else self.output / CHECKPOINTS
        try:
            dynamics = train_map(self, corpus, checkpoints, quiet)
        except KeyboardInterrupt:
            if checkpoints is not None and any(path.is_file() for path in checkpoints.rglob("*")):
                logger.warning("Progress saved; rerun with output=%s to resume.", self.output)
            raise
        if reason := why_no_room(dynamics.gold.numel(), dynamics.n_epochs, corpus.n_classes):
            logger.warning("%s", reason)
        return DataMap.of(
            dynamics,
            corpus.train.ids,
            name=corpus.name,
            seeds=self.seeds,
            texts=corpus.train.texts,
            places=corpus.train.found_at,
            label_names=corpus.label_names,
            region_rule=self.region,
        )

    def _of_logs(self, corpus: Corpus | None) -> DataMap:
        """The map of logs, with texts and label names of the corpus where there is one."""
        from cal.dynamics.class_curves import why_no_room
        from cal.dynamics.open_logs import logs_in
        from cal.maps.labels import with_corpus

        path = Path(self.logs)
        options = self.options_with(corpus)
        logs = logs_in(path, options)
        if reason := why_no_room(len(logs), logs.n_epochs, logs.n_classes):
            logger.warning("%s", reason)
        data_map = logs.data_map(name=path.resolve().name, label_names=options.label_names, region_rule=self.region)
        if corpus is None:
            return data_map
        if corpus.n_classes != logs.n_classes:
            raise DataError(
                f"The logs in {path} are of {logs.n_classes} classes, and {corpus.name} has {corpus.n_classes}. "
                "Give the dataset that the logs are from, or none."
            )
        return with_corpus(data_map, corpus, strict=False)

    def _of_map(self, corpus: Corpus | None) -> DataMap:
        """The map of a file, with texts and label names of the corpus where there is one."""
        from cal.maps.given import given_map
        from cal.maps.labels import with_corpus

        data_map, _ = given_map(self.map, None, self.options_with(corpus))
        if self.region != type(self).region or data_map.region is None:
            data_map = dataclasses.replace(data_map, region=None, region_rule=self.region)
        return data_map if corpus is None else with_corpus(data_map, corpus, strict=False)


def _refuse_given_map(corpus: Any) -> None:
    """Says where a map or logs go that were given for a corpus."""
    from cal.dynamics.find_logs import has_logs
    from cal.maps.given import is_map

    logs = isinstance(corpus, str | Path) and has_logs(corpus)
    if logs or is_map(corpus):
        key, what = ("logs", "logs") if logs else ("map", "a map")
        given = repr(str(corpus)) if isinstance(corpus, str | Path) else "..."
        raise ConfigError(f"{shown(corpus)} holds {what}, not a corpus. Call cal.map({key}={given}).")


@takes(MapRequest)
def map(corpus: Any = None, *, quiet: bool = False, **parameters: Any) -> DataMap:
    """The data map of a corpus: how a classifier learnt each document, epoch by epoch.

    Args:
        corpus: a `Corpus`, or whatever `cal.read_corpus` takes; not needed with `logs`.
        quiet: hide the progress bar.
        **parameters: those of `MapRequest`.

    Returns:
        The map, the mean over several seeds, with `to_frame()`, `plot()`, `page()` and `save(folder)`; square brackets
        filter it like a table.

    Raises:
        ConfigError: listing everything wrong with the parameters; before any training.
        CalError: if something cannot be read, trained or written.

    Example:
        >>> import cal
        >>> texts = [f"{start} is it {i}?" for i in range(6) for start in ("How far", "Who")]
        >>> corpus = cal.Corpus.from_texts(texts, ["number", "person"] * 6)
        >>> data_map = cal.map(corpus, n_epochs=4, learner={"mlp": {"lr": 0.01}})
        >>> data_map
        DataMap 'corpus': 12 instances, 4 epochs, 1 run
        >>> data_map.to_frame().columns[:3].tolist()
        ['id', 'place', 'gold']
    """
    check_arguments(map, {"quiet": quiet})
    return make(MapRequest, parameters).run(corpus, quiet=quiet)
