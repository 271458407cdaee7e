"""The demo: a labelling project to try, whose corpus needs no download and whose wrong labels are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa

from cal.annotation.project import Project
from cal.annotation.status.injected import keep_injected, read_injected
from cal.annotation.store.database import address, exists, remove
from cal.annotation.store.label_table import read_labels
from cal.annotation.store.schema import DOCUMENT
from cal.arguments import check_arguments
from cal.checks import numbers_in, refuse, whole_numbers
from cal.errors import ConfigError
from cal.progress import note

if TYPE_CHECKING:
    from cal.data.corpus import Corpus
    from cal.data.noise import Noised

NAME = "Which library?"
EPOCHS = 8
_MOST_WORDS = 120
GUIDELINES = """# Which library is documented here?

Each text is the first paragraph of the documentation of a function or class in Python. The label is the library that
it comes from. The names of the libraries were replaced by [library].

- **matplotlib** draws figures: axes, lines, colours, ticks, legends.
- **networkx** is about graphs: nodes, edges, paths, centrality.
- **pandas** is about tables: data frames, series, indexes, columns, dates.
- **sklearn** learns from data: estimators, fit and predict, features, scores.
- **sympy** calculates with symbols: expressions, polynomials, integrals, proofs.
- **torch** computes with tensors: gradients, layers, devices, modules.

Some labels were made wrong on purpose. *Keep* a label that is right and correct one that is wrong. If a text could
come from two of the libraries, it is *ambiguous*; if it says nothing, *exclude* it.
"""


def make_demo(
    project: str | Path = "runs/review.db",
    *,
    max_per_class: int = 600,
    rate: float = 0.08,
    seed: int = 0,
    quiet: bool = False,
) -> Project:
    """Makes a labelling project to try, or opens it with its decisions if it is there.

    Its documents are docstrings of six installed libraries, which are its labels. Some labels are made wrong at random;
    `Project.status` says how many of them were found. The project has a map, a ranking, and a queue in which the most
    suspicious labels are likely to come first.

    Args:
        project: file of the project.
        max_per_class: largest number of documents per library, of which four fifths are used.
        rate: share of the labels to make wrong.
        seed: seed of what is random.
        quiet: show no progress.

    Raises:
        ConfigError: if the file holds a project that is no demo, or an argument is out of range.
        DataError: if the file holds something else, or one of the libraries is not installed.
    """
    check_arguments(make_demo, locals())
    refuse([*whole_numbers(10, max_per_class=max_per_class), *whole_numbers(0, seed=seed)])
    refuse(numbers_in("(0, .5]", rate=rate))
    if exists(project):
        return _opened(project)
    if (url := address(project)).get_backend_name() == "sqlite":
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    note("1 of 4: reading docstrings of installed libraries", quiet)
    noised, right = _noised(max_per_class, rate, seed)
    from cal.label_errors.suspects_request import suspects
    from cal.maps.request import map as draw_map

    note("2 of 4: training, to draw the map", quiet)
    data_map = draw_map(noised.corpus, n_epochs=EPOCHS, features="auto", quiet=quiet)
    note("3 of 4: ranking the labels that look wrong", quiet)
    ranked = suspects(noised.corpus, quiet=quiet)
    note("4 of 4: making the project", quiet)
    try:
        made = Project.create(project, labels=noised.corpus.label_names, name=NAME, guidelines=GUIDELINES)
        made.import_corpus(noised.corpus, map=data_map, suspects=ranked, name="docstrings")
        _keep_right(made, noised, right)
        made.queue(order="sampled", name="suspects", seed=seed)
    except BaseException:
        remove(project)
        raise
    return made


def _opened(project: str | Path) -> Project:
    opened = Project.open(project)
    with opened.reading() as connection:
        if read_injected(connection) is not None:
            return opened
    opened.close()
    raise ConfigError(
        f"{project} is a project of your own, not the demo. Open it with: cal annotate serve {project}. Or give the "
        "demo another file."
    )


def _noised(max_per_class: int, rate: float, seed: int) -> tuple[Noised, np.ndarray]:
    """The corpus with wrong labels, under ids that do not give them away, and the right classes."""
    from cal.data import read_corpus
    from cal.data.noise import inject

    read: Corpus = read_corpus("docstrings", max_per_class=max_per_class)
    short = [len(text.split()) <= _MOST_WORDS for text in read.train.texts]
    train = read.train.where(short, "train")
    numbers = 1 + np.random.default_rng(seed).permutation(len(train))
    width = len(str(len(numbers)))
    train = replace(train, ids=[f"doc-{number:0{width}}" for number in numbers])
    corpus = replace(read, train=train, test=None)
    return inject(corpus, "uniform", rate, seed), train.gold


def _keep_right(project: Project, noised: Noised, right: np.ndarray) -> None:
    train, names = noised.corpus.train, noised.corpus.label_names
    with project.writing() as connection:
        labels = read_labels(connection)
        numbers = dict(connection.execute(sa.select(DOCUMENT.c.external_id, DOCUMENT.c.id)).all())
        wrong = np.flatnonzero(noised.wrong).tolist()
        keep_injected(connection, {numbers[train.ids[at]]: labels.number(names[right[at]]) for at in wrong})
