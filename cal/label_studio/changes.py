"""What a message of Label Studio changes: tasks, annotations and the labelling configuration."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cal.label_studio.labelling import Labelling


@dataclass(frozen=True)
class Annotation:
    """An annotation of a task.

    Attributes:
        id: its number.
        task: number of its task.
        result: what was chosen; parts about anything else than choices are left out.
        annotator: who made it.
        is_skip: whether the task was skipped.
        is_truth: whether it is marked as ground truth.
        changed: when it was last changed, in seconds since 1970.
    """

    id: int
    task: int
    result: Sequence[Mapping[str, Any]] = ()
    annotator: str = ""
    is_skip: bool = False
    is_truth: bool = False
    changed: float = 0.0


@dataclass(frozen=True)
class Change:
    """What a message says about a project.

    Attributes:
        config: its labelling configuration; None if the message does not say it.
        tasks: data of tasks by number.
        annotations: annotations that are new, changed or as they were.
        deleted_tasks: numbers of tasks that are gone.
        deleted_annotations: numbers of annotations that are gone.
        train: whether somebody wants a model now.
    """

    config: str | None = None
    tasks: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    annotations: Sequence[Annotation] = ()
    deleted_tasks: Collection[int] = ()
    deleted_annotations: Collection[int] = ()
    train: bool = False


def decisions(annotations: Sequence[Annotation], labelling: Labelling) -> dict[int, str | None]:
    """What annotators have decided, by task: a label, or None where they decided for none.

    Ground truth counts before everything else, and otherwise the label that most annotators gave last. Where as many
    gave another, and where all have skipped the task, there is none.

    Example:
        >>> from cal.label_studio.labelling import EXAMPLE, labelling_of
        >>> labelling = labelling_of(EXAMPLE)
        >>> hum, loc = labelling.result("HUM"), labelling.result("LOC")
        >>> decisions([Annotation(1, 7, hum, "ann"), Annotation(2, 7, loc, "bob")], labelling)
        {7: None}
        >>> decisions([Annotation(1, 7, hum, "ann"), Annotation(2, 7, loc, "ann", changed=9.0)], labelling)
        {7: 'LOC'}
    """
    by_task: dict[int, list[Annotation]] = {}
    for annotation in sorted(annotations, key=lambda each: (each.changed, each.id)):
        by_task.setdefault(annotation.task, []).append(annotation)
    return {task: _decided(by_task[task], labelling) for task in sorted(by_task)}


def _decided(annotations: Sequence[Annotation], labelling: Labelling) -> str | None:
    made = [each for each in annotations if not each.is_skip]
    truth = [each for each in made if each.is_truth]
    last = {each.annotator: labelling.label_of(each.result) for each in truth or made}
    counts: dict[str | None, int] = {}
    for label in last.values():
        counts[label] = counts.get(label, 0) + 1
    most = [label for label, n in counts.items() if n == max(counts.values())]
    return most[0] if len(most) == 1 else None
