"""Runs: maps and suspects beside the documents that they are about, once each, and what they bring back."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cal.annotation import Project
from cal.annotation.imports.run_tables import map_table
from cal.annotation.store.schema import DOCUMENT, MAP_POINT, RUN, SUGGESTION
from cal.dynamics.data_map import DataMap
from cal.dynamics.jsonl import write_epoch
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import DataError

LABELS = ["HUM", "LOC", "NUM"]
N = 12


def table(n_test=0):
    splits = ["train"] * (N - n_test) + ["test"] * n_test
    columns = {"id": [f"q{i}" for i in range(N)], "text": [f"text {i}" for i in range(N)]}
    return pd.DataFrame(columns | {"label": [LABELS[i % 3] for i in range(N)], "split": splits})


def a_map(n=N, **columns):
    """A map of the first documents, which predicts the given labels."""
    gold = [i % 3 for i in range(n)]
    names = [LABELS[i] for i in gold]
    given = {"id": [f"q{i}" for i in range(n)], "gold": gold, "predicted": gold, "gold_label": names}
    given |= {"predicted_label": names, "n_epochs": 3, "capture": "end", "aum": np.linspace(-1, 1, n)}
    given |= {"confidence": np.linspace(0, 1, n), "variability": 0.1, "correctness": 1.0, **columns}
    return pd.DataFrame(given)


def some_suspects(likely="LOC", p_likely=0.9, **columns):
    """Suspects of all documents, all of them with one likely label."""
    corpus = table()
    given = {"id": corpus["id"], "label": corpus["label"], "likely": likely, "p_wrong": 0.5, "why": "Look."}
    given |= {"score": np.linspace(1, 0, N), "p_label": 0.05, "p_likely": p_likely, "rank_aum": range(1, N + 1)}
    return pd.DataFrame(given | columns)


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "p.db") as made:
        made.import_corpus(table())
        yield made


def rows_of(project, of):
    with project.reading() as connection:
        return connection.execute(sa.select(of)).all()


def test_maps_and_suspects_stand_side_by_side(database):
    with Project.create(database) as project:
        done = project.import_corpus(table(), map=[a_map(), a_map(aum=0.5)], suspects=some_suspects())
        assert done.notes[0] == "Run map: map of 12 documents."
        assert [(run.name, run.kind, run.version_id) for run in rows_of(project, RUN)] == [
            *[("map", "map", 1), ("map (2)", "map", 1), ("suspects", "suspects", 1)]
        ]
        point, suggestion = rows_of(project, MAP_POINT)[1], rows_of(project, SUGGESTION)[1]
        assert (point.confidence, point.region) == (pytest.approx(1 / 11), "hard-to-learn")
        assert point.metrics["aum"] == pytest.approx(-1 + 2 / 11)
        assert (suggestion.score, suggestion.p_wrong, suggestion.columns["rank_aum"]) == (0.9, 0.5, 2)


def test_the_same_run_twice_is_one(project):
    project.import_corpus(map=a_map(), suspects=some_suspects())
    again = project.import_corpus(table(), map=a_map().sample(frac=1, random_state=1), suspects=some_suspects())
    assert all("is there already" in note for note in again.notes)
    assert len(rows_of(project, RUN)) == 2


def test_labels_that_people_fill_in_make_no_other_run(project):
    project.import_corpus(suspects=some_suspects())
    assert "is there already" in str(project.import_corpus(suspects=some_suspects(corrected="NUM", verdict="wrong")))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"map": a_map(11)}, r"lacks 1 of 12 documents of train, e.g. 'q11'. .* partial=true"),
        ({"map": a_map(id=[f"x{i}" for i in range(N)])}, r"12 of 12 ids .* e.g. 'x0', 'x1', 'x2'. Give the dataset"),
        ({"map": a_map(id=[*range(N)]), "corpus": table()}, "They are row numbers: set dataset.id_column=row"),
        ({"map": a_map(predicted=3, predicted_label="ABBR")}, "1 label that the project lacks: 'ABBR'"),
        ({"map": a_map(text="something else")}, "its ids mean other documents"),
        ({"suspects": some_suspects(likely="XYZ")}, "1 label that the project lacks: 'XYZ'"),
        ({"suspects": some_suspects().drop(columns="likely")}, "no column 'likely'"),
        ({"suspects": some_suspects(id="q0")}, "'q0' in several rows"),
        ({"map": a_map().drop(columns=["gold_label", "predicted_label"]).assign(gold=0)}, "does not name them"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(project, given, told):
    with pytest.raises(DataError, match=told):
        project.import_corpus(**given)
    assert rows_of(project, RUN) == []


def test_a_run_without_documents_is_refused(tmp_path):
    with Project.create(tmp_path / "p.db") as project, pytest.raises(DataError, match="Give their texts, too"):
        project.import_corpus(map=a_map())


def test_a_part_of_the_documents_may_do(project):
    project.import_corpus(map=a_map(7), partial=True)
    assert len(rows_of(project, MAP_POINT)) == 7


def test_a_map_of_the_project_itself_needs_no_points_of_what_was_left_out(project):
    project.decide("q11", "exclude")
    project.decide("q10", "ambiguous")
    project.import_corpus(map=a_map(10))
    assert len(rows_of(project, MAP_POINT)) == 10


def test_a_map_of_train_needs_no_points_of_test(tmp_path):
    with Project.create(tmp_path / "p.db") as project:
        project.import_corpus(table(n_test=4), map=a_map(8))
        assert len(rows_of(project, MAP_POINT)) == 8


def test_classes_without_names_are_matched_by_the_labels_of_their_documents(project):
    swapped = a_map().drop(columns=["gold_label", "predicted_label"])
    swapped[["gold", "predicted"]] = 2 - swapped[["gold", "predicted"]]
    project.import_corpus(map=swapped)
    assert [point.predicted_id for point in rows_of(project, MAP_POINT)][:4] == [1, 2, 3, 1]


def test_probabilities_in_each_epoch_are_kept_where_there_are_logs(project, tmp_path):
    for epoch in range(2):
        logits = [[3.0 * (i % 3 == k) * epoch for k in range(3)] for i in range(N)]
        write_epoch(tmp_path / "logs", epoch, [f"q{i}" for i in range(N)], logits, [i % 3 for i in range(N)])
    project.import_corpus(map=str(tmp_path / "logs"))
    run, point = rows_of(project, RUN)[0], rows_of(project, MAP_POINT)[1]
    curves = np.frombuffer(point.curves, dtype=np.float16).reshape(2, 3)
    assert (run.name, run.n_epochs, run.label_ids) == ("logs", 2, [1, 2, 3])
    assert curves == pytest.approx(np.array([[1, 1, 1], [0.0453, 0.9094, 0.0453]]) / [[3], [1]], abs=1e-3)


def with_curves(order, n_epochs=3, label_names=LABELS):
    """A map in some order of the documents, each of which has curves of its own."""
    gold = torch.tensor([i % 3 for i in order])
    seeds = [torch.Generator().manual_seed(i) for i in order]
    logits = torch.stack([torch.randn(n_epochs, 3, generator=each) for each in seeds], dim=1)
    ids = [f"q{i}" for i in order]
    return DataMap.of(TrainingDynamics.from_logits(logits, gold), ids, name="map", label_names=label_names)


def assert_own_curves(project, order, made):
    (run,) = rows_of(project, RUN)
    ids = {row.id: row.external_id for row in rows_of(project, DOCUMENT)}
    assert (run.label_ids, run.n_epochs) == ([1, 2, 3], 3)
    expected = {f"q{i}": made.class_curves[:, at] for at, i in enumerate(order)}
    points = rows_of(project, MAP_POINT)
    assert len(points) == N
    for point in points:
        curves = np.frombuffer(point.curves, dtype=np.float16).reshape(3, 3)
        assert np.array_equal(curves, expected[ids[point.document_id]].numpy())


@given(order=st.permutations(range(N)))
@settings(max_examples=10, deadline=None)
def test_each_document_gets_its_own_curves_whatever_the_order(tmp_path_factory, order):
    with Project.create(tmp_path_factory.mktemp("curves") / "p.db") as project:
        made = with_curves(order)
        project.import_corpus(table(), map=made)
        assert_own_curves(project, order, made)


def test_a_map_in_memory_and_its_folder_are_one_run_with_the_same_curves(project, tmp_path):
    order = [*range(N)][::-1]
    made = with_curves(order)
    made.save(tmp_path / "map")
    project.import_corpus(map=tmp_path / "map")
    assert_own_curves(project, order, made)
    assert "is there already" in str(project.import_corpus(map=made))


def test_classes_of_curves_without_names_are_those_of_the_documents(project):
    project.import_corpus(map=with_curves(range(N), label_names=None))
    assert [run.label_ids for run in rows_of(project, RUN)] == [[1, 2, 3]]


def test_a_folder_without_curves_is_imported_without_them(project, tmp_path):
    with_curves(range(N)).save(tmp_path / "map")
    (tmp_path / "map" / "curves.npy").unlink()
    project.import_corpus(map=tmp_path / "map")
    assert {point.curves for point in rows_of(project, MAP_POINT)} == {None}
    assert [run.label_ids for run in rows_of(project, RUN)] == [None]


def test_a_later_run_that_disagrees_brings_relabelled_documents_back(project):
    project.decide("q0", "relabel", "NUM")  # suspects predict LOC
    project.decide("q3", "relabel", "LOC")  # and so agree
    project.decide("q6", "keep")
    project.decide("q9", "exclude")
    done = project.import_corpus(suspects=some_suspects())
    events = project.events()
    reasons = events[events["action"] == "return"].set_index("document")["comment"].to_dict()
    assert reasons == {"q0": "Run suspects predicts LOC with 90 %, and it was relabelled to NUM."}
    assert (done.n_returned, project.check()) == (1, [])
    assert project.import_corpus(suspects=some_suspects(p_likely=0.8)).n_returned == 0  # it is back already


def test_an_unlikely_other_label_is_no_disagreement(project):
    project.decide("q0", "relabel", "NUM")
    corrected = some_suspects(p_likely=0.3, p_label=0.6)
    corrected.loc[0, "label"] = "NUM"
    assert project.import_corpus(suspects=corrected).n_returned == 0


def test_a_run_that_was_made_before_the_decision_is_not_later(project, tmp_path):
    project.decide("q0", "relabel", "NUM")
    table = map_table(a_map())
    made = datetime.now(UTC) - timedelta(days=1)
    with project.writing() as connection:
        from cal.annotation.imports.run_store import add_run
        from cal.annotation.store.label_table import read_labels

        table.about["made"] = made
        assert add_run(connection, table, read_labels(connection))[1] == 0


def test_labels_that_were_renamed_since_are_known(project):
    project.rename_label("HUM", "person")
    project.merge_labels("LOC", "NUM")
    project.import_corpus(map=a_map())
    assert [run.version_id for run in rows_of(project, RUN)] == [1]
