"""Requests of every form that the documentation of the API describes, and of every other: never a failure."""

import http.client
import json
import shutil
import uuid
from urllib.parse import quote

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from cal.annotation import Project
from cal.page import Server

TEXTS = [
    *(
        "",
        " ",
        "\x00",
        "\x10",
        "\ud800",
        "\u202eabc",
        "é",
        "😀",
        "a" * 3_000,
        "__proto__",
        "constructor",
        "NaN",
        "null",
    ),
    *("'", '"', "\\", "%", "../..", "a/b", "a\nb", "' OR 1=1 --", "<img src=x onerror=alert(1)>", "=1+1", "{}", "[1]"),
    *("q0", "q1", "HUM", "LOC", "year", "ann", "keep", "relabel", "skip", "random-1", "train", "undecided"),
    *(
        "all",
        "state=undecided",
        "given=HUM and year>3",
        'text~"who"',
        "p_wrong>=.5",
        "__proto__=1",
        'id="q1"',
        "pair=HUM>LOC",
    ),
    *(
        "year<1e308",
        'year="1"',
        "reviewer=ann",
        "((",
        "state=",
        "a~b",
        'x"y=1',
        "-year",
        "+year",
        "confidence",
        "position",
    ),
    *("2026-01-01T00:00:00Z", "2026-01-01", "#4477aa", "csv", "jsonl", str(uuid.UUID(int=5)), "0;1", "1,2", "eyJ9"),
]
NUMBERS = [0, 1, -1, 2, 30, 31, 999, 2**31 - 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 0.5, -0.0, 1e308, 5e-324]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.floats(),
    st.sampled_from(TEXTS),
    st.text(max_size=20),
    st.just([]),
    st.just({}),
    st.lists(st.sampled_from([*NUMBERS, *TEXTS, None, [], {}]), max_size=4),
    st.dictionaries(st.sampled_from(TEXTS), st.sampled_from([*NUMBERS, *TEXTS, None, [], {}]), max_size=3),
)


def values(schema, definitions, depth=0):
    """Values of a schema, now and then of another."""
    if "$ref" in schema:
        return values(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions, depth)
    if "anyOf" in schema:
        return st.one_of(*(values(each, definitions, depth) for each in schema["anyOf"]))
    fitting = _fitting(schema, definitions, depth)
    return fitting if depth == 0 else st.integers(0, 11).flatmap(lambda n: ODD if n == 0 else fitting)


def _fitting(schema, definitions, depth):
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    kind = schema.get("type")
    if kind == "object":
        return _objects(schema, definitions, depth)
    if kind == "array":
        if "prefixItems" in schema:
            return st.tuples(*(values(each, definitions, depth + 1) for each in schema["prefixItems"])).map(list)
        least = schema.get("minItems", 0)
        return st.lists(values(schema.get("items", {}), definitions, depth + 1), min_size=least, max_size=least + 3)
    if kind == "integer":
        near = [schema[key] for key in ("minimum", "maximum") if key in schema]
        return st.sampled_from([1, 2, 3, *near])
    if kind == "number":
        return st.sampled_from([0, 0.5, 1, *NUMBERS])
    if kind == "boolean":
        return st.booleans()
    if kind == "string":
        return st.sampled_from(TEXTS) | st.uuids().map(str) | st.text(max_size=10)
    if kind == "null":
        return st.none()
    return ODD


def _objects(schema, definitions, depth):
    fields = schema.get("properties")
    if not fields:
        return st.dictionaries(st.sampled_from(TEXTS), ODD, max_size=3)
    needed = {name: values(fields[name], definitions, depth + 1) for name in schema.get("required", [])}
    others = {name: values(each, definitions, depth + 1) for name, each in fields.items() if name not in needed}
    return st.fixed_dictionaries(needed, optional=others)


@pytest.fixture(scope="module")
def fuzzed(small_file, tmp_path_factory):
    """A server of a project that the requests of this module change as they like."""
    path = shutil.copy(small_file, tmp_path_factory.mktemp("fuzzed") / "fuzzed.db")
    with Project.open(path) as project, Server(project, port=0).start() as server:
        yield server


@pytest.fixture(scope="module")
def requests(fuzzed):
    """Requests of all routes: method, path, query and body."""
    api = _ask(fuzzed, "GET", "/api/openapi.json", None)[2]
    definitions = api["components"]["schemas"]
    found = []
    for path, methods in api["paths"].items():
        for method, about in methods.items():
            if path == "/api/changes":  # a stream that does not end
                continue
            query = {
                each["name"]: values(each["schema"], definitions, 1)
                for each in about.get("parameters", [])
                if each["in"] == "query"
            }
            body = st.none()
            if "requestBody" in about:
                (kind, content), *_ = about["requestBody"]["content"].items()
                assert kind == "application/json", f"{path} takes {kind}"
                body = values(content["schema"], definitions)
            parts = (st.just(method.upper()), st.just(path), st.fixed_dictionaries({}, optional=query), body)
            found.append(st.tuples(*parts))
    return found


def _ask(server, method, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        headers = {"Cal-Reviewer": "ann", "Content-Type": "application/json"}
        sent = None if method == "GET" else json.dumps(body).encode()
        connection.request(method, path, sent, headers)
        answer = connection.getresponse()
        said = answer.read()
        is_json = (answer.headers["content-type"] or "").startswith("application/json")
        return answer.status, answer.headers, json.loads(said) if is_json else said
    finally:
        connection.close()


def _query(given):
    """A query string; half characters go out as bytes that are no text."""
    pairs = []
    for name, value in given.items():
        for each in value if isinstance(value, list) else [value]:
            text = each if isinstance(each, str) else json.dumps(each)
            pairs.append(f"{name}={quote(text.encode('utf-8', 'surrogatepass'), safe='')}")
    return f"?{'&'.join(pairs)}" if pairs else ""


def _check(server, requests, examples):
    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    @given(st.one_of(*requests))
    def answers(request):
        method, path, query, body = request
        status, headers, said = _ask(server, method, path + _query(query), body)
        assert status < 500, (request, said)
        assert headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        if status >= 400:
            assert set(said["error"]) == {"kind", "message", "problems", "facts"}
            assert said["error"]["message"]
            assert "Traceback" not in said["error"]["message"]

    answers()


def test_no_request_makes_the_server_fail(fuzzed, requests):
    assert len(requests) > 8
    _check(fuzzed, requests, 150)
    assert fuzzed.project.check() == []


@pytest.mark.slow
def test_no_request_of_each_route_makes_the_server_fail(fuzzed, requests):
    for each in requests:
        _check(fuzzed, [each], 60)
    assert fuzzed.project.check() == []


def _unbounded(schema, definitions, where):
    """Places of whole numbers without a largest one, which no database may hold."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return _unbounded(definitions[name], definitions, f"{where}:{name}")
    inner = [
        *schema.get("anyOf", []),
        *schema.get("prefixItems", []),
        *([schema["items"]] if "items" in schema else []),
    ]
    found = [place for each in inner for place in _unbounded(each, definitions, where)]
    for name, each in schema.get("properties", {}).items():
        found += _unbounded(each, definitions, f"{where}.{name}")
    return [*found, where] if schema.get("type") == "integer" and "maximum" not in schema else found


def test_every_whole_number_in_a_request_has_bounds(fuzzed):
    api = _ask(fuzzed, "GET", "/api/openapi.json", None)[2]
    definitions, found = api["components"]["schemas"], []
    for path, methods in api["paths"].items():
        for about in methods.values():
            bodies = about.get("requestBody", {}).get("content", {})
            schemas = [each["schema"] for each in [*about.get("parameters", []), *bodies.values()]]
            found += [place for each in schemas for place in _unbounded(each, definitions, path)]
    assert found == []
