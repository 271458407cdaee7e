"""The page of suspects: whatever texts hold, and what its search and its table of pairs leave."""

import re
import shutil
import subprocess
from html import unescape

import numpy as np
import pandas as pd
import pytest

from cal.label_errors.suspects import PROBLEMS, Suspects
from cal.label_errors.suspects_page import SHOWN_LENGTH, suspects_page

NASTY = "</script><script>document.title = 'broken'</script>\n<b>\"How\"</b> & 'why' {{items}} \u2028 😀?"


def suspects(n=6, text=NASTY, page=200, problems=None, **about):
    neighbour = {"id": "<i>other</i>", "label": "<u>", "similarity": 0.5, "text": NASTY}
    rows = pd.DataFrame(
        {
            "row": pd.array(range(1, n + 1), dtype="Int64"),
            "id": [f"id{k}<br>" for k in range(n)],
            "text": [f"{text} number {k}" for k in range(n)],
            "label": ["A<b>" if k % 3 else "B" for k in range(n)],
            "likely": ["C & D" if k else "" for k in range(n)],
            "p_wrong": np.nan,
            "why": [f"The {k} most similar texts are all labelled <u>." for k in range(n)],
            "corrected": "",
            "rank": range(1, n + 1),
            "p_label": 0.123,
            "p_likely": 0.456,
            "rank_aum": range(1, n + 1),
            "neighbours": [[neighbour] for _ in range(n)],
        }
    )
    known = {"name": "<Name>", "by": "aum", "seeds": [1], "similar": "<similar>", "named": True}
    given = known | {"config": {"n": 3, "page": page}} | about
    return Suspects(rows, given) if problems is None else Suspects(rows, given, problems)


def test_nothing_that_is_given_is_markup():
    problems = pd.DataFrame([["broken", "<i>kind", 1, 1, "<br>", "<u>", NASTY, "<b>why", 0.5]] * 2, columns=PROBLEMS)
    page = suspects_page(suspects(problems=problems), output="/tmp/<b>")
    assert page.count("<script>") == 1
    for tag in ("<br>", "<u>", "<i>other", "<i>kind", "<Name>", "<similar>", "<b>", '<b>"How'):
        assert tag not in page.lower().replace("<name>", "<Name>")
    assert NASTY in unescape(page)


def test_the_page_has_as_many_rows_as_asked_in_order():
    page = suspects_page(suspects(9, page=7))
    assert re.findall(r'<span class="rank">(\d+)</span>', page) == [str(k) for k in range(1, 8)]
    assert "This page shows the first 7; suspects.csv has all." in page


def test_pairs_of_labels_are_counted_the_most_frequent_first():
    row = r'<tr><td><button.*?data-pair="(\d+)".*?</button></td><td>(\d+)</td><td>(\d+)</td>'
    rows = re.findall(row, suspects_page(suspects()))
    assert rows == [("0", "4", "4"), ("2", "1", "1")]


def test_similar_texts_and_numbers_are_folded():
    page = suspects_page(suspects(1))
    folded = "".join(re.findall(r"<details>.*?</details>", page, re.S))
    assert "similarity .50" in folded
    assert "its own label 0.123. Rank of 1 by AUM 1." in folded
    assert "0.123" not in page.replace(folded, "")


def test_a_document_is_called_by_its_row_and_by_an_id_that_was_given():
    assert "row 2, id id1&lt;br&gt;" in suspects_page(suspects())
    assert "id1" not in suspects_page(suspects(named=False))


def test_a_long_text_is_folded_and_whole_up_to_a_limit():
    page = suspects_page(suspects(1, text="x" * 10_000))
    assert f">{'x' * SHOWN_LENGTH}…</p>" in page
    assert "Full text, 10,009 characters" in page
    assert f"{'x' * 10_000} number 0" in page
    assert len(suspects_page(suspects(1, text="x" * 10_000_000))) < 100_000


def test_what_to_do_is_said_with_the_paths_of_the_user():
    page = suspects_page(suspects(config={"n": 3, "page": 5, "dataset": {"path": "my labels.csv"}}), output="out")
    commands = [unescape(each) for each in re.findall(r"<code>(.*?)</code>", page)]
    assert commands == [
        "cal correct 'my labels.csv' out/to_read.csv output=clean.csv",
        "cal suspects --read out/to_read.csv",
    ]


def test_doubtful_texts_stand_together_by_kind_and_group():
    why = ["text", "why", 0.5]
    labels = ["different labels"] * 4 + ["same label"] * 2
    rows = [["near_duplicate", labels[k], k // 2, k, f"d{k}", "A", *why] for k in range(6)]
    rows += [["unlike", "words", None, k, f"d{k}", "A", *why] for k in range(30)]
    page = suspects_page(suspects(problems=pd.DataFrame(rows, columns=PROBLEMS)))
    kind = r'<h3>(.*?)</h3>.*?<ol class="groups">(.*?)</ol>(.*?)</details>'
    assert [(name, items.count("<li>"), rest) for name, items, rest in re.findall(kind, page, re.S)] == [
        ("2 groups of near-duplicates with different labels (4 texts)", 2, ""),
        ("1 group of near-duplicates with the same label (2 texts)", 1, ""),
        ("30 unlike anything else", 20, "<p>problems.csv has all of them.</p>"),
    ]


def test_the_page_needs_no_network():
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)\s*=", suspects_page(suspects()))


def test_an_empty_page_is_a_page():
    page = suspects_page(suspects(0))
    assert '<ol id="suspects">\n\n</ol>' in page
    assert "<table>" not in page
    assert 'id="problems"' not in page


@pytest.mark.skipif(shutil.which("chromium") is None, reason="There is no chromium on the path.")
def test_search_and_pairs_leave_what_they_say(tmp_path):
    asked = """<script>
    const ranks = [...document.querySelectorAll("#suspects .rank")];
    const seen = () => ranks.filter(rank => rank.offsetHeight > 0).map(rank => rank.innerText);
    const answers = [document.title, seen(), $("count").textContent];
    $("query").value = " NUMBER 3"; $("query").oninput();
    answers.push(seen(), $("count").textContent);
    $("query").value = ""; buttons[0].click();
    answers.push(seen());
    buttons[1].click();
    answers.push(seen());
    $("query").value = "number 0"; $("query").oninput();
    answers.push(seen());
    document.body.textContent = JSON.stringify(answers);
    </script>"""
    file = tmp_path / "page.html"
    file.write_text(suspects_page(suspects()).replace("</body>", f"{asked}</body>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command = ["chromium", *options, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", file.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    answers = unescape(re.search(r"<body>(.*?)</body>", dom, re.S)[1]).strip()
    title, everything = "Labels of <Name> to re-check", '["1","2","3","4","5","6"]'
    left = '["4"],"1 of 6 shown",["2","3","5","6"],["2","3","4","5","6"],[]'
    assert answers == f'["{title}",{everything},"6 shown",{left}]'
