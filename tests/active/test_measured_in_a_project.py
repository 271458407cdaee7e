"""What is measured of a project that learns: accuracy, movement, stopping, and slips that come back with a reason."""

import pytest

from cal.active.movement import Movement
from cal.active.person import Person, simulate_session
from cal.annotation import Project
from cal.annotation.learning.progress import read_progress
from cal.annotation.learning.simulated import label_project

LEARNER = {"small_mlp": {"n_epochs": 20}}


@pytest.fixture
def learning(topics, tmp_path):
    """learning(person, n, **options): a project that a person has labelled, and the ids in their order."""

    def labelled(person, n, **options):
        project = Project.create(tmp_path / f"project{len(list(tmp_path.iterdir()))}.db", labels=topics.label_names)
        project.import_texts({"id": topics.train.ids, "text": topics.train.texts})
        given = {"features": "lsa", "learner": LEARNER, "seed": 3, "test_share": 0.2, "seed_size": 20, "batch": 20}
        return project, label_project(project, person, n, **given | options)

    return labelled


def test_a_project_measures_what_a_learner_in_python_measures(topics, learning):
    project, decided = learning(Person.of(topics), 80, check_share=0.0, reserve=0, stopping=["expected_gain"])
    made = [each for each in project.learning.batches if each.round is not None]
    assert len(decided) == 80
    assert [each.round for each in made] == [0, 1, 2, 3]
    assert [each.record.n_labelled for each in made] == [16, 32, 48, 64]
    assert made[0].record.movement == {}
    assert all(Movement.of(each.record.movement).n == each.record.n_labelled - 16 for each in made[1:])
    with project.reading() as connection:
        progress = read_progress(connection, project.learning)
    curve = progress.to_frame()
    assert curve["n_test"].tolist() == [16] * 4
    assert curve["accuracy"].iloc[-1] > 0.4
    numbers = {each.id for each in project.labels}
    for each, point in zip(made, progress.rounds, strict=True):
        assert point.accuracy.accuracy.n == 16
        assert set(each.record.test.values()) <= numbers
        assert point.movement == Movement.of(each.record.movement)
    told = f"64 documents labelled, and 16 test documents.\nAccuracy {progress.accuracy.accuracy}."
    assert told in str(project.status())
    python = simulate_session(
        topics, Person.of(topics), 80, seed_size=20, batch=20, learner=LEARNER, seed=3, test_share=0.2,
        labels=topics.label_names, stopping=["expected_gain"],
    )  # fmt: skip
    assert decided == python.decided
    assert curve.equals(python.curve[curve.columns.tolist()].astype(curve.dtypes))


@pytest.mark.slow
def test_slips_come_back_once_with_a_reason_and_are_mended(topics, learning):
    person = Person.of(topics, careless=0.15, seed=2)
    project, _ = learning(person, 120, check_share=0.1)
    checks = {number: label for each in project.learning.batches for number, label in each.record.checks.items()}
    again = [id for id in person.seen if person.seen[id] > 1]
    assert checks
    assert len(again) == len(set(again)) <= len(checks)
    assert all(person.seen[id] == 2 for id in again)
    mended = [id for id in again if id in person.slips]
    assert mended
    events = project.events()
    returned = events[events["action"] == "return"]
    assert len(returned) == len(checks)
    assert returned["comment"].str.contains("label|say", regex=True).all()
    assert project.check() == []
