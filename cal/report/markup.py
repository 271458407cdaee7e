"""Markup: the sections of a report, written once and rendered as Markdown, as one HTML page, and tables as LaTeX."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Paragraph:
    """Plain text; any markup in it is escaped."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences, set apart as a caution if `warning`."""

    items: Sequence[str]
    warning: bool = False


@dataclass(frozen=True)
class TextTable:
    """Rows under a header; the first column names the row, the others are right-aligned.

    Attributes:
        header: names of the columns.
        rows: cells of each row.
        caption: how to read the table.
        name: file name without suffix, also the LaTeX label; a table without a name gets no file.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    name: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure by its file name without suffix, and a caption that says how to read it."""

    name: str
    caption: str


@dataclass(frozen=True)
class Folded:
    """Long preformatted text, closed until the reader opens it."""

    title: str
    text: str


Block = Paragraph | Bullets | TextTable | Picture | Folded


@dataclass(frozen=True)
class Section:
    """A heading and the blocks below it."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Report:
    """A title, the verdict in one sentence, and sections."""

    title: str
    verdict: str
    sections: Sequence[Section]

    @property
    def tables(self) -> dict[str, TextTable]:
        """The tables that have a name, by it."""
        blocks = (block for section in self.sections for block in section.blocks)
        return {block.name: block for block in blocks if isinstance(block, TextTable) and block.name}


def to_markdown(report: Report) -> str:
    r"""The report as Markdown; pictures are links to `figures/NAME.png`.

    Example:
        >>> print(to_markdown(Report("Report", "a wins.", [Section("Why", [Paragraph("It *is* so.")])])))
        # Report
        <BLANKLINE>
        **a wins.**
        <BLANKLINE>
        ## Why
        <BLANKLINE>
        It \*is\* so.
        <BLANKLINE>
    """
    parts = [f"# {_md(report.title)}", f"**{_md(report.verdict)}**"]
    for section in report.sections:
        parts += [f"## {_md(section.title)}", *(_block_to_markdown(block) for block in section.blocks)]
    return "\n\n".join(parts) + "\n"


def to_latex(table: TextTable) -> str:
    r"""A table as LaTeX, ready for `\input`; it needs the package booktabs and no other.

    Example:
        >>> print(to_latex(TextTable(["strategy", "accuracy"], [["dal_cal", "0.812"]], "At 90% of labels.", "final")))
        \begin{table}
        \centering
        \caption{At 90\% of labels.}
        \label{tab:final}
        \begin{tabular}{lr}
        \toprule
        strategy & accuracy \\
        \midrule
        dal\_cal & 0.812 \\
        \bottomrule
        \end{tabular}
        \end{table}
        <BLANKLINE>
    """
    header, *rows = (" & ".join(map(_tex, row)) + r" \\" for row in [table.header, *table.rows])
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{_tex(table.caption)}}}"]
    lines += [rf"\label{{tab:{table.name}}}"] if table.name else []
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}", r"\toprule", header, r"\midrule", *rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def to_html(report: Report, pictures: Mapping[str, bytes]) -> str:
    """The report as one HTML page that needs no other file and no network.

    Args:
        report: what to show.
        pictures: SVG of each `Picture` by name; embedded, so that ids in two pictures cannot collide.
    """
    anchors = [re.sub(r"\W+", "-", section.title.lower()).strip("-") for section in report.sections]
    contents = "".join(
        f'<li><a href="#{anchor}">{_text(section.title)}</a></li>'
        for anchor, section in zip(anchors, report.sections, strict=True)
    )
    sections = "".join(
        f'<section id="{anchor}"><h2>{_text(section.title)}</h2>{blocks_to_html(section.blocks, pictures)}</section>\n'
        for anchor, section in zip(anchors, report.sections, strict=True)
    )
    return _PAGE.format(
        title=_text(report.title), verdict=_text(report.verdict), style=_STYLE, contents=contents, sections=sections
    )


def blocks_to_html(blocks: Sequence[Block], pictures: Mapping[str, bytes]) -> str:
    """Blocks as a piece of HTML, for a page or a notebook; `pictures` as in `to_html`."""
    return "".join(_block_to_html(block, pictures) for block in blocks)


def image(svg: bytes, alt: str) -> str:
    """A picture as an HTML element that needs no other file."""
    return f'<img alt="{_text(alt)}" src="data:image/svg+xml;base64,{b64encode(svg).decode()}">'


def _block_to_markdown(block: Block) -> str:
    match block:
        case Paragraph(text):
            return _md(text)
        case Bullets(items, warning):
            prefix = "> " if warning else ""
            return f"{'> **Caution**' + chr(10) + '>' + chr(10) if warning else ''}" + "\n".join(
                f"{prefix}- {_md(item)}" for item in items
            )
        case TextTable(header, rows, caption):
            lines = [[_md(cell) for cell in line] for line in [header, *rows]]
            lines.insert(1, ["---", *["---:"] * (len(header) - 1)])
            return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n*{_md(caption)}*"
        case Picture(name, caption):
            return f"![{_md(caption)}](figures/{name}.png)\n\n*{_md(caption)}*"
        case Folded(title, text):
            return f"<details><summary>{_text(title)}</summary>\n\n<pre>{_text(text)}</pre>\n\n</details>"


def _block_to_html(block: Block, pictures: Mapping[str, bytes]) -> str:
    match block:
        case Paragraph(text):
            return f"<p>{_text(text)}</p>"
        case Bullets(items, warning):
            points = "".join(f"<li>{_text(item)}</li>" for item in items)
            return f'<div class="caution" role="note"><ul>{points}</ul></div>' if warning else f"<ul>{points}</ul>"
        case TextTable(header, rows, caption):
            head = "".join(f'<th scope="col">{_name(cell)}</th>' for cell in header)
            body = "".join(
                f'<tr><th scope="row">{_name(row[0])}</th>{"".join(f"<td>{_text(cell)}</td>" for cell in row[1:])}</tr>'
                for row in rows
            )
            return (
                f'<figure class="table"><figcaption>{_text(caption)}</figcaption>'
                f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(caption)}"><table>'
                f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></figure>"
            )
        case Picture(name, caption):
            shown = f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(caption)}">'
            shown += f"{image(pictures[name], caption)}</div>"
            return f"<figure>{shown}<figcaption>{_text(caption)}</figcaption></figure>"
        case Folded(title, text):
            return f"<details><summary>{_text(title)}</summary><pre>{_text(text)}</pre></details>"


def _text(text: str) -> str:
    return html.escape(text, quote=True)


def _name(text: str) -> str:
    """The name of a row or column: broken after an underscore, a comma or a bracket, not in a word or before a %."""
    return re.sub(r"([_,(\[/=])(?=\w)", r"\1<wbr>", _text(text)).replace(" %", "&nbsp;%")


def _md(text: str) -> str:
    # An underscore inside a word (dal_cal) marks nothing and stays readable unescaped; so does a < before a number.
    return re.sub(r"([\\`*|\[\]#~]|<(?=[A-Za-z/!?])|^>|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(text.split()))


def _tex(text: str) -> str:
    return _TEX_UNSAFE.sub(lambda match: _TEX[match[0]], " ".join(text.split()))


_TEX = {sign: f"\\{sign}" for sign in "&%$#_{}"} | {sign: f"${sign}$" for sign in "<>|"}
_TEX |= {"[": "{[}", "*": "{*}"}  # after the end of a line these would be its options
_TEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "…": r"\ldots{}"}
_TEX |= {"ε_min": r"$\varepsilon_{\min}$", "ε": r"$\varepsilon$", "α": r"$\alpha$"}
_TEX |= {"∩": r"$\cap$", "±": r"$\pm$", "×": r"$\times$"}
_TEX_UNSAFE = re.compile("|".join(map(re.escape, sorted(_TEX, key=len, reverse=True))))

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p class="verdict">{verdict}</p>
<nav aria-label="Contents"><ol>{contents}</ol></nav>
{sections}</main>
</body>
</html>
"""

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #fff; --line: #d0d7de;
  --tint: #f3f6f9; --accent: #0062a3; --caution: #fff4dc; --caution-line: #b26a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #a3adb8; --paper: #14181d; --line: #39424d;
  --tint: #1e242b; --accent: #6cb6ff; --caution: #33270f; --caution-line: #d99a2b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.75rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
a { color: var(--accent); }
.verdict { font-size: 1.15rem; padding: .8rem 1rem; margin: 0; background: var(--tint);
  border-left: 4px solid var(--accent); }
nav ol { columns: 16rem; padding-left: 1.4rem; margin: 1.25rem 0 0; }
.caution { background: var(--caution); border-left: 4px solid var(--caution-line); padding: .1rem .8rem;
  margin: 1rem 0; }
.scroll { overflow-x: auto; margin-top: .4rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; min-width: 50%; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { white-space: normal; overflow-wrap: break-word; }
thead th { background: var(--tint); }
th:first-child { text-align: left; position: sticky; left: 0; min-width: 6rem; background: var(--paper); }
thead th:first-child { background: var(--tint); }
figure { margin: 1.25rem 0; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; background: #fff; border-radius: 4px; }
figcaption { color: var(--soft); font-size: .92rem; margin-top: .5rem; }
details { margin: .75rem 0; } summary { cursor: pointer; }
pre { overflow-x: auto; background: var(--tint); padding: .8rem; font-size: .85rem; }
@media screen and (max-width: 40rem) { main { padding-top: 1rem; } h2 { margin-top: 2rem; }
  figure img { max-width: none; }  /* in its own size, to be scrolled: shrunk to the screen, nobody could read it */
  th, td { padding: .3rem .5rem; } }
@media print { main { max-width: none; padding: 0; } nav { display: none; } figure, tr { break-inside: avoid; }
  .scroll { overflow: visible; } h2 { break-after: avoid; } }
"""


def shortened(text: str, longest: int) -> str:
    """A text on one line, cut off with … if it is longer; works for any script, with or without spaces.

    Example:
        >>> shortened("How far  is it?", 8)
        'How far…'
    """
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"
