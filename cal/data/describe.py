"""A corpus described in plain text: sizes, labels, lengths, repeated texts and examples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape
from textwrap import wrap

import numpy as np

from cal.data.splits import LabelledSplits, Split

WIDTH = 100
_QUANTILES = {"min": 0.0, "5 %": 0.05, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95, "max": 1.0}


def describe(name: str, corpus: LabelledSplits, cautions: Sequence[str] = ()) -> str:
    """What a person wants to know about a corpus before using it, in at most 100 columns.

    Args:
        name: name of the corpus.
        corpus: its splits and labels.
        cautions: what stands out, a sentence each.

    Example:
        >>> train = Split(["a", "b", "c"], ["How far?", "Who?", "Who?"], [0, 1, 1])
        >>> corpus = LabelledSplits(["number", "person"], {"train": train, "test": Split(["d"], ["Who?"], [1])}, {})
        >>> print(describe("questions", corpus).splitlines()[0])
        questions: 3 train, 1 test; 2 labels
    """
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in corpus.splits.items())
    title = f"{name}: {sizes}; {len(corpus.label_names)} labels; {_document(corpus)}".removesuffix("; a text")
    told = [line for each in cautions for line in wrap(f"- {each}", WIDTH, subsequent_indent="  ")]
    sections = [
        [title],
        *([["Worth knowing", *told]] if told else []),
        *_labels(corpus),
        _lengths(corpus),
        _repeats(corpus),
        _examples(corpus),
    ]
    return "\n\n".join("\n".join(line.rstrip() for line in section) for section in sections)


def corpus_html(title: str, corpus: LabelledSplits) -> str:
    """A corpus in a notebook: the number of documents of each label in each split, and five training documents.

    Args:
        title: first line.
        corpus: its splits and labels.

    Example:
        >>> train = Split(["a", "b"], ["Is 1 < 2?", "Who?"], [0, 1])
        >>> html = corpus_html("questions", LabelledSplits(["number", "person"], {"train": train}, {}))
        >>> "<td>number</td><td>1</td>" in html, "Is 1 &lt; 2?" in html
        (True, True)
    """
    names, train = corpus.label_names, corpus.splits["train"]
    same = _with_labels_of_train(corpus)
    counts = [
        [_cut(name, 40), *(f"{int((split.gold == label).sum()):,}" for split in same.values())]
        for label, name in enumerate(names)
    ]
    examples = [
        [names[label], _cut(" ".join(text.split()), 200)]
        for text, label in zip(train.texts[:5], train.gold[:5].tolist(), strict=True)
    ]
    tables = _html_table(["label", *same], counts), _html_table(["label", "five documents of train"], examples)
    return f"<p>{escape(title)}</p>\n{tables[0]}\n{tables[1]}"


def _html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"


def _document(corpus: LabelledSplits) -> str:
    n_choices, n_texts = corpus.splits["train"].shape
    if n_choices > 1:
        return f"{n_choices} choices"
    return "pairs of texts" if n_texts > 1 else "a text"


def _with_labels_of_train(corpus: LabelledSplits) -> dict[str, Split]:
    labels = list(corpus.label_names)
    return {name: split for name, split in corpus.splits.items() if list(corpus.labels_of(name)) == labels}


def _labels(corpus: LabelledSplits) -> list[list[str]]:
    """A table of the splits with the labels of train, and one per test set with labels of its own."""
    same = _with_labels_of_train(corpus)
    rows = [["Labels", *(cell for name in same for cell in (name, ""))]]
    for label, label_name in enumerate(corpus.label_names):
        rows.append([_cut(label_name, 40), *(cell for split in same.values() for cell in _count(split, label))])
    tables = [_aligned(rows)]
    for name, test_set in corpus.tests.items():
        if name in same:
            continue
        rows = [[f"Labels of {name}", name, "", "of train"]]
        for label, label_name in enumerate(test_set.label_names):
            meant = "/".join(corpus.label_names[of] for of in np.flatnonzero(test_set.label_of == label).tolist())
            rows.append([_cut(label_name, 40), *_count(test_set.split, label), _cut(meant, 35)])
        tables.append(_aligned(rows))
    return tables


def _count(split: Split, label: int) -> list[str]:
    n = int((split.gold == label).sum())
    return [f"{n:,}", f"{100 * n / len(split):.1f} %"]


def _lengths(corpus: LabelledSplits) -> list[str]:
    n_choices, n_texts = corpus.splits["train"].shape
    of_what = "the longest choice" if n_choices > 1 else "a pair" if n_texts > 1 else "a text"
    rows = [[f"Length of {of_what}", *_QUANTILES]]
    for name, split in corpus.splits.items():
        documents = split.as_sequences()
        for unit, lengths in (
            ("words", [max(sum(len(part.split()) for part in each) for each in choices) for choices in documents]),
            ("characters", [max(sum(map(len, each)) for each in choices) for choices in documents]),
        ):
            # "nearest": a length that some document has
            quantiles = np.quantile(lengths, list(_QUANTILES.values()), method="nearest")
            rows.append([f"{name}, {unit}", *(f"{length:,}" for length in quantiles)])
    return _aligned(rows)


def _repeats(corpus: LabelledSplits) -> list[str]:
    """Texts that occur more than once, equal character for character."""
    train = corpus.splits["train"]
    of_text: dict[str, set[int]] = defaultdict(set)
    n_of_text: dict[str, int] = defaultdict(int)
    for text, label in zip(train.texts, train.gold.tolist(), strict=True):
        of_text[text].add(label)
        n_of_text[text] += 1
    repeated = [text for text, n in n_of_text.items() if n > 1]
    n_extra = sum(n_of_text[text] - 1 for text in repeated)
    mixed = sum(len(of_text[text]) > 1 for text in repeated)
    lines = [
        "Repeated texts (equal character for character)",
        f"  within train: {n_extra:,} of {len(train):,} documents repeat an earlier one",
    ]
    if repeated:
        lines.append(f"  ({len(repeated):,} texts occur more than once, {mixed:,} of them with different labels)")
    lines += [
        _example(text, _names(corpus.label_names, of_text[text]), f"{n_of_text[text]} x ") for text in repeated[:3]
    ]
    for name, split in corpus.splits.items():
        if name != "train":
            lines += _shared(corpus, split, name, of_text)
    return lines


def _shared(corpus: LabelledSplits, split: Split, name: str, train_labels: dict[str, set[int]]) -> list[str]:
    label_names: Sequence[str] = corpus.label_names
    if name in corpus.tests:  # labels of train as they are called there
        label_names, label_of = corpus.tests[name].label_names, corpus.tests[name].label_of
        train_labels = {text: {int(label_of[label]) for label in labels} for text, labels in train_labels.items()}
    shared = [
        (text, label) for text, label in zip(split.texts, split.gold.tolist(), strict=True) if text in train_labels
    ]
    other = sum(train_labels[text] != {label} for text, label in shared)
    lines = [f"  between train and {name}: {len(shared):,} of {len(split):,} {name} documents repeat one of train"]
    if shared:
        lines.append(f"  ({other:,} of them with another label)")
    return lines + [_example(text, _names(label_names, train_labels[text] | {label})) for text, label in shared[:3]]


def _examples(corpus: LabelledSplits) -> list[str]:
    train = corpus.splits["train"]
    pairs = zip(train.texts[:10], train.gold[:10].tolist(), strict=True)
    return ["Ten documents of train", *(_example(text, _names(corpus.label_names, [label])) for text, label in pairs)]


def _names(label_names: Sequence[str], labels: Iterable[int]) -> str:
    return "/".join(label_names[label] for label in sorted(labels))


def _example(text: str, labels: str, prefix: str = "") -> str:
    return _cut(f"    {prefix}[{_cut(labels, 40)}] {' '.join(text.split())}", WIDTH)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3].rstrip() + "..."


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines: the first column to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(n) for cell, n in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
