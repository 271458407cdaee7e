"""What each command takes; the files in conf/ hold the defaults of what is shown there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class _Training:
    """What every command takes that trains something."""

    features: dict[str, Any] | None = None
    learner: dict[str, Any] = field(default_factory=dict)
    device: str = "auto"
    model: str | None = None
    precision: str | None = None
    workers: int | None = None
    output: str | None = None


@dataclass(kw_only=True)
class SimulateConfig(_Training):
    """Everything `cal simulate` takes; conf/simulate.yaml holds the defaults."""

    dataset: dict[str, Any]
    protocol: str = "paper"
    strategies: Any = ()
    seeds: Any = 3
    seed_size: int = 200
    seed_set: Any = "stratified"
    query_size: int = 50
    rounds: int = 6
    stopping: Any = ()
    stop: bool = False
    dev_size: int = 0
    full_data: bool = True
    profile: bool = False


@dataclass
class DataConfig:
    """Everything `cal data` takes."""

    dataset: dict[str, Any]


@dataclass(kw_only=True)
class MapConfig(_Training):
    """Everything `cal map` takes; conf/map.yaml holds the defaults."""

    dataset: dict[str, Any] | None = None
    logs: str | None = None
    on_missing: str = "error"
    n_epochs: int | None = None
    seeds: Any = 1
    capture: str = "end"
    folds: int = 5
    region: Any = "quantile"
    hardest: int = 0


@dataclass(kw_only=True)
class SelectConfig(_Training):
    """Everything `cal select` takes; conf/select.yaml holds the defaults."""

    dataset: dict[str, Any] | None = None
    map: str | None = None
    logs: str | None = None
    on_missing: str = "error"
    recipe: str | None = None
    metric: str = "variability"
    direction: str = "best"
    ratio: float = 0.7
    fraction: Any = None
    count: int | None = None
    within: str | None = None
    region: Any = None
    easy: float = 0.1
    suspects: float = 0.05
    suspicion: str = "aum"
    seed: int = 0
    formats: Any = ()
    task: str | None = None
    tsv: str | None = None
    compat: str | None = None
    n_epochs: int | None = None


@dataclass
class WeightsConfig:
    """Everything `cal weights` takes; conf/weights.yaml holds the defaults."""

    map: str | None = None
    logs: str | None = None
    on_missing: str = "error"
    by: str = "variability"
    probabilities: str | None = None
    output: str | None = None


@dataclass(kw_only=True)
class SuspectsConfig(_Training):
    """Everything `cal suspects` takes; conf/suspects.yaml holds the defaults."""

    dataset: dict[str, Any] | None = None
    map: str | None = None
    by: str | None = None
    n: int = 20
    page: int = 200
    neighbours: int = 3
    n_epochs: int | None = None
    seeds: Any = 3
    folds: int = 5


@dataclass(kw_only=True)
class AuditConfig(_Training):
    """Everything `cal audit` takes; conf/audit.yaml holds the defaults."""

    dataset: dict[str, Any]
    noise: Any = ("uniform", "class_dependent", "annotator")
    rates: Any = (0.05, 0.1)
    detectors: Any = None
    mend: Any = None
    n_epochs: int | None = None
    seeds: Any = 3
    folds: int = 5


SCHEMAS: dict[str, type] = {
    "simulate": SimulateConfig,
    "data": DataConfig,
    "map": MapConfig,
    "select": SelectConfig,
    "weights": WeightsConfig,
    "suspects": SuspectsConfig,
    "audit": AuditConfig,
}
