"""Words of a command line, each with the key that it stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ALONE = re.compile(r"[^=~+][^=]*|[a-z][\w+]*://.*")
_ADDRESS = re.compile(r"cluster=([a-z]+://.*)")


def with_keys(words: Sequence[str], leading: Sequence[str] = ()) -> list[str]:
    """The words, with keys for those without one.

    The address of a scheduler stands for the group that takes one.

    Args:
        words: what was typed after the command.
        leading: keys for words without a key, in their order.

    Example:
        >>> with_keys(["my.csv", "seed=1"], ["dataset.path"])
        ["dataset.path='my.csv'", 'seed=1']
        >>> with_keys(["cluster=tcp://10.0.0.1:8786"])
        ['cluster=address', "cluster.address='tcp://10.0.0.1:8786'"]
    """
    keys, found = iter(leading), []
    for word in words:
        if address := _ADDRESS.fullmatch(word):
            found += ["cluster=address", f"cluster.address={quoted(address[1])}"]
        elif _ALONE.fullmatch(word) and (key := next(keys, "")):
            found.append(f"{key}={quoted(word)}")
        else:
            found.append(word)
    return found


def quoted(text: str) -> str:
    r"""A text as Hydra's grammar quotes it.

    Example:
        >>> print(quoted("it's"))
        'it\'s'
    """
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text)
    return f"'{escaped}'"
