"""Who may ask the server for what, what its answers tell browsers, and what strangers cannot do."""

import json
import socket
import uuid

import pytest

from cal.page.assets import Assets

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
UNKNOWN = 2**31 - 1


def policy(answer):
    parts = (part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


def dump(project):
    """All that a project's tables hold."""
    with project.reading() as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
        return {name: connection.exec_driver_sql(f'SELECT * FROM "{name}"').all() for name in tables}


FOLDER = Assets().folder
ANSWERS = [
    *(
        "/",
        "/api/about",
        "/api/openapi.json",
        f"{FOLDER}/page/main.js",
        f"{FOLDER}/page.css",
        f"{FOLDER}/page/icon.svg",
    ),
    *(f"{FOLDER}/map/dom.js", f"{FOLDER}/map/theme.css", f"{FOLDER}/plotly.min.js", "/favicon.ico"),
    *("/api/document?number=x", "/api/document?number=999", "/api/nothing", "/nothing", "/%00"),
    *(f"{FOLDER}/page/", "/static/page/main.js"),
]


def test_each_answer_tells_the_browser_to_run_nothing_foreign_and_show_it_in_no_frame(ann):
    for path in ANSWERS:
        answer = ann.get(path)
        found = policy(answer)
        assert {name: found[name] for name in POLICY} == POLICY, path
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "content-security-policy-report-only" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


def test_refusals_and_failures_have_these_headers_too(small, serve, client, caplog):
    server = serve(small)

    @server.app.get("/api/broken")
    def broken():
        raise RuntimeError("a secret of the server")

    asks = client(server)
    answers = [asks.get("/api/broken"), asks.get("/", Host="evil.example"), asks.ask("FOO", "/api/about")]
    assert "GET '/api/broken' failed" in caplog.text
    assert [each.status for each in answers] == [500, 421, 411]
    for each in answers:
        assert policy(each)["default-src"] == "'none'"
        assert each.headers["x-content-type-options"] == "nosniff"
        assert "secret" not in each.message


TYPES = {
    "/": "text/html; charset=utf-8",
    f"{FOLDER}/page/main.js": "text/javascript; charset=utf-8",
    f"{FOLDER}/page.css": "text/css; charset=utf-8",
    f"{FOLDER}/page/icon.svg": "image/svg+xml",
    "/favicon.ico": "image/svg+xml",
    "/api/about": "application/json",
    "/nothing": "application/json",
    "/%3Cscript%3Ealert(1)%3C/script%3E": "application/json",
}


def test_content_types_are_ours(ann):
    assert {path: ann.get(path).headers["content-type"] for path in TYPES} == TYPES


OUTSIDE = [
    *("../app.py", "../../app.py", "..%2fapp.py", "..%2f..%2f..%2fpyproject.toml", "%2e%2e/app.py", "..%5capp.py"),
    *("....//app.py", "/etc/passwd", "%2fetc%2fpasswd", "..%00/app.py", "%00", "a" * 300, "a/" * 2000, "%ff", "."),
    *("", "views", "views/", "views/../", "main.js%00.css", "%c0%ae%c0%ae/app.py"),
]


def test_files_outside_the_page_and_folders_are_not_served(ann):
    for folder in ("page", "map"):
        found = {path: ann.get(f"{FOLDER}/{folder}/{path}").status for path in OUTSIDE}
        assert found == dict.fromkeys(OUTSIDE, 404)


def test_the_documentation_of_the_api_holds_no_secret_and_loads_no_scripts(small, serve, client):
    from cal.annotation.store.reviewer_links import make_links

    (token,) = make_links(small, ["ann"]).values()
    asks = client(serve(small, host="0.0.0.0"), None)
    told = asks.get("/api/openapi.json").body.decode()
    assert token not in told
    assert [asks.get(path).status for path in ("/docs", "/redoc", "/openapi.json")] == [404, 404, 404]


# Other origins


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},  # another server on this machine
    {"Origin": "http://localhost"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:{port}"},
]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_page_of_another_origin_cannot_write_or_read(small, serve, client, host):
    from cal.annotation.store.reviewer_links import make_links

    (token,) = make_links(small, ["ann"]).values()
    server = serve(small, host=host)
    before = dump(small)
    for headers in FOREIGN:
        headers = {name: value.format(port=server.port) for name, value in headers.items()}
        asks = client(server, Cookie=f"cal_session_{server.port}={token}", **headers)
        for path, body in {
            "/api/decisions": {"decisions": [{"id": str(uuid.uuid4()), "document": "q1", "action": "skip"}]},
            "/api/labels": {"name": "evil"},
            "/api/tasks": {},
            "/api/undo": {"id": str(uuid.uuid4())},
            "/api/session": {"token": token},
        }.items():
            answer = asks.post(path, body)
            assert (answer.status, answer.message) == (403, "Another site's page sent this. Nothing was changed.")
        assert asks.get("/api/about").status == 403
    assert dump(small) == before


def test_what_a_form_can_send_is_no_decision(ann, small):
    decision = {"decisions": [{"id": str(uuid.uuid4()), "document": "q1", "action": "skip"}]}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = ann.ask("POST", "/api/decisions", raw=json.dumps(decision).encode(), Content_Type=kind)
        assert answer.status in (400, 415, 422)
        assert answer.message
    assert small.counts()["undecided"] == 30


def test_only_names_of_this_machine_are_taken(ann):
    for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil", "", "127.0.0.2"):
        answer = ann.get("/api/about", Host=host)
        assert (answer.status, answer.json["error"]["kind"]) == (421, "access"), host
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:80"):
        assert ann.get("/api/about", Host=host).status == 200


def test_another_loopback_address_answers_to_its_own_name(small, serve, client):
    server = serve(small, host="127.0.0.2")
    assert not server.access.links
    with socket.create_connection(("127.0.0.2", server.port), timeout=10) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.2:{server.port}\r\nConnection: close\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_requests_to_read_write_nothing(ann, small):
    before = dump(small)
    for path in (
        "/",
        "/api/about",
        "/api/document?number=1",
        "/api/tasks",
        "/api/decisions",
        "/api/undo",
        "/api/labels",
    ):
        ann.get(path)
        ann.ask("HEAD", path)
        ann.ask("OPTIONS", path)
    for path in ann.get("/api/openapi.json").json["paths"]:
        if path != "/api/changes":
            ann.get(path)
    assert dump(small) == before


# Links and sessions


@pytest.fixture
def shared(small, serve):
    """A server for others, and the secrets of Ann and Bob; Ann leads."""
    from cal.annotation.store.reviewer_links import make_links, set_lead

    set_lead(small, "ann")
    return serve(small, host="0.0.0.0"), make_links(small, ["ann", "bob"])


def session(client, server, token, **headers):
    return client(server, None, Cookie=f"cal_session_{server.port}={token}", **headers)


def test_without_a_session_nothing_of_the_project_can_be_read_or_written(shared, client, small):
    server, _ = shared
    for asks in (client(server), client(server, None), session(client, server, "x" * 32), session(client, server, "")):
        for path, methods in asks.get("/api/openapi.json").json["paths"].items():
            for method in methods:
                if path == "/api/session":
                    continue
                answer = asks.ask(method.upper(), path, None if method == "get" else {})
                assert answer.status in (401, 422), f"{method} {path}"
                assert b"q1" not in answer.body
    assert small.counts()["undecided"] == 30


def test_a_link_opens_a_session_that_scripts_cannot_read(shared, client):
    server, tokens = shared
    answer = client(server, None).post("/api/session", {"token": tokens["bob"]})
    assert answer.json == {"reviewer": "bob"}
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    asks = client(server, None, Cookie=cookie.split(";")[0])
    assert asks.get("/api/about").json["reviewer"] == "bob"


def test_wrong_secrets_open_nothing(shared, client):
    server, _ = shared
    for token in ("", "x", "x" * 200, "é", "\x00", "' OR 1=1 --", "%"):
        answer = client(server, None).post("/api/session", {"token": token})
        assert answer.status == 401
        assert "set-cookie" not in answer.headers
        assert "does not work" in answer.message


def test_reviewers_cannot_write_as_somebody_else(shared, client, small):
    server, tokens = shared
    bob = session(client, server, tokens["bob"], **{"Cal-Reviewer": "ann"})
    assert bob.get("/api/about").json["reviewer"] == "bob"
    assert bob.decide("q1").status == 200
    assert bob.decide("q2", reviewer="ann").status == 422
    bob.post("/api/labels", {"name": "NEW"})
    assert set(small.events()["reviewer"].iloc[-2:]) == {"bob"}


def test_a_session_ends_with_its_link(shared, client, small):
    from cal.annotation.store.reviewer_links import make_links, remove_link

    server, tokens = shared
    bob, ann = (session(client, server, tokens[name]) for name in ("bob", "ann"))
    assert bob.get("/api/about").status == 200
    remove_link(small, "bob")
    assert (bob.get("/api/about").status, bob.decide("q1").status) == (401, 401)
    new = make_links(small, ["ann"], again=True)
    assert ann.get("/api/about").status == 401
    assert session(client, server, new["ann"]).get("/api/about").json["reviewer"] == "ann"


def test_secrets_are_random_and_long(small):
    from cal.annotation.store.reviewer_links import links, make_links

    made = [make_links(small, [f"r{i}" for i in range(20)], again=True) for _ in range(3)]
    tokens = [token for each in made for token in each.values()]
    assert len(set(tokens)) == 60
    assert min(map(len, tokens)) >= 32  # of 64 characters: 192 bits
    assert len(set("".join(tokens))) > 60
    assert links(small) == made[-1]


def test_secrets_are_in_no_answer_event_or_export(shared, client, small, tmp_path):
    from cal.exchange.formats import FORMATS

    server, tokens = shared
    ann = session(client, server, tokens["ann"])
    ann.decide("q1", "relabel", label="NUM")
    told = [ann.get(path).body.decode() for path in ("/api/about", "/api/document?number=1", "/api/openapi.json")]
    told += [ann.post("/api/tasks", {}).body.decode(), ann.decide("nothing").body.decode()]
    told.append(small.events().to_csv())
    (tmp_path / "exports").mkdir()
    for name in FORMATS:
        small.export(name, tmp_path / "exports" / name)
    told += [path.read_bytes().decode("latin-1") for path in (tmp_path / "exports").rglob("*") if path.is_file()]
    assert len(told) > len(FORMATS)
    assert [each for each in told for token in tokens.values() if token in each] == []


# What cannot be a request


def decision(**changes):
    return {"decisions": [{"id": str(uuid.uuid4()), "document": "q1", "action": "skip"} | changes]}


def nested(levels):
    value = {}
    for _ in range(levels):
        value = {"a": value}
    return value


WRONG = [
    *(decision(**{name: 10**25}) for name in ("queue", "position", "version", "run")),
    *(decision(**{name: -1}) for name in ("queue", "position", "version", "run")),
    *(decision(**{name: UNKNOWN}) for name in ("queue", "version", "run")),
    *(decision(seen={"a": value}) for value in (10**25, "\ud800", nested(400), "x" * 30_000)),
    *(
        decision(time=time)
        for time in ("2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")
    ),
    *(decision(time=time) for time in (1e30, -1e30, "now", {})),
    *(decision(seconds=seconds) for seconds in (-1, float("nan"), float("inf"), 1e300, "1s")),
    *(decision(document=name) for name in ("", "\x00", "\ud800", "__proto__", "../q1", "q1\n", None, 7)),
    *(decision(action="relabel", label=name) for name in ("", "\x00", "\ud800", "__proto__", "hum", None, 7)),
    *(decision(action=name) for name in ("", "delete", None, 7)),
    *(decision(comment=text) for text in ("\ud800", "x" * 30_000, 7)),
    *(decision(digest=text) for text in ("x" * 100, "\ud800")),
    *(decision(id=text) for text in ("", "1", "{" + str(uuid.uuid4()) + "}", None)),
    *(decision(reviewer="bob"), decision(source="x"), decision(__proto__={"action": "keep"})),
    *({}, {"decisions": []}, {"decisions": None}, {"decisions": [decision()["decisions"][0]] * 1001}, [], "x", 1, None),
]


def test_what_is_no_decision_is_refused_in_the_one_shape(ann, small):
    for body in WRONG:
        answer = ann.ask("POST", "/api/decisions", raw=json.dumps(body).encode())
        assert 400 <= answer.status < 500, (body, answer.body)
        assert answer.message
    assert small.counts()["undecided"] == 30


RAW = [
    b"",
    b"\xff\xfe",
    b"{",
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b"1" * 5000,
    b"NaN",
    b'{"decisions": -Infinity}',
    b"\x00",
]


def test_what_is_no_json_is_refused_in_the_one_shape(ann):
    for raw in RAW:
        answer = ann.ask("POST", "/api/decisions", raw=raw)
        assert 400 <= answer.status < 500, raw[:20]
        assert answer.message
    assert ann.get("/api/about").status == 200


def test_numbers_of_documents_that_are_none(ann):
    for number in ("", "x", "1.5", "1e3", "-1", "0", str(2**31), str(10**30), "%00"):
        assert ann.get(f"/api/document?number={number}").status in (404, 422), number


def exchange(server, sent):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_what_is_too_large_or_hides_its_length_is_refused(server, ann):
    head = b"POST /api/undo HTTP/1.1\r\nHost: 127.0.0.1\r\nCal-Reviewer: ann\r\nConnection: close\r\n"
    assert exchange(server, head + b"Content-Length: 99999999999\r\n\r\n").startswith(b"HTTP/1.1 413")
    hidden = b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    assert exchange(server, head + hidden).startswith(b"HTTP/1.1 411")
    assert exchange(server, head + b"Content-Length: 2\r\n" + hidden).startswith(b"HTTP/1.1 411")
    assert ann.get("/api/about").status == 200


def test_bodies_that_never_come_block_nobody(server, ann):
    head = b"POST /api/undo HTTP/1.1\r\nHost: 127.0.0.1\r\nCal-Reviewer: ann\r\nContent-Length: 1000\r\n\r\n{"
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(60)]
    for each in slow:
        each.sendall(head)
    assert ann.decide("q1").status == 200
    for each in slow:
        each.close()
    assert ann.decide("q2").status == 200


@pytest.mark.slow
def test_more_requests_at_once_than_connections_of_a_pool(server, ann):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(lambda i: ann.decide(f"q{i % 30}").status, range(300)))
    assert set(answers) == {200}
