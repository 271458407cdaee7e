"""Hostile texts, names and sites before a real browser: nothing of them runs, and no other site can write."""

import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cal.annotation import Project
from cal.annotation.store.reviewer_links import make_links, set_lead
from cal.page import start

pytestmark = pytest.mark.slow

READY = "!!document.body.dataset.ready"

RUN = "window.broken = (window.broken || 0) + 1"
MARKUP = [
    f'<img src=x onerror="{RUN}">',
    f"</script><script>{RUN}</script>",
    f'"><svg onload="{RUN}">',
    "<iframe srcdoc='<script>parent.broken=1</script>'></iframe>",
    f"javascript:{RUN}",
    f"[go](javascript:{RUN.replace(' ', '%20')})",
    "<style>body { display: none }</style><link rel=stylesheet href=//evil.example/a.css>",
    f"<b onmouseover='{RUN}'>x</b> ${{{RUN}}} {{{{constructor.constructor('{RUN}')()}}}}",
    f"<br style='{RUN}'><meta http-equiv=refresh content='0;url=//evil.example'>",
    "\u202emoc.elpmaxe\u202c \u2066\u200b\ufeff",
    "a\x00b\x07\x1b[31m",
    "__proto__",
    "constructor",
    "toString",
    '=HYPERLINK("http://evil.example")',
    "../../etc/passwd?x=1&y=2#z",
    "%3Cscript%3E \\u003cscript\\u003e &lt;script&gt;",
    "one\nline\r\nand\tanother",
    "https://evil.example/x.png?q=" + "y" * 500,
    "x" * 100_000 + "THE END",
]
LABELS = [
    f"<img src=x onerror='{RUN}'>",
    "__proto__",
    "constructor",
    f"\"'`</script><script>{RUN}</script>",
    "javascript:1//",
]
WALK = """() => {
  const found = [];
  for (const node of document.querySelectorAll("*")) {
    for (const {name, value} of node.attributes) {
      if (name.startsWith("on") || name === "srcdoc") found.push(`${node.tagName} ${name}`);
      if (["href", "src", "action", "formaction"].includes(name) && /^\\s*(javascript|data|vbscript):/i.test(value)
        && node.tagName !== "IMG") found.push(`${node.tagName} ${name}=${value.slice(0, 80)}`);
    }
    if (["IFRAME", "OBJECT", "EMBED", "BASE", "META"].includes(node.tagName) && !node.closest("head")) {
      found.push(node.tagName);
    }
    if (node.tagName === "SCRIPT" && !node.src) found.push("SCRIPT");
    if (node.tagName === "IMG" && node.getAttribute("src") === "x") found.push("IMG");
  }
  return found;
}"""


@pytest.fixture(scope="module")
def hostile(make_reviews, tmp_path_factory):
    """A project that is hostile wherever somebody can write something."""
    texts = MARKUP * 2
    ids = [f"{each[:300]}#{i}" for i, each in enumerate(texts)]
    columns = {name: texts for name in (MARKUP[0], "__proto__", "constructor", 'a"b\\c', "id/../x", "hasOwnProperty")}
    columns = {name: [each[:1000] for each in values] for name, values in columns.items()}
    path = make_reviews(
        tmp_path_factory.mktemp("hostile") / "reviews.db",
        texts,
        ids,
        LABELS,
        columns,
        reviewers=(MARKUP[0], "__proto__"),
    )
    with Project.open(path) as project:
        project.write_guidelines("\n\n".join(f"# {each}\n\n- {each}\n\n`{each}`" for each in MARKUP))
        for i, each in enumerate(MARKUP):
            project.decide(ids[i], "comment", comment=each, reviewer="__proto__")
        project.queue(order="ranked", name=MARKUP[0], filter="all")
        project.queue(order="ranked", name="__proto__", filter="all")
        with start(project, port=0) as server:
            yield project, server


@pytest.fixture
def visit(new_page, sign_in, hostile, until):
    page = new_page()
    sign_in(page)
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    def go(query=""):
        page.goto(f"{hostile[1].address}{query}")
        until(page, READY)
        page.wait_for_timeout(500)
        return page

    yield go
    own = (hostile[1].address, "data:", "blob:")
    assert [each for each in asked if not each.startswith(own)] == []


def harmless(page):
    assert page.evaluate("document.body.dataset.ready") == "yes"
    assert page.evaluate("window.broken ?? null") is None
    assert page.evaluate("({}).polluted ?? null") is None
    assert page.evaluate("Object.keys(Object.prototype).length + Object.keys(Array.prototype).length") == 0
    assert page.evaluate(WALK) == []


def test_nothing_of_hostile_data_runs_in_any_view(visit):
    page = visit()
    for name in page.evaluate("[...document.querySelectorAll('#tabs a')].map(each => each.dataset.view)"):
        harmless(visit(f"?view={name}"))


def test_hostile_documents_are_shown_whole_and_can_be_decided(visit, hostile, until):
    project, _ = hostile
    page = visit("?view=review")
    shown = set()
    for n in range(len(MARKUP) + 5):
        until(page, "!!document.querySelector('.card .text')")
        shown.add(page.evaluate("document.querySelector('.card .text').textContent"))
        page.keyboard.press("g")
        page.keyboard.press("h")
        harmless(page)
        page.keyboard.press("Escape")
        page.keyboard.press(str(1 + n % 3))
        page.wait_for_timeout(60)
    until(page, "!Object.keys(localStorage).some(key => key.startsWith('cal:outbox:'))")
    harmless(page)
    whole = [each for each in MARKUP if any(each.replace("\r\n", "\n") in text.replace("\r\n", "\n") for text in shown)]
    assert len(whole) > len(MARKUP) / 3
    assert any(text.endswith("THE END") or "THE END" in text for text in shown)
    labels = set(project.events().query("reviewer == 'Ann'")["new_value"].dropna())
    assert labels <= set(LABELS)
    assert labels


ADDRESSES = [
    "?view=<script>window.broken=1</script>",
    "?view=__proto__",
    "?view=constructor&document=__proto__",
    "?view=documents&filter=<img src=x onerror=window.broken=1>",
    '?view=documents&filter=text~"<img src=x onerror=window.broken=1>"',
    "?view=documents&filter=__proto__=1&sort=__proto__",
    "?view=documents&sort=<svg onload=window.broken=1>&queue=x",
    "?view=review&document=1e9&queue=-1&run=<b>&colour=javascript:1&epochs=NaN",
    "?view=map&colour=column.__proto__&run=99&epochs=1e9",
    "?view=disagreements&settle=<img src=x onerror=window.broken=1>",
    "?__proto__[polluted]=1&constructor[prototype][polluted]=1",
    "#token=<img src=x onerror=window.broken=1>",
    "#<img src=x onerror=window.broken=1>",
]


def test_addresses_from_strangers_run_nothing(visit, faults):
    for each in ADDRESSES:
        page = visit(urllib.parse.quote(each, safe="?=&#"))
        assert page.evaluate("window.broken ?? null") is None, each
        assert page.evaluate("({}).polluted ?? null") is None, each
        assert page.evaluate(WALK) == [], each
        page.goto("about:blank")
    faults[:] = [each for each in faults if "the server responded with a status of 4" not in each]  # wrong filters


# Other sites

ATTACK = """<!doctype html><meta charset=utf-8><title>A harmless site</title><body><script>
const target = "TARGET", body = JSON.stringify({decisions: [{id: "11111111-1111-4111-8111-111111111111",
  document: "q0", action: "exclude"}]});
const attempts = [], tell = (name, value) => attempts.push([name, String(value)]);
async function attempt(name, init) {
  try {
    const answer = await fetch(`${target}api/decisions`, init);
    tell(name, answer.type === "opaque" ? "sent" : `read ${answer.status}`);
  } catch (error) { tell(name, "refused"); }
}
async function attack() {
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/json", null]) {
    for (const mode of ["no-cors", "cors"]) {
      const headers = type ? {"Content-Type": type} : {};
      await attempt(`${type} ${mode}`, {method: "POST", mode, body, credentials: "include", headers});
    }
  }
  const named = {"Cal-Reviewer": "Ann", "Content-Type": "application/json"};
  await attempt("with a name", {method: "POST", body, credentials: "include", headers: named});
  navigator.sendBeacon(`${target}api/decisions`, new Blob([body], {type: "text/plain"}));
  navigator.sendBeacon(`${target}api/labels`, JSON.stringify({name: "evil"}));
  for (const path of ["api/about", "api/tasks", "api/undo", "api/document?number=1", ""]) {
    try {
      const answer = await fetch(target + path, {credentials: "include"});
      tell("read", await answer.text());
    } catch (error) { tell(path, "refused"); }
    const image = new Image();
    image.src = target + path;
    const script = document.createElement("script");
    script.src = target + path;
    document.body.append(script);
  }
  const frame = document.createElement("iframe");
  frame.src = target;
  frame.name = "framed";
  document.body.append(frame);
  const source = new EventSource(`${target}api/changes`, {withCredentials: true});
  source.onmessage = event => tell("read", event.data);
  for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
    const form = Object.assign(document.createElement("form"),
      {method: "POST", action: `${target}api/decisions`, enctype, target: "framed"});
    const field = Object.assign(document.createElement("input"), {name: body.slice(0, -1) + ', "x": "', value: '"}'});
    form.append(field);
    document.body.append(form);
    form.submit();
  }
  const opened = open(target, "opened");
  await new Promise(resolve => setTimeout(resolve, 1500));
  let seen = "refused";
  try { seen = `read ${opened.document.title}`; } catch (error) {}
  tell("opened", seen);
  let framed = "refused";
  try { framed = `read ${frame.contentDocument.title}`; } catch (error) {}
  tell("framed", framed);
  source.close();
  document.body.dataset.attempts = JSON.stringify(attempts);
}
attack();
</script>"""


@pytest.fixture
def evil():
    """evil(target): the address of another site, whose page attacks the target."""
    servers = []

    def serve(target):
        class Site(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(ATTACK.replace("TARGET", target).encode())

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        servers.append((server, thread))
        return server.server_port

    yield serve
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


# the same site on another port, and another site; open to this machine only, and to others
@pytest.mark.parametrize(("site", "host"), [("127.0.0.1", "0.0.0.0"), ("localhost", "127.0.0.1")])
def test_a_page_of_another_site_cannot_write_read_or_frame(
    new_page, sign_in, make_reviews, tmp_path, until, faults, evil, site, host
):
    with Project.open(make_reviews(tmp_path / "reviews.db", n=10)) as project:
        set_lead(project, "Ann")
        token = make_links(project, ["Ann"])["Ann"]
        with start(project, port=0, host=host) as server:
            address = f"http://127.0.0.1:{server.port}/"
            page = new_page()
            sign_in(page)
            page.goto(f"{address}#token={token}" if host == "0.0.0.0" else address)
            until(page, READY)
            assert page.evaluate("document.body.dataset.ready") == "yes"
            before = len(project.events()), project.label_names
            attacker = page.context.new_page()
            attacker.goto(f"http://{site}:{evil(address)}/")
            until(attacker, "!!document.body.dataset.attempts")
            attempts = attacker.evaluate("JSON.parse(document.body.dataset.attempts)")
            assert len(attempts) > 12
            assert [each for each in attempts if each[1].startswith("read")] == []
            assert [each for each in attempts if each[0] == "read"] == []
            time.sleep(0.5)
            assert (len(project.events()), project.label_names) == before
            assert project.check() == []
            faults.clear()  # the browser complains about what it refuses


def test_a_secret_leaves_the_address_at_once_and_reaches_no_script(new_page, make_reviews, tmp_path, until):
    with Project.open(make_reviews(tmp_path / "reviews.db", n=10)) as project:
        set_lead(project, "Ann")
        token = make_links(project, ["Ann"])["Ann"]
        with start(project, port=0, host="0.0.0.0") as server:
            page, asked = new_page(), []
            page.on("request", lambda request: asked.append((request.url, request.headers, request.post_data or "")))
            page.goto(f"http://127.0.0.1:{server.port}/?view=review#token={token}")
            until(page, READY)
            page.wait_for_timeout(500)
            assert token not in page.url
            for what in ("location.href", "document.cookie", "JSON.stringify({...localStorage, ...sessionStorage})"):
                assert token not in page.evaluate(what)
            assert token not in page.content()
            told = [each for each in asked if token in each[0] or token in each[1].get("referer", "")]
            assert [each[0] for each in told] == []
            assert [each[0] for each in asked if token in each[2]] == [f"http://127.0.0.1:{server.port}/api/session"]
            page.reload()
            until(page, READY)
            assert page.locator("#who").inner_text() == "Ann"
