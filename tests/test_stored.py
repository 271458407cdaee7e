"""Results that are loaded: whatever is damaged on disk is refused with its file and a way out."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
import torch

import cal
from cal.errors import CalError, StorageError
from cal.label_errors.audit_result import AuditResult
from cal.label_errors.suspects import Suspects
from cal.learners.mlp import MLP
from cal.maps.diff import map_diff
from cal.maps.diff_result import MapDiff

N, QUOTE = 12, '"'
COMPANION = {"suspects": "suspects.json", "select": "manifest.json", "weights": "manifest.json", "diff": "diff.json"}
TABLE = {"suspects": "suspects.csv", "select": "selected.csv", "weights": "weights.csv", "diff": "diff.csv"}
LOAD = {"suspects": Suspects.load, "select": cal.Selection.load, "weights": cal.Weights.load, "diff": MapDiff.load}
COMPANION["audit"], TABLE["audit"], LOAD["audit"] = "audit.json", "scores.csv", AuditResult.load


def drawn(seed: int) -> cal.DataMap:
    logits = 2 * torch.randn(4, N, 3, generator=torch.Generator().manual_seed(seed))
    return cal.DataMap.of(cal.TrainingDynamics.from_logits(logits, torch.arange(N) % 3), [f"a{i}" for i in range(N)])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved")
    cal.suspects(drawn(1)).save(path / "suspects")
    cal.select(drawn(1), count=6).save(path / "select")
    cal.weights(drawn(1)).save(path / "weights")
    map_diff(drawn(1), drawn(2)).save(path / "diff")
    texts = [f"{start} is it {i}?" for i in range(10) for start in ("How far", "Who")]
    corpus = cal.Corpus.from_texts(texts, ["number", "person"] * 10, test=0.2)
    given = {"detectors": ["aum"], "rates": 0.2, "seeds": 1, "clean_by": [], "workers": 1, "quiet": True}
    cal.audit(corpus, learner=MLP(hidden=[4], n_epochs=2), **given).save(path / "audit")
    return path


@pytest.fixture(params=sorted(LOAD))
def kind(request):
    return request.param


@pytest.fixture
def folder(kind, saved, tmp_path):
    return Path(shutil.copytree(saved / kind, tmp_path / "out"))


@pytest.mark.parametrize("content", [b"", b"[1]", b"{}", b'{"a": ', b"\xff\xfe\x00", b"null"])
def test_a_damaged_companion_is_named(kind, folder, content):
    (folder / COMPANION[kind]).write_bytes(content)
    with pytest.raises(StorageError, match=rf"{COMPANION[kind]} is damaged: .*Restore it from a copy, or repeat cal"):
        LOAD[kind](folder)


@pytest.mark.parametrize("content", [b"", b"\0\0\0\0", b"\xff\xfe\x00", b"x,y\n1,2\n", b'"a"\n"b\n'])
def test_a_damaged_table_is_named(kind, folder, content):
    (folder / TABLE[kind]).write_bytes(content)
    with pytest.raises(StorageError, match=rf"{TABLE[kind]} is damaged: "):
        LOAD[kind](folder)


def test_a_missing_file_and_a_folder_in_its_place_are_named(kind, folder):
    for name, message in {COMPANION[kind]: "is missing. Make one with cal", TABLE[kind]: "is damaged"}.items():
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        if "damaged" in message:
            (folder / name).mkdir()
        with pytest.raises(StorageError, match=rf"{name} {message}"):
            LOAD[kind](folder)
        if "damaged" in message:
            (folder / name).rmdir()
        (folder / name).write_bytes(kept)
    LOAD[kind](folder)


def test_a_row_that_is_there_twice_is_named(kind, folder):
    if kind == "audit":
        return  # its rows have no ids
    lines = (folder / TABLE[kind]).read_text().splitlines(keepends=True)
    (folder / TABLE[kind]).write_text("".join([*lines, lines[-1]]))
    with pytest.raises(StorageError, match="is there twice"):
        LOAD[kind](folder)


@pytest.mark.parametrize(
    ("kind", "column", "value", "message"),
    [
        ("suspects", "rank", "0", "row 1: rank is 0"),
        ("suspects", "score", "high", "row 1: score is 'high'"),
        ("weights", "weight", "-1", "row 1: weight is -1"),
        ("diff", "confidence_a", "5", "row 1: confidence_a is 5"),
        ("audit", "auroc", "9.9", "row 1: auroc is 9.9"),
    ],
)
def test_an_impossible_number_is_named_with_its_row(folder, kind, column, value, message):
    header, first, *others = (folder / TABLE[kind]).read_text(encoding="utf-8-sig").splitlines()
    (cells,) = csv.reader([first])
    number = re.compile(r"-?[\d.]+(e-?\d+)?")
    as_written = [cell if number.fullmatch(cell) else f'"{cell.replace(QUOTE, 2 * QUOTE)}"' for cell in cells]
    as_written[header.replace('"', "").split(",").index(column)] = value
    (folder / TABLE[kind]).write_text("\n".join([header, ",".join(as_written), *others]) + "\n")
    with pytest.raises(StorageError, match=rf"{TABLE[kind]} is damaged: {message}"):
        LOAD[kind](folder)


@pytest.mark.parametrize("kind", ["select", "weights"])
def test_rows_that_are_missing_or_swapped_are_noticed(folder, kind):
    header, *rows = (folder / TABLE[kind]).read_text().splitlines()
    for changed in (rows[1:], [rows[1], rows[0], *rows[2:]]):
        (folder / TABLE[kind]).write_text("\n".join([header, *changed]) + "\n")
        with pytest.raises(StorageError, match="its ids are not those that manifest"):
            LOAD[kind](folder)


@pytest.mark.parametrize("kind", ["select"])
def test_a_result_of_another_command_is_named(folder):
    with pytest.raises(StorageError, match="was written by cal select, not by cal weights"):
        cal.Weights.load(folder)


def test_a_damaged_map_is_refused_by_all_that_read_one(tmp_path):
    drawn(1).save(tmp_path / "map")
    for name in ("map.json", "map.parquet"):
        kept = (tmp_path / "map" / name).read_bytes()
        for content in (b"", kept[: len(kept) // 2], json.dumps({"name": 1}).encode()):
            (tmp_path / "map" / name).write_bytes(content)
            for read in (
                cal.DataMap.load,
                lambda path: map_diff(path, path),
                lambda path: cal.select(map=path, count=3),
            ):
                with pytest.raises(CalError, match="map"):
                    read(tmp_path / "map")
        (tmp_path / "map" / name).write_bytes(kept)
    assert len(cal.DataMap.load(tmp_path / "map")) == N
