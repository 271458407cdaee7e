"""Valid calls of all public functions and classes, each by name, for the tests that spoil one of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

import cal
from cal.active.accuracy import binomial_bounds, live_accuracy
from cal.active.slips import find_slips
from cal.annotation import Project, simulate_reviews
from cal.annotation.proof.betting import Bets
from cal.annotation.proof.error_total import error_total, lure
from cal.annotation.proof.stopping import certificate, certified_recall, next_reads
from cal.annotation.queues.draw_order import draw_order, draw_weights
from cal.annotation.queues.filters import Condition, Filter
from cal.annotation.requests.status_request import StatusRequest
from cal.anytime import decide
from cal.corrections.error_count import wrong_in
from cal.corrections.reads import draw_reads
from cal.data.corpus import TestSet
from cal.data.noise import check_noise, count_wrong, inject
from cal.dynamics import metrics
from cal.dynamics.jsonl import write_epoch
from cal.dynamics.logs import Logs
from cal.dynamics.regions import region_rule, regions
from cal.dynamics.running import RunningDynamics
from cal.dynamics.scikit import record_partial_fit, record_stages
from cal.dynamics.store import LogStore
from cal.dynamics.suspicion import normalised_margin, self_confidence, suspicion
from cal.exchange.arrow import from_dataset, to_dataset
from cal.exchange.cleanlab import from_cleanlab, to_cleanlab
from cal.exchange.formats import find_format, read_annotated, write_annotated
from cal.exchange.records import AnnotatedDocument, Answer, LabelSet, Suggested
from cal.label_errors.detectors import detect
from cal.label_errors.error_estimate import estimate_errors
from cal.label_errors.neighbours import find_neighbours
from cal.label_errors.noise_detector import NoiseDetector, flips_from_easy
from cal.learners.grid import Setup, Training, cross_validation, train_all
from cal.maps.importers import read_aum, read_scores
from cal.report import (
    area_under_curve,
    aso,
    aso_matrix,
    paired_permutation_test,
    sweep_table,
    violation_ratio,
    write_report,
)
from cal.report.significance import holm
from cal.selection.aflite import aflite
from cal.selection.recipes import Chooser, Recipe, n_of
from cal.selection.schedule import EasyToHard, SelfPaced, easy_to_hard
from cal.selection.weights import by_inverse_confidence, by_mislabel, by_variability
from cal.streams import stream
from cal.testing import conformance, practice_pool


class Call(NamedTuple):
    """A public function and valid arguments; `spoiled` names those that the tests replace, all by default."""

    name: str
    function: Callable[..., Any]
    arguments: dict[str, Any]
    spoiled: list[str] | None = None


class Given(NamedTuple):
    """What calls are about: made once."""

    corpus: cal.Corpus
    data_map: cal.DataMap
    curves: cal.LearningCurves
    folder: Path


@functools.cache
def given(folder: Path) -> Given:
    texts = [f"{start} is it {i}?" for i in range(6) for start in ("How far", "Who")]
    corpus = cal.Corpus.from_texts(texts, ["number", "person"] * 6, ids=[f"d{i}" for i in range(12)], test=0.25)
    data_map = cal.map(corpus, n_epochs=2, quiet=True, workers=1, learner={"mlp": {"hidden": [4]}})
    small = {"seeds": 1, "seed_size": 4, "query_size": 2, "rounds": 1, "n_epochs": 2, "workers": 1}
    curves = cal.simulate(corpus, ["random", "margin"], quiet=True, **small)
    data_map.save(folder / "map.parquet")
    curves.save(folder / "curves")
    cal.pack_curves([folder / "curves"], folder / "curves.parquet")
    for epoch in range(2):
        write_epoch(folder / "logs", epoch, ["a", "b"], [[2.0, 0.0], [0.0, 1.0]], [0, 0])
    (folder / "td_metrics.jsonl").write_text(
        '{"guid": "a", "index": 0, "confidence": 0.5, "variability": 0.1, "correctness": 1}\n'
    )
    (folder / "aum_values.csv").write_text("sample_id,aum\na,1.5\n")
    (folder / "my.csv").write_text("text,label\nHow?,a\nWho?,b\n")
    np.save(folder / "el2n.npy", [0.25])
    cal.select(data_map, recipe="hard", count=2).save(folder / "selection")
    cal.weights(data_map).save(folder / "weights")
    return Given(corpus, data_map, curves, folder)


def public_calls(folder: Path) -> list[Call]:
    """All calls, in the order of the rooms."""
    about = given(folder)
    rooms = (_of_data, _of_dynamics, _of_commands, _of_reports, _of_rest)
    others = [*_of_reads(), *_of_status(about), *_of_exchange(folder), *_of_loops(about)]
    return [*chain.from_iterable(room(about) for room in rooms), *others]


def _of_loops(about: Given) -> list[Call]:
    texts = about.corpus.train.texts
    options = {"learner": {"mlp": {"hidden": [4], "n_epochs": 2}}, "features": "lsa", "seed": 0, "explore": 0.1}
    options |= {"seed_set": "random", "per_class": 1, "stopping": (), "device": "cpu", "labels": ["number", "person"]}
    loop = cal.ActiveLearner(list(texts), test_share=0, **options)
    labels = {id: "number" if "How" in loop.text(id) else "person" for id in loop.to_frame()["id"]}
    loop.tell(dict(list(labels.items())[:5]))
    loop.save(about.folder / "loop")
    file = {"unlabelled": pd.DataFrame({"text": texts}), "labelled": None, "n": 2, "output": None}
    columns = {"text_column": "text", "id_column": "id", "label_column": "label"}
    table = {"text": "text", "id": "id", "label": "label"}
    pd.DataFrame({"id": list(labels), "text": [loop.text(id) for id in labels]}).to_parquet(
        about.folder / "shard.parquet"
    )
    shards = {
        "shards": str(about.folder / "shard.parquet"),
        "labelled": {"id": list(labels), "label": [*labels.values()]},
    }
    shards |= {name: options[name] for name in ("learner", "features", "seed")}
    pd.DataFrame(
        {"id": list(labels), "text": [loop.text(id) for id in labels], "label": [*labels.values()]}
    ).to_parquet(about.folder / "labelled.parquet")
    mapped = {**shards, "shards": str(about.folder / "labelled.parquet")}
    del mapped["labelled"]
    learner = cal.ActiveLearner
    return [
        Call(
            "ActiveLearner",
            learner,
            {"documents": list(texts), "strategy": "margin", "test_share": 0, **options, **table},
        ),
        Call("ActiveLearner.ask", learner.ask, {"self": loop, "n": 2}, ["n"]),
        Call(
            "ActiveLearner.tell",
            learner.tell,
            {"self": loop, "ids": list(labels)[:2], "labels": ["number", None]},
            ["ids", "labels"],
        ),
        Call(
            "ActiveLearner.predict",
            learner.predict,
            {"self": loop, "texts": ["Who?"], "features": None},
            ["texts", "features"],
        ),
        Call("ActiveLearner.predict_proba", learner.predict_proba, {"self": loop, "texts": ["Who?"]}, ["texts"]),
        Call("ActiveLearner.suggestions", learner.suggestions, {"self": loop, "ids": list(labels)[:2]}, ["ids"]),
        Call("ActiveLearner.text", learner.text, {"self": loop, "id": next(iter(labels))}, ["id"]),
        Call("ActiveLearner.corpus", learner.corpus, {"self": loop, "test": True}, ["test"]),
        Call("ActiveLearner.save", learner.save, {"self": loop, "folder": about.folder / "loop"}, ["folder"]),
        Call("ActiveLearner.load", learner.load, {"folder": about.folder / "loop", "strategy": "margin"}),
        Call("score", cal.score, {**shards, "strategy": "margin", "workers": 1, "n": 1}),
        Call("plan_map", cal.plan_map, {**mapped, "workers": 1, "target": 100, "price": 1.0, "parts": 1}),
        Call("map_shards", cal.map_shards, {**mapped, "workers": 1, "output": about.folder / "drawn"}),
        Call("plan_scores", cal.plan_scores, {**shards, "workers": 1, "target": 100, "price": 1.0, "parts": 1}),
        Call("ask", cal.ask, {**file, "strategy": "margin", "test_share": 0, **options, **columns}),
    ]


def _of_exchange(folder: Path) -> list[Call]:
    best = Suggested("HUM", 0.5, "run-1")
    answer = {"id": "8c2f6a52-7d0e-4d7a-9a5e-0d5f3c1b2a10", "reviewer": "ann", "action": "relabel", "label": "HUM"}
    document = {"id": "q-1", "text": "Who?", "given": "LOC", "label": "HUM", "state": "relabelled", "split": None}
    made = [AnnotatedDocument(**document)]
    file = folder / "reviewed.jsonl"
    write_annotated(made, LabelSet(("HUM", "LOC")), file, "jsonl")
    return [
        Call("Suggested", Suggested, {"label": "HUM", "score": 0.5, "source": "run-1"}),
        Call("Answer", Answer, {**answer, "comment": "", "seconds": 1.5, "time": None, "seen": best}),
        Call("AnnotatedDocument", AnnotatedDocument, document),
        Call("LabelSet", LabelSet, {"names": ("HUM", "LOC"), "guidelines": "", "colours": {"HUM": "#0072B2"}}),
        Call(
            "write_annotated",
            write_annotated,
            {"documents": made, "labels": LabelSet(("HUM",)), "path": folder / "again.csv", "name": "csv"},
        ),
        Call("read_annotated", read_annotated, {"path": file, "name": "jsonl"}),
        Call("find_format", find_format, {"path": file}),
        Call("to_dataset", to_dataset, {"documents": made}),
        Call("from_dataset", from_dataset, {"dataset": to_dataset(made)}),
        Call("to_cleanlab", to_cleanlab, {"documents": made}),
        Call("from_cleanlab", from_cleanlab, {"frame": to_cleanlab(made)}),
    ]


def _of_data(about: Given) -> list[Call]:
    corpus = about.corpus
    frame = pd.DataFrame({"text": ["How far?", "Who?", "How old?"], "label": ["n", "p", "n"]})
    lists = {"texts": ["How far?", "Who?", "How old?", "Whose?"], "labels": [0, 1, 0, 1], "ids": list("abcd")}
    split = {"ids": ["a", "b"], "texts": ["How?", "Who?"], "gold": [0, 1], "name": "train", "sequences": None}
    test = cal.Split(["c"], ["Whose?"], [1])
    test_set = TestSet(test, ["n", "p"], [0, 1])
    whole = {"train": cal.Split(**split), "test": test, "label_names": ["n", "p"], "dev": None, "name": "c"}
    vectors = np.zeros((2, 3), np.float32)
    options = {"label_names": None, "unlabelled": "error", "name": "c"}
    return [
        Call("Split", cal.Split, split),
        Call("Split.where", corpus.train.where, {"chosen": [True] * len(corpus.train), "name": "part"}),
        Call("TestSet", TestSet, {"split": test, "label_names": ["n", "p"], "label_of": [0, 1]}),
        Call("Corpus", cal.Corpus, {**whole, "tests": {"more": test_set}}),
        Call("Corpus.hold_out", cal.Corpus.from_texts(**lists).hold_out, {"fraction": 0.5, "seed": 0}),
        Call("Corpus.require_test", corpus.require_test, {"purpose": "it"}),
        Call("Corpus.from_texts", cal.Corpus.from_texts, {**lists, "test": 0.5, **options}),
        Call(
            "Corpus.from_frame",
            cal.Corpus.from_frame,
            {"df": frame, "text": "text", "label": "label", "id": None, "choices": None, "blank": None}
            | {"split": None, "test": None, **options},
        ),
        Call(
            "Corpus.from_dataset",
            cal.Corpus.from_dataset,
            {"dataset": {"train": frame}, "text": "text", "label": "label", "id": None, "choices": None}
            | {"blank": None, "test": None, **options},
        ),
        Call("read_corpus", cal.read_corpus, {"source": frame, "text": "text", "label": "label", "test": None}),
        Call("Features", cal.Features, {"train": vectors, "test": vectors, "dev": None, "tests": {"more": vectors}}),
        Call(
            "Features.by_id",
            cal.Features.by_id,
            {"corpus": cal.Corpus(**whole), "ids": ["a", "b", "c"], "vectors": np.zeros((3, 2)), "source": "mine"},
        ),
    ]


def _of_dynamics(about: Given) -> list[Call]:
    data_map, folder = about.data_map, about.folder
    logits = torch.tensor([[[2.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [3.0, 0.0]]])  # (epoch, instance, class)
    gold, ids = torch.tensor([0, 0]), ["a", "b"]
    dynamics = cal.TrainingDynamics.from_logits(logits, gold)
    probs = torch.softmax(logits, dim=-1)
    points = data_map.to_frame()
    dataset = torch.utils.data.TensorDataset(torch.eye(4), torch.tensor([0, 1, 0, 1]))
    rows = {"ids": ids, "logits": logits[0], "gold": gold}
    x, y = np.arange(8.0)[:, None], [0, 1] * 4

    def recorder(**changed: Any) -> cal.DynamicsRecorder:
        made = cal.DynamicsRecorder(**changed)
        made.record(**rows)
        made.end_epoch()
        return made

    def fitted() -> Any:
        from sklearn.ensemble import GradientBoostingClassifier

        return GradientBoostingClassifier(n_estimators=2).fit(x, y)

    def classifier() -> Any:
        from sklearn.linear_model import SGDClassifier

        return SGDClassifier(loss="log_loss", random_state=0)

    def trained(**changed: Any) -> Any:
        return cal.compute_training_dynamics(**{"model": torch.nn.Linear(4, 2)} | changed)

    one = {
        name: getattr(data_map, name)
        for name in (*metrics.METRICS, "gold", "predicted")
        if name != "threshold_closeness"
    }
    stored = {"ids": ids, "gold": [0, 1], "logits": [[2.0, 0.0], [0.5, 0.0]], "faults": None}
    return [
        Call("DynamicsRecorder", recorder, {"n_classes": 2, "folder": None, "capture": "end", "on_missing": "error"}),
        Call(
            "ShardRecorder", cal.ShardRecorder, {"folder": "shards", "n_classes": 2, "capture": "end", "values": None}
        ),
        Call("ShardRecorder.rewind", lambda n_epochs: cal.ShardRecorder("shards").rewind(n_epochs), {"n_epochs": 0}),
        Call("record", lambda **changed: cal.DynamicsRecorder().record(**changed), rows),
        Call("rewind", lambda n_epochs: recorder().rewind(n_epochs), {"n_epochs": 0}),
        Call("LogStore", LogStore, {"folder": None, "capture": "end", "on_missing": "error"}),
        Call("LogStore.append", lambda **changed: LogStore().append(**changed), stored),
        Call("write_epoch", write_epoch, {"folder": "out", "epoch": 0, **rows, "compress": False}),
        Call("Logs", Logs, {"folder": folder / "logs", "epochs": None, "on_missing": "error", "capture": "during"}),
        Call("read_logs", cal.read_logs, {"folder": folder / "logs", "on_missing": "error"}),
        Call("lint_logs", cal.lint_logs, {"folder": folder / "logs"}),
        Call("TrainingDynamics.from_logits", cal.TrainingDynamics.from_logits, {"logits": logits, "gold": gold}),
        Call("TrainingDynamics.epochs", dynamics.epochs, {"chosen": [0]}),
        Call(
            "RunningDynamics",
            lambda gold, logits: RunningDynamics(gold).add(logits),
            {"gold": gold, "logits": logits[0]},
        ),
        Call(
            "compute_training_dynamics",
            trained,
            {"dataset": dataset, "n_epochs": 1, "lr": 0.1, "batch_size": 2, "capture": "end", "optimizer": None}
            | {"loss_fn": None, "collate": None, "device": "cpu", "seed": 0, "ids": None}
            | {"model": torch.nn.Linear(4, 2)},
        ),
        Call(
            "record_partial_fit",
            lambda **changed: record_partial_fit(
                **{"recorder": cal.DynamicsRecorder(), "classifier": classifier()} | changed
            ),
            {
                "x": x,
                "y": y,
                "n_epochs": 1,
                "ids": None,
                "recorder": cal.DynamicsRecorder(),
                "classifier": classifier(),
            },
        ),
        Call(
            "record_stages",
            lambda **changed: record_stages(**{"recorder": cal.DynamicsRecorder()} | changed),
            {"x": x, "y": y, "ids": None, "classifier": fitted()},
        ),
        Call("DataMap", cal.DataMap, {**one, "n_epochs": 2, "capture": "end", "ids": data_map.ids, "name": "m"}),
        Call(
            "DataMap.of",
            cal.DataMap.of,
            {"dynamics": dynamics, "ids": ids, "texts": ["x", "y"], "label_names": ["n", "p"]},
        ),
        Call("DataMap.from_frame", cal.DataMap.from_frame, {"frame": points}),
        Call("DataMap[]", lambda chosen: data_map[chosen], {"chosen": [0, 1]}),
        Call("DataMap.run", data_map.run, {"number": 0}),
        Call("DataMap.regions", data_map.regions, {"rule": "quantile"}),
        Call("DataMap.to_frame", data_map.to_frame, {"region": "quantile"}),
        Call("DataMap.ranking", data_map.ranking, {"metric": "confidence", "worst": False}),
        Call("DataMap.page", lambda path: data_map.page(path), {"path": "page.html"}),
        Call("DataMap.save", data_map.save, {"path": "saved.csv", "config": None, "about": None}),
        Call("DataMap.load", cal.DataMap.load, {"path": folder / "map.parquet"}),
        Call("regions", regions, {"points": points, "rule": "quantile", "hard": 0.5}),
        Call("region_rule", region_rule, {"given": "quantile"}),
        Call("suspicion", suspicion, {"data_map": data_map, "metric": "aum"}),
        Call("self_confidence", self_confidence, {"probs": probs[0], "gold": gold}),
        Call("normalised_margin", normalised_margin, {"probs": probs[0], "gold": gold}),
        *(
            Call(f"metrics.{name}", getattr(metrics, name), {"logits": logits, "gold": gold.expand(2, 2)})
            for name in ("gold_prob", "correct", "margin", "loss", "el2n")
        ),
        *(
            Call(f"metrics.{name}", getattr(metrics, name), {"gold_prob": dynamics.gold_prob})
            for name in ("confidence", "variability", "aleatoric")
        ),
        *(
            Call(f"metrics.{name}", getattr(metrics, name), {"correct": dynamics.correct})
            for name in ("correctness", "forgetting", "first_learnt", "last_learnt")
        ),
    ]


def _of_commands(about: Given) -> list[Call]:
    corpus, data_map, folder = about.corpus, about.data_map, about.folder
    reads = draw_reads(pd.DataFrame({"id": range(40), "label": "a"}), 0).assign(verdict="r")
    training = {"learner": {"mlp": {"hidden": [4]}}, "features": "lsa", "n_epochs": 1, "device": "cpu", "workers": 1}
    training |= {"model": None, "precision": None, "output": None, "quiet": True, "dataset": None}
    return [
        Call(
            "map",
            cal.map,
            {"corpus": corpus, **training, "logs": None, "on_missing": "error", "seeds": 1, "capture": "end"}
            | {"folds": 5, "region": "quantile", "hardest": 0},
        ),
        Call(
            "select",
            cal.select,
            {"source": data_map, "corpus": None, "recipe": "hard", "metric": "variability", "direction": "best"}
            | {"ratio": 0.7, "fraction": 0.5, "count": None, "within": None, "region": None, "easy": 0.1}
            | {
                "suspects": 0.05,
                "suspicion": "aum",
                "seed": 0,
                "formats": (),
                "task": None,
                "tsv": None,
                "compat": None,
            }
            | {"logs": None, "on_missing": "error", "output": None},
        ),
        Call(
            "weights",
            cal.weights,
            {"source": data_map, "by": "mislabel", "output": None, "logs": None, "on_missing": "error"}
            | {"probabilities": pd.DataFrame({"id": data_map.ids, "p_wrong": 0.5})},
        ),
        Call(
            "suspects",
            cal.suspects,
            {"source": data_map, "corpus": None, "by": None, "n": 1, "page": 1, "neighbours": 1, "output": None},
        ),
        Call("suspects of a corpus", cal.suspects, {"source": corpus, **training, "seeds": 1, "folds": 2, "by": "aum"}),
        Call("text_problems", cal.text_problems, {"source": corpus, "features": None, "split": "train"}),
        Call(
            "audit",
            cal.audit,
            {"corpus": corpus, **training, "noise": ["uniform"], "rates": [0.2], "seeds": 1, "detectors": ["aum"]}
            | {"folds": 2, "clean_by": None},
        ),
        Call(
            "simulate",
            cal.simulate,
            {"corpus": corpus, "strategies": ["random"], **training, "seeds": 1, "rounds": 1, "seed_size": 4}
            | {"query_size": 2, "full_data": False, "stopping": [], "stop": False, "seed_set": "stratified"},
        ),
        Call(
            "plan_simulate",
            cal.plan_simulate,
            {"corpus": corpus, "strategies": ["random"], "learner": training["learner"], "features": "lsa", "seeds": 1}
            | {"n_epochs": 1, "device": "cpu", "workers": 1, "rounds": 1, "seed_size": 4, "quiet": True}
            | {"query_size": 2, "full_data": False, "target": 9, "price": 1.0, "workers_per_node": 2, "parts": 1},
        ),
        Call(
            "correct",
            cal.correct,
            {"data": folder / "my.csv", "corrections": {"row": [2], "text": ["Who?"], "corrected": ["a"]}}
            | {**training, "test": None, "new_labels": False, "seeds": 2},
        ),
        Call("count_errors", cal.count_errors, {"answers": reads}),
        Call("draw_reads", draw_reads, {"rows": reads, "seed": 0, "n_first": 30, "n_sampled": 30}),
        Call("binomial_bounds", binomial_bounds, {"n_right": 1, "n": 3, "alpha": 0.05}),
        Call(
            "live_accuracy", live_accuracy, {"predicted": {"a": "x"}, "labels": {"a": "x"}, "round": 0}, ["predicted"]
        ),
        Call(
            "find_slips",
            find_slips,
            {"rows": [0, 1], "texts": ["a", "b"], "gold": [0, 1], "label_names": ["x", "y"], "seed": 0},
            ["texts", "gold", "seed"],
        ),
        Call("wrong_in", wrong_in, {"size": 5, "n_read": 3, "n_wrong": 1, "alpha": 0.05}),
        Call("map_diff", cal.map_diff, {"a": data_map, "b": data_map, "alpha": 0.05, "shared": False}),
        Call("read_map", cal.read_map, {"path": folder / "map.parquet", "on_missing": "error"}),
        Call(
            "compare",
            cal.compare,
            {"scores": {"a": [0.1, 0.2], "b": [0.2, 0.4]}, "alpha": 0.05, "engine": "vectorised"},
        ),
    ]


def _of_reports(about: Given) -> list[Call]:
    curves, folder = about.curves, about.folder
    scores = {"a": [0.1, 0.2], "b": [0.2, 0.4]}
    comparison = cal.compare(scores)
    tested = {"alpha": 0.05, "n_bootstrap": 10, "seed": 0, "engine": "vectorised"}
    chosen, weights = cal.Selection.load(folder / "selection"), cal.Weights.load(folder / "weights")
    return [
        Call("aso", aso, {**scores, "n_comparisons": 1, **tested}),
        Call("violation_ratio", violation_ratio, scores),
        Call("paired_permutation_test", paired_permutation_test, {**scores, "seed": 0}),
        Call("aso_matrix", aso_matrix, {"scores": scores, "paired": True, "measure": "score", **tested}),
        Call("area_under_curve", area_under_curve, {"n_labelled": [1, 2], "accuracy": [0.1, 0.2]}),
        Call("decide", decide, {"scores": scores, "pairs": "all", "alpha": 0.05}),
        Call("holm", holm, {"p_values": [0.1, 0.2]}),
        Call("sweep_table", sweep_table, {"folder": "nowhere"}),
        Call("write_report", write_report, {"curves": curves, "folder": "report"}, ["curves"]),
        Call("Comparison.dominates", comparison.dominates, {"a": 0, "b": 1}),
        Call("Comparison.confirmed", comparison.confirmed, {"a": 0, "b": 1}),
        Call(
            "LearningCurves.load",
            lambda folder, cell: cal.LearningCurves.load(folder, cell=cell),
            {"folder": folder / "curves", "cell": None},
        ),
        Call("LearningCurves.merge", lambda part: cal.LearningCurves.merge(part), {"part": curves}),
        Call(
            "pack_curves",
            cal.pack_curves,
            {"sources": [folder / "curves"], "path": folder / "packed.parquet", "full": False},
        ),
        Call("unpack_curves", cal.unpack_curves, {"path": folder / "curves.parquet"}),
        Call("LearningCurves.save", curves.save, {"folder": "saved"}),
        Call("LearningCurves.to_csv", curves.to_csv, {"folder": "saved_csv"}),
        Call("LearningCurves.summary", curves.summary, {"spread": True}),
        Call("LearningCurves.compare", curves.compare, {"alpha": 0.05, "engine": "vectorised", "decide": "all"}),
        Call("LearningCurves.decisions", curves.decisions, {"pairs": "all", "alpha": 0.05}),
        Call("LearningCurves.report", curves.report, {"folder": "report"}, []),
        *(
            Call(f"{kind.__name__}.load", kind.load, {"folder": "nowhere"})
            for kind in (cal.Selection, cal.Weights, cal.Suspects, cal.AuditResult, cal.MapDiff)
        ),
        Call("Selection.save", chosen.save, {"folder": "chosen", "formats": ()}),
        Call("Weights.save", weights.save, {"folder": "weights"}),
    ]


def _of_rest(about: Given) -> list[Call]:
    corpus, data_map, folder = about.corpus, about.data_map, about.folder
    n = len(corpus.train)
    setup = Setup(
        cal.MLP(hidden=[4], n_epochs=1), "lsa" and cal.Features(np.eye(n, 3), np.eye(len(corpus.test), 3)), workers=1
    )
    training = {"seed": 0, "rows": np.arange(n), "gold": corpus.train.gold, "held_out": None, "held_out_gold": None}
    x, gold = np.random.default_rng(0).normal(size=(40, 3)), torch.arange(40) % 2
    flips = np.arange(20) // 10 == np.array([[0], [1]])
    return [
        Call("MLP", cal.MLP, {"hidden": [4], "n_epochs": 1, "lr": 0.1, "dropout": 0.1, "class_weights": "balanced"}),
        Call("Scikit", cal.Scikit, {"estimator": "sklearn.linear_model.LogisticRegression", "parameters": {}}),
        Call("Transformer", cal.Transformer, {"model": "x", "n_epochs": 1, "lr": 0.1, "batch_size": 2}),
        Call(
            "train_all",
            train_all,
            {"corpus": corpus, "trainings": [Training(**training)], "setup": setup, "ask": None, "n_classes": None}
            | {"capture": "end", "checkpoints": None},
        ),
        Call("Training", lambda **changed: train_all(corpus, [Training(**changed)], setup), training),
        Call(
            "Setup",
            lambda **changed: train_all(corpus, [Training(**training)], Setup(**changed)),
            {"learner": setup.learner, "features": setup.features, "device": "cpu", "workers": 1, "quiet": True},
        ),
        Call("cross_validation", cross_validation, {"gold": corpus.train.gold, "seed": 0, "n_folds": 2}),
        Call("detect", detect, {"corpus": corpus, "names": ["aum"], "setup": setup, "seeds": [0], "folds": 2}),
        Call(
            "inject",
            inject,
            {"corpus": corpus, "kind": "uniform", "rate": 0.2, "seed": 0, "confusions": None, "annotator_error": 0.3},
        ),
        Call("count_wrong", count_wrong, {"gold": np.array([0, 0, 1, 1, 1]), "rate": 0.4}),
        Call("check_noise", check_noise, {"kinds": ["uniform"], "rates": [0.2], "annotator_error": 0.3}),
        Call(
            "estimate_errors",
            estimate_errors,
            {"scores": np.random.default_rng(0).normal(size=(2, 20)), "flipped": flips, "n_classes": 2, "seed": 0},
        ),
        Call(
            "find_neighbours",
            find_neighbours,
            {"x": x, "positions": np.array([0]), "n": 2},
        ),
        Call("NoiseDetector.fit", NoiseDetector.fit, {"flipped": np.array([0.1, 0.2]), "others": np.array([0.8, 0.9])}),
        Call("flips_from_easy", flips_from_easy, {"data_map": data_map, "n_classes": 2, "share": 0.1, "seed": 0}),
        Call("by_variability", by_variability, {"data_map": data_map}),
        Call("by_inverse_confidence", by_inverse_confidence, {"data_map": data_map, "floor": 0.1}),
        Call("by_mislabel", by_mislabel, {"probability": [0.1, 0.2]}),
        Call(
            "Recipe",
            Recipe,
            {
                "metric": "variability",
                "direction": "best",
                "ratio": 0.7,
                "easy": 0.0,
                "suspects": 0.0,
                "suspicion": "aum",
            },
        ),
        Call(
            "Chooser",
            lambda count, **changed: Chooser(**changed).take(count),
            {"data_map": data_map, "recipe": Recipe(), "groups": None, "equal": False, "seed": 0, "count": 1},
        ),
        Call("n_of", n_of, {"n": 10, "fraction": 0.5, "count": None}),
        Call("easy_to_hard", easy_to_hard, {"data_map": data_map, "metric": "confidence"}),
        Call("EasyToHard", lambda **changed: list(EasyToHard(**changed)), {"order": [1, 0], "n_buckets": 2, "seed": 0}),
        Call(
            "SelfPaced",
            lambda **changed: list(SelfPaced(**changed)),
            {"order": [1, 0], "n_buckets": 2, "epochs_per_stage": 1, "seed": 0},
        ),
        Call("aflite", aflite, {"x": x, "gold": gold.numpy(), "count": 30, "seed": 0}),
        Call("read_aum", read_aum, {"path": folder / "aum_values.csv"}),
        Call("read_scores", read_scores, {"path": folder / "el2n.npy", "ids": None}),
        Call(
            "practice_pool",
            practice_pool,
            {
                "x": x,
                "gold": gold,
                "seeds": [1],
                "strategy": None,
                "query_size": 2,
                "n_labelled": 10,
                "order": None,
                "round": 1,
                "sharpness": 1.0,
            },
        ),
        Call("check_acquisition", cal.check_acquisition, {"strategy": "nowhere"}),
        Call(
            "conformance",
            lambda strategy: list(conformance(strategy)),
            {"strategy": "nowhere"},
        ),
        Call("one_run", cal.one_run, {"function": len, "needs": ()}),
    ]


def _of_reads() -> list[Call]:
    weights, reads = [2.0, 1.0] * 15, [0.05] * 25
    drawn = {"weights": [1.0] * 25, "outcomes": [0, 1] * 12 + [None], "probability": reads}
    return [
        Call("draw_weights", draw_weights, {"scores": [0.5, None, 0.2], "probability": True, "floor": 0.1}),
        Call(
            "draw_order",
            draw_order,
            {"weights": weights, "order": "mixed", "generator": stream(0, "queue"), "random_share": 0.1},
        ),
        Call("Bets.of", Bets.of, {"weights": weights, "order": "sampled"}),
        Call(
            "error_total",
            error_total,
            {"bets": Bets.of(weights), **drawn, "at_random": None, "errors_elsewhere": 1, "right_elsewhere": 1}
            | {"alpha": 0.05},
        ),
        Call(
            "next_reads",
            next_reads,
            {"weights": weights, "outcomes": [0, 1] * 15, "next_weights": [1.0], "errors": 1.0},
        ),
        Call("certificate", certificate, {"recall": 0.9, "n_documents": 100, "n_errors": 5.0, "alpha": 0.05}),
        Call("certified_recall", certified_recall, {"n_control_errors": 14, "n_found": 14, "alpha": 0.05}),
        Call(
            "simulate_reviews",
            simulate_reviews,
            {"corpus": _rows(), "noise": "uniform", "rate": 0.2, "by": "aum", "orders": ["sampled"], "reads": 20}
            | {"repetitions": 2, "random_share": 0.1, "floor": 0.1, "confusions": None, "seeds": 1, "folds": 2}
            | {"features": "lsa", "n_epochs": 1, "workers": 1, "quiet": True},
            ["corpus", "noise", "rate", "by", "orders", "reads", "repetitions", "random_share", "floor"],
        ),
        Call("lure", lure, {"outcomes": [0, 1], "probability": [0.5, 0.5], "n_documents": 4}),
        Call("Filter.of", Filter.of, {"text": "state=undecided and p_wrong>=.5"}),
        Call("Condition", Condition, {"name": "given", "operator": "=", "values": ("HUM",)}),
    ]


def _of_status(about: Given) -> list[Call]:
    path = about.folder / "reviews.db"
    with Project.create(path, labels=["a", "b"]) as project:
        project.import_corpus(about.corpus, accept=True)
        for reviewer in ("ann", "bob"):
            project.decide("d0", "keep", reviewer=reviewer)
        agreement = project.agreement(blind=False)
        exported = {"format": "jsonl", "output": about.folder / "out.jsonl", "losses": None, "states": ["kept"]}
        which = {"states": ["kept"], "filter": "state=kept", "version": 1, "withdrawn": True, "n": 2}
        table = pd.DataFrame({"id": ["d1"], "action": ["exclude"]})
        decided = {"source": table, "format": "decisions", "reviewer": "ann", "adjudicates": False, "new_labels": True}
        flags = {"name": None, "source": {}, "accept": True, "partial": True}
        texts = {"texts": ["Who?"], "labels": ["a"], "name": None, "accept": True}
        machine = {"id": ["d0", "d1"], "label": ["a", "b"], "score": [0.9, 0.1]}
        project.import_suggestions(machine, source="gpt")
        accepted = {"source": "gpt", "filter": "gpt.score>=.9", "reviewer": "ann", "count": None}
        labelling = {"labeller": lambda text: "a", "source": "rules", "filter": None, "batch_size": 2, "threads": 1}
        labelling |= {"again": False, "new_labels": False, "skip_errors": False, "quiet": True}
        documents = {"labels": LabelSet(("a", "b")), "name": "v", "source": None, "complete": False, "accept": True}
        return [
            Call("Project.import_corpus", project.import_corpus, {"corpus": about.corpus, **flags}, [*flags]),
            Call("Project.import_texts", project.import_texts, texts, [*texts][1:]),
            Call("Project.import_documents", project.import_documents, {"documents": [], **documents}, [*documents]),
            Call("Project.corpus", project.corpus, {"ambiguous": "keep", "version": 1, "test_fraction": None}),
            Call("Project.export", project.export, exported),
            Call("Project.to_frame", project.to_frame, which),
            Call("Project.decide_from", project.decide_from, decided),
            Call(
                "Project.import_suggestions",
                project.import_suggestions,
                {"suggestions": machine, "source": "gpt", "new_labels": True},
            ),
            Call("Project.suggest", project.suggest, labelling),
            Call("Project.accept_suggestions", project.accept_suggestions, accepted),
            Call("Project.source", project.source, {"name": "gpt"}),
            Call("Project.status", project.status, {"reads": 100, "errors": 1.0}),
            Call("Project.agreement", project.agreement, {"blind": False, "least": 2}),
            Call(
                "Project.serve",
                lambda **given: project.serve(**given).close(),
                {"host": "127.0.0.1", "port": 0, "reviewers": [], "new_links": False, "tour": False},
            ),
            Call("Agreement.confusion", agreement.confusion, {"reviewer": "ann", "other": "bob"}),
            Call("Agreement.by_region", agreement.by_region, {"run": "nowhere"}),
            Call("StatusRequest", StatusRequest, {"project": str(path), "reads": 9, "errors": 0.5, "json": True}),
        ]


def _rows() -> pd.DataFrame:
    texts = [f"{start} {n}?" for n in range(20) for start in ("How far is", "Who lives in")]
    return pd.DataFrame({"text": texts, "label": ["number", "person"] * 20})
