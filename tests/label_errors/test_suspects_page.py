"""The page of suspects: whatever texts hold, and what its search and filter leave."""

import re
import shutil
import subprocess
from html import unescape

import numpy as np
import pandas as pd
import pytest

from cal.label_errors.suspects_page import SHOWN_LENGTH, suspects_page

NASTY = "</script><script>document.title = 'broken'</script>\n<b>\"How\"</b> & 'why' {{items}} \u2028 😀?"


def table(n=6, text=NASTY, p=0.75):
    neighbour = {"id": "<i>other</i>", "label": "<u>", "similarity": 0.5, "text": NASTY}
    return pd.DataFrame(
        {
            "rank": range(1, n + 1),
            "id": [f"id{k}<br>" for k in range(n)],
            "gold": ["A<b>" if k % 3 else "B" for k in range(n)],
            "likely": ["C & D" if k else "" for k in range(n)],
            "p_wrong": p,
            "p_low": p - 0.25,
            "p_high": p + 0.125,
            "neighbours": [[neighbour] for _ in range(n)],
            "why": [f"AUM: rank {k} of <{n}>." for k in range(n)],
            "text": [f"{text} number {k}" for k in range(n)],
        }
    )


def page_of(rows):
    return suspects_page(rows, title="<Title>", verdict="About 3 & more.", note="<note>")


def test_nothing_that_is_given_is_markup():
    page = page_of(table())
    assert page.count("<script>") == 1
    for tag in ("<br>", "<u>", "<i>other", "<Title>", "<note>", '<b>"How'):
        assert tag not in page
    assert NASTY in unescape(page)


def test_the_page_has_every_row_in_order():
    rows = [int(rank) for rank in re.findall(r'<span class="rank">(\d+)</span>', page_of(table(9)))]
    assert rows == list(range(1, 10))


def test_pairs_of_labels_are_counted_the_most_frequent_first():
    options = re.findall(r'<option value="(\d+)">([^<]*)</option>', page_of(table()))
    assert [(value, unescape(name)) for value, name in options] == [
        ("0", "A<b> → C & D (4)"),
        ("1", "B → ? (1)"),
        ("2", "B → C & D (1)"),
    ]


def test_the_bar_is_as_long_as_the_label_is_probably_wrong():
    page = page_of(table(1))
    assert '<i style="width:75.0%"></i>' in page
    assert '<u style="left:50.0%;width:37.5%"></u>' in page
    assert "75 % wrong (50-88 %)" in page


def test_without_an_estimate_there_is_no_bar():
    assert 'class="bar"' not in page_of(table(p=np.nan))


def test_a_long_text_is_folded_and_whole():
    page = page_of(table(1, text="x" * 10_000))
    assert f">{'x' * SHOWN_LENGTH}…</p>" in page
    assert "Full text, 10,009 characters" in page
    assert f"{'x' * 10_000} number 0" in page


def test_the_page_needs_no_network():
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)\s*=", page_of(table()))


def test_an_empty_page_is_a_page():
    assert '<ol id="suspects">\n\n</ol>' in page_of(table(0))


@pytest.mark.skipif(shutil.which("chromium") is None, reason="There is no chromium on the path.")
def test_search_and_filter_leave_what_they_say(tmp_path):
    asked = """<script>
    const ranks = [...document.querySelectorAll("#suspects .rank")];
    const seen = () => ranks.filter(rank => rank.offsetHeight > 0).map(rank => rank.innerText);
    const answers = [document.title, seen(), $("count").textContent];
    $("query").value = " NUMBER 3"; $("query").oninput();
    answers.push(seen(), $("count").textContent);
    $("query").value = ""; $("pair").value = "0"; $("pair").onchange();
    answers.push(seen());
    $("query").value = "number 0"; $("query").oninput();
    answers.push(seen());
    document.body.textContent = JSON.stringify(answers);
    </script>"""
    file = tmp_path / "page.html"
    file.write_text(page_of(table()).replace("</body>", f"{asked}</body>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command = ["chromium", *options, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", file.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    answers = unescape(re.search(r"<body>(.*?)</body>", dom, re.S)[1]).strip()
    everything = '["1","2","3","4","5","6"]'
    assert answers == f'["<Title>",{everything},"6 shown",["4"],"1 of 6 shown",["2","3","5","6"],[]]'
