"""Packed curves: one Parquet file of many simulations, without loss, and what is refused of it."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from cal.cli import main
from cal.data.corpus import TestSet
from cal.data.features import Features
from cal.errors import AnalysisError, ConfigError, StorageError
from cal.report import compare
from cal.simulation.curves import LearningCurves
from cal.simulation.pack import pack_curves, unpack_curves
from cal.simulation.packed import VERSION, packed_cells
from cal.simulation.run_folder import RunFolder

TABLES = ("rounds", "acquired", "full_data", "maps", "stopped", "tests")


@pytest.fixture(scope="session")
def folders(simulated, tmp_path_factory):
    """Two folders of a cell, and one of another cell that acquires more."""
    parent = tmp_path_factory.mktemp("runs")
    simulated(strategies=["random", "entropy"], full_data=True, output=parent / "one")
    simulated(strategies=["margin"], output=parent / "two")
    simulated(strategies=["random", "entropy"], query_size=6, output=parent / "other")
    return parent


@pytest.fixture
def packed(folders, tmp_path):
    """A file with both cells."""
    path = tmp_path / "curves.parquet"
    pack_curves([folders / name for name in ("one", "two", "other")], path)
    return path


def cell_of(folder):
    """The name of the cell of a folder, found by packing it."""
    path = folder.parent / f"{folder.name}.parquet"
    return pack_curves([folder], path).index[0]


def edited(path, change):
    """Writes a Parquet file again after a change to its table."""
    table = pq.read_table(path)
    pq.write_table(change(table), path)


def test_what_is_packed_in_full_comes_back_exactly(simulated, make_task, tmp_path):
    """Also further test sets, stopping criteria, the seconds, and the order of strategies and seeds."""
    corpus, features = make_task()
    again = TestSet(corpus.test, corpus.label_names, [0, 1, 2])
    task = (
        replace(corpus, tests={"again": again}),
        Features.of(features.splits() | {"again": features.splits()["test"]}),
    )
    criteria = [{"max_rounds": {"rounds": 1}}]
    simulated(
        task,
        strategies=["random", "entropy", "bald"],
        seeds=[9, 2],
        full_data=True,
        stopping=criteria,
        output=tmp_path / "run",
    )
    pack_curves([tmp_path / "run"], tmp_path / "curves.parquet", full=True)
    given, back = (LearningCurves.load(tmp_path / name) for name in ("run", "curves.parquet"))
    assert all(len(getattr(given, name)) for name in TABLES)
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(back, name), getattr(given, name), check_exact=True)
    assert back.about == given.about | {"folders": back.about["folders"]}


def test_without_the_rest_scores_and_maps_are_left_out(folders, packed):
    given, back = LearningCurves.load(folders / "other"), unpack_curves(packed)[cell_of(folders / "other")]
    pd.testing.assert_frame_equal(back.rounds, given.rounds, check_exact=True)
    pd.testing.assert_frame_equal(back.acquired.assign(score=0.0), given.acquired.assign(score=0.0))
    assert back.acquired["score"].isna().all()
    assert back.maps.empty


def test_folders_of_a_simulation_are_a_cell(folders, packed):
    cells = unpack_curves(packed)
    assert len(cells) == 2
    merged = cells[cell_of(folders / "one")]
    assert merged.strategies == ["random", "entropy", "margin"]
    expected = LearningCurves.load(folders / "one", folders / "two")
    pd.testing.assert_frame_equal(merged.rounds, expected.rounds, check_exact=True)
    assert merged.about["strategy_digests"].keys() == set(merged.strategies)
    assert cell_of(folders / "one") == cell_of(folders / "two") != cell_of(folders / "other")


def test_rows_are_rounds_with_what_they_add(folders, packed):
    """Read as others will read it, by pandas alone, and against acquired.csv and curves.csv."""
    rows = pd.read_parquet(packed)
    keys = ["cell", "strategy", "seed", "round"]
    assert not rows.duplicated(keys).any()
    pd.testing.assert_frame_equal(rows[keys], rows[keys].sort_values(keys, ignore_index=True))
    runs = rows[rows["strategy"] != "full_data"]
    n_added = runs["acquired"].map(len).groupby([runs[key] for key in keys[:3]]).cumsum()
    assert (n_added == runs["n_labelled"]).all()
    LearningCurves.load(folders / "one").to_csv(folders / "one")
    of_cell = runs[(runs["cell"] == cell_of(folders / "one")) & (runs["strategy"] == "entropy")]
    written = pd.read_csv(folders / "one" / "acquired.csv").query("strategy == 'entropy'")
    expected = written.groupby(["seed", "round"])["id"].agg(list)
    assert of_cell.set_index(["seed", "round"])["acquired"].map(list).to_dict() == expected.to_dict()
    curves = pd.read_csv(folders / "one" / "curves.csv").query("strategy == 'entropy'")
    assert sorted(of_cell["accuracy"]) == sorted(curves["accuracy"])


def test_the_columns_of_the_schema_are_as_documented(packed):
    """If this fails, columns have changed: describe new ones in docs/benchmark.md, and raise VERSION for others."""
    schema = pq.read_schema(packed)
    assert VERSION == 1
    assert {"cell", "corpus", "corpus_fingerprint", "features", "features_fingerprint", "learner"} <= set(schema.names)
    expected = {"seed": "int64", "round": "int32", "n_labelled": "int32", "accuracy": "double", "macro_f1": "double"}
    expected |= {"seed_size": "int32", "query_size": "int32", "cell": "string", "strategy": "string"}
    assert {name: str(schema.field(name).type) for name in expected} == expected
    assert pa.types.is_list(schema.field("acquired").type)
    assert json.loads(schema.metadata[b"cal_curves"])["schema"] == 1


def test_a_new_strategy_needs_only_runs_of_its_own(folders, packed, simulated, tmp_path):
    """The folder finds its cell among several, also when it read the corpus from another place."""
    simulated(strategies=["least_confidence"], output=tmp_path / "mine")
    joined = LearningCurves.load(packed, tmp_path / "mine")
    assert joined.strategies == ["random", "entropy", "margin", "least_confidence"]
    assert compare_names(joined) == set(joined.strategies)
    config = yaml.safe_load((tmp_path / "mine" / "config.yaml").read_text())
    (tmp_path / "mine" / "config.yaml").write_text(yaml.safe_dump(config | {"dataset": {"path": "elsewhere"}}))
    assert LearningCurves.load(tmp_path / "mine", packed).strategies[0] == "least_confidence"


def compare_names(curves):
    return set(curves.compare().names)


def test_a_folder_of_no_cell_is_refused_with_the_cells_there_are(packed, simulated, tmp_path):
    simulated(strategies=["random"], seed_size=15, output=tmp_path / "mine")
    with pytest.raises(AnalysisError, match="has no cell of your run folder's setting") as told:
        LearningCurves.load(packed, tmp_path / "mine")
    for line in ("seed_size=15", "query_size=6", *packed_cells(packed)):
        assert line in str(told.value)


def test_one_of_several_cells_must_be_named(packed):
    with pytest.raises(AnalysisError, match="holds 2 cells; choose one with --cell NAME") as told:
        LearningCurves.load(packed)
    first, second = packed_cells(packed)
    assert all(name in str(told.value) for name in (first, second))
    assert LearningCurves.load(packed, cell=first[:-1]).about["config"] == packed_cells(packed)[first]["config"]
    with pytest.raises(AnalysisError, match=r"2 cells of .* begin with"):
        LearningCurves.load(packed, cell=first[:5])
    with pytest.raises(AnalysisError, match="has no cell that begins with 'agnews'"):
        LearningCurves.load(packed, cell="agnews")


def test_runs_are_added_to_a_file(folders, packed, tmp_path):
    path = tmp_path / "small.parquet"
    pack_curves([folders / "one"], path)
    pack_curves([path, folders / "two"], path)
    pack_curves([path, folders / "other"], path)
    expected = unpack_curves(packed)
    assert packed_cells(path).keys() == expected.keys()
    for name, curves in unpack_curves(path).items():
        pd.testing.assert_frame_equal(curves.rounds, expected[name].rounds)
    assert path.read_bytes() == packed.read_bytes()


def test_a_refused_packing_leaves_the_file_as_it_was(folders, packed, tmp_path):
    before = packed.read_bytes()
    with pytest.raises(AnalysisError, match=r"both hold \d+ runs"):
        pack_curves([packed, folders / "two"], packed)
    assert packed.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [packed.name]


def test_what_is_no_packed_file_is_not_replaced(folders, tmp_path):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "mine.parquet")
    with pytest.raises(StorageError, match="is no file of packed curves, and would be replaced"):
        pack_curves([folders / "one"], tmp_path / "mine.parquet")
    with pytest.raises(ConfigError, match=r"must end in \.parquet, not 'mine\.csv'"):
        pack_curves([folders / "one"], tmp_path / "mine.csv")
    with pytest.raises(ConfigError, match="is given twice"):
        pack_curves([folders / "one", folders / "one"], tmp_path / "new.parquet")
    with pytest.raises(ConfigError, match="must be a list of run folders"):
        pack_curves(str(folders / "one"), tmp_path / "new.parquet")


def test_the_last_batch_of_an_unfinished_run_is_left_out(folders, tmp_path):
    """No round has trained on it."""
    folder = tmp_path / "unfinished"
    shutil.copytree(folders / "two", folder)
    strategy, seed = "margin", RunFolder(folder).about()["seeds"][0]
    path = folder / "rounds" / f"{strategy}-{seed}.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    pack_curves([folder], tmp_path / "curves.parquet")
    given, back = LearningCurves.load(folder), LearningCurves.load(tmp_path / "curves.parquet")
    pd.testing.assert_frame_equal(back.rounds, given.rounds)
    pending = (given.acquired["seed"] == seed) & (given.acquired["round"] == 2)
    assert pending.any()
    assert back.acquired["id"].tolist() == given.acquired["id"][~pending].tolist()


def set_column(name, values):
    def change(table):
        column = pa.array(values(table[name].to_pylist()), table.schema.field(name).type)
        return table.set_column(table.schema.get_field_index(name), table.schema.field(name), column)

    return change


def newer(table):
    told = json.loads(table.schema.metadata[b"cal_curves"]) | {"schema": VERSION + 1}
    return table.replace_schema_metadata({b"cal_curves": json.dumps(told).encode()})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (set_column("accuracy", lambda values: [1.5, *values[1:]]), r"is damaged: .* accuracy is 1\.5, not a number"),
        (set_column("round", lambda values: [7, *values[1:]]), "is damaged: .* where round 0 belongs"),
        (set_column("acquired", lambda values: [values[0][:1] * len(values[0]), *values[1:]]), "a second time"),
        (set_column("acquired", lambda values: [values[0], values[1][:-1], *values[2:]]), "n_labelled is"),
        (lambda table: table.slice(1), "is damaged: .* where round 0 belongs"),
        (lambda table: table.drop_columns(["accuracy"]), "is damaged: it has no column accuracy"),
        (newer, "has schema 2, and this version of cal reads schema 1"),
        (lambda table: table.replace_schema_metadata({b"cal_curves": b"[]"}), "is damaged: its metadata say"),
        (lambda table: table.replace_schema_metadata({}), "is no file of cal pack"),
    ],
    ids=["accuracy", "round", "repeated id", "missing id", "missing row", "column", "version", "metadata", "foreign"],
)
def test_a_damaged_file_is_refused(folders, tmp_path, change, problem):
    path = tmp_path / "curves.parquet"
    pack_curves([folders / "two"], path)
    edited(path, change)
    with pytest.raises(StorageError, match=problem):
        LearningCurves.load(path)


def test_a_file_that_is_cut_short_missing_or_text_is_refused(packed, tmp_path):
    (tmp_path / "cut.parquet").write_bytes(packed.read_bytes()[:-50])
    with pytest.raises(StorageError, match=r"cut\.parquet is damaged"):
        unpack_curves(tmp_path / "cut.parquet")
    (tmp_path / "text.parquet").write_text("accuracy,0.5")
    with pytest.raises(StorageError, match="is no file of cal pack"):
        unpack_curves(tmp_path / "text.parquet")
    with pytest.raises(StorageError, match="There is no file"):
        unpack_curves(tmp_path / "nowhere.parquet")


def test_columns_that_later_versions_add_are_ignored_and_absent_ones_are_unknown(folders, tmp_path):
    path = tmp_path / "curves.parquet"
    pack_curves([folders / "two"], path)
    edited(
        path,
        lambda table: table.append_column("novel", pa.array([1] * len(table))).drop_columns(["seconds_fit", "map"]),
    )
    curves = LearningCurves.load(path)
    assert curves.rounds["seconds_fit"].isna().all()
    assert np.isfinite(curves.rounds["seconds_evaluate"]).all()
    assert "novel" not in curves.rounds


def test_pack_compare_and_report_on_the_command_line(folders, packed, tmp_path, capsys):
    assert main(["pack", str(folders / "one"), str(folders / "other"), "-o", str(tmp_path / "new.parquet")]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in packed_cells(packed))
    assert "new.parquet" in printed
    name = cell_of(folders / "one")
    assert main(["compare", str(packed)]) == 1
    assert "holds 2 cells" in capsys.readouterr().err
    assert main(["compare", str(packed), "--cell", name]) == 0
    assert "margin" in capsys.readouterr().out
    assert main(["compare", str(tmp_path / "new.parquet"), str(folders / "two")]) == 0
    assert "margin" in capsys.readouterr().out
    assert main(["compare", "a.csv", "b.csv"]) == 1
    assert "takes one file of scores, or run folders" in capsys.readouterr().err
    assert main(["pack"]) == 1
    assert "needs one or more run folders" in capsys.readouterr().err


def test_a_file_of_one_cell_is_compared_and_reported_like_its_folder(folders, tmp_path, blank_pictures):
    path = tmp_path / "curves.parquet"
    pack_curves([folders / "other"], path)
    given = LearningCurves.load(folders / "other").compare()
    assert compare(path).scores.keys() == given.scores.keys()
    np.testing.assert_array_equal(compare(path).scores["entropy"], given.scores["entropy"])
    LearningCurves.load(path).report(tmp_path / "report")
    assert "entropy" in (tmp_path / "report" / "report.md").read_text()


def test_the_page_about_benchmarks_runs_and_lists_every_column(tmp_path, monkeypatch):
    """docs/benchmark.md, from simulations to a strategy of the reader's own."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "benchmark.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "benchmark"}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, "benchmark.md", "exec"), names)
    assert names["curves"].strategies == ["random", "margin", "least_confident"]
    schema = pq.read_schema("curves.parquet")
    listed = {
        name: kind
        for cells, kind in re.findall(r"^\| (`[^|]*) \| ([^|]*) \|", page, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cells)
    }
    assert set(listed) == set(schema.names)
    for name, kind in listed.items():
        given = schema.field(name).type
        assert kind.startswith("list" if pa.types.is_list(given) else str(given))
    for line in re.findall(r"^cal (?:pack|compare|report) .*", page, re.MULTILINE):
        assert main(shlex.split(line)[1:]) == 0 if "runs/mine" in line else line == "cal pack runs/* -o curves.parquet"
