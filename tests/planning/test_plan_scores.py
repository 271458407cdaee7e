"""`cal plan scores`: hand-computed plans, laws of the model, and a small plan from beginning to end."""

import math
import re
import shlex
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cal
from cal.cli import main
from cal.commands import COMMANDS
from cal.config import compose
from cal.errors import ConfigError, DataError
from cal.planning.measured_scores import measure_scores
from cal.planning.scores import ScoreCosts, ShardSizes, planned_scores, seconds_of_scores
from cal.planning.scores_request import ScoresPlanRequest
from cal.registry import find_target

N, WIDTH = 1_200, 6
SMALL = {"vector_column": "vector", "n_epochs": 3, "n": 20}


def costs(**others):
    """A hundred parts of a thousand documents, each in two row groups, that cost 5 ms for a document in all."""
    rates = {"search": 0.0005, "read": 0.001, "vectors": 0.0005, "score": 0.0025, "write": 0.0005}
    given = {"start": 5.0, "file": 0.1, "train": 2.0, "merge": 0.01} | others
    per_document = {phase: np.full(3, each) for phase, each in rates.items()}
    return ScoreCosts(ShardSizes(100_000, 50, 100, 200), per_document, **given)


FIXED = 5.0 + 2.0 + 0.1 * 50 + 0.01 * 100


@pytest.mark.parametrize(
    ("workers", "seconds"), [(1, 500.0), (10, 50.0), (50, 10.0), (60, 10.0), (99, 10.0), (100, 5.0), (10_000, 5.0)]
)
def test_parts_go_in_waves(workers, seconds):
    assert seconds_of_scores(costs(), None, workers) == (pytest.approx(FIXED + seconds), 0.0)


@given(target=st.integers(1_000, 10**9), workers=st.integers(1, 500))
def test_twice_the_documents_take_twice_the_time_but_for_what_is_fixed(target, workers):
    once, twice = (seconds_of_scores(costs(file=0.0, merge=0.0), n, workers)[0] - 7.0 for n in (target, 2 * target))
    assert abs(twice - 2 * once) <= 2 * 5.01  # seconds of two waves, of which the last may be hardly filled


@given(target=st.integers(1_000, 10**7), workers=st.integers(1, 500), more=st.integers(0, 500))
def test_more_workers_never_take_longer(target, workers, more):
    few, many = (seconds_of_scores(costs(), target, n)[0] for n in (workers, workers + more))
    assert many <= few + 1e-9


@given(target=st.integers(1_000, 10**6), workers=st.integers(0, 500))
def test_workers_beyond_the_parts_help_nothing(target, workers):
    parts = costs().sizes.of(target).parts
    assert seconds_of_scores(costs(), target, parts) == seconds_of_scores(costs(), target, parts + workers)


def test_labelled_documents_cost_the_row_groups_that_hold_them():
    # In half of the row groups, of which there are 200: half of the documents are read once more.
    found = costs(labelled_share=0.5, n_labelled=300).shared(costs().sizes)
    np.testing.assert_allclose(found["search"], 0.0005 + 0.5 * 0.001)
    # Ten labelled documents are in ten row groups at most, however many there are.
    found = costs(labelled_share=0.5, n_labelled=10).shared(costs().sizes)
    np.testing.assert_allclose(found["search"], 0.0005 + 10 / 200 * 0.001)


def test_candidates_and_texts_are_looked_up_again():
    alone = costs().shared(costs().sizes)
    found = costs(n_candidates=10**6, has_texts=True, n_chosen=10**6).shared(costs().sizes)
    np.testing.assert_allclose(found["search"] - alone["search"], 0.0005 + 0.001)
    np.testing.assert_allclose(found["texts"], 0.0005 + 0.001)
    few = costs(has_texts=True, n_chosen=1).shared(costs().sizes)["texts"]  # in one part, and one row group
    np.testing.assert_allclose(few, 0.0005 / 100 + 0.001 / 200)


def test_parts_that_differ_make_the_interval():
    made = costs()
    rates = {phase: each * np.array([0.9, 1.0, 1.1]) for phase, each in made.per_document.items()}
    seconds, off = seconds_of_scores(replace(made, per_document=rates), None, 10)
    assert seconds == pytest.approx(FIXED + 50)
    assert off == pytest.approx(50 * 2.919986 * 0.1 * math.sqrt(1 / 3 + 1 / 10), rel=1e-5)


def plan(**others):
    made = others.pop("costs", costs(memory=4 * 10**8, bytes_of_document=200.0, bytes_of_part=1e4))
    request = ScoresPlanRequest(shards="corpus", labelled="labels.csv", **SMALL, **others)
    return planned_scores(request, made)


def test_a_plan_has_hours_money_memory_and_disk():
    found = plan(workers=20, price=3.0, workers_per_node=8)
    assert found.hours == pytest.approx((FIXED + 25) / 3600)
    assert found.hours_low == pytest.approx(0.9 * found.hours)  # parts that cost the same leave the floor
    assert found.hours_high == pytest.approx(1.1 * found.hours)
    assert found.core_hours == pytest.approx(20 * found.hours)
    assert found.money == pytest.approx(3.0 * 3 * found.hours)  # three nodes
    assert (found.memory, found.disk) == (4 * 10**8, {"shards": 2 * 10**7, "results": 10**6})
    assert sum(found.seconds.values()) == pytest.approx(FIXED + 500)
    assert list(found.seconds) == [
        "start",
        "files",
        "training",
        "merging",
        "search",
        "read",
        "vectors",
        "score",
        "write",
    ]


def test_a_plan_is_read_at_once():
    text = str(plan(workers=20, price=3.0, workers_per_node=8))
    assert text.startswith("Scoring 100,000 documents with 20 workers: about 38 seconds")
    for expected in ("400 MB of memory", "20 MB for shards and 1.0 MB for results", "money: 0.10", "score 49%"):
        assert expected in text
    assert "0.00" not in text
    assert repr(plan(workers=20)).startswith("WorkPlan: Scoring 100,000 documents with 20 workers, about 38 seconds")
    assert "Bottleneck: score" in plan(workers=1)._repr_html_()


def test_plans_are_rows_of_one_table():
    table = pd.concat([plan(workers=n, target=10**6).to_frame() for n in (1, 8)])
    assert list(table["workers"]) == [1, 8]
    assert table["hours"].is_monotonic_decreasing
    assert {"disk_shards", "seconds_read", "money", "hours_low"} <= set(table.columns)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"workers": 1}, r"Bottleneck: score, \d\d% .* smaller learner"),
        ({"workers": 200}, "100 parts keep only as many of 200 workers busy: use smaller files or row groups"),
        ({"workers": 100, "costs": costs(train=500.0)}, "Bottleneck: training.* One process trains"),
        ({"workers": 100, "costs": costs(merge=9.0)}, "Bottleneck: merging"),
    ],
)
def test_the_bottleneck_says_what_helps(given, message):
    assert re.search(message, plan(**given).bottleneck)


def test_a_last_wave_that_is_hardly_filled_is_told():
    assert "Workers are idle 33% of the time, in the last of 2 waves of parts" in plan(workers=75).bottleneck
    assert "idle" not in plan(workers=60).bottleneck  # 17 %


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Six files of 200 documents with texts and vectors, and labels of ten in each."""
    folder = tmp_path_factory.mktemp("plan") / "shards"
    folder.mkdir()
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 3, N)
    x = (rng.normal(size=(3, WIDTH))[gold] + rng.normal(size=(N, WIDTH))).astype(np.float32)
    ids = [f"d{row:04d}" for row in range(N)]
    for start in range(0, N, 200):
        rows = range(start, start + 200)
        texts = [f"Tell {row % 7} about thing {gold[row]}" for row in rows]
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(x[start : start + 200].ravel()), WIDTH)
        table = pa.table({"id": ids[start : start + 200], "text": texts, "vector": vectors})
        pq.write_table(table, folder / f"part-{start}.parquet", row_group_size=100)
    labelled = [row for row in range(N) if row % 20 == 0]
    labels = {"id": [ids[row] for row in labelled], "label": [f"c{gold[row]}" for row in labelled]}
    pd.DataFrame(labels).to_csv(folder.parent / "labels.csv", index=False)
    return folder


def test_a_small_plan_measures_parts_and_scales_them(corpus):
    labels = corpus.parent / "labels.csv"
    found = cal.plan_scores(corpus, labels, target=10**8, workers=64, price=2, workers_per_node=1, **SMALL)
    assert 0 < found.hours_low <= found.hours <= found.hours_high
    assert found.core_hours == pytest.approx(64 * found.hours)
    assert found.money == pytest.approx(2 * 64 * found.hours)
    assert found.disk["shards"] > 10**8 * WIDTH
    assert "3 parts with 600 of 1,200 documents, by 1 process at once" in found.measured
    assert "30 of 60 labelled documents are not in the parts measured" in str(found)
    assert "It does not cover other machines" in str(found)


def measured(corpus, tmp_path, **others):
    request = ScoresPlanRequest(shards=corpus, labelled=corpus.parent / "labels.csv", workers=1, **(SMALL | others))
    return measure_scores(request, tmp_path)


def test_what_is_measured_is_what_the_command_does(corpus, tmp_path):
    found = measured(corpus, tmp_path, parts=6, scores=True)
    assert found.sizes == ShardSizes(1_200, 6, 6, 12)
    assert (found.labelled_share, found.n_labelled, found.has_texts) == (1.0, 60, True)
    assert set(found.per_document) == {"search", "read", "vectors", "score", "write", "texts"}
    assert all(each.shape == (6,) and (each >= 0).all() for each in found.per_document.values())
    size = sum(path.stat().st_size for path in corpus.glob("*.parquet")) / N
    assert 0.3 * size < found.bytes_of_document < size  # without the footers of such small files
    chosen = cal.score(corpus, corpus.parent / "labels.csv", workers=1, output=tmp_path / "real", scores=True, **SMALL)
    assert len(chosen) == 20
    kept = sum(path.stat().st_size for path in (tmp_path / "real" / "scores").iterdir())
    assert found.bytes_of_score * N == pytest.approx(kept, rel=0.1)


def test_strategies_on_the_whole_pool_choose_once(corpus, tmp_path):
    found = measured(corpus, tmp_path, strategy="coreset", candidates=900)
    assert found.choose > 0
    assert found.n_candidates == 900
    assert any("and is taken to grow with their number" in note for note in found.notes)
    assert found.alone(found.sizes)["choosing"] == found.choose


def test_texts_become_vectors_in_a_plan(corpus):
    given = {"features": {"lsa": {"n_components": 4}}, "n_epochs": 2, "workers": 1}
    found = cal.plan_scores(corpus, corpus.parent / "labels.csv", **given)
    assert found.what == "Scoring 1,200 documents with 1 worker"
    assert found.seconds["vectors"] > 0


def test_a_single_file_is_measured_by_row_groups(corpus):
    one = cal.plan_scores(corpus / "part-0.parquet", corpus.parent / "labels.csv", workers=1, **SMALL)
    assert "2 parts with 200 of 200 documents" in one.measured


def test_several_processes_measure_at_once(corpus):
    if joblib.cpu_count() < 2:
        pytest.skip("one core")
    found = cal.plan_scores(corpus, corpus.parent / "labels.csv", workers=2, workers_per_node=2, **SMALL)
    assert "4 parts with 800 of 1,200 documents, by 2 processes at once" in found.measured


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"target": 0}, "target must be a whole number of at least 1 or null, not 0"),
        ({"workers": 0}, "workers must be a whole number of at least 1 or null, not 0"),
        ({"price": -1}, "price must be a finite number of at least 0 or null, not -1"),
        ({"workers_per_node": 0}, "workers_per_node must be a whole number"),
        ({"parts": 0}, "parts must be a whole number"),
        ({"output": "somewhere"}, "Unknown parameter 'output'"),
        ({"cluster": "local"}, "Unknown parameter 'cluster'"),
        ({"tagret": 3}, "Did you mean 'target'"),
    ],
)
def test_what_makes_no_plan_is_refused_in_words(corpus, given, message):
    with pytest.raises(ConfigError, match=message):
        cal.plan_scores(corpus, corpus.parent / "labels.csv", **(SMALL | given))


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError) as refused:
        cal.plan_scores(None, None, target=0, price=-1, n=0)
    assert len(refused.value.problems) == 5


def test_wrong_files_are_refused_as_by_the_command(corpus):
    with pytest.raises(DataError, match="There is no Parquet file"):
        cal.plan_scores("nowhere/*.parquet", corpus.parent / "labels.csv", **SMALL)


def test_the_command_plans_and_writes_nothing(corpus, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [str(corpus), f"labelled={corpus.parent / 'labels.csv'}", "vector_column=vector", "n_epochs=2"]
    given = [*words, "--target", "2000000", "--workers", "3", "workers_per_node=1", "price=1.5"]
    assert main(["plan", "scores", *given]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Scoring 2,000,000 documents with 3 workers: about")
    assert "money:" in out
    assert list(tmp_path.iterdir()) == []
    assert main(["plan", "scores", *words, "--target", "0", "cluster=local"]) == 1
    assert "target must be a whole number" in (told := capsys.readouterr().err)
    assert "cluster" in told


def test_the_commands_of_the_readme_compose():
    readme = (Path(cal.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    lines = [line for line in readme.splitlines() if line.startswith("cal plan ")]
    assert len(lines) == 3
    for line in lines:
        _, first, second, *words = shlex.split(line)
        given = [word for word in words if not word.startswith("--") and not word.isdigit()]
        compose(find_target(COMMANDS[f"{first} {second}"].request), f"{first} {second}", given)


def test_the_first_word_lists_its_commands(capsys):
    for words in (["plan"], ["plan", "--help"]):
        assert main(words) == 0
        out = capsys.readouterr().out
        assert "cal plan scores" in out
        assert "cal plan simulate" in out
    assert main(["plan", "score"]) == 1
    assert "Did you mean 'scores'? Known: map, scores, simulate. See cal plan --help." in capsys.readouterr().err
