"""Regions of a data map: rules that call each instance easy to learn, ambiguous or hard to learn.

A rule is a function of the columns of `DataMap.to_frame()` and of its own parameters. Where a region
ends is a choice, so the parameters belong beside the column: `rule_parameters` gives all of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cal.checks import numbers_in, refuse
from cal.errors import AnalysisError, ConfigError, UnknownNameError
from cal.registry import unknown_parameter

if TYPE_CHECKING:
    import pandas as pd

EASY, AMBIGUOUS, HARD, OTHER = "easy-to-learn", "ambiguous", "hard-to-learn", "other"


def quantile(points: pd.DataFrame, *, ambiguous: float = 1 / 3, hard: float = 0.5) -> np.ndarray:
    """Ambiguous: the share of highest variability; of the rest, hard below a confidence and easy from it on.

    The paper selects a third of the data as ambiguous (section 3) and draws no line between the
    other two. Shares of lowest and highest confidence would draw it anywhere, through the middle of
    the easy where a model learns nearly all, so it lies where the gold label is as probable as all others.

    Args:
        points: rows (instance) with confidence and variability.
        ambiguous: share of the instances, in (0, 1); those on its border are left out.
        hard: confidence below which the rest is hard.

    Returns:
        (instance,) region names.

    References:
        Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics (Swayamdipta et al., 2020)
        https://aclanthology.org/2020.emnlp-main.746

    Example:
        >>> import pandas as pd
        >>> points = pd.DataFrame({"confidence": [0.9, 0.5, 0.1], "variability": [0.1, 0.4, 0.1]})
        >>> quantile(points).tolist()
        ['easy-to-learn', 'ambiguous', 'hard-to-learn']
    """
    refuse(numbers_in("(0, 1)", ambiguous=ambiguous))
    confidence, variability = _columns(points, "confidence", "variability")
    return np.select(
        [variability > np.quantile(variability, 1 - ambiguous), confidence < hard], [AMBIGUOUS, HARD], EASY
    )


def thresholds(
    points: pd.DataFrame,
    *,
    easy_confidence: float = 0.7,
    easy_variability: float = 0.1,
    ambiguous_from: float = 0.4,
    ambiguous_to: float = 0.6,
    hard_confidence: float = 0.5,
    high_variability: float = 0.2,
) -> np.ndarray:
    """Rectangles of confidence and variability; what lies in none is `other`.

    - easy: confidence > .7 and variability < .1
    - ambiguous: confidence from .4 to .6 and variability > .2
    - hard: confidence < .5 and variability > .2, where not ambiguous

    Hard to learn is highly variable here, unlike in the paper: an instance that is never learnt, of
    low confidence and low variability, is `other`. Use it to compare with work that draws these lines.

    Args:
        points: rows (instance) with confidence and variability.
        easy_confidence: easy above it.
        easy_variability: easy below it.
        ambiguous_from: lowest confidence of the ambiguous.
        ambiguous_to: highest confidence of the ambiguous.
        hard_confidence: hard below it.
        high_variability: ambiguous or hard above it.

    Returns:
        (instance,) region names.

    Example:
        >>> import pandas as pd
        >>> points = pd.DataFrame({"confidence": [0.9, 0.5, 0.3, 0.3], "variability": [0.05, 0.3, 0.3, 0.1]})
        >>> thresholds(points).tolist()
        ['easy-to-learn', 'ambiguous', 'hard-to-learn', 'other']
    """
    confidence, variability = _columns(points, "confidence", "variability")
    variable = variability > high_variability
    return np.select(
        [
            (confidence > easy_confidence) & (variability < easy_variability),
            variable & (confidence >= ambiguous_from) & (confidence <= ambiguous_to),
            variable & (confidence < hard_confidence),
        ],
        [EASY, AMBIGUOUS, HARD],
        OTHER,
    )


def data_iq(points: pd.DataFrame, *, easy: float = 0.75, hard: float = 0.25, certain: float = 0.5) -> np.ndarray:
    """Easy and hard: high and low confidence among the share of lowest aleatoric uncertainty; ambiguous: the rest.

    Args:
        points: rows (instance) with confidence and aleatoric.
        easy: lowest confidence of the easy.
        hard: highest confidence of the hard.
        certain: share of the instances whose aleatoric uncertainty is low, in (0, 1).

    Returns:
        (instance,) region names.

    References:
        Data-IQ: Characterizing Subgroups with Heterogeneous Outcomes in Tabular Data (Seedat et al., 2022)
        https://arxiv.org/abs/2210.13043

    Example:
        >>> import pandas as pd
        >>> points = pd.DataFrame({"confidence": [0.9, 0.5, 0.1, 0.9], "aleatoric": [0.05, 0.2, 0.05, 0.09]})
        >>> data_iq(points).tolist()
        ['easy-to-learn', 'ambiguous', 'hard-to-learn', 'ambiguous']
    """
    refuse(numbers_in("(0, 1)", certain=certain))
    confidence, aleatoric = _columns(points, "confidence", "aleatoric")
    low = aleatoric <= np.quantile(aleatoric, certain)
    return np.select([low & (confidence >= easy), low & (confidence <= hard)], [EASY, HARD], AMBIGUOUS)


RULES: dict[str, Callable[..., np.ndarray]] = {"quantile": quantile, "thresholds": thresholds, "data_iq": data_iq}
"""Rules by name."""


def regions(points: pd.DataFrame, rule: str = "quantile", **parameters: Any) -> np.ndarray:
    """The region of each instance by a rule of `RULES`.

    Args:
        points: rows (instance) with the columns that the rule looks at.
        rule: its name.
        parameters: those of the rule that are not to be as usual.

    Returns:
        (instance,) region names.

    Raises:
        UnknownNameError: if there is no such rule.
        ConfigError: if it has no such parameter, or a share is not between 0 and 1.
        AnalysisError: if a column is missing or there is no instance.

    Example:
        >>> import pandas as pd
        >>> points = pd.DataFrame({"confidence": [0.9, 0.5, 0.1], "variability": [0.1, 0.4, 0.1]})
        >>> regions(points, "thresholds", easy_variability=0.2).tolist()
        ['easy-to-learn', 'ambiguous', 'other']
    """
    checked = rule_parameters(rule, **parameters)
    return RULES[rule](points, **checked)


def rule_parameters(rule: str, **given: Any) -> dict[str, Any]:
    """All parameters of a rule with their values: those given, and as usual the others.

    Raises:
        UnknownNameError: if there is no such rule.
        ConfigError: if it has no such parameter.

    Example:
        >>> rule_parameters("data_iq", hard=0.1)
        {'easy': 0.75, 'hard': 0.1, 'certain': 0.5}
    """
    if rule not in RULES:
        raise UnknownNameError("region rule", rule, RULES)
    keywords = list(inspect.signature(RULES[rule]).parameters.values())[1:]  # after the points
    usual = {keyword.name: keyword.default for keyword in keywords}
    refuse(unknown_parameter(name, list(usual), f"region rule '{rule}'") for name in given.keys() - usual)
    return usual | given


def region_rule(given: object) -> tuple[str, dict[str, Any]]:
    """The rule that a user wrote as `name` or `{name: {parameter: value}}`, and all its parameters.

    Raises:
        ConfigError: if there is no such rule or parameter, or a value is refused.

    Example:
        >>> region_rule({"data_iq": {"hard": 0.1}})
        ('data_iq', {'easy': 0.75, 'hard': 0.1, 'certain': 0.5})
    """
    import pandas as pd

    match given:
        case str(name):
            parameters: dict[str, Any] = {}
        case Mapping() if len(given) == 1 and isinstance(next(iter(given.values())), Mapping):
            ((name, parameters),) = given.items()
        case _:
            raise ConfigError(f"region must be the name of a rule or {{name: {{parameter: value}}}}, not {given!r}.")
    complete = rule_parameters(str(name), **parameters)
    refuse(f"region rule '{name}': {each}" for each in numbers_in("(-inf, inf)", **complete))
    one_point = pd.DataFrame({"confidence": [0.5], "variability": [0.1], "aleatoric": [0.2]})
    regions(one_point, str(name), **complete)  # refuses what a rule refuses, before any training
    return str(name), complete


def _columns(points: pd.DataFrame, *names: str) -> list[np.ndarray]:
    if missing := [name for name in names if name not in points]:
        raise AnalysisError(f"This region rule looks at {' and '.join(names)}; the map has no column {missing}.")
    if not len(points):
        raise AnalysisError("A map without instances has no regions.")
    return [points[name].to_numpy(dtype=np.float64) for name in names]
