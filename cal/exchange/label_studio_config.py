"""The labelling configuration of Label Studio: XML with the labels to choose from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from cal.errors import DataError
from cal.exchange.answers import ACTION_FIELD, COMMENT_FIELD, OTHER_ACTIONS
from cal.exchange.losses import Losses
from cal.exchange.records import LabelSet

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def labelling_config(names: Iterable[str], labels: LabelSet, losses: Losses) -> str:
    """The configuration of a project that chooses one label per text, or marks it as ambiguous or to be excluded.

    Args:
        names: labels to choose from.
        labels: their colours.
        losses: takes labels that XML cannot hold.

    Example:
        >>> print(labelling_config(["HUM", "LOC"], LabelSet(), Losses("tasks.json")))
        <View>
          <Text name="text" value="$text"/>
          <Choices name="label" toName="text" choice="single" showInLine="true">
            <Choice value="HUM"/>
            <Choice value="LOC"/>
          </Choices>
          <Choices name="cal_action" toName="text" choice="single" showInLine="true">
            <Choice value="ambiguous"/>
            <Choice value="exclude"/>
          </Choices>
          <TextArea name="cal_comment" toName="text" placeholder="Comment" maxSubmissions="1"/>
        </View>
        <BLANKLINE>
    """
    held = []
    for name in names:
        if _NO_XML.search(name):
            losses.add("", "label", name, "XML cannot hold it, so it is not offered")
        else:
            held.append(name)
    return "\n".join(
        [
            "<View>",
            '  <Text name="text" value="$text"/>',
            *_choices("label", held, labels),
            *_choices(ACTION_FIELD, OTHER_ACTIONS, labels),
            f'  <TextArea name="{COMMENT_FIELD}" toName="text" placeholder="Comment" maxSubmissions="1"/>',
            "</View>\n",
        ]
    )


def _choices(field: str, names: Iterable[str], labels: LabelSet) -> list[str]:
    lines = [f'  <Choices name="{field}" toName="text" choice="single" showInLine="true">']
    for name in names:
        colour = labels.colours.get(name) if field != ACTION_FIELD else None
        lines.append(f"    <Choice value={quoteattr(name)}{f' background={quoteattr(colour)}' if colour else ''}/>")
    return [*lines, "  </Choices>"]


def labels_in(config: Path) -> list[str]:
    """The labels that a configuration offers for texts.

    Raises:
        DataError: if it is no XML.
    """
    try:
        root = ElementTree.fromstring(config.read_text(encoding="utf-8"))
    except (ElementTree.ParseError, ValueError, OSError) as error:
        raise DataError(f"{config} is not a labelling configuration: {error}. Save it again, or rename it.") from error
    groups = [group for group in root.iter("Choices") if group.get("name") != ACTION_FIELD]
    return [choice.get("value") or "" for group in groups[:1] for choice in group.iter("Choice")]
