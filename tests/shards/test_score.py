"""`cal score` chooses what the strategy would choose from the whole corpus in memory, however it is divided."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

import cal
from cal import registry
from cal.acquisition.base import is_pointwise, top
from cal.acquisition.pool import Pool, PoolDocuments
from cal.acquisition.spec import make_strategies
from cal.acquisition.uncertainty import Margin
from cal.data.features import Features
from cal.errors import ConfigError, DataError, StorageError, StrategyError
from cal.learners.base import as_learner
from cal.shards.files import parts_of
from cal.shards.labelled import read_labels
from cal.shards.reading import ShardColumns
from cal.simulation.partition import Partition
from cal.simulation.shared_training import SharedTraining
from cal.streams import Streams, uniform_of

GIVEN = {"vector_column": "vector", "workers": 1, "n_epochs": 4, "learner": {"small_mlp": {"dropout": 0.3}}}
SMALL = {"cal": {"hidden": 8, "n_epochs": 3}, "tidal": {"hidden": 8, "n_epochs": 3}, "bald": {"n_samples": 5}}
POINTWISE = [name for name in registry.STRATEGIES if name != "mix" and is_pointwise(make_strategies([name])[name])]


def spec(name):
    return {name: SMALL[name]} if name in SMALL else name


def in_memory(sharded, strategy, n, seed=0):
    """What the strategy scores highest in an ordinary pool of the whole corpus, with ties broken by id."""
    torch.set_flush_denormal(True)
    config = as_learner(GIVEN["learner"], n_epochs=4)
    learner = config.build(Features(sharded.x), 3, 1, torch.device("cpu"))
    gold = torch.zeros(len(sharded.ids), dtype=torch.int64)
    gold[:60] = torch.from_numpy(sharded.gold[:60])
    training = SharedTraining(learner, Partition([range(60)], len(gold)), gold, Streams([seed], 0))
    training.fit([0] if "predictions" in strategy.needs else [])

    class ById(PoolDocuments):
        def uniform(self, purpose, streams):
            return torch.from_numpy(uniform_of(seed, f"{purpose}/0", self.ids)[:, 0]).unsqueeze(0)

    pool: Pool = training.pool([0], ById(sharded.ids, ["c0", "c1", "c2"], sharded.texts), n)
    batch = top(strategy.score(pool), n, pool.uniform("ties"))
    return [sharded.ids[60 + row] for row in batch.positions[0].tolist()], batch.scores[0].numpy()


@pytest.mark.parametrize("name", POINTWISE)
def test_shards_give_what_the_whole_corpus_gives(name, sharded):
    (strategy,) = make_strategies([spec(name)]).values()
    ids, scores = in_memory(sharded, strategy, 40)
    found = cal.score(sharded.folder, sharded.labelled, 40, strategy=spec(name), **GIVEN)
    np.testing.assert_allclose(found.rows["score"], scores, rtol=1e-4, atol=1e-6)
    assert len(set(found.ids) & set(ids)) >= 39  # the last may differ by rounding
    assert found.n_considered == found.n_candidates == 540


def test_most_strategies_are_pointwise():
    assert set(POINTWISE) >= {
        "random",
        "margin",
        "entropy",
        "least_confidence",
        "bald",
        "cal",
        "tidal",
        "label_switches",
    }
    assert not set(POINTWISE) & {"badge", "coreset", "kmeans", "dal", "batch_bald", "max_herding", "blend", "real"}


@pytest.mark.parametrize("strategy", ["margin", "random", "label_switches"])
def test_how_documents_are_divided_does_not_matter(strategy, sharded, tmp_path):
    shuffled = np.random.default_rng(3).permutation(600)
    other = sharded.write(tmp_path / "other", shuffled, [7, 93, 200, 300], 33)
    here, there = (
        cal.score(each, sharded.labelled, 50, strategy=strategy, **GIVEN) for each in (sharded.folder, other)
    )
    assert here.ids == there.ids
    assert "d000" not in here.ids  # it is labelled


def test_texts_are_drawn_by_their_ids(sharded, tmp_path):
    """What LSA is fitted on does not depend on the files."""
    other = sharded.write(tmp_path / "other", np.random.default_rng(4).permutation(600), [500, 100], 60)
    given = {"features": {"lsa": {"n_components": 5}}, "sample": 50, "workers": 1, "n_epochs": 3}
    here, there = (cal.score(each, sharded.labelled, 20, **given) for each in (sharded.folder, other))
    assert here.ids == there.ids


@pytest.fixture(scope="module")
def kept(sharded, tmp_path_factory):
    """The folder of a command in one process."""
    folder = tmp_path_factory.mktemp("scored") / "one"
    cal.score(sharded.folder, sharded.labelled, 20, output=folder, scores=True, **GIVEN)
    return folder


def content(folder):
    files = [folder / "chosen.csv", *sorted((folder / "scores").iterdir())]
    return {path.name.partition("-")[0] + str(number): path.read_bytes() for number, path in enumerate(files)}


def test_processes_choose_the_same(sharded, kept, tmp_path):
    cal.score(sharded.folder, sharded.labelled, 20, output=tmp_path / "two", scores=True, **{**GIVEN, "workers": 2})
    assert content(tmp_path / "two") == content(kept)


def test_a_cluster_chooses_the_same(sharded, kept, tmp_path):
    distributed = pytest.importorskip("distributed")
    ports = {"scheduler_port": 0, "dashboard_address": ":0"}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **ports) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            given = {**GIVEN, "cluster": client, "scores": True, "output": tmp_path / "cluster"}
            cal.score(sharded.folder, sharded.labelled, 20, **given)
    assert content(tmp_path / "cluster") == content(kept)


def test_every_score_is_kept_on_request(sharded, kept):
    scores = pd.concat(map(pd.read_parquet, sorted((kept / "scores").iterdir())))
    assert sorted(scores["id"]) == sharded.ids[60:]
    best = scores.sort_values("score", ascending=False)["score"].head(20)
    chosen = pd.read_csv(kept / "chosen.csv")
    np.testing.assert_allclose(best, chosen["score"])
    assert list(chosen.columns) == ["id", "text", "label", "suggested", "probability", "score"]


def test_kept_scores_are_those_of_the_last_command(sharded, tmp_path):
    given = {**GIVEN, "scores": True, "output": tmp_path}
    for strategy in ("margin", "entropy", "margin"):
        found = cal.score(sharded.folder, sharded.labelled, 20, strategy=strategy, **given)
        files = sorted((tmp_path / "scores").iterdir())
        assert len(files) == 3
        scores = pd.concat(map(pd.read_parquet, files)).set_index("id")["score"]
        np.testing.assert_array_equal(scores[found.ids], found.rows["score"])
    files[0].unlink()
    cal.score(sharded.folder, sharded.labelled, 20, **given)
    assert sorted((tmp_path / "scores").iterdir()) == files


def test_finished_parts_are_not_scored_again(sharded, tmp_path):
    cal.score(sharded.folder, sharded.labelled, 20, output=tmp_path, **GIVEN)
    parts = [path for path in (tmp_path / "parts").glob("*.parquet") if "score" in pq.read_schema(path).names]
    before = {path: path.stat().st_mtime_ns for path in parts}
    first = (tmp_path / "chosen.csv").read_bytes()
    parts[0].unlink()
    (tmp_path / "chosen.csv").unlink()
    cal.score(sharded.folder, sharded.labelled, 20, output=tmp_path, **GIVEN)
    again = {path for path in parts if path.stat().st_mtime_ns != before[path]}
    assert (again, (tmp_path / "chosen.csv").read_bytes()) == ({parts[0]}, first)


def test_a_changed_shard_is_scored_again(sharded, tmp_path):
    folder = sharded.write(tmp_path / "shards", range(600), [300, 300], 100)
    cal.score(folder, sharded.labelled, 20, output=tmp_path / "out", **GIVEN)
    sharded.write_file(folder / "part-1.parquet", range(300, 400))
    assert cal.score(folder, sharded.labelled, 20, output=tmp_path / "out", **GIVEN).n_documents == 400


def test_a_killed_command_resumes(sharded, tmp_path):
    command = f"""
import cal, sys, time
from cal.acquisition.uncertainty import Margin
class Slow(Margin):
    pointwise = True
    def score(self, pool):
        time.sleep(.5)
        return super().score(pool)
import cal.shards.files
cal.shards.files.ROWS = 100
given = {{**{GIVEN!r}, "strategy": Slow(), "output": {str(tmp_path / "out")!r}}}
import pandas as pd
labelled = pd.read_csv({str(tmp_path / "labels.csv")!r})
print(cal.score({str(sharded.folder)!r}, labelled, 20, **given).ids)
"""
    sharded.labelled.to_csv(tmp_path / "labels.csv", index=False)
    parts = tmp_path / "out" / "parts"
    with subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.DEVNULL) as run:
        wait_until(lambda: len([*parts.glob("[0-9a-f]*.parquet")]) > 9)  # seven of the search, two of the score
        run.send_signal(signal.SIGKILL)
    done = {path: path.stat().st_mtime_ns for path in parts.glob("[0-9a-f]*.parquet")}
    again = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert again.stdout.strip() == str(cal.score(sharded.folder, sharded.labelled, 20, **GIVEN).ids)


def wait_until(is_true, seconds=60):
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["badge", "coreset", "max_herding", "uncertainty_herding", "dal", "blend"])
def test_strategies_on_the_whole_pool_choose_from_what_a_prefilter_leaves(name, sharded):
    given = {**GIVEN, "strategy": name, "prefilter": "entropy", "candidates": 100}
    found = cal.score(sharded.folder, sharded.labelled, 12, **given)
    left = cal.score(sharded.folder, sharded.labelled, 100, **{**given, "strategy": "entropy"})
    assert (len(set(found.ids)), found.n_considered) == (12, 100)
    assert set(found.ids) <= set(left.ids)
    assert f"{name} looks at candidates together, so it chose from the 100 of 540 that entropy left" in str(found)


def test_a_function_of_your_own_says_that_it_is_pointwise(sharded):
    def unsure(pool):
        return -pool.probs.amax(-1)

    whole = cal.score(sharded.folder, sharded.labelled, 5, strategy=unsure, **GIVEN)
    unsure.pointwise = True
    alone = cal.score(sharded.folder, sharded.labelled, 5, strategy=unsure, **GIVEN)
    least = cal.score(sharded.folder, sharded.labelled, 5, strategy="least_confidence", **GIVEN)
    assert (whole.ids, alone.ids) == (least.ids, least.ids)  # the prefilter leaves all 540
    assert (len(whole.notes), len(alone.notes)) == (1, 0)


def test_texts_become_vectors(sharded):
    given = {"workers": 1, "n_epochs": 4, "features": {"lsa": {"n_components": 5}}}
    found = cal.score(sharded.folder, sharded.labelled, 10, **given)
    again = cal.score(sharded.folder, sharded.labelled, 10, **{**given, "workers": 2})
    assert found.ids == again.ids
    text_of = dict(zip(sharded.ids, sharded.texts, strict=True))
    assert list(found.rows["text"]) == [text_of[each] for each in found.ids]


def test_scikit_learn_and_sparse_vectors_score(sharded):
    given = {"workers": 1, "learner": "scikit", "features": TfidfVectorizer()}
    found = cal.score(sharded.folder, sharded.labelled, 10, strategy="entropy", **given)
    assert len(found) == 10
    with pytest.raises(cal.CalError, match="needs dense vectors"):
        cal.score(sharded.folder, sharded.labelled, 10, strategy="expected_gradient_length", **given)


def test_labels_may_be_of_documents_that_the_shards_lack(sharded):
    own = pd.DataFrame({"id": ["x1", "x2"], "text": ["Tell 1 about a river", "Tell 2 about a book"]})
    labelled = own.assign(label=["c0", "c1"])
    found = cal.score(sharded.folder, labelled, 3, workers=1, features="lsa")
    assert (found.n_candidates, len(found)) == (600, 3)
    with pytest.raises(DataError, match="neither the shards nor the files of the labels have the text of 'x1'"):
        cal.score(sharded.folder, labelled.drop(columns="text"), 3, workers=1, features="lsa")


def test_chosen_documents_come_back_with_labels(sharded, tmp_path):
    """A spreadsheet goes around: filled in, it is one of the labelled files."""
    cal.score(sharded.folder, sharded.labelled, 20, output=tmp_path / "first", **GIVEN)
    filled = pd.read_csv(tmp_path / "first" / "chosen.csv", encoding="utf-8-sig")
    filled["label"] = ["c0"] * 18 + ["-", ""]
    filled.to_csv(tmp_path / "filled.csv", index=False)
    sharded.labelled.to_csv(tmp_path / "labels.csv", index=False)
    files = [tmp_path / "labels.csv", tmp_path / "filled.csv"]
    second = cal.score(sharded.folder, files, 20, **GIVEN)
    assert not set(second.ids) & set(filled["id"][:19])
    assert second.n_candidates == 540 - 19


def test_more_than_there_are_gives_all(sharded):
    assert len(cal.score(sharded.folder, sharded.labelled, 1_000, **GIVEN)) == 540


def test_rows_are_ids_without_a_column(sharded):
    given = {**GIVEN, "id_column": None}
    first = cal.score(
        sharded.folder, {"id": ["part-0.parquet:1", "part-2.parquet:349"], "label": ["a", "b"]}, 3, **given
    )
    assert first.n_candidates == 598
    assert all(each.startswith("part-") for each in first.ids)


def test_files_come_by_fsspec(sharded):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for path in sorted(sharded.folder.glob("*.parquet")):
        memory.pipe(f"/corpus/{path.name}", path.read_bytes())
    local = cal.score(sharded.folder, sharded.labelled, 10, **GIVEN)
    for address in (
        "memory://corpus/*.parquet",
        "memory://corpus",
        [f"memory://corpus/part-{n}.parquet" for n in range(3)],
    ):
        assert cal.score(address, sharded.labelled, 10, **GIVEN).ids == local.ids


def broken(path, **columns):
    pq.write_table(pa.table({"id": ["a", "b", "c"], **columns}), path)
    return path


GOOD = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"vector": [[1.0, 2.0], [1.0], [2.0, 1.0]]}, r"row 2: the vector in column 'vector' is longer or shorter"),
        ({"vector": [[1.0, 2.0], None, [2.0, 1.0]]}, r"row 2: there is no vector"),
        ({"vector": [[1.0, 2.0], [1.0, 2.0], [2.0, float("nan")]]}, r"row 3: .* has NaN or infinity"),
        ({"vector": [["a"], ["b"], ["c"]]}, r"vectors must be lists of numbers"),
        ({"vector": [1.0, 2.0, 3.0]}, r"holds double, and vectors must be lists"),
        ({"other": GOOD}, r"has no column 'vector'; its columns are id, other. Give vector_column="),
        ({"vector": GOOD, "id": ["a", None, "c"]}, r"row 2: there is no id in column 'id'"),
        ({"vector": GOOD, "id": [0.5, 1.5, 2.5]}, r"column 'id' holds double, and ids must be text"),
        ({"vector": GOOD, "id": ["a", "b", "b"]}, r"2 documents of the shards have the id 'b'"),
    ],
)
def test_what_is_wrong_with_a_shard_is_named(columns, message, tmp_path):
    path = broken(tmp_path / "bad.parquet", **columns)
    labelled = {"id": ["x", "y"], "label": ["p", "q"], "vector": [[0.0, 1.0], [1.0, 0.0]]}
    with pytest.raises(DataError, match=message):
        cal.score(path, labelled, 3, vector_column="vector", workers=1)


def test_an_empty_text_is_named(tmp_path):
    path = broken(tmp_path / "bad.parquet", text=["How far?", " ", "Who?"])
    labelled = {"id": ["a", "c"], "label": ["p", "q"]}
    with pytest.raises(DataError, match=r"bad.parquet, row 2: the text, in column 'text', is empty"):
        cal.score(path, labelled, 3, workers=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shards": "nowhere/*.parquet"}, "There is no Parquet file at nowhere"),
        ({"shards": "memory://nowhere/*.parquet"}, "There is no Parquet file at memory://nowhere"),
        ({"shards": 3}, "shards must be a path, a pattern or a list of them, not 3"),
        ({"labelled": {"id": ["d1"], "label": ["a"]}}, "1 class among 1 labelled document, and a classifier needs two"),
        ({"labelled": {"id": ["d1"], "class": ["a"]}}, "no column 'label'. Name yours: label_column="),
        ({"labelled": {"id": [None], "label": ["a"]}}, "there is a label and no id"),
    ],
)
def test_wrong_files_are_refused(changes, message, sharded):
    given = {"shards": sharded.folder, "labelled": sharded.labelled, **GIVEN, **changes}
    with pytest.raises(DataError, match=message):
        cal.score(**given)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shards": None}, "There is nothing in shards. Give shards=corpus"),
        (
            {"prefilter": "badge"},
            "prefilter=badge looks at all candidates together. Give one that scores each by itself",
        ),
        ({"strategy": "badge", "candidates": 10}, "candidates=10 leaves fewer than n=50"),
        ({"strategy": "bald", "learner": "scikit", "n_epochs": None}, "strategy 'bald' needs dropout"),
        ({"learner": "transformer"}, "shards need one that reads vectors"),
        ({"vector_column": None, "features": None}, "features=null cannot make vectors of texts part by part"),
        ({"id_column": 3}, "id_column must be the name of a column, not 3"),
        (
            {"strategy": "tidal", "learner": "scikit", "n_epochs": None, "shards": "nowhere/*.parquet"},
            "keeps no classifiers of earlier epochs",
        ),
        ({"vector_column": None, "vectors": "vector"}, "Did you mean 'vector_column'"),
    ],
)
def test_wrong_parameters_are_refused(changes, message, sharded):
    given = {"shards": sharded.folder, "labelled": sharded.labelled, **GIVEN, **changes}
    with pytest.raises(ConfigError, match=message):
        cal.score(**given)


def test_a_damaged_file_is_named(sharded, tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match=r"bad.parquet cannot be read as Parquet"):
        cal.score(tmp_path, sharded.labelled, 3, **GIVEN)


def test_a_foreign_folder_is_left_alone(sharded, tmp_path):
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(StorageError, match=r"is no folder of cal score: it has thesis.txt"):
        cal.score(sharded.folder, sharded.labelled, 3, output=tmp_path, **GIVEN)


def test_large_files_become_several_parts(sharded, monkeypatch):
    monkeypatch.setattr("cal.shards.files.ROWS", 150)
    parts = parts_of([str(sharded.folder / "part-2.parquet")], {"id_column": "id"})
    assert [(part.groups, part.start, part.n_rows) for part in parts] == [
        *(((0, 1), 0, 100), ((1, 2), 100, 100), ((2, 4), 200, 149)),
    ]
    given = {**GIVEN, "strategy": "entropy"}
    divided = cal.score(sharded.folder, sharded.labelled, 30, **given)
    monkeypatch.undo()
    assert divided.ids == cal.score(sharded.folder, sharded.labelled, 30, **given).ids


def test_labels_with_other_vectors_train_again(sharded, tmp_path):
    own = {"id": ["x1", "x2"], "label": ["c0", "c1"], "vector": [[1.0] * 8, [-1.0, 1.0] * 4]}
    first = cal.score(sharded.folder, own, 20, output=tmp_path, **GIVEN)
    other = {**own, "vector": [[0.0, 2.0] * 4, [1.0] * 8]}
    second = cal.score(sharded.folder, other, 20, output=tmp_path, **GIVEN)
    assert second.ids == cal.score(sharded.folder, other, 20, **GIVEN).ids != first.ids
    assert "2 labelled documents are not in the shards, by id" in str(first)


@pytest.mark.parametrize(
    ("vector", "message"),
    [([1.0, 2.0], "give 'x2' the vector"), ("[1, 2]", "and not 8 finite numbers"), ([np.nan] * 8, "finite numbers")],
)
def test_vectors_of_labels_are_like_those_of_the_shards(vector, message, sharded):
    labelled = {"id": ["d001", "x2"], "label": ["c0", "c1"], "vector": [[0.0] * 8, vector]}
    with pytest.raises(DataError, match=message):
        cal.score(sharded.folder, pd.DataFrame(labelled), 3, **GIVEN)


def test_files_with_vectors_of_another_length_are_refused(sharded, tmp_path):
    folder = sharded.write(tmp_path / "shards", range(300), [300], 100)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([0.0, 1.0], pa.float32()), 2)
    pq.write_table(pa.table({"id": ["z"], "vector": vectors}), folder / "part-9.parquet")
    with pytest.raises(DataError, match=r"part-9.parquet have 2 numbers, those of .*part-0.parquet 8"):
        cal.score(folder, sharded.labelled, 3, **GIVEN)
    pq.write_table(pa.table({"id": ["z"], "vector": [[0.0, 1.0]]}), folder / "part-9.parquet")  # lists of any length
    with pytest.raises(DataError, match=r"part-9.parquet, row 1: .* has 2 numbers, and those before have 8"):
        cal.score(folder, sharded.labelled, 3, **GIVEN)


def test_texts_that_are_only_shown_may_be_lacking(sharded, tmp_path):
    folder = sharded.write(tmp_path / "shards", range(600), [300, 300], 100)
    second = pq.read_table(folder / "part-1.parquet").drop_columns(["text"])
    pq.write_table(second, folder / "part-1.parquet")
    first = pq.read_table(folder / "part-0.parquet")
    texts = pa.array([None, " "] * 150, pa.string())
    pq.write_table(first.set_column(1, "text", texts), folder / "part-0.parquet")
    found = cal.score(folder, sharded.labelled, 540, **GIVEN)
    assert set(found.rows["text"]) == {"", " "}


def test_ids_that_a_data_frame_made_floats_are_found(tmp_path):
    rows = {"id": range(40), "vector": list(np.random.default_rng(0).normal(size=(40, 3)))}
    pd.DataFrame(rows).to_parquet(tmp_path / "a.parquet")
    labelled = pd.DataFrame({"id": [0, 1, 2, None], "label": ["a", "b", "a", None]})
    found = cal.score(tmp_path, labelled, 5, vector_column="vector", workers=1)
    assert (labelled["id"].dtype.kind, found.n_candidates) == ("f", 37)


def test_disagreements_count_as_unlabelled(caplog, tmp_path):
    rows = [("1", "a", "ann"), ("2", "a", "ann"), ("2", "b", "bob"), ("3", "b", "ann")]
    tasks = []
    for number in ("1", "2", "3"):
        answers = [
            {
                "completed_by": {"email": who},
                "result": [{"type": "choices", "from_name": "label", "to_name": "text", "value": {"choices": [label]}}],
            }
            for each, label, who in rows
            if each == number
        ]
        tasks.append({"id": int(number), "data": {"id": number, "text": f"Text {number}"}, "annotations": answers})
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    read = read_labels(tmp_path / "export.json", ShardColumns(label="label"))
    assert sorted(read.known.values()) == ["a", "b"]
    assert "annotators disagree about 1 document, which counts as unlabelled" in caplog.text


def test_a_subclass_that_selects_is_not_pointwise(sharded):
    class First(Margin):
        def select(self, pool, n):
            return top(-torch.arange(len(pool.candidates[0])).double().unsqueeze(0), n, pool.uniform("ties"))

    found = cal.score(sharded.folder, sharded.labelled, 3, strategy=First(), **GIVEN)
    assert "First looks at candidates together" in str(found)


def test_a_killed_end_is_mended_by_the_same_command(sharded, tmp_path):
    cal.score(sharded.folder, sharded.labelled, 3, output=tmp_path, **GIVEN)
    (tmp_path / "chosen.csv").unlink()  # the mark is written first
    assert len(cal.score(sharded.folder, sharded.labelled, 3, output=tmp_path, **GIVEN)) == 3
    assert (tmp_path / "chosen.csv").exists()


def test_files_of_others_stay(sharded, tmp_path):
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "thesis.txt").write_text("years")
    with pytest.raises(StorageError, match="is no folder of cal score"):
        cal.score(sharded.folder, sharded.labelled, 3, output=tmp_path, **GIVEN)
    assert (tmp_path / "scores" / "thesis.txt").exists()


def test_results_among_the_shards_are_no_shards(sharded, tmp_path):
    folder = sharded.write(tmp_path / "shards", range(600), [300, 300], 100)
    given = {**GIVEN, "output": folder / "chosen", "scores": True}
    first, second = (cal.score(folder, sharded.labelled, 5, **given) for _ in range(2))
    assert (first.ids, first.n_documents) == (second.ids, 600)


def test_brackets_in_the_name_of_a_folder_are_no_pattern(sharded, tmp_path, monkeypatch):
    folder = sharded.write(tmp_path / "a[2024]", range(600), [300, 300], 100)
    monkeypatch.chdir(folder)
    for given in ("part-*.parquet", str(folder / "part-0.parquet"), str(folder)):
        assert len(cal.score(given, sharded.labelled, 5, **GIVEN)) == 5


def test_files_of_one_name_need_ids(sharded, tmp_path):
    for name in ("a", "b"):
        sharded.write(tmp_path / name, range(300), [300], 100)
    with pytest.raises(DataError, match=r"Two files are called part-0.parquet, .* Give id_column="):
        cal.score(tmp_path, {"id": ["x"], "label": ["a"]}, 3, **{**GIVEN, "id_column": None})


def test_a_strategy_that_fails_is_named(sharded):
    def broken(pool):
        raise ValueError("boom")

    broken.pointwise = True
    with pytest.raises(StrategyError, match=r"broken failed: ValueError: boom"):
        cal.score(sharded.folder, sharded.labelled, 3, strategy=broken, **GIVEN)


def test_another_closure_is_another_strategy(sharded, tmp_path):
    def by(sign):
        def score(pool):
            return sign * pool.probs.amax(-1)

        score.pointwise = True
        return score

    given = {"output": tmp_path, **GIVEN}
    least, most = (cal.score(sharded.folder, sharded.labelled, 5, strategy=by(sign), **given) for sign in (-1, 1))
    assert not set(least.ids) & set(most.ids)


@pytest.mark.parametrize("features", [{"precomputed": {"path": "vectors.npy"}}, "fasttext"])
def test_vectors_that_cannot_be_made_part_by_part_are_refused(features, sharded):
    with pytest.raises(ConfigError, match=r"cannot make vectors of texts part by part\. Give lsa"):
        cal.score(sharded.folder, sharded.labelled, 3, features=features, workers=1)


def test_scores_need_a_folder(sharded):
    with pytest.raises(ConfigError, match=r"scores=true writes the scores into output"):
        cal.score(sharded.folder, sharded.labelled, 3, scores=True, **GIVEN)
