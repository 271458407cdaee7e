"""What a project of Label Studio asks: the question that we answer, read from its labelling configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from cal.errors import DataError, in_words, shown
from cal.exchange.answers import ACTION_FIELD
from cal.exchange.label_studio_rows import LABEL_FIELD

MOST_CHARACTERS = 2**20
"""Longest configuration that is read."""

_UNDEFINED = "$undefined$"
"""Where Label Studio keeps the value of tasks that were imported as plain lines."""

_NEEDED = (
    'It must have one <Text name="text" value="$text"/> and one <Choices name="label" toName="text"> with the labels, '
    "of which annotators choose one."
)


@dataclass(frozen=True)
class Labelling:
    """The question that is asked about each text.

    Attributes:
        control: name of the choices.
        shown: name of the text.
        field: the field of a task's data that holds the text.
        labels: labels to choose from, in their order.
    """

    control: str
    shown: str
    field: str
    labels: tuple[str, ...]

    def text_of(self, data: Mapping[str, Any]) -> str | None:
        """The text of a task; None if its data has none.

        Example:
            >>> labelling = labelling_of(EXAMPLE)
            >>> labelling.text_of({"text": "Who wrote Hamlet?"}), labelling.text_of({"title": "Hamlet"})
            ('Who wrote Hamlet?', None)
        """
        value = data.get(self.field, data.get(_UNDEFINED))
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        text = str(value).encode(errors="replace").decode()  # half characters are none that a model could read
        return text if text.strip() else None

    def label_of(self, result: Sequence[Any]) -> str | None:
        """The label that an annotation chose; None if it chose none, several, or marked the text as ambiguous.

        Example:
            >>> labelling = labelling_of(EXAMPLE)
            >>> labelling.label_of(labelling.result("HUM"))
            'HUM'
        """
        chosen: dict[Any, list[str]] = {}
        for item in result:
            if isinstance(item, Mapping) and isinstance(item.get("from_name"), str):
                chosen.setdefault(item["from_name"], []).extend(choices_of(item))
        labels = chosen.get(self.control, [])
        return labels[0] if len(labels) == 1 and labels[0] in self.labels and not chosen.get(ACTION_FIELD) else None

    def result(self, label: str, score: float | None = None) -> list[dict[str, Any]]:
        """The result of an annotation or prediction that chooses a label.

        Args:
            label: the label.
            score: its probability.
        """
        about = {"from_name": self.control, "to_name": self.shown, "type": "choices"}
        return [about | {"value": {"choices": [label]}} | ({} if score is None else {"score": score})]


EXAMPLE = """<View>
  <Text name="text" value="$text"/>
  <Choices name="label" toName="text"><Choice value="HUM"/><Choice value="LOC"/></Choices>
</View>"""


def labelling_of(config: str, control: str | None = None) -> Labelling:
    """Finds the question in a labelling configuration.

    Args:
        config: the configuration, XML.
        control: name of the choices, where there are several.

    Raises:
        DataError: if it asks nothing that we can answer, saying what is needed.

    Example:
        >>> labelling_of(EXAMPLE)
        Labelling(control='label', shown='text', field='text', labels=('HUM', 'LOC'))
        >>> labelling_of("<View/>")
        Traceback (most recent call last):
        cal.errors.DataError: The labelling configuration offers no choices. It must have one <Text ...
    """
    root = _parsed(config)
    texts = {each.get("name"): each.get("value") or "" for each in root.iter("Text")}
    found = [each for each in root.iter("Choices") if each.get("name") != ACTION_FIELD]
    if control is not None:
        named = [each for each in found if each.get("name") == control]
        if not named:
            raise DataError(
                f"The labelling configuration has no choices {shown(control)}. It has: "
                f"{in_words(_names(found)) or 'none'}. Give one of them as question=NAME."
            )
        found = named
    about = [each for each in found if each.get("toName") in texts]
    if len(about) > 1:
        about = [each for each in about if each.get("name") == LABEL_FIELD] or about
    if not about:
        what = f"offers choices about {in_words(_names(found, 'toName'))}, not about a text" if found else ""
        raise DataError(f"The labelling configuration {what or 'offers no choices'}. {_NEEDED}")
    if len(about) > 1:
        raise DataError(
            f"The labelling configuration asks for several choices: {in_words(_names(about))}. Say which of them to "
            f"learn: question={about[0].get('name')}"
        )
    (choices,) = about
    name, to_name = choices.get("name"), choices.get("toName")
    if not name or not to_name:
        raise DataError(f"The choices in the labelling configuration have no name. {_NEEDED}")
    return Labelling(name, to_name, _field(texts[to_name]), _labels(choices))


def _parsed(config: str) -> ElementTree.Element:
    if len(config) > MOST_CHARACTERS:
        raise DataError(f"The labelling configuration has {len(config):,} characters; at most {MOST_CHARACTERS:,}.")
    if "<!DOCTYPE" in config or "<!ENTITY" in config:  # whose expansion could fill the memory
        raise DataError("The labelling configuration declares a document type. Remove the declaration.")
    try:
        return ElementTree.fromstring(config)
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"The labelling configuration is not XML: {error}. {_NEEDED}") from error


def _field(value: str) -> str:
    if value.startswith("$") and len(value) > 1:
        return value[1:]
    raise DataError(f"The text of the labelling configuration has the value {shown(value)}, not a field. {_NEEDED}")


def _labels(choices: ElementTree.Element) -> tuple[str, ...]:
    name = choices.get("name")
    kind = choices.get("choice", "single")
    if not kind.startswith("single"):
        raise DataError(
            f"Annotators may choose several labels of '{name}' (choice={shown(kind)}), and a text has one here. "
            'Make it choice="single".'
        )
    if any(choices.get(flag, "false").lower() == "true" for flag in ("perRegion", "perItem")):
        raise DataError(f"The choices '{name}' are about parts of a text, not about the text. {_NEEDED}")
    if choices.get("value"):
        raise DataError(f"The choices '{name}' come from each task ({choices.get('value')}). {_NEEDED}")
    offered = list(choices.iter("Choice"))
    if any(len(each) for each in offered):
        raise DataError(f"The choices '{name}' have choices within them. Make them one list. {_NEEDED}")
    labels = [each.get("alias") or each.get("value") or "" for each in offered]
    if len(labels) < 2 or "" in labels or len(set(labels)) < len(labels):
        raise DataError(f"The choices '{name}' must be two labels or more, all different: {in_words(labels)}.")
    return tuple(labels)


def choices_of(item: Mapping[str, Any]) -> list[str]:
    """What a part of an annotation's result chooses."""
    value = item.get("value")
    choices = value.get("choices") if isinstance(value, Mapping) else None
    return [str(each) for each in choices if isinstance(each, str)] if isinstance(choices, list) else []


def _names(elements: Sequence[ElementTree.Element], attribute: str = "name") -> list[str]:
    return [f"'{each.get(attribute)}'" for each in elements]
