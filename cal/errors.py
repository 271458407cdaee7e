"""The errors that `cal` raises on purpose.

CalError
├── ConfigError         parameters that are wrong, or do not go together
│   └── UnknownNameError    an unknown name; the message suggests the nearest one
├── DataError           a corpus that cannot be used as given: missing column, empty text, duplicate id ...
│   └── HubError            a corpus on the Hugging Face hub that cannot be reached
├── FeatureError        document vectors that cannot be computed or do not fit the corpus
├── ModelError          a pretrained model that cannot be loaded, or does not fit the corpus
├── LearnerError        a classifier that diverged
├── StrategyError       a strategy that broke its contract
├── WorkerError         a worker process that was killed
├── AnalysisError       scores that cannot be compared
└── StorageError        a file or folder that cannot be read or written, or belongs to something else

Each message says what is wrong, what was given and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class CalError(Exception):
    """Base class of all errors raised on purpose; the command line prints only their message."""


class ConfigError(CalError):
    """Parameters are wrong, or do not go together.

    Args:
        problems: a sentence about each problem; kept as a list in the attribute of the same name.

    Example:
        >>> print(ConfigError(["rounds must be a whole number of at least 0, not -1.", "seeds is empty."]))
        2 problems in the configuration:
        - rounds must be a whole number of at least 0, not -1.
        - seeds is empty.
    """

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        if len(self.problems) == 1:
            message = self.problems[0]
        else:
            lines = "\n".join(f"- {problem}" for problem in self.problems)
            message = f"{len(self.problems)} problems in the configuration:\n{lines}"
        super().__init__(message)

    def __reduce__(self) -> tuple[object, ...]:
        # Subclasses build their message from other arguments, and unpickling has only the message.
        return Exception.__new__, (type(self), *self.args), self.__dict__


class UnknownNameError(ConfigError):
    """An unknown name; the message suggests the nearest known one.

    Args:
        kind: what the name stands for, such as "strategy".
        given: the unknown name.
        known: the known names.
        hint: last sentence of the message.

    Example:
        >>> print(UnknownNameError("strategy", "entrpy", ["cal", "entropy"]))
        Unknown strategy 'entrpy'. Did you mean 'entropy'? Known: cal, entropy.
    """

    def __init__(self, kind: str, given: object, known: Iterable[str], hint: str = "") -> None:
        names = sorted(known)
        nearest = nearest_name(given, names) if isinstance(given, str) else None
        suggestion = f" Did you mean '{nearest}'?" if nearest else ""
        listing = f" Known: {', '.join(names)}." if names else ""
        what = f"'{given}'" if isinstance(given, str) else shown(given)
        super().__init__(f"Unknown {kind} {what}.{suggestion}{listing}{' ' + hint if hint else ''}")


class DataError(CalError):
    """A corpus cannot be used as given."""


class HubError(DataError):
    """A corpus on the Hugging Face hub cannot be reached."""


class FeatureError(CalError):
    """Document vectors cannot be computed, or do not fit the corpus."""


class ModelError(CalError):
    """A pretrained model cannot be loaded, or does not fit the corpus."""


class LearnerError(CalError):
    """A classifier diverged."""


class StrategyError(CalError):
    """A strategy broke its contract."""


class WorkerError(CalError):
    """A worker process was killed."""


class AnalysisError(CalError):
    """Scores cannot be compared."""


class StorageError(CalError):
    """A file or folder cannot be read or written, or belongs to something else."""


def missing_package(feature: str, package: str, extra: str) -> str:
    """The message for a feature whose optional package is not installed.

    Example:
        >>> print(missing_package("learner.lora", "peft", extra="lora"))
        learner.lora needs the package peft: pip install 'cartography-active-learning[lora]'.
    """
    return f"{feature} needs the package {package}: {install(extra)}."


def install(extra: str) -> str:
    """The command that installs an extra.

    Example:
        >>> install("lora")
        "pip install 'cartography-active-learning[lora]'"
    """
    return f"pip install 'cartography-active-learning[{extra}]'"


def shown(value: object, n: int = 80) -> str:
    """A value as a message shows it: in one line, cut short.

    Example:
        >>> shown("high"), shown(list(range(100)), 12)
        ("'high'", '[0, 1, 2 ...')
    """
    try:
        line = " ".join(repr(value).split())
    except Exception:  # such as that of a number of more than 4,300 digits, or whatever a class of the user raises
        return f"an object of {type(value).__name__}"
    return line if len(line) <= n else f"{line[: n - 3].rstrip(' ,')} ..."


def quantity(n: int, noun: str, plural: str = "") -> str:
    """A number with its noun, for messages.

    Example:
        >>> quantity(1, "epoch"), quantity(2000, "id"), quantity(2, "strategy", "strategies")
        ('1 epoch', '2,000 ids', '2 strategies')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def in_words(names: Iterable[str], last: str = "and") -> str:
    """Names as a sentence lists them.

    Example:
        >>> in_words(["train", "test", "dev"]), in_words(["cpu", "cuda"], "or"), in_words(["cal"])
        ('train, test and dev', 'cpu or cuda', 'cal')
    """
    *others, final = names
    return f"{', '.join(others)} {last} {final}" if others else final


def nearest_name(given: str, known: Iterable[str]) -> str | None:
    """The known name that starts with the word `given`, or else is most similar to it; None if none is similar.

    Example:
        >>> nearest_name("dtaset", ["dataset", "device"]), nearest_name("label", ["labels", "label_column"])
        ('dataset', 'label_column')
        >>> nearest_name("vectors", ["scores", "vector_column"])
        'vector_column'
    """
    names = {name.lower(): name for name in known}
    for word in dict.fromkeys((given.lower(), given.lower().removesuffix("s"))):
        if word in names:
            return names[word]
        if started := [name for name in names if name.startswith(f"{word}_")]:
            return names[started[0]]
    close = get_close_matches(given.lower(), names, n=1, cutoff=0.6)
    return names[close[0]] if close else None
