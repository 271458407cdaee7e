"""Who may call the backend, and what hostile messages do: nothing, with one shape of errors."""

import base64
import socket

import pytest

from cal.label_studio.guard import MOST_BYTES


def shape(answer):
    assert set(answer["error"]) == {"kind", "message", "problems", "facts"}
    return answer["error"]["message"]


def known(state):
    return [(uid, state.project(uid), state.tasks(uid), state.annotations(uid)) for uid in state.projects()]


def test_a_backend_for_this_machine_answers_to_its_names_only(studio):
    for host in ("evil.example", "evil.example:9090", "localhost.evil.example"):
        status, answer = studio.ask("GET", "/health", Host=host)
        assert status == 421
        assert "only to this machine" in shape(answer)
    for host in ("localhost:9090", "127.0.0.1", "[::1]:9090"):
        assert studio.ask("GET", "/health", Host=host)[0] == 200


@pytest.mark.parametrize("headers", [{"Sec_Fetch_Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_pages_in_a_browser_are_refused(studio, headers):
    before = known(studio.backend.state)
    sent = {"action": "TASKS_DELETED", "project": studio.project, "tasks": [{"id": 1}]}
    status, answer = studio.ask("POST", "/webhook", sent, **headers)
    assert status == 403
    assert "A page in a browser" in shape(answer)
    assert known(studio.backend.state) == before


def test_a_password_is_asked_for_everywhere(serve, connect):
    asks = connect(serve(password="hamlet: 1603 é"))
    right = "Basic " + base64.b64encode("cal:hamlet: 1603 é".encode()).decode()
    wrong = ["", "Basic", "Basic x", "Bearer hamlet", right[:-2], "Basic " + base64.b64encode(b"cal:").decode()]
    for path in ("/", "/health", "/versions", "/openapi.json", "/nothing"):
        for given in wrong:
            status, answer = asks.ask("GET", path, Authorization=given)
            assert status == 401
            assert "password" in shape(answer)
        assert asks.ask("GET", path, Authorization=right)[0] in (200, 404)
    assert asks.setup()["model_version"].startswith("cal-0-")


def test_other_machines_need_a_password_that_is_made_once(serve, connect, tmp_path):
    first = serve(tmp_path / "a", host="0.0.0.0")
    asks = connect(first)
    assert len(first.password) > 20
    assert asks.ask("GET", "/health", Authorization="")[0] == 401
    assert asks.ask("GET", "/health", Host="studio.example:9090")[0] == 200
    assert f"cal:{first.password}@" in first.address_with_password
    kept = tmp_path / "a" / "password"
    assert kept.stat().st_mode & 0o077 == 0
    first.close()
    assert serve(tmp_path / "a", host="0.0.0.0").password == first.password


HOSTILE = [
    ("/setup", {}),
    ("/setup", {"project": "../../etc", "schema": "<View/>"}),
    ("/setup", {"project": "1' OR 1=1", "schema": "<View/>"}),
    ("/setup", {"project": "9" * 40, "schema": "<View/>"}),
    ("/setup", {"project": True, "schema": "<View/>"}),
    ("/setup", {"project": "1.1", "schema": 7}),
    ("/setup", {"project": "1.1", "schema": "x" * (2**20 + 1)}),
    ("/predict", {"project": "1.1"}),
    ("/predict", {"project": "1.1", "tasks": {}}),
    ("/predict", {"project": "1.1", "tasks": [{"id": -1, "data": {}}]}),
    ("/predict", {"project": "1.1", "tasks": [{"id": 2**63, "data": {}}]}),
    ("/predict", {"project": "1.1", "tasks": [{"id": "x", "data": {}}]}),
    ("/predict", {"project": "1.1", "tasks": [{"id": 1, "data": []}]}),
    ("/predict", {"project": "1.1", "tasks": [{"id": 1, "data": {}, "annotations": [{"id": None}]}]}),
    ("/webhook", {}),
    ("/webhook", {"action": "ANNOTATION_CREATED"}),
    ("/webhook", {"action": "x" * 101, "project": {"id": 1}}),
    ("/webhook", {"action": "TASKS_DELETED", "project": {"id": 1}, "tasks": [1]}),
    ("/webhook", {"action": "ANNOTATION_CREATED", "project": {"id": 1}, "annotation": {"id": 1, "result": "x"}}),
    ("/webhook", {"action": "ANNOTATION_CREATED", "project": {"id": 1}, "annotation": {"id": 1, "updated_at": "x"}}),
    ("/train", {"project": None}),
]


@pytest.mark.parametrize(("path", "body"), HOSTILE)
def test_a_message_that_makes_no_sense_changes_nothing(hostile, path, body):
    status, answer = hostile.ask("POST", path, body)
    assert status == 422
    assert shape(answer)
    assert hostile.backend.state.projects() == []


@pytest.mark.parametrize("raw", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b"[]", b'"x"', b"NaN", b"9" * 5000])
def test_what_is_no_json_object_is_refused(hostile, raw):
    for path in ("/setup", "/predict", "/webhook", "/train"):
        status, answer = hostile.ask("POST", path, raw=raw)
        assert status in (400, 422)
        assert shape(answer)
    assert hostile.backend.state.projects() == []


def test_a_request_must_say_its_length_and_not_be_too_long(hostile):
    for header, status in (
        ("Transfer-Encoding: chunked", b"411"),
        (f"Content-Length: {MOST_BYTES + 1}", b"413"),
        ("Content-Length: -1", b"400"),
    ):
        with socket.create_connection(("127.0.0.1", hostile.backend.port), timeout=20) as connection:
            connection.sendall(f"POST /setup HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
            assert status in connection.recv(100).split(b"\r\n")[0]


def test_strange_texts_labels_and_names_are_taken_as_they_are(studio):
    strange = [
        "\x00",
        "\ud83d half",
        "<script>alert(1)</script>",
        "=1+1",
        "’; DROP TABLE task; --",
        "x" * 100_000,
        "\u2028",
    ]
    tasks = [studio.task(500 + n, text) for n, text in enumerate(strange)]
    tasks += [
        {"id": 600, "data": {}},
        {"id": 601, "data": {"text": None}},
        {"id": 602, "data": {"text": {"a": [1e308]}}},
    ]
    result = [{"from_name": {"a": 1}}, "x", None, {"value": 7}, {"from_name": "label", "value": {"choices": [1, None]}}]
    odd = {"id": 9_000, "task": 500, "result": result, "completed_by": {"id": "\ud83d"}}
    studio.webhook("TASKS_CREATED", tasks=tasks)
    studio.webhook("ANNOTATION_CREATED", annotation=odd, task=tasks[0])
    studio.webhook("ANNOTATION_CREATED", annotation={"id": 9_001, "result": []})  # of which task, nobody says
    studio.webhook("SOMETHING_ELSE", tasks=tasks)
    studio.wait(2)
    answer = studio.post("/predict", {"project": studio.uid, "tasks": tasks})
    assert [each["score"] for each in answer["results"][-3:]] == [1.0] * 3  # no text, so no place
    assert len({each["score"] for each in answer["results"][1:7]} - {1.0}) >= 5
    assert any("3 tasks of 50" in each or "task" in each for each in studio.backend.told)
    assert studio.backend.state.model(studio.uid).decided == {500: None}


def test_a_configuration_that_cannot_be_served_is_refused_and_told(studio):
    studio.config = studio.config.replace('choice="single"', 'choice="multiple"')
    status, answer = studio.ask("POST", "/setup", {"project": studio.uid, "schema": studio.config})
    assert status == 400
    assert 'Make it choice="single"' in shape(answer)
    assert any('Make it choice="single"' in each for each in studio.backend.told)
    assert 'Make it choice="single"' in studio.webhook("PROJECT_UPDATED")["problem"]
    studio.webhook("TASKS_DELETED", tasks=[{"id": 1}])  # taken all the same
    assert 1 not in studio.backend.state.tasks(studio.uid)
    studio.config = studio.config.replace('choice="multiple"', 'choice="single"')
    studio.webhook("PROJECT_UPDATED")
    studio.wait(2)
