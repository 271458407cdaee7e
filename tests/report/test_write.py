"""The report: complete, self-contained, escaped, and never in want of a finished grid."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from cal.errors import AnalysisError, StorageError
from cal.report import write_report
from cal.report.markup import (
    Bullets,
    Folded,
    Paragraph,
    Picture,
    Report,
    Section,
    TextTable,
    to_html,
    to_latex,
    to_markdown,
)
from cal.report.sections import MAPS_PER_FIGURE
from cal.report.write import describe


class Page(HTMLParser):
    """Text, links and tags of a page; fails on tags that do not close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.links, self.tags, self._open = "", [], [], []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for key, value in attrs if key in ("href", "src")]
        if tag not in ("meta", "img", "wbr"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory, curves_of):
    target = tmp_path_factory.mktemp("report")
    assert write_report(curves_of(), target) == target / "report.html"
    return target


def test_html_needs_nothing_but_itself(folder):
    links = Page((folder / "report.html").read_text()).links
    assert all(link.startswith(("#", "data:")) for link in links)


def test_contents_lead_to_every_section(folder):
    html = (folder / "report.html").read_text()
    anchors = [link[1:] for link in Page(html).links if link.startswith("#")]
    assert anchors == re.findall(r'<section id="([^"]+)"', html)


def test_every_picture_of_the_markdown_exists_in_both_formats(folder):
    names = re.findall(r"\]\(figures/(\w+)\.png\)", (folder / "report.md").read_text())
    expected = {f"{name}.{suffix}" for name in names for suffix in ("png", "pdf")}
    assert {path.name for path in (folder / "figures").iterdir()} == expected
    assert {"learning_curves", "eps_min", "overlap", "seed_map", "final_maps"} <= set(names)


def test_html_and_markdown_hold_the_same_tables(folder):
    cells = re.findall(r"<td>([^<]*)</td>", (folder / "report.html").read_text())
    rows = [line for line in (folder / "report.md").read_text().splitlines() if line.startswith("| ")]
    in_markdown = [cell for line in rows for cell in line.strip("| ").split(" | ")[1:]]
    assert [cell for cell in in_markdown if cell in set(cells)] == cells


def test_writing_again_gives_the_same_bytes(folder, tmp_path, curves_of):
    write_report(curves_of(), tmp_path)
    for path in sorted(folder.rglob("*.*")):
        assert (tmp_path / path.relative_to(folder)).read_bytes() == path.read_bytes(), path.name


def test_nothing_temporary_is_left(folder):
    assert {path.name for path in folder.iterdir()} == {"report.md", "report.html", "figures", "tables"}


def test_hostile_names_are_text(tmp_path, curves_of):
    curves = curves_of(["<img src=x onerror=alert(1)>", "a|b*c*"], [1, 2], 1)
    curves = replace(curves, about={"corpus": "<script>alert(1)</script>", "config": {"note": "</pre><b>"}})
    document, figures = describe(curves)
    page = Page(to_html(document, {name: b"<svg/>" for name in figures}))
    assert "script" not in page.tags
    assert page.tags.count("img") == len(figures)
    assert "<script>alert(1)</script>" in page.text
    assert "a\\|b\\*c\\*" in to_markdown(document)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"seeds": [1]}, "any difference may be chance"),
        ({"strategies": ["cal"]}, "Only cal was run"),
        ({"n_rounds": 0}, "No batch was acquired"),
    ],
)
def test_small_grids_are_reported_plainly(curves_of, given, expected):
    document, _ = describe(curves_of(**given))
    assert expected in to_markdown(document)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("full_data", "no run on all data"),
        ("maps", "No data maps were stored"),
        ("acquired", "Chance level unknown"),
    ],
)
def test_missing_tables_are_reported_plainly(curves_of, table, expected):
    curves = curves_of()
    document, figures = describe(replace(curves, **{table: getattr(curves, table).iloc[:0]}))
    titles = " ".join(figure.get_suptitle() for figure in figures.values())
    assert expected in to_markdown(document) + titles


def test_maps_of_many_strategies_stand_on_pages(curves_of):
    strategies = [f"strategy {k}" for k in range(MAPS_PER_FIGURE + 1)]
    document, figures = describe(curves_of(strategies, seeds=[1]))
    pages = [figures[name] for name in ("final_maps", "final_maps_2")]
    headings = [axes.get_title(loc="left") for page in pages for axes in page.axes[::4]]
    assert [heading.split("  ")[0] for heading in headings] == strategies
    assert "figures/final_maps_2.png" in to_markdown(document)


def test_interrupted_run_is_left_out_and_said_so(curves_of):
    curves = curves_of()
    cut = (curves.rounds["strategy"] == "cal") & (curves.rounds["seed"] == 2) & (curves.rounds["round"] > 1)
    text = to_markdown(describe(replace(curves, rounds=curves.rounds[~cut]))[0])
    assert "1 seed left out, because not every strategy has finished them up to round 4: 2." in text
    assert "2 seeds, 4 rounds" in text


def test_strategies_without_a_common_seed_are_reported(curves_of):
    parts = [curves_of(["a"], [1, 2]), curves_of(["b"], [3, 4])]
    merged = {name: pd.concat([getattr(part, name) for part in parts]) for name in ("rounds", "acquired", "maps")}
    text = to_markdown(describe(replace(parts[0], **merged))[0])
    assert "no seed in common" in text
    assert "permutation test is left out" in text


@pytest.fixture
def stopping(curves_of):
    """Curves of which cal met a criterion with two seeds and random with one; nobody met the other criterion."""
    curves = curves_of()
    met = [("cal", 1, "kappa", 2), ("cal", 3, "kappa", 3), ("random", 2, "kappa", 1)]
    accuracy = curves.rounds.set_index(["strategy", "seed", "round"])["accuracy"]
    rows = [(name, seed, rule, step, 40 + 10 * step, accuracy[name, seed, step]) for name, seed, rule, step in met]
    columns = ["strategy", "seed", "criterion", "round", "n_labelled", "accuracy"]
    about = curves.about | {"stopping": ["kappa", "gain"]}
    return replace(curves, stopped=pd.DataFrame(rows, columns=columns), about=about)


def test_stopping_is_reported_per_criterion_and_strategy(stopping):
    (section,) = [section for section in describe(stopping)[0].sections if section.title == "Stopping"]
    rows = {tuple(row[:2]): row[2:] for row in section.blocks[1].rows}
    accuracy = stopping.rounds.set_index(["strategy", "seed", "round"])["accuracy"]
    there = (accuracy["cal", 1, 2] + accuracy["cal", 3, 3]) / 2
    end = (accuracy["cal", 1, 4] + accuracy["cal", 3, 4]) / 2
    assert rows["kappa", "cal"] == ["2/3", "65", "60–70", f"{there:.3f}", f"{end - there:+.3f}"]
    assert rows["kappa", "random"][:3] == ["1/3", "50", "50"]
    assert rows["gain", "entropy"] == ["0/3", "–", "–", "–", "–"]
    assert len(rows) == 6


def test_a_symbol_stands_where_a_criterion_was_met_filled_if_with_all_seeds(stopping):
    also = stopping.stopped.iloc[:1].assign(seed=2, n_labelled=80, round=4)
    figure = describe(replace(stopping, stopped=pd.concat([stopping.stopped, also])))[1]["learning_curves"]
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes[1:]}
    symbols = {
        name: [(*line.get_xydata()[0], line.get_markerfacecolor()) for line in axes.lines if line.get_marker() == "o"]
        for name, axes in panels.items()
    }
    mean = stopping.rounds.groupby(["strategy", "round"])["accuracy"].mean()
    assert symbols["cal"] == [(70, pytest.approx(mean["cal", 3]), "black")]
    assert symbols["random"] == [(50, pytest.approx(mean["random", 1]), "white")]
    assert symbols["entropy"] == []


def test_without_criteria_nothing_is_said_of_stopping(curves_of):
    assert "topping" not in to_markdown(describe(curves_of())[0])


def test_runs_that_criteria_ended_are_compared_as_far_as_all_go_and_said_so(stopping):
    met = {
        (name, seed): step
        for name, seed, _, step in stopping.stopped[["strategy", "seed", "criterion", "round"]].values.tolist()
    }
    last = [met.get(key, 4) for key in zip(stopping.rounds["strategy"], stopping.rounds["seed"], strict=True)]
    rounds = stopping.rounds[stopping.rounds["round"] <= last]
    text = to_markdown(describe(replace(stopping, rounds=rounds, about=stopping.about | {"config": {"stop": True}}))[0])
    assert "the last that all strategies share" in text
    assert text.count("A run ended as soon as it met a stopping criterion, so runs differ in length") == 2


@pytest.fixture
def tested(curves_of):
    """Curves with two further test sets, on which accuracy is lower by .1 and .2; and on all data by .3."""
    curves = curves_of()
    full = curves.full_data.assign(strategy="full_data", round=0)
    columns = ["strategy", "seed", "round", "n_labelled", "test", "accuracy", "macro_f1"]
    parts = [
        rows.assign(test=test, accuracy=rows["accuracy"] - less)[columns]
        for test, less, rows in (
            ("hans", 0.1, curves.rounds),
            ("<b>far</b>", 0.2, curves.rounds),
            ("hans", 0.3, full),
        )
    ]
    return replace(curves, tests=pd.concat(parts, ignore_index=True))


def test_further_test_sets_stand_beside_the_test_split(tested):
    (section,) = [section for section in describe(tested)[0].sections if section.title == "Test sets"]
    (table,) = section.blocks
    assert table.header == ["strategy", "test", "hans", "<b>far</b>"]
    last = tested.rounds[tested.rounds["round"] == 4]
    means = {name: last["accuracy"][last["strategy"] == name].to_numpy() for name in tested.strategies}
    expected = [
        [name, *(f"{means[name].mean() - less:.3f} ± {means[name].std(ddof=1):.3f}" for less in (0, 0.1, 0.2))]
        for name in sorted(means, key=lambda name: -means[name].mean())
    ]
    assert table.rows == [*expected, ["all training data", "0.750 ± 0.000", "0.450 ± 0.000", "–"]]


def test_further_test_sets_of_one_seed_have_no_spread(tested):
    one = {name: getattr(tested, name) for name in ("rounds", "acquired", "maps", "full_data", "tests")}
    curves = replace(tested, **{name: table[table["seed"] == 1] for name, table in one.items()})
    (section,) = [section for section in describe(curves)[0].sections if section.title == "Test sets"]
    assert "±" not in "".join(cell for row in section.blocks[0].rows for cell in row)


def test_further_test_sets_are_shown_for_seeds_and_rounds_that_all_strategies_have(tested):
    def cut(table: pd.DataFrame) -> pd.DataFrame:
        return table[~((table["strategy"] == "cal") & (table["round"] > 3))]

    document, _ = describe(replace(tested, rounds=cut(tested.rounds), tests=cut(tested.tests)))
    (section,) = [section for section in document.sections if section.title == "Test sets"]
    third = tested.rounds[(tested.rounds["round"] == 3) & (tested.rounds["strategy"] == "entropy")]["accuracy"]
    (row,) = [row for row in section.blocks[0].rows if row[0] == "entropy"]
    assert row[1].startswith(f"{third.mean():.3f}")


def test_without_further_test_sets_nothing_is_said_of_them(curves_of):
    assert "Test sets" not in to_markdown(describe(curves_of())[0])


def test_blank_measurements_are_dashes(curves_of):
    curves = curves_of()
    text = to_markdown(describe(replace(curves, rounds=curves.rounds.assign(macro_f1=np.nan, confidence=np.nan)))[0])
    assert "nan" not in text


def test_no_finished_round_is_an_error(curves_of, tmp_path):
    curves = curves_of()
    with pytest.raises(AnalysisError, match="nothing to report"):
        write_report(replace(curves, rounds=curves.rounds.iloc[:0]), tmp_path)


def test_unwritable_folder_is_explained(curves_of, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Give another output folder"):
        write_report(curves_of(["cal"], [1], 0), tmp_path / "file")


def test_every_table_of_the_report_is_latex_too(folder):
    tables = {path.stem: path.read_text() for path in (folder / "tables").iterdir()}
    assert set(tables) == {"final", "areas", "eps_min", "p_values", "labels_needed", "overlap"}
    in_markdown = [line for line in (folder / "report.md").read_text().splitlines() if line.startswith("| ")]
    n_lines = sum(text.count(r" \\") for text in tables.values())
    assert n_lines == len(in_markdown) - len(tables)  # Markdown has a line between header and rows


def untex(text: str) -> str:
    """What LaTeX shows of it."""
    for name, sign in {"backslash": "\\", "asciitilde": "~", "asciicircum": "^"}.items():
        text = text.replace(rf"\text{name}{{}}", sign)
    for written, sign in {
        r"$\varepsilon_{\min}$": "ε_min",
        r"\ldots{}": "…",
        "--": "–",
        "{[}": "[",
        "{*}": "*",
    }.items():
        text = text.replace(written, sign)
    return re.sub(r"\\([&%$#_{}])", r"\1", re.sub(r"\$([<>|])\$", r"\1", text))


def test_latex_shows_what_it_is_given():
    hostile = r"a_b & 50% $x$ #1 {y} ~^\ <z>| [k]* ε_min – …"
    text = to_latex(TextTable(["name", hostile], [[hostile, "*1"], ["[2]", "3"]], hostile, "t"))
    assert untex(text).count(hostile) == 3
    header, *rows = [line for line in text.splitlines() if line.endswith(r" \\")]
    for line in (header, *rows):
        assert len(re.findall(r"(?<!\\)&", line)) == 1
        assert line[0] not in "[*"  # after the end of a line these would be its options
    assert len(rows) == 2


def test_every_block_appears_in_both_renderings():
    blocks = [Paragraph("p1"), Bullets(["p2"]), Bullets(["p3"], True), TextTable(["h", "i"], [["p4", "5"]], "caption")]
    document = Report("title", "verdict", [Section("section", [*blocks, Folded("p5", "p6")])])
    for text in (to_markdown(document), Page(to_html(document, {})).text):
        assert re.findall(r"p\d", text) == ["p1", "p2", "p3", "p4", "p5", "p6"]


def test_names_in_tables_break_between_words_and_figures_scroll():
    table = TextTable(["strategy", "cv_self_confidence"], [["mix(cal,margin)", "0.5"]], "Scores.")
    html = to_html(Report("R", "V.", [Section("S", [table, Picture("p", "A & B")])]), {"p": b"<svg/>"})
    assert '<th scope="col">cv_<wbr>self_<wbr>confidence</th>' in html
    assert '<th scope="row">mix(<wbr>cal,<wbr>margin)</th>' in html
    assert '<figure><div class="scroll" tabindex="0" role="region" aria-label="A &amp; B"><img' in html
