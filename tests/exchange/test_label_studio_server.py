"""A real Label Studio takes our file, is labelled through its API, gives everything back, and follows our strategy."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

import cal
from cal.exchange.formats import find_format, read_annotated, write_annotated
from cal.exchange.label_studio_config import labelling_config
from cal.exchange.losses import Losses
from cal.exchange.records import AnnotatedDocument, Answer, LabelSet, Suggested

pytestmark = pytest.mark.slow
START = datetime(2026, 11, 28, 12, tzinfo=UTC)
LABELS = LabelSet(("ENTY", "HUM", 'has "quotes" & <tags>'), "Who is a person?", {"HUM": "#0072B2"})


def given_documents():
    hostile = "=1+1 \"quoted\"; 'single'\r\nline\u2028two \x00 \ud83d 😀 <b>&amp;</b>"
    answer = Answer(
        *("0f0f7a3e-2f0b-4f5f-8d4e-1b1d7f3f8a01", "bob", "relabel", "HUM", "surely", 2.5),
        START + timedelta(microseconds=7),
        Suggested("HUM", 0.9, "run-1"),
    )
    skipped = Answer("0f0f7a3e-2f0b-4f5f-8d4e-1b1d7f3f8a02", "bob", "skip", seconds=1.25, time=START)
    doubtful = Answer("0f0f7a3e-2f0b-4f5f-8d4e-1b1d7f3f8a03", "eve", "ambiguous", None, "either", 4.0, START)
    high = (Suggested("HUM", 0.93, "run-1"), Suggested("ENTY", None, "run-2"))
    return [
        AnnotatedDocument("q-0", "Who wrote Hamlet ?", "ENTY", "ENTY", split="train", suggestions=high),
        AnnotatedDocument("q-1", hostile, "ENTY", "HUM", "relabelled", suggestions=high, answers=(answer,)),
        AnnotatedDocument("q-2", "What bird ?", "HUM", "HUM", "skipped", answers=(skipped,)),
        AnnotatedDocument("q-3", "Either ?", "HUM", "HUM", "ambiguous", answers=(doubtful,)),
        AnnotatedDocument(
            "q-4", "What is <b> ?", LABELS.names[2], LABELS.names[2], columns={"id": 7, "n": 1.5, "s": "007"}
        ),
        AnnotatedDocument("q-5", "No label ?", sequences=(("No", "label ?"),)),
        AnnotatedDocument("q-6", "Nobody reads this", "ENTY", "ENTY"),
    ]


def chosen(label, field="label"):
    value = {"choices": [label]}
    return {"id": f"{field}1", "from_name": field, "to_name": "text", "type": "choices", "value": value}


def written(comment):
    about = {"id": "c1", "from_name": "cal_comment", "to_name": "text", "type": "textarea"}
    return about | {"value": {"text": [comment]}}


ASKED = {
    "q-0": ({"result": [chosen("HUM"), written("a person")], "lead_time": 3.5}, ("relabel", "HUM", "a person", 3.5)),
    "q-1": ({"result": [chosen("ENTY")], "lead_time": 1.5}, ("keep", None, "", 1.5)),
    "q-2": ({"result": [chosen("exclude", "cal_action")]}, ("exclude", None, "", None)),
    "q-4": ({"result": [chosen(LABELS.names[2])], "lead_time": 9.0}, ("keep", None, "", 9.0)),
    "q-5": ({"result": [], "was_cancelled": True}, ("skip", None, "", None)),
}


@pytest.fixture(scope="module")
def project(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    documents = given_documents()
    tasks, config = write_annotated(documents, LABELS, folder / "tasks.json", "label_studio").files
    made = json.loads(server.call("/api/projects", {"title": "cal", "label_config": config.read_text("utf-8")}))
    assert server.upload(made["id"], tasks)["task_count"] == len(documents)
    listed = json.loads(server.call(f"/api/tasks?project={made['id']}&fields=all&page_size=100"))["tasks"]
    ids = {task["data"]["cal_id"]: task["id"] for task in listed}
    for document, (annotation, _) in ASKED.items():
        server.call(f"/api/tasks/{ids[document]}/annotations/", annotation)
    return made["id"], documents, folder


def export(server, project, folder, kind):
    path = folder / f"export-{kind.lower()}"
    if kind == "SNAPSHOT":
        made = json.loads(server.call(f"/api/projects/{project}/exports/", {"title": "all"}))
        path.write_bytes(server.call(f"/api/projects/{project}/exports/{made['id']}/download?exportType=JSON"))
    else:
        path.write_bytes(server.call(f"/api/projects/{project}/export?exportType={kind}&download_all_tasks=true"))
    return path


@pytest.mark.parametrize("kind", ["JSON", "SNAPSHOT", "JSON_MIN", "CSV", "TSV"])
def test_decisions_come_back_exactly(server, project, kind):
    number, documents, folder = project
    path = export(server, number, folder, kind)
    assert find_format(path) == "label_studio"
    reading = read_annotated(path)
    back = {document.id: document for document in reading.documents}
    assert not reading.losses.message()
    for document in documents:
        expected = ASKED.get(document.id, (None, None))[1]
        actions = {*(each.action for each in document.answers), *(expected or ())[:1]}
        if actions == {"skip"} and kind not in ("JSON", "SNAPSHOT"):
            assert document.id not in back  # these exports leave it out
            continue
        found = back[document.id]
        if expected is None:
            assert found == document
            continue
        *old, new = found.answers
        assert tuple(old) == document.answers
        assert (new.action, new.label, new.comment, new.seconds) == expected
        assert new.reviewer == "1"
        assert new.time.tzinfo is not None
        same = ("text", "given", "split", "suggestions", "columns", "sequences")
        assert [getattr(found, name) for name in same] == [getattr(document, name) for name in same]
    again = {document.id: document for document in read_annotated(path).documents}
    assert again == back  # ids of answers, too


def test_an_annotation_that_is_edited_there_is_another_answer(server, project):
    number, documents, folder = project
    path = export(server, number, folder, "JSON")
    [task] = [each for each in json.loads(path.read_bytes()) if each["data"]["cal_id"] == "q-1"]
    ours = documents[1].answers[0]
    [annotation] = [each for each in task["annotations"] if each["import_id"]]
    time.sleep(1.1)
    server.call(f"/api/annotations/{annotation['id']}/", {"result": [chosen(LABELS.names[2])]}, method="PATCH")
    [found] = [each for each in read_annotated(export(server, number, folder, "JSON")).documents if each.id == "q-1"]
    assert ours in found.answers
    assert [each.label for each in found.answers if each.action == "relabel"] == ["HUM", LABELS.names[2]]
    assert len({each.id for each in found.answers}) == 3


@pytest.fixture(scope="module")
def backend(server, tmp_path_factory):
    """`cal annotate label-studio` with a token of this server, as a program of its own; its address."""
    folder = tmp_path_factory.mktemp("backend")
    token = json.loads(server.call("/api/token/", {}))["token"]
    words = ["port=0", "-q", "features=lsa", "features.n_components=8", "seed_size=8", "batch=4", "device=cpu"]
    words += ["password=hamlet-1603", "test_share=0", "learner=mlp", "n_epochs=10", "learner.hidden=[20]"]
    with subprocess.Popen(
        [sys.executable, "-m", "cal", "annotate", "label-studio", folder / "learned", *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "LABEL_STUDIO_API_KEY": token, "LABEL_STUDIO_URL": server.address},
    ) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(60)
    assert process.returncode == 0


TOPICS = {"NUM": "How far is it from town {} to town {}?", "HUM": "Who wrote book {} of volume {}?"}


@pytest.fixture(scope="module")
def learned(server, backend):
    """A project with 60 tasks whose backend is ours: its number, and the texts of its tasks."""
    config = labelling_config(TOPICS, LabelSet(), Losses("config"))
    about = {"title": "learned", "label_config": config, "sampling": "Uncertainty sampling"}
    project = json.loads(server.call("/api/projects", about))["id"]
    assert backend.startswith("http://cal:hamlet-1603@")
    made = json.loads(server.call("/api/ml", {"project": project, "url": backend, "title": "cal"}))
    assert made["readable_state"] == "Connected"
    texts = [list(TOPICS.values())[n % 2].format(n, 5 * n % 7) for n in range(60)]
    server.call(f"/api/projects/{project}/import", [{"text": text} for text in texts])
    listed = json.loads(server.call(f"/api/tasks?project={project}&fields=all&page_size=100"))["tasks"]
    return project, {task["id"]: task["data"]["text"] for task in listed}


def version(server, project, number):
    """The version with this number, once the project uses it."""
    end = time.monotonic() + 120
    while True:
        found = json.loads(server.call(f"/api/projects/{project}/"))["model_version"] or ""
        if found.startswith(f"cal-{number}-"):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.2)


def label_next(server, project):
    """Labels the task that the server serves next; its number, and the predictions that came with it."""
    task = json.loads(server.call(f"/api/projects/{project}/next/"))
    label = "NUM" if task["data"]["text"].startswith("How far") else "HUM"
    server.call(f"/api/tasks/{task['id']}/annotations/", {"result": [chosen(label)], "lead_time": 1.0})
    return task["id"], task["predictions"]


def test_uncertainty_sampling_of_label_studio_follows_our_strategy(server, learned):
    project, texts = learned
    learner = cal.ActiveLearner(
        dict(id=[str(id) for id in texts], text=list(texts.values())),
        *("margin", {"mlp": {"hidden": [20], "n_epochs": 10}}, list(TOPICS)),
        **dict(features={"lsa": {"n_components": 8}}, device="cpu", test_share=0.0),
    )
    versions = []
    for number, size in ((1, 8), (2, 4), (3, 4)):
        versions.append(version(server, project, number))
        expected = [int(id) for id in learner.ask(size)]
        labelled = []
        for place in range(size):
            task, predictions = label_next(server, project)
            mine = next(each for each in predictions if each["model_version"] == versions[-1])
            assert mine["score"] == pytest.approx(place / (60 - sum((0, 8, 4)[:number])))
            assert bool(mine["result"]) == (number > 1)
            labelled.append(task)
        assert labelled == expected
        learner.tell([str(id) for id in labelled], ["NUM" if "far" in texts[id] else "HUM" for id in labelled])
    last = version(server, project, 4)
    assert len({*versions, last}) == 4
    end = time.monotonic() + 60
    while (kept := json.loads(server.call(f"/api/projects/{project}/model-versions/"))) != {last: 60}:
        assert time.monotonic() < end, kept  # older predictions are removed
        time.sleep(0.2)


def test_without_a_token_label_studio_asks_for_predictions_itself(server, backend, learned):
    project, _ = learned
    last = version(server, project, 4)
    everything = {"selectedItems": {"all": True, "excluded": []}}
    server.call(f"/api/dm/actions?id=delete_tasks_predictions&project={project}", everything)
    told = json.loads(server.call(f"/api/dm/actions?id=retrieve_tasks_predictions&project={project}", everything))
    assert told["processed_items"] == 60
    server.call(f"/api/projects/{project}/", {"model_version": last}, method="PATCH")
    listed = json.loads(server.call(f"/api/tasks?project={project}&fields=all&page_size=100"))["tasks"]
    scores = {}
    for task in listed:
        [mine] = task["predictions"]
        assert mine["model_version"] == last
        assert mine["result"][0]["value"]["choices"][0] in TOPICS
        scores[task["id"]] = mine["score"]
    undecided = [task["id"] for task in listed if not task["annotations"]]
    assert all((score < 1) == (id in undecided) for id, score in scores.items())
    assert label_next(server, project)[0] == min(undecided, key=lambda id: scores[id])
