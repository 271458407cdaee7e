"""Regions of a data map: rules that call each instance easy to learn, ambiguous or hard to learn.

A rule is a function of the columns of `DataMap.to_frame()` and of its own parameters. Where a region ends is a
choice, so results name the rule with all its parameters, which `region_rule` completes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cal.arguments import check_arguments
from cal.checks import known_name, numbers_in, refuse
from cal.errors import AnalysisError, ConfigError, shown
from cal.registry import unknown_parameter

if TYPE_CHECKING:
    import pandas as pd

EASY, AMBIGUOUS, HARD, OTHER = "easy-to-learn", "ambiguous", "hard-to-learn", "other"


def quantile(
    points: pd.DataFrame, *, ambiguous: float = 1 / 3, hard: float = 0.5, border: float | None = None
) -> np.ndarray:
    """Ambiguous: the most variable share. The rest is hard below a confidence, and easy from there on.

    The paper selects a third of the data as ambiguous (section 3) and draws no line between the other two regions.
    Shares by confidence would put that line anywhere, and right through the easy instances if a model learns nearly
    all of them. So it lies where the gold label is as probable as all others together.

    Args:
        points: rows (instance) with confidence and variability.
        ambiguous: share of the instances, in (0, 1); instances on the border are not ambiguous.
        hard: confidence below which other instances are hard.
        border: variability of the border, if the points are only some of the instances; None finds it among them.

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
    border = float(np.quantile(variability, 1 - ambiguous)) if border is None else border
    return _named({AMBIGUOUS: variability > border, HARD: confidence < hard}, otherwise=EASY)


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
    """Rectangles of confidence and variability; instances outside all of them are `other`.

    - easy: confidence > .7 and variability < .1
    - ambiguous: confidence from .4 to .6 and variability > .2
    - hard: confidence < .5 and variability > .2, unless ambiguous

    Unlike in the paper, hard instances are highly variable here: one that is never learnt, with low confidence and low
    variability, is `other`. Use this rule to compare with work that draws these lines.

    Args:
        points: rows (instance) with confidence and variability.
        easy_confidence: confidence above which instances are easy.
        easy_variability: variability below which instances are easy.
        ambiguous_from: lowest confidence of ambiguous instances.
        ambiguous_to: highest confidence of ambiguous instances.
        hard_confidence: confidence below which instances are hard.
        high_variability: variability above which instances are ambiguous or hard.

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
    where = {
        EASY: (confidence > easy_confidence) & (variability < easy_variability),
        AMBIGUOUS: variable & (confidence >= ambiguous_from) & (confidence <= ambiguous_to),
        HARD: variable & (confidence < hard_confidence),
    }
    return _named(where, otherwise=OTHER)


def data_iq(
    points: pd.DataFrame,
    *,
    easy: float = 0.75,
    hard: float = 0.25,
    certain: float = 0.5,
    border: float | None = None,
) -> np.ndarray:
    """Easy and hard: high and low confidence, within the share of lowest aleatoric uncertainty. Ambiguous: the rest.

    Args:
        points: rows (instance) with confidence and aleatoric.
        easy: lowest confidence of easy instances.
        hard: highest confidence of hard instances.
        certain: share of the instances with low aleatoric uncertainty, in (0, 1).
        border: aleatoric uncertainty that is low, if the points are only some of the instances; None finds it among
            them.

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
    low = aleatoric <= (np.quantile(aleatoric, certain) if border is None else border)
    return _named({EASY: low & (confidence >= easy), HARD: low & (confidence <= hard)}, otherwise=AMBIGUOUS)


RULES: dict[str, Callable[..., np.ndarray]] = {"quantile": quantile, "thresholds": thresholds, "data_iq": data_iq}
"""The rules by name."""


def regions(points: pd.DataFrame, rule: str = "quantile", **parameters: Any) -> np.ndarray:
    """The region of each instance by a rule of `RULES`.

    Args:
        points: rows (instance) with the columns that the rule uses.
        rule: name of the rule.
        parameters: parameters of the rule that differ from their defaults.

    Returns:
        (instance,) region names.

    Raises:
        UnknownNameError: if there is no such rule.
        ConfigError: if the rule has no such parameter, or a share is not between 0 and 1.
        AnalysisError: if a column is missing or there are no instances.

    Example:
        >>> import pandas as pd
        >>> points = pd.DataFrame({"confidence": [0.9, 0.5, 0.1], "variability": [0.1, 0.4, 0.1]})
        >>> regions(points, "thresholds", easy_variability=0.2).tolist()
        ['easy-to-learn', 'ambiguous', 'other']
    """
    check_arguments(regions, locals())
    checked = rule_parameters(rule, **parameters)
    refuse(f"region rule '{rule}': {each}" for each in numbers_in("(-inf, inf)", **checked))
    return RULES[rule](points, **checked)


def border_of(rule: str, parameters: Mapping[str, Any]) -> tuple[str, float] | None:
    """The column and the share whose quantile over all instances is the `border` of a rule; None if it has none.

    Example:
        >>> border_of("data_iq", {"certain": 0.4}), border_of("thresholds", {})
        (('aleatoric', 0.4), None)
    """
    if rule == "quantile":
        return "variability", 1 - parameters["ambiguous"]
    return ("aleatoric", parameters["certain"]) if rule == "data_iq" else None


def rule_parameters(rule: str, **given: Any) -> dict[str, Any]:
    """All parameters of a rule: those given, and defaults for the others.

    Raises:
        UnknownNameError: if there is no such rule.
        ConfigError: if the rule has no such parameter.

    Example:
        >>> rule_parameters("data_iq", hard=0.1)
        {'easy': 0.75, 'hard': 0.1, 'certain': 0.5}
    """
    known_name("region rule", rule, RULES)
    keywords = list(inspect.signature(RULES[rule]).parameters.values())[1:]  # after the points
    usual = {keyword.name: keyword.default for keyword in keywords if keyword.name != "border"}
    refuse(unknown_parameter(name, list(usual), f"region rule '{rule}'") for name in given.keys() - usual)
    return usual | given


def region_rule(given: object) -> tuple[str, dict[str, Any]]:
    """Name and all parameters of a rule given as `name` or `{name: {parameter: value}}`.

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
            raise ConfigError(
                f"region must be the name of a rule or {{name: {{parameter: value}}}}, not {shown(given)}."
            )
    complete = rule_parameters(str(name), **parameters)
    refuse(f"region rule '{name}': {each}" for each in numbers_in("(-inf, inf)", **complete))
    one_point = pd.DataFrame({"confidence": [0.5], "variability": [0.1], "aleatoric": [0.2]})
    regions(one_point, str(name), **complete)  # refuses before any training what the rule refuses
    return str(name), complete


def _named(where: Mapping[str, np.ndarray], otherwise: str) -> np.ndarray:
    """(instance,) names of the first regions that hold; each name is in memory once."""
    names = np.array([*where, otherwise], dtype=object)
    chosen: np.ndarray = names[np.select([*where.values()], range(len(where)), len(where))]
    return chosen


def _columns(points: pd.DataFrame, *names: str) -> list[np.ndarray]:
    if missing := [name for name in names if name not in points]:
        raise AnalysisError(
            f"This region rule uses {' and '.join(names)}; the map has no "
            f"{', '.join(missing)}. Use region=quantile or region=thresholds, which need the coordinates only."
        )
    if not len(points):
        raise AnalysisError("A map without instances has no regions.")
    return [points[name].to_numpy(dtype=np.float64) for name in names]
