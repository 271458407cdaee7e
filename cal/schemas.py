"""What each command takes; the files in conf/ hold the defaults of what is shown there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class SimulateConfig:
    """Everything `cal simulate` takes; conf/simulate.yaml holds the defaults."""

    dataset: dict[str, Any]
    features: dict[str, Any] | None = None
    learner: dict[str, Any] = field(default_factory=dict)
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
    device: str = "auto"
    model: str | None = None
    precision: str | None = None
    workers: int | None = None
    profile: bool = False
    output: str | None = None


@dataclass
class DataConfig:
    """Everything `cal data` takes."""

    dataset: dict[str, Any]


@dataclass
class MapConfig:
    """Everything `cal map` takes; conf/map.yaml holds the defaults."""

    dataset: dict[str, Any] | None = None
    features: dict[str, Any] | None = None
    learner: dict[str, Any] = field(default_factory=dict)
    logs: str | None = None
    on_missing: str = "error"
    n_epochs: int | None = None
    seeds: Any = 1
    capture: str = "end"
    folds: int = 5
    region: Any = "quantile"
    hardest: int = 0
    device: str = "auto"
    model: str | None = None
    precision: str | None = None
    workers: int | None = None
    output: str | None = None


SCHEMAS = {"simulate": SimulateConfig, "data": DataConfig, "map": MapConfig}
