"""The log of one epoch: what is written is read, what is damaged is refused with its place."""

import gzip
import json
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cal.dynamics.jsonl import read_epoch, write_epoch
from cal.errors import DataError

PUBLISHED = Path(__file__).resolve().parents[2] / "../shared/data/allenai/training_dynamics"

ids = st.one_of(
    st.lists(st.text(), unique=True, min_size=1, max_size=8),
    st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, min_size=1, max_size=8),
)


@given(data=st.data(), ids=ids, n_classes=st.integers(2, 4), epoch=st.integers(0, 99), compress=st.booleans())
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_to_ten_decimals(tmp_path_factory, data, ids, n_classes, epoch, compress):
    shape = (len(ids), n_classes)
    floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
    logits = data.draw(hnp.arrays(np.float32, shape, elements=floats))
    gold = data.draw(hnp.arrays(np.int64, len(ids), elements=st.integers(0, n_classes - 1)))
    folder = tmp_path_factory.mktemp("logs")
    records = read_epoch(write_epoch(folder, epoch, ids, logits, gold, compress=compress))
    assert list(records.ids) == ids
    assert list(map(type, records.ids)) == list(map(type, ids))
    np.testing.assert_array_equal(records.logits, np.round(logits.astype(np.float64), 10))
    np.testing.assert_array_equal(records.gold, gold)
    assert records.lines.tolist() == list(range(1, len(ids) + 1))


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published logs are not beside the checkout")
@pytest.mark.parametrize("epoch", range(5))
def test_published_logs_are_written_byte_for_byte(tmp_path, epoch):
    given = PUBLISHED / f"dynamics_epoch_{epoch}.jsonl"
    records = read_epoch(given)
    written = write_epoch(tmp_path, epoch, records.ids, records.logits, records.gold)
    assert written.read_bytes() == given.read_bytes()


def test_a_compressed_log_is_the_same_bytes_each_time(tmp_path):
    logs = [write_epoch(tmp_path / name, 0, [1], np.ones((1, 2)), [0], compress=True) for name in ("a", "b")]
    assert logs[0].read_bytes() == logs[1].read_bytes()


def test_lines_are_read_alike_together_and_one_by_one(tmp_path):
    rng = np.random.default_rng(0)
    logits, gold = rng.normal(size=(3000, 3)), rng.integers(0, 3, 3000)
    given = write_epoch(tmp_path / "a", 0, [f"id {i}" for i in range(3000)], logits, gold)
    other = tmp_path / "dynamics_epoch_0.jsonl"
    other.write_bytes(given.read_bytes().replace(b"\n", b"\r\n"))  # which is not plainly in order
    for one, two in zip(read_epoch(given), read_epoch(other), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_log_may_have_spaces_other_keys_and_no_last_newline(tmp_path):
    path = tmp_path / "dynamics_epoch_2.jsonl"
    path.write_text('{ "gold": 1, "logits_epoch_2": [1, 2.5], "guid": "true", "seed": null }')
    records = read_epoch(path)
    assert (records.ids, records.logits.tolist(), records.gold.tolist()) == (["true"], [[1.0, 2.5]], [1])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epoch": -1}, "epoch must be a whole number of at least 0, not -1"),
        ({"ids": ["a"]}, "1 ids, logits of shape"),
        ({"ids": ["a", "a"]}, "1 ids are repeated"),
        ({"ids": ["a", 1]}, "instance 1: the id 1 is of another kind"),
        ({"ids": [1.0, 2.0]}, r"instance 0: the id is 1\.0"),
        ({"ids": ["a", "\ud800"]}, "instance 1: the id is"),
        ({"logits": [[0.0, np.nan], [0.0, 1.0]]}, "instance 0: NaN is not a number"),
        ({"logits": [[0.0], [1.0]]}, r"there is one logit, 0\.0"),
        ({"gold": [0, 2]}, "instance 1: gold is 2, but there are 2 logits"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path, changes, words):
    given = {"epoch": 0, "ids": ["a", "b"], "logits": np.zeros((2, 2)), "gold": [0, 1]} | changes
    with pytest.raises(DataError, match=words):
        write_epoch(tmp_path, **given)
    assert list(tmp_path.iterdir()) == []


def _with(**changes):
    return lambda line, rng: json.dumps(json.loads(line) | changes).encode()


def _without(key):
    return lambda line, rng: orjson.dumps({k: v for k, v in orjson.loads(line).items() if k != key})


def _bad_utf8(line, rng):
    at = line.index(b'"id') + 2
    return line[:at] + bytes([rng.integers(128, 192)]) + line[at:]


DAMAGE = {
    "cut": lambda line, rng: line[: rng.integers(1, len(line) - 1)],
    "bad utf-8": _bad_utf8,
    "nan": _with(logits_epoch_7=[float("nan"), 1.0, 2.0]),
    "infinity": _with(logits_epoch_7=[1.0, float("-inf"), 2.0]),
    "null logit": _with(logits_epoch_7=[1.0, None, 2.0]),
    "float too large": lambda line, rng: line.replace(b":[", b":[1e999,", 1),
    "float beyond 32 bits": _with(logits_epoch_7=[1.0, 1e39, 2.0]),
    "text logits": _with(logits_epoch_7=["1.0", "2.0", "3.0"]),
    "boolean logit": _with(logits_epoch_7=[True, 2.0, 3.0]),
    "nested logits": _with(logits_epoch_7=[[1.0, 2.0, 3.0]]),
    "deeply nested": lambda line, rng: b"[" * 5000 + b"]" * 5000,
    "no list": _with(logits_epoch_7=1.5),
    "empty list": _with(logits_epoch_7=[]),
    "more logits": _with(logits_epoch_7=[1.0, 2.0, 3.0, 4.0]),
    "huge whole id": _with(guid=10**30),
    "id of 65 bits": _with(guid=2**63),
    "id of other kind": _with(guid=17),
    "boolean id": _with(guid=True),
    "list id": _with(guid=["a"]),
    "null id": _with(guid=None),
    "no id": _without("guid"),
    "no logits": _without("logits_epoch_7"),
    "no gold": _without("gold"),
    "logits of another epoch": lambda line, rng: line.replace(b"logits_epoch_7", b"logits_epoch_6"),
    "boolean gold": _with(gold=True),
    "text gold": _with(gold="1"),
    "fractional gold": _with(gold=1.5),
    "gold too large": _with(gold=3),
    "negative gold": _with(gold=-1),
    "huge gold": _with(gold=2**70),
    "a list": lambda line, rng: b"[1,2]",
    "a number": lambda line, rng: b"17",
    "two objects": lambda line, rng: line + line,
    "two objects with a comma": lambda line, rng: line + b"," + line,
    "garbage": lambda line, rng: rng.integers(11, 256, 40, dtype=np.uint8).tobytes(),
    "nul": lambda line, rng: b"\0" * 20,
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("seed", range(5))
def test_a_damaged_line_is_refused_with_its_file_and_number(tmp_path, name, seed):
    rng = np.random.default_rng([seed, len(name)])
    n = int(rng.integers(2, 2000))
    path = write_epoch(tmp_path, 7, [f"id{i}" for i in range(n)], rng.normal(size=(n, 3)), rng.integers(0, 3, n))
    lines = path.read_bytes().splitlines()
    at = int(rng.integers(1, n))  # the first line says what kind of ids there are, and how many classes
    lines[at] = DAMAGE[name](lines[at], rng)
    compress = seed == 0
    path = path.with_suffix(".jsonl.gz") if compress else path
    content = b"\n".join(lines) + b"\n"
    path.write_bytes(gzip.compress(content) if compress else content)
    with pytest.raises(DataError) as refused:
        read_epoch(path)
    assert str(refused.value).startswith(f"{path}, line {at + 1}: ")
    assert len(str(refused.value)) < len(str(path)) + 400


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n", id="an empty line"),
        pytest.param(b"\0" * 4096, id="zeros"),
        pytest.param(b"PK\x03\x04" * 99, id="another format"),
        pytest.param('{"guid":1}'.encode("utf-16"), id="utf-16"),
        pytest.param(b"guid,logits,gold\n1,2,0\n", id="csv"),
        pytest.param(b'[{"guid":1,"logits_epoch_7":[1.0,2.0],"gold":0}]', id="one list"),
        pytest.param(b'{\n"guid":1,"logits_epoch_7":[1.0,2.0],"gold":0}\n', id="an object over lines"),
        pytest.param(b'{"guid":1\n"logits_epoch_7":[1.0,2.0],"gold":0}\n', id="an object in two lines"),
    ],
)
def test_a_file_of_something_else_is_refused_in_line_1(tmp_path, content):
    path = tmp_path / "dynamics_epoch_7.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        read_epoch(path)
    assert str(refused.value).startswith(f"{path}, line 1: ")


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_archive_is_refused_with_its_file_and_a_line(tmp_path, seed):
    rng = np.random.default_rng(seed)
    path = write_epoch(tmp_path, 0, range(3000), rng.normal(size=(3000, 3)), rng.integers(0, 3, 3000), compress=True)
    content = bytearray(path.read_bytes())
    if seed % 3 == 0:
        content = content[: rng.integers(0, len(content) - 1)]  # cut off
    elif seed % 3 == 1:
        content[rng.integers(0, 2)] ^= 0xFF  # no archive by its first bytes
    else:
        content[rng.integers(20, len(content))] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"dynamics_epoch_0\.jsonl\.gz, line \d+: "):
        read_epoch(path)


def test_a_log_that_cannot_be_opened_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"dynamics_epoch_0\.jsonl, line 1: the file cannot be read"):
        read_epoch(tmp_path / "dynamics_epoch_0.jsonl")
