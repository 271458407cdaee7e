"""One line of a log: its id, logits and gold class, or what is wrong with it and what to do."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import orjson

from cal.dynamics.ids import ID_NAMES
from cal.errors import nearest_name

LARGEST = float(np.finfo(np.float32).max)
SAME_WIDTH = "All lines need logits of the same classes: do not mix logs of different models."
IDS = 'Ids are all text, or all whole numbers of 64 bits; 1 and "1" are different ids.'
CUT_OFF = "The file was cut off or damaged: copy it again."
_DIVERGED = "Training diverged, or the log is damaged."
_NUMBERS = 'Write numbers, such as "logits_epoch_{epoch}":[0.5,-1.25]: logits[row].tolist() of an array or tensor.'
_BINARY = "If a binary model has one logit z, write [0.0,z]; if it gives the probability p of class 1, write [1-p,p]."
_GOLD = "gold is the position of the gold label in the logits: a whole number from 0."
_NOT_A_NUMBER = re.compile(rb"(?<=[\[,:\s])([-+]?)(nan|inf(?:inity)?)\b", re.IGNORECASE)
_SPELT = {b"n": b"NaN", b"i": b"Infinity"}
_PRINTED = re.compile(r"\s*(tensor|array|(?:np|numpy)\.\w+|Tensor|Array)\(.*", re.DOTALL)
_KEY = re.compile(r"logits_epoch_([0-9]+)")
_SYNONYMS = {
    "guid": ID_NAMES,
    "logits": ("logits", "logit", "probs", "probabilities", "scores", "outputs", "predictions"),
    "gold": ("label", "labels", "gold_label", "golds", "target", "targets", "y", "true_label", "class"),
}


class Line(NamedTuple):
    """What a line holds."""

    guid: str | int
    logits: list[float]
    gold: int


class Wrong(NamedTuple):
    """What is wrong with a line, and what to do.

    Attributes:
        what: what is wrong.
        remedy: what to do.
        absent: whether only the logits are not finite, so that the line can count as if it were not there.
    """

    what: str
    remedy: str
    absent: bool = False


@dataclass
class LineReader:
    """Reads the lines of an epoch, which all have ids of one kind and logits of the same classes.

    Args:
        epoch: epoch of the log.
        classes: gold class by name, if gold labels may be names.
        kind: type of ids; None takes that of the first line.
        width: number of classes; None takes that of the first line.

    Example:
        >>> LineReader(0).read(b'{"guid":17,"logits_epoch_0":[0.5,-1.25],"gold":0}')
        Line(guid=17, logits=[0.5, -1.25], gold=0)
        >>> LineReader(0).read(b'{"guid":17,"logits_epoch_0":[0.5],"gold":0}').what
        'there is one logit, 0.5'
    """

    epoch: int
    classes: Mapping[str, int] | None = None
    kind: type | None = None
    width: int | None = None

    @property
    def key(self) -> str:
        """Key of the logits."""
        return f"logits_epoch_{self.epoch}"

    def read(self, line: bytes) -> Line | Wrong:
        """The content of a line that is not blank."""
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            try:
                row = _python_json(line)
            except (ValueError, RecursionError):
                return _not_json(line, error.msg, self._one_per_line())
        if not isinstance(row, dict):
            return _no_object(row, self._one_per_line())
        key = self.key if self.key in row else f"{self.key}.0"
        if absent := [name for name in ("guid", key, "gold") if name not in row]:
            return self._lacks([self.key if name == key else name for name in absent], row)
        return self.check(_whole(row["guid"]), row[key], _whole(row["gold"]))

    def check(self, guid: Any, logits: Any, gold: Any) -> Line | Wrong:
        """The three values of an instance, if they fit each other and earlier lines."""
        wrong = self._wrong_id(guid) or self._wrong_logits(logits)
        if wrong and not wrong.absent:
            return wrong
        place = self._class_of(gold, len(logits))
        if isinstance(place, Wrong):
            return place
        self.kind, self.width = type(guid), len(logits)
        return wrong or Line(guid, logits, place)

    def _wrong_id(self, guid: Any) -> Wrong | None:
        if isinstance(guid, str) and _PRINTED.fullmatch(guid):
            remedy = "Write the number itself: int(guid), or guids.tolist() of a tensor."
            return Wrong(f"the id is {reprlib.repr(guid)}, a printed object", remedy)
        if isinstance(guid, list) and len(guid) == 1:
            return Wrong(f"the id is {reprlib.repr(guid)}, in a list", f"Write it without brackets. {IDS}")
        if guid is None:
            return Wrong("the id is empty", f"Each instance needs an id of its own. {IDS}")
        if not (_is_text(guid) if type(guid) is str else type(guid) is int and -(2**63) <= guid < 2**63):
            return Wrong(f"the id is {reprlib.repr(guid)}", IDS)
        if self.kind not in (None, type(guid)):
            return Wrong(f"the id {reprlib.repr(guid)} is of another kind than earlier ones", IDS)
        return None

    def _wrong_logits(self, logits: Any) -> Wrong | None:
        shown, numbers = reprlib.repr(logits), _NUMBERS.format(epoch=self.epoch)
        if isinstance(logits, str) or (isinstance(logits, list) and any(isinstance(value, str) for value in logits)):
            return Wrong(f"the logits are text, {shown}, not numbers", numbers)
        one = logits[0] if isinstance(logits, list) and len(logits) == 1 else logits
        if type(one) in (int, float):
            return Wrong(f"there is one logit, {reprlib.repr(one)}", f"Two or more classes need as many. {_BINARY}")
        if isinstance(one, list) and one is not logits:
            return Wrong(f"the logits are in a list within a list, {shown}", f"Take the inner one. {numbers}")
        if isinstance(logits, list) and any(isinstance(value, list) for value in logits):
            what = f"the logits are {shown}, {len(logits)} lists in a list"
            return Wrong(what, f"A line is for one instance and epoch, with a number per class. {numbers}")
        if isinstance(logits, dict):
            return Wrong(f"the logits are {shown}, with names", f"Give the numbers alone, in one order. {numbers}")
        if isinstance(logits, list) and None in logits:  # how pandas, and so the original toolkit, writes NaN
            return Wrong("a logit is null, which stands for NaN", _DIVERGED, absent=True)
        if not (isinstance(logits, list) and len(logits) > 1 and all(type(value) in (int, float) for value in logits)):
            return Wrong(f"the logits are {shown}, not a list of at least two numbers", numbers)
        if self.width not in (None, len(logits)):
            return Wrong(f"there are {len(logits)} logits, but {self.width} in earlier lines", SAME_WIDTH)
        if beyond := [value for value in logits if not abs(value) <= LARGEST]:
            name = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(str(beyond[0]))
            what = f"{name} is not a number" if name else f"the logit {beyond[0]} does not fit in 32 bits"
            return Wrong(what, _DIVERGED, absent=True)
        return None

    def _class_of(self, gold: Any, n: int) -> int | Wrong:
        if isinstance(gold, str):
            return self._class_named(gold, n)
        if type(gold) is int and 0 <= gold < n:
            return gold
        what, remedy = f"gold is {reprlib.repr(gold)}, but there are {n} logits", f"{_GOLD} Here it is 0 to {n - 1}."
        if isinstance(gold, list):
            one_hot = (
                "Of one-hot labels write the position of the 1." if len(gold) > 1 else "Write it without brackets."
            )
            remedy = f"{_GOLD} {one_hot}"
        elif gold in (None, -1, -100) and not isinstance(gold, bool):
            remedy = f"{_GOLD} Leave instances without a label out of the logs."
        elif type(gold) is int and gold == n:
            remedy += " If your classes count from 1, subtract 1 from all."
        elif isinstance(gold, bool):
            remedy = f"{_GOLD} Write 0 for false and 1 for true."
        return Wrong(what, remedy)

    def _class_named(self, gold: str, n: int) -> int | Wrong:
        if self.classes is None:
            named = "Write it, or give the names in the order of the logits: label_names=[NAME0,NAME1,...]."
            remedy = f"{_GOLD} {'Write it without quotes.' if gold.isdecimal() and int(gold) < n else named}"
            return Wrong(f"gold is {reprlib.repr(gold)}, which is text", remedy)
        known = ", ".join(self.classes)
        if gold not in self.classes:
            nearest = nearest_name(gold, self.classes)
            hint = f"Did you mean {nearest!r}? " if nearest else ""
            return Wrong(
                f"gold is {reprlib.repr(gold)}, which is not the name of a class", f"{hint}The names are {known}."
            )
        if self.classes[gold] >= n:
            remedy = f"Give a name for each logit, in their order. The names are {known}."
            return Wrong(f"there are {len(self.classes)} names of classes, but {n} logits", remedy)
        return self.classes[gold]

    def _one_per_line(self) -> str:
        return f'Write one object per line: {{"guid":17,"{self.key}":[0.5,-1.25],"gold":0}}.'

    def _lacks(self, absent: list[str], row: Mapping[str, Any]) -> Wrong:
        """What to do about absent keys: rename others, if some are likely."""
        what = f"there is no {' and no '.join(absent)} among the keys {reprlib.repr(list(row))}"
        free = [name for name in row if name not in ("guid", self.key, "gold")]
        renamed = []
        for name in absent:
            numbered = [key for key in free if name == self.key and _KEY.match(key)]
            if numbered:
                there = numbered[0]
                return Wrong(
                    what,
                    f"The name of the file says epoch {self.epoch}, the key {there}. Rename the file, or the key to "
                    f"{self.key}.",
                )
            words = _SYNONYMS["logits" if name == self.key else name]
            likely = next((key for key in free if key.lower() in words), None) or nearest_name(name, free)
            renamed += [f"{likely!r} to {name!r}"] if likely else []
        return Wrong(what, f"Rename {' and '.join(renamed)}." if renamed else self._one_per_line())


def _whole(value: Any) -> Any:
    """A whole number written as 2.0, as a column with missing values is, as 2; anything else as it is."""
    return int(value) if type(value) is float and value.is_integer() and abs(value) < 2**53 else value


def _python_json(line: bytes) -> Any:
    """A line in the dialect of Python, whose numbers may be NaN and Infinity, also written nan and inf."""
    try:
        return json.loads(line)
    except ValueError:
        spelt = _NOT_A_NUMBER.sub(lambda found: found[1].strip(b"+") + _SPELT[found[2][:1].lower()], line)
        return json.loads(spelt)


def _no_object(row: Any, one_per_line: str) -> Wrong:
    if not isinstance(row, list):
        return Wrong(f"this is a {type(row).__name__}, not an object", one_per_line)
    if row and all(isinstance(each, dict) for each in row):
        n = f"{len(row)} objects" if len(row) > 1 else "one object"
        remedy = "Write each on a line of its own, without brackets and commas: jq -c '.[]' OLD > NEW does it."
        return Wrong(f"this is a list of {n} in one line", remedy)
    return Wrong(f"this is a list, {reprlib.repr(row)}, which does not say what its values are", one_per_line)


def _not_json(line: bytes, problem: str, one_per_line: str) -> Wrong:
    """What kind of text this line is, if it is not JSON."""
    text = line.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        if "{'" in text or re.search(r"'(guid|gold)'", text):
            return Wrong("this is a dictionary as Python prints it, not JSON", f"Write json.dumps(...). {one_per_line}")
        rest = _after_object(text)
        if rest == ",":
            return Wrong("there is a comma after the object", "Remove it: lines are not separated by commas.")
        if rest and rest.lstrip(", ").startswith("{"):
            return Wrong("several objects are in one line", one_per_line)
        if line.endswith(b"\n") and rest is None and "}" not in text:
            remedy = f"{one_per_line} jq -c . OLD > NEW writes such a file again."
            return Wrong("an object spans several lines, or was cut off", remedy)
    if text.startswith("["):
        remedy = "If the file is one list of objects, jq -c '.[]' OLD > NEW writes each on a line of its own."
        return Wrong(f"this is not JSON ({problem})", f"{one_per_line} {remedy}")
    if "�" in text:
        return Wrong("this is not text in UTF-8", "Save the file as UTF-8, or copy it again if it is damaged.")
    return Wrong(f"this is not JSON ({problem})", one_per_line if line.endswith(b"\n") else CUT_OFF)


def _after_object(text: str) -> str | None:
    """What follows the object at the start of a text; None if there is none."""
    try:
        return text[json.JSONDecoder().raw_decode(text)[1] :].strip()
    except (ValueError, RecursionError):
        return None


def _is_text(guid: str) -> bool:
    return guid.isascii() or not any("\ud800" <= character <= "\udfff" for character in guid)  # halves of a character
