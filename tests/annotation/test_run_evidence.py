"""Evidence that a ranking of suspects leaves of each document in a project: similar documents and curves."""

from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

import cal
from cal.annotation import Project
from cal.annotation.store.evidence import neighbours_in, packed_neighbours, read_curves, read_neighbours
from cal.annotation.store.schema import DOCUMENT, RUN, SUGGESTION
from cal.label_errors.suspects import Suspects
from cal.learners.mlp import MLP
from cal.page.about import read_about
from cal.page.errors import Refused
from cal.page.points import points_of

SMALL = MLP(hidden=[16], n_epochs=4, lr=1e-2)
N = 30


def make_corpus(ids=range(N)):
    words = {"number": ["far", "many", "much", "long"], "person": ["wrote", "sang", "painted", "ruled"]}
    labels = [[*words][k % 2] for k in ids]
    texts = [f"Who or what {words[label][k % 4]} the {k % 7} thing {k}?" for k, label in zip(ids, labels, strict=True)]
    return cal.Corpus.from_texts(texts, labels, ids=[f"q{k}" for k in ids])


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    usual = {"learner": SMALL, "features": "lsa", "seeds": 1, "folds": 3, "workers": 1, "quiet": True}
    return cal.suspects(make_corpus(), output=tmp_path_factory.mktemp("found") / "suspects", **usual)


def numbers_of(connection):
    return dict(connection.execute(sa.select(DOCUMENT.c.id, DOCUMENT.c.external_id)).all())


@given(st.lists(st.tuples(st.integers(0, 2**31 - 1), st.floats(0, 1, width=16)), max_size=12))
def test_packed_neighbours_are_the_same(neighbours):
    packed = packed_neighbours(neighbours)
    assert (neighbours_in(packed), len(packed)) == (neighbours, 6 * len(neighbours))


@pytest.mark.parametrize("way", ["memory", "folder", "reordered"])
def test_each_document_has_its_own_neighbours_and_curves(database, found, tmp_path, way):
    given = found
    if way != "memory":
        found.save(tmp_path / "suspects")
        given = tmp_path / "suspects"
    if way == "reordered":  # as somebody may leave the table who sorts it by id
        given = Suspects.load(given)
        given = Suspects(given.rows.sort_values("id").reset_index(drop=True), given.about, given.problems)
        given.save(tmp_path / "other")
        for name in ("curves.npy", "neighbours.parquet"):
            (tmp_path / "other" / name).write_bytes((tmp_path / "suspects" / name).read_bytes())
        given = tmp_path / "other"
    with Project.create(database) as project:
        project.import_corpus(make_corpus(), suspects=given)
        with project.reading() as connection:
            ids = numbers_of(connection)
            near = read_neighbours(connection, [*ids], 1)
            labels, curves = read_curves(connection, [*ids], 1)
            names = dict(connection.execute(sa.text("SELECT id, name FROM label")).all())
    assert [names[label] for label in labels] == found.about["label_names"]
    assert near.keys() == curves.keys() == ids.keys()
    expected = found.neighbours.set_index("id")
    rank_of = dict(zip(found.rows["id"], found.rows["rank"], strict=True))
    for number, id in ids.items():
        assert [ids[other] for other, _ in near[number]] == expected.loc[id].neighbours
        assert [of for _, of in near[number]] == pytest.approx(expected.loc[id].similarities, abs=1e-3)
        assert np.array_equal(curves[number], found.curves[rank_of[id] - 1])


def test_neighbours_that_the_project_lacks_are_dropped(found, tmp_path):
    kept = [k for k in range(N) if k % 3]
    rows = found.rows[found.rows["id"].isin([f"q{k}" for k in kept])].reset_index(drop=True)
    part = Suspects(rows, found.about, found.problems, found.neighbours, found.curves)
    with Project.create(tmp_path / "p.db") as project:
        project.import_corpus(make_corpus(kept), suspects=part)
        with project.reading() as connection:
            ids = numbers_of(connection)
            near = read_neighbours(connection, [*ids], 1)
    expected = found.neighbours.set_index("id")["neighbours"]
    assert len(near) == len(kept)
    for number, id in ids.items():
        assert [ids[other] for other, _ in near[number]] == [k for k in expected[id] if int(k[1:]) % 3]
    assert sum(map(len, near.values())) < 10 * len(kept)


def test_a_neighbour_that_the_list_lacks_but_the_project_has_is_kept(found, tmp_path):
    part = Suspects(found.rows.head(3), found.about, found.problems, found.neighbours, found.curves)
    with Project.create(tmp_path / "p.db") as project:
        project.import_corpus(make_corpus(), suspects=part, partial=True)
        with project.reading() as connection:
            ids = numbers_of(connection)
            near = read_neighbours(connection, [*ids], 1)
    expected = found.neighbours.set_index("id")["neighbours"]
    assert len(near) == 3
    assert {ids[number]: [ids[other] for other, _ in of] for number, of in near.items()} == {
        id: expected[id] for id in found.rows["id"].head(3)
    }


def test_a_list_of_an_earlier_version_has_neither(found, tmp_path):
    earlier = {name: each for name, each in found.about.items() if name != "label_names"}
    Suspects(found.rows, earlier, found.problems).save(tmp_path / "old")
    with Project.create(tmp_path / "p.db") as project:
        project.import_corpus(make_corpus(), suspects=tmp_path / "old")
        assert "is there already" in str(project.import_corpus(suspects=tmp_path / "old"))
        with project.reading() as connection:
            numbers = [*numbers_of(connection)]
            assert read_neighbours(connection, numbers, 1) == {}
            assert read_curves(connection, numbers, 1) == ([], {})
            assert connection.execute(sa.select(RUN.c.label_ids)).scalar_one() is None
            assert connection.execute(sa.select(sa.func.count()).select_from(SUGGESTION)).scalar_one() == N
        project.import_corpus(suspects=found)  # which says more, and is another run
        with project.reading() as connection:
            assert len(read_neighbours(connection, numbers, 2)) == N


def test_of_no_run_and_no_document_nothing_is_known(found, tmp_path):
    with Project.create(tmp_path / "p.db") as project:
        project.import_corpus(make_corpus(), suspects=found)
        with project.reading() as connection:
            assert (read_neighbours(connection, [], 1), read_curves(connection, [], 1)[1]) == ({}, {})
            assert (read_neighbours(connection, [1], 7), read_curves(connection, [1], 7)) == ({}, ([], {}))


def test_a_map_with_curves_of_the_given_label_only_has_no_slider(tmp_path):
    made = cal.map(make_corpus(), learner=SMALL, features="lsa", quiet=True, workers=1, output=tmp_path / "map")
    replace(made, class_curves=None).save(tmp_path / "map")
    assert np.load(tmp_path / "map" / "curves.npy").shape == (N, made.n_epochs, 1)
    with Project.create(tmp_path / "project.db") as project:
        project.import_corpus(make_corpus(), map=tmp_path / "map")
        points = points_of(project, 1)
        assert points.n_epochs == 0
        with pytest.raises(Refused, match="no curves"):
            points.places(project, 1)
        with project.reading() as connection:
            assert read_curves(connection, [1, 2], 1)[1] == {}
            assert not read_about(project, None, links=False, leads=True, tour=False).runs[0].has_curves
