"""The backend answers Label Studio by its protocol, and follows what happens in a project."""

import time

import pytest


def test_it_says_that_it_is_there(serve, connect):
    asks = connect(serve())
    for path in ("/", "/health"):
        assert asks.ask("GET", path) == (200, {"status": "UP", "model_class": "cal"})
    assert asks.ask("GET", "/versions") == (200, {"versions": []})


def test_before_there_are_labels_the_seed_set_comes_first_and_no_label_is_suggested(studio):
    answer = studio.predict()
    assert len(answer["results"]) == 40
    scores = [each["score"] for each in answer["results"]]
    assert sorted(scores) == pytest.approx([place / 40 for place in range(40)])
    assert {each["model_version"] for each in answer["results"]} == {answer["model_version"], studio.version()}
    assert [each["result"] for each in answer["results"]] == [[]] * 40
    assert answer["model_version"].startswith("cal-1-first-0-")


def test_it_learns_when_annotators_have_decided_enough_and_again_a_batch_later(studio):
    first = studio.version()
    order = studio.order()
    studio.annotate(order[:5])
    studio.annotate(order[5:6])
    second = studio.wait(2)
    assert second.startswith("cal-2-margin-6-")
    assert second != first
    found = dict(zip(studio.texts, studio.predict()["results"], strict=True))
    assert all(found[task]["score"] == 1 for task in order[:6])
    left = [found[task] for task in order[6:]]
    assert sorted(each["score"] for each in left) == pytest.approx([place / 34 for place in range(34)])
    for each in found.values():
        [chosen] = each["result"]
        assert (chosen["from_name"], chosen["to_name"], chosen["type"]) == ("label", "text", "choices")
        assert chosen["value"]["choices"][0] in ("NUM", "HUM")
        assert 0.5 <= chosen["score"] <= 1  # the probability of the better of two labels
    sure = [each["result"][0]["score"] for each in sorted(left, key=lambda each: each["score"])]
    assert sure == pytest.approx(sorted(sure))  # the margin: the least sure comes first
    studio.annotate(studio.order(4))
    assert studio.wait(3).startswith("cal-3-margin-10-")


def test_it_answers_with_the_last_model_until_the_next_is_ready(studio, monkeypatch):
    studio.annotate(studio.order(6))
    version = studio.wait(2)
    trainer = studio.backend.trainer
    make, may_go = trainer.make, []

    def slow(uid):
        while not may_go:
            time.sleep(0.01)
        return make(uid)

    monkeypatch.setattr(trainer, "make", slow)
    studio.annotate(studio.order(4))
    for _ in range(5):
        assert studio.predict()["model_version"] == version
        studio.webhook("PROJECT_UPDATED")
    may_go.append(True)
    studio.wait(3)


def test_changed_deleted_and_late_annotations(studio):
    order = studio.order()
    made = studio.annotate(order[:6], second=10)
    studio.wait(2)
    state, uid = studio.backend.state, studio.uid

    def known():
        return {each.task: each.result[0]["value"]["choices"][0] for each in state.annotations(uid)}

    first = order[0]
    other = "HUM" if studio.label(first) == "NUM" else "NUM"
    changed = studio.made(first, other, second=20) | {"id": made[0]["id"]}
    studio.webhook("ANNOTATION_UPDATED", annotation=changed, task=studio.task(first))
    assert known()[first] == other
    studio.webhook("ANNOTATION_UPDATED", annotation=made[0], task=studio.task(first))  # late: it is older
    assert known()[first] == other
    studio.webhook("ANNOTATIONS_DELETED", annotations=[{"id": made[1]["id"]}])
    assert order[1] not in known()
    studio.webhook("ANNOTATION_CREATED", annotation=made[1], task=studio.task(order[1]))  # late: it is gone
    assert order[1] not in known()
    studio.webhook("TASKS_DELETED", tasks=[{"id": order[2]}])
    assert order[2] not in known()
    assert order[2] not in state.tasks(uid)


def test_tasks_and_annotations_that_no_webhook_told_come_with_predictions(serve, connect):
    studio = connect(serve())
    sent = [studio.task(task) | {"annotations": [studio.made(task, studio.label(task))]} for task in (1, 2, 3, 4, 5, 6)]
    sent += [studio.task(task) | {"annotations": []} for task in range(7, 41)]
    answer = studio.post("/predict", {"project": studio.uid, "label_config": studio.config, "tasks": sent})
    assert [each["score"] for each in answer["results"]] == [1.0] * 40  # it does not wait
    assert answer["model_version"].startswith("cal-0-")
    assert studio.wait(1).startswith("cal-1-margin-6-")


def test_old_versions_of_label_studio_train_with_all_annotated_tasks(serve, connect):
    studio = connect(serve(seed_size=50))
    studio.send_tasks()
    studio.wait(1)
    sent = [studio.task(task) | {"annotations": [studio.made(task, studio.label(task))]} for task in (1, 2, 3)]
    studio.post("/train", {"project": studio.uid, "label_config": studio.config, "annotations": sent})
    assert studio.wait(2).startswith("cal-2-margin-3-")


def test_a_model_can_be_wanted_before_enough_is_decided(studio):
    studio.webhook("START_TRAINING")
    studio.annotate([1, 3])
    studio.webhook("START_TRAINING")
    end = time.monotonic() + 60
    while not any("fewer than two different labels" in each for each in studio.backend.told):
        assert time.monotonic() < end
        time.sleep(0.05)
    studio.annotate([2])
    studio.webhook("START_TRAINING")
    assert studio.wait(2).startswith("cal-2-margin-3-")


def test_new_tasks_and_labels_get_their_place_without_a_restart(studio):
    studio.annotate(studio.order(6))
    studio.wait(2)
    answer = studio.post(
        "/predict", {"project": studio.uid, "label_config": studio.config, "tasks": [studio.task(90, "Who is new?")]}
    )
    assert answer["results"] == [{"result": [], "score": 1.0, "model_version": studio.version()}]
    studio.wait(3)
    studio.config = studio.config.replace('<Choice value="HUM"/>', '<Choice value="HUM"/><Choice value="LOC"/>')
    studio.webhook("PROJECT_UPDATED")
    studio.wait(4)
    made = [studio.made(task, "LOC") for task in studio.order(4)]
    studio.webhook("ANNOTATIONS_CREATED", annotation=made, task=[studio.task(each["task"]) for each in made])
    studio.wait(5)
    assert "10 labels of 3 classes" in studio.backend.told[-1]


def test_what_annotators_skip_or_disagree_about_is_set_aside(studio):
    first, second, third, fourth, *_ = order = studio.order()
    made = [
        studio.made(first, None, was_cancelled=True),
        studio.made(second, "NUM"),
        studio.made(second, "HUM", completed_by=2),
        studio.made(third, "HUM"),
        studio.made(third, "NUM", completed_by=2, ground_truth=True),
        studio.made(fourth, None),
    ]
    studio.webhook("ANNOTATIONS_CREATED", annotation=made, task=[studio.task(each["task"]) for each in made])
    others = [task for task in order[4:] if studio.label(task) == "HUM"][:2]
    studio.annotate(others)
    studio.wait(2)
    assert set(order) - set(studio.order()) == {first, second, third, fourth, *others}
    decided = studio.backend.state.model(studio.uid).decided
    assert decided == {first: None, second: None, third: "NUM", fourth: None} | dict.fromkeys(others, "HUM")


def test_predictions_without_labels_keep_the_order(serve, connect, tmp_path):
    orders = []
    for suggest in (True, False):
        studio = connect(serve(tmp_path / str(suggest), suggest=suggest))
        studio.setup()
        studio.send_tasks()
        studio.wait(1)
        studio.annotate(studio.order(6))
        studio.wait(2)
        orders.append(studio.order())
        assert all(bool(each["result"]) == suggest for each in studio.predict()["results"])
    assert orders[0] == orders[1]


def test_test_tasks_keep_their_share_have_no_suggestion_and_are_never_trained_on(serve, connect):
    studio = connect(serve(test_share=0.25, seed_size=8))
    studio.setup()
    studio.send_tasks()
    studio.wait(1)
    order = studio.order(8)
    studio.annotate(order)
    version = studio.wait(2)
    assert version.startswith("cal-2-margin-6-")  # two of eight are test tasks
    found = dict(zip(studio.texts, studio.predict()["results"], strict=True))
    hidden = [task for task, each in found.items() if not each["result"]]
    assert len(set(order) & set(hidden)) == 2
    order = studio.order()
    assert [task in hidden for task in order[:8]] == [False, False, False, True] * 2


def test_two_projects_know_nothing_of_each_other(serve, connect):
    backend = serve()
    one, two = connect(backend), connect(backend, number=4)
    for each in (one, two):
        each.setup()
        each.send_tasks()
        each.wait(1)
    one.annotate(one.order(6))
    one.wait(2)
    assert two.version().startswith("cal-1-")
    assert one.version().rpartition("-")[2] != two.version().rpartition("-")[2]
