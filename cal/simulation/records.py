"""Records: the finished rounds of a run as lines of JSON, checked when they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from cal.errors import StorageError

FULL_DATA = "full_data"
SCORES = ("accuracy", "macro_f1")
BATCH = {"confidence": 1.0, "variability": 1.0, "correctness": 1.0}
WRONG = ("n_wrong", "n_wrong_by_chance")
PHASES = ("fit", "evaluate", "acquire")
_REMEDY = "Remove it, and rerun the same command to repeat this run."


def read_records(path: Path, strategy: str, seed: int) -> list[dict[str, Any]]:
    """The finished rounds in a file, without a last line that a crash cut short.

    Args:
        path: the file; there need not be one.
        strategy: name of the strategy whose rounds they must be.
        seed: seed of the run.

    Raises:
        StorageError: if a line is damaged, is not the next round of this run, or does not follow from the lines before
            it; naming the line.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]  # a finished line ends in a newline
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}. {_REMEDY}") from error
    records: list[dict[str, Any]] = []
    labelled: set[str] = set()
    for number, line in enumerate(lines, start=1):
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise StorageError(f"{path} is damaged, line {number}: {error}. {_REMEDY}") from error
        if fault := next(faults_of(record, strategy, seed, records, labelled), None):
            raise StorageError(f"{path} is damaged, line {number}: {fault}. {_REMEDY}")
        labelled.update(record.get("seed_set", ()), record["acquired"])
        records.append(record)
    return records


def faults_of(
    record: Any, strategy: str, seed: int, before: Sequence[Mapping[str, Any]], labelled: set[str]
) -> Iterator[str]:
    """What is wrong with a record after those before it, in words.

    Args:
        record: the record.
        strategy: name of the strategy that it must be of.
        seed: seed of the run.
        before: the records of the run before it.
        labelled: ids that are labelled by then.
    """
    if not isinstance(record, dict):
        yield f"it is {type(record).__name__}, not an object"
        return
    needed: dict[str, Any] = {"strategy": str, **dict.fromkeys(("seed", "round", "n_labelled"), int)}
    needed |= {**dict.fromkeys(SCORES, (int, float)), **dict.fromkeys(("batch", "seconds"), dict)}
    needed |= dict.fromkeys(("acquired", "scores", "notes"), list)
    for key, kind in needed.items():
        if key not in record:
            yield f"it has no {key}"
        elif not isinstance(record[key], kind) or isinstance(record[key], bool):
            yield f"{key} is {record[key]!r}"
    if (record["strategy"], record["seed"]) != (strategy, seed):
        yield f"it is of {record['strategy']} with seed {record['seed']}, not of {strategy} with seed {seed}"
    if record["round"] != len(before):
        where = f"where round {len(before)} belongs"
        yield f"it is round {record['round']}, {where}: lines are missing, repeated or swapped"
    yield from _faulty_scores(record, otherwise=None if strategy == FULL_DATA else "absent")
    yield from _faulty_ids(record, before, labelled)


def _faulty_scores(record: Mapping[str, Any], otherwise: str | None) -> Iterator[str]:
    """Scores that are no scores; those of a batch without documents are null, and absent ones are `otherwise`."""
    for key in SCORES:
        if not 0 <= record[key] <= 1:
            yield f"{key} is {record[key]!r}, not a number from 0 to 1"
    value: Any
    for key, most in BATCH.items():
        value = record["batch"].get(key, otherwise)
        if value is not None and not (_is_number(value) and 0 <= value <= most):
            yield f"batch.{key} is {value!r}, not a number from 0 to {most:g}"
    for key in PHASES:
        value = record["seconds"].get(key, otherwise)
        if value is not None and not (_is_number(value) and value >= 0):
            yield f"seconds.{key} is {value!r}, not a number of seconds"
    for key in WRONG:
        value = record.get(key, 0)
        if not (_is_number(value) and 0 <= value <= record["n_labelled"]):
            yield f"{key} is {value!r}, not a number from 0 to {record['n_labelled']}"
    tests = record.get("tests", {})
    if not isinstance(tests, dict):
        yield f"tests is {tests!r}"
        return
    for name, scores in tests.items():
        for key in SCORES:
            value = scores.get(key) if isinstance(scores, dict) else None
            if not (_is_number(value) and 0 <= value <= 1):
                yield f"{key} on {name} is {value!r}, not a number from 0 to 1"
    stopping = record.get("stopping", {})
    met = stopping.get("met", []) if isinstance(stopping, dict) else None
    if not isinstance(met, list) or not all(isinstance(name, str) for name in met):
        yield f"stopping is {stopping!r}"


def _faulty_ids(record: Mapping[str, Any], before: Sequence[Mapping[str, Any]], labelled: set[str]) -> Iterator[str]:
    """Ids that were labelled before, and numbers of labels that do not add up."""
    acquired, seed_set = record["acquired"], record.get("seed_set", [])
    if not isinstance(seed_set, list) or not all(isinstance(each, str) for each in [*seed_set, *acquired]):
        yield "its ids are not all text"
        return
    if len(record["scores"]) != len(acquired) or not all(each is None or _is_number(each) for each in record["scores"]):
        yield f"it has {len(acquired)} acquired ids, but not {len(acquired)} numbers as their scores"
    keeps_ids = any(each["acquired"] for each in before)  # saved curves may do without
    if before and not before[-1]["acquired"] and (keeps_ids or record["n_labelled"] == before[-1]["n_labelled"]):
        yield "it follows a round that acquired nothing, which is the last of a run"
    seen = set(labelled)
    for each in [*seed_set, *acquired]:
        if each in seen:
            yield f"it labels '{each}' a second time"
        seen.add(each)
    if keeps_ids and (expected := before[-1]["n_labelled"] + len(before[-1]["acquired"])) != record["n_labelled"]:
        yield f"n_labelled is {record['n_labelled']}, but {expected} were labelled by then"
    if seed_set and (before or len(seed_set) != record["n_labelled"]):
        yield f"its seed set has {len(seed_set)} ids, and n_labelled is {record['n_labelled']}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
