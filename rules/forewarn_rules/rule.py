"""A rule as the engine uses it: checked, with times in seconds and conditions as trees."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from forewarn_rules.conditions import Condition
from forewarn_rules.explain import Template
from forewarn_rules.model import Kind, Labels


@dataclass(frozen=True)
class Signal:
    """How one named value is taken from a metric. ``reach`` is a number, or the name of another signal of the rule."""

    metric: str
    unit: str
    take: str
    within: float = 0.0
    window: float = 0.0
    bin: float = 0.0
    reach: float | str = 0.0
    up: bool = True
    min_span: float = 0.0
    min_points: int = 2

    @property
    def bins(self) -> int:
        return round(self.window / self.bin)


@dataclass(frozen=True)
class Likelihood:
    """A level's forecast: within a fixed time, or by when the signal ``within_signal`` says (hours)."""

    probability: float | None
    within: float | None
    within_signal: str | None
    source: str


@dataclass(frozen=True)
class Level:
    """One level: when it is raised, when it is cleared, and for how long (seconds) either must hold."""

    name: str
    raises: Condition
    for_seconds: float
    clears: Condition
    hold_seconds: float
    forecast: Likelihood | None


@dataclass(frozen=True)
class Where:
    """One label that the scope asks for. A component without the label is in no list."""

    label: str
    values: frozenset[str | float]
    wanted: bool

    def holds(self, labels: Labels) -> bool:
        return (labels.get(self.label) in self.values) == self.wanted


@dataclass(frozen=True)
class Rule:
    """A checked rule. ``levels`` go from low to high; ``file`` and ``test_file`` are where it was read."""

    id: str
    title: str
    status: str
    since: datetime.date
    owner: str
    references: tuple[str, ...]
    kind: Kind
    where: tuple[Where, ...]
    signals: dict[str, Signal]
    levels: tuple[Level, ...]
    max_gap: float
    what: Template
    why: Template
    do: tuple[Template, ...]
    calm_when: tuple[Template, ...]
    cleared: Template
    fault: str
    queue: str
    file: Path
    test_file: Path

    def applies_to(self, labels: Labels) -> bool:
        return all(where.holds(labels) for where in self.where)
