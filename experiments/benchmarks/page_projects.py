"""Made-up projects for benchmarks of the page, written into the tables directly: importing a million takes a minute."""

from __future__ import annotations

import itertools
import json
import sqlite3
from pathlib import Path

LABELS = [f"class {k}" for k in range(6)]
REGIONS = ["easy-to-learn", "ambiguous", "hard-to-learn"]
PART = 50_000


def write_project(path: Path, n: int, n_epochs: int = 6) -> None:
    """A project of `n` documents with given labels, a map with curves, a ranking, and a queue by `p_wrong`."""
    import numpy as np

    from cal.annotation import Project

    with Project.create(path, labels=LABELS):
        pass
    rng = np.random.default_rng(0)
    words = np.array([f"w{k}" for k in range(5_000)])
    with sqlite3.connect(path) as database:
        database.executescript("PRAGMA synchronous=OFF; PRAGMA cache_size=-200000")
        ids = [row[0] for row in database.execute("SELECT id FROM label ORDER BY position")]
        now = "2026-01-01T00:00:00.000000Z"
        database.execute("INSERT INTO label_version VALUES (1, 'first', NULL, 'x', ?)", (now,))
        columns = "id, kind, name, digest, version_id, label_ids, n_epochs, imported"
        run = f"INSERT INTO run ({columns}) VALUES (?, ?, ?, ?, 1, ?, ?, ?)"
        database.execute(run, (1, "map", "map", "map", json.dumps(ids), n_epochs, now))
        database.execute(run, (2, "suspects", "suspects", "suspects", json.dumps(ids), n_epochs, now))
        for start in range(0, n, PART):
            size = min(PART, n - start)
            numbers = range(start + 1, start + size + 1)
            given = rng.integers(len(ids), size=size)
            curves = made_up_curves(rng, given, n_epochs, len(ids))
            of_given = curves[np.arange(size), :, given].astype(np.float64)
            confidence, variability = of_given.mean(1), of_given.std(1)
            predicted = curves[:, -1].argmax(1)
            correctness = (curves.argmax(2) == given[:, None]).mean(1)
            region = np.select([variability > 0.2, confidence < 0.5], [1, 2], 0)
            texts = words[rng.integers(len(words), size=(size, 12))]
            add_rows(
                database,
                "document (id, external_id, digest, text, split, columns, withdrawn)",
                numbers,
                (f"d{k}" for k in numbers),
                itertools.repeat("0" * 32),
                map(" ".join, texts.tolist()),
                itertools.repeat("train"),
                (f'{{"length":{k}}}' for k in rng.integers(8, 200, size).tolist()),
                itertools.repeat(0),
            )
            add_rows(
                database,
                "given (version_id, document_id, label_id)",
                itertools.repeat(1),
                numbers,
                [ids[k] for k in given.tolist()],
            )
            add_rows(
                database,
                "map_point (run_id, document_id, confidence, variability, correctness, region, predicted_id, curves)",
                itertools.repeat(1),
                numbers,
                confidence.tolist(),
                variability.tolist(),
                correctness.tolist(),
                [REGIONS[k] for k in region.tolist()],
                [ids[k] for k in predicted.tolist()],
                [each.tobytes() for each in curves],
            )
            add_rows(
                database,
                "suggestion (run_id, document_id, label_id, score, p_wrong)",
                itertools.repeat(2),
                numbers,
                [ids[k] for k in predicted.tolist()],
                curves[:, -1].max(1).astype(float).tolist(),
                (1 - confidence).tolist(),
            )
    with Project.open(path) as project:
        project.queue(by="p_wrong", order="ranked")


def made_up_curves(rng, given, n_epochs: int, n_classes: int):
    """(instance, epoch, class) probabilities in float16: most labels are learnt, some slowly, some never."""
    import numpy as np

    size = len(given)
    other = (given + rng.integers(1, n_classes, size)) % n_classes
    wrong = rng.random(size) < 0.1
    winner = np.where(wrong, other, given)
    speed = rng.gamma(1.5, 1.0, size)[:, None] + 0.1
    skill = 1 - np.exp(-speed * np.arange(1, n_epochs + 1) / 2)
    noise = rng.normal(0, 0.6, (size, n_epochs, n_classes))
    noise[np.arange(size), :, winner] += 5 * skill
    shares = np.exp(noise)
    return (shares / shares.sum(2, keepdims=True)).astype(np.float16)


def add_rows(database: sqlite3.Connection, into: str, *columns) -> None:
    """Inserts columns; those that repeat a value have no end of their own."""
    marks = ", ".join("?" * len(columns))
    database.executemany(f"INSERT INTO {into} VALUES ({marks})", zip(*columns, strict=False))
