"""Workers that do not see the output folder, as hosts without a shared file system, give the same bytes."""

import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import cal
from cal.errors import ConfigError
from cal.learners.sent_tasks import carry_out_sent

distributed = pytest.importorskip("distributed")
SCORED = {"vector_column": "vector", "learner": {"small_mlp": {"n_epochs": 20}}, "workers": 1}
MAPPED = {"workers": 1, "n_epochs": 2, "learner": {"small_mlp": {"hidden": [16]}}}


@pytest.fixture(scope="module")
def hidden(tmp_path_factory):
    """A folder that the workers do not see, and a client of them."""
    folder, local = tmp_path_factory.mktemp("hidden"), tmp_path_factory.mktemp("workers")
    enter = ["unshare", "--mount", "sh", "-c"]
    try:
        subprocess.run([*enter, f"mount -t tmpfs none {folder}"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"This system lets us hide no folder: {getattr(error, 'stderr', error)!r}")
    ports = {"scheduler_port": 0, "dashboard_address": ":0"}
    with distributed.LocalCluster(n_workers=0, **ports) as cluster:
        worker = f"{sys.executable} -m distributed.cli.dask_worker {cluster.scheduler_address} --nthreads 1"
        line = f"mount -t tmpfs none {folder} && exec {worker} --no-dashboard --local-directory {local}"
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        workers = [
            subprocess.Popen([*enter, line], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(2)
        ]
        try:
            with distributed.Client(cluster, set_as_default=False) as client:
                client.wait_for_workers(2, timeout=60)
                yield folder, client
        finally:
            for process in workers:
                process.kill()
                process.wait()


def files_of(folder, *patterns):
    return {str(path.relative_to(folder)): path.read_bytes() for each in patterns for path in folder.rglob(each)}


@pytest.mark.parametrize("changes", [{}, {"vector_column": None, "features": "lsa"}, {"strategy": "coreset"}])
def test_what_is_chosen_comes_back(changes, sharded, hidden, tmp_path):
    given = {**SCORED, "scores": True, **changes}
    folder, client = hidden[0] / f"score-{len(str(changes))}", hidden[1]
    here = cal.score(sharded.folder, sharded.labelled, 20, output=tmp_path, **given)
    far = cal.score(sharded.folder, sharded.labelled, 20, output=folder, cluster=client, **given)
    pd.testing.assert_frame_equal(far.to_frame(), here.to_frame())
    scores = [list(files_of(each, "scores/*.parquet").values()) for each in (folder, tmp_path)]
    assert sorted(scores[0]) == sorted(scores[1])


@pytest.mark.parametrize("vectors", [{"vector_column": "vector"}, {"features": {"lsa": {"n_components": 4}}}])
def test_a_map_comes_back(vectors, sharded, hidden, tmp_path):
    for path in sorted(sharded.folder.glob("*.parquet")):
        rows = pd.read_parquet(path)
        labels = [f"c{sharded.gold[int(each[1:])]}" for each in rows["id"]]
        (tmp_path / "corpus").mkdir(exist_ok=True)
        rows.assign(label=labels).to_parquet(tmp_path / "corpus" / path.name)
    given = {**MAPPED, **vectors}
    folder, client = hidden[0] / f"map-{len(str(vectors))}", hidden[1]
    here = cal.map_shards(tmp_path / "corpus", output=tmp_path / "map", **given)
    far = cal.map_shards(tmp_path / "corpus", output=folder, cluster=client, **given)
    assert far.html == here.html
    pd.testing.assert_frame_equal(pd.concat(far.frames()), pd.concat(here.frames()))


@pytest.mark.parametrize("seen", [True, False])
def test_logs_are_joined_where_they_are_seen(seen, hidden, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("cal.shards.logged.ROWS", 60)
    recorder, rng = cal.ShardRecorder(tmp_path / "logs"), np.random.default_rng(0)
    for _ in range(2):
        recorder.record([f"d{row}" for row in range(200)], rng.normal(size=(200, 3)), np.arange(200) % 3)
        recorder.end_epoch()
    here = cal.map_shards(logs=tmp_path / "logs", output=tmp_path / "map", workers=1)
    output = tmp_path / "far" if seen else hidden[0] / "logged"
    far = cal.map_shards(logs=tmp_path / "logs", output=output, cluster=hidden[1])
    assert far.html == here.html
    assert ("so this machine does this part" in caplog.text) == (not seen)


def test_finished_parts_are_not_sent_again(sharded, hidden):
    folder, client = hidden[0] / "twice", hidden[1]
    cal.score(sharded.folder, sharded.labelled, 20, output=folder, cluster=client, **SCORED)
    made = {path: path.stat().st_mtime_ns for path in (folder / "parts").iterdir()}
    time.sleep(0.01)
    cal.score(sharded.folder, sharded.labelled, 20, output=folder, cluster=client, **SCORED)
    assert {path: path.stat().st_mtime_ns for path in (folder / "parts").iterdir()} == made


def test_shards_that_workers_do_not_see_are_refused_before_any_work(sharded, hidden):
    corpus = hidden[0] / "corpus"
    shutil.copytree(sharded.folder, corpus)
    with pytest.raises(ConfigError, match=r"cannot read .*part-0\.parquet\. Put the files where all of them find them"):
        cal.score(corpus, sharded.labelled, 20, output=hidden[0] / "none", cluster=hidden[1], **SCORED)
    assert not list((hidden[0] / "none").rglob("*.parquet"))


def test_paths_of_the_folder_stand_for_files_of_the_worker(tmp_path):
    """Others, and names that only begin alike, are left as they are."""
    result, written = carry_out_sent(
        "/far", copied, ("/far/out/b.txt", ("/far/a.txt", 3), "/farther/c.txt"), {"a.txt": b"hello"}, {}
    )
    assert result == (3, "/farther/c.txt")
    assert written == {"out/b.txt": b"hello"}


def copied(output, source, other):
    shutil.copy(source[0], output)
    return source[1], other
