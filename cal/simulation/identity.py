"""Identity: whether a folder, another folder and a command are of the same simulation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

FREE = frozenset({"output", "workers", "cluster", "profile"})
"""Keys of the configuration that change no result."""

OF_RUNS = FREE | {"strategies", "seeds", "max_seeds", "decide", "full_data"}
"""Those that only say which runs there are: folders that differ in them can be merged."""

DEFAULTS = {"oracle.noise": 0.0, "oracle.kind": "uniform", "oracle.confusions": None, "query.distinct": False}
"""What is meant where the configuration of an older version has no such key."""

_CONTENTS = {
    "corpus_fingerprint": "the documents of the corpus",
    "features_fingerprint": "the document vectors, or what the learner reads instead of them",
    "oracle_fingerprint": "the wrong labels that the oracle gives",
}


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], free: Collection[str] = FREE, contents: bool = True
) -> list[str]:
    """In what two simulations differ, in a few words each; an empty list if they are the same.

    The content of the corpus, of the vectors and of the strategies counts like the configuration. It follows from the
    configuration, so that it is named only where that is the same. A key that only one of them has, because a version
    in between has added it, makes no difference where its value is null or false.

    Args:
        before: run.json of one, and its configuration under `config`.
        now: that of the other.
        free: keys of the configuration that may differ. With `strategies` among them, only strategies in both count.
        contents: whether contents count; otherwise only the configuration does.

    Example:
        >>> one = {"config": {"rounds": 3, "learner": {"lr": 0.1}}}
        >>> differences(one, {"config": {"rounds": 5, "learner": {"lr": 0.1}}})
        ['rounds: 3 -> 5']
        >>> differences(one, one | {"corpus_fingerprint": "e1"})
        ['the documents of the corpus']
        >>> differences(one, {"config": {**one["config"], "stop": False}})
        []
    """
    one, other = (settings(each.get("config", {})) for each in (before, now))
    keys = sorted(key for key in one.keys() | other.keys() if key.partition(".")[0] not in free)
    told = [
        f"{key}: {one.get(key, 'absent')} -> {other.get(key, 'absent')}"
        for key in keys
        if meant(one.get(key)) != meant(other.get(key))
    ]
    if told or not contents:
        return told
    told = [what for key, what in _CONTENTS.items() if before.get(key) != now.get(key)]
    digests = [dict(each.get("strategy_digests") or {}) for each in (before, now)]
    names = digests[0].keys() | digests[1].keys() if "strategies" not in free else digests[0].keys() & digests[1].keys()
    if changed := sorted(name for name in names if digests[0].get(name) != digests[1].get(name)):
        told.append(f"the code or the parameters of {', '.join(changed)}")
    return told


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with dotted keys, and `DEFAULTS` for what an older version does not say.

    How an oracle errs that never does counts as not said.

    Args:
        config: the nested configuration.

    Example:
        >>> settings({"oracle": {"noise": 0.0, "kind": "annotator"}})["oracle.kind"]
        'uniform'
    """
    said = flat(config)
    if not said.get("oracle.noise"):
        said = {key: value for key, value in said.items() if not key.startswith("oracle.")}
    return DEFAULTS | said


def meant(value: Any) -> Any:
    """A value of a configuration, where null, false and an absent key mean the same: that something is off."""
    return None if value is False else value


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested configuration with dotted keys.

    Example:
        >>> flat({"learner": {"lr": 0.1}, "rounds": 3})
        {'learner.lr': 0.1, 'rounds': 3}
    """
    pairs: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            pairs |= flat(value, f"{prefix}{key}.")
        else:
            pairs[f"{prefix}{key}"] = value
    return pairs
