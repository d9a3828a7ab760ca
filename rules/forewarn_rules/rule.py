"""A rule as the engine uses it: checked, with times in seconds and conditions as trees."""

import datetime
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from forewarn_rules.conditions import Condition
from forewarn_rules.explain import Template
from forewarn_rules.model import Kind, Labels

PART, DEVICE = "part", "device"
"""What a ticket is about."""
TAGS, TAG_SEPARATOR = "tags", ","
"""The one label that holds several values: its tags stand side by side in one text."""


@dataclass(frozen=True)
class Signal:
    """How one named value is taken from a metric. ``reach`` is a number, or the name of another signal of the
    rule; ``of`` names the signal that is compared with that of peers, and is empty where the value itself is."""

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
    quantile: float = 0.5
    horizon: float = 0.0
    budget: float = 0.0
    budget_times: float = 0.0
    peers: tuple[str, ...] = ()
    min_peers: int = 2
    of: str = ""
    explained_by: tuple[str, ...] = ()
    steady: float = 0.0
    lately: float = 0.0
    apart: float = 0.0

    @property
    def bins(self) -> int:
        return round(self.window / self.bin)


@dataclass(frozen=True)
class Likelihood:
    """A level's forecast: within a fixed time, or by when the signal ``within_signal`` says (hours).

    With ``probability_signal`` the probability is that signal's value, and ``within`` its horizon.
    """

    probability: float | None
    within: float | None
    within_signal: str | None
    probability_signal: str | None
    source: str


@dataclass(frozen=True)
class Level:
    """One level: when it is raised, when it is cleared, and for how long (seconds) either must hold. ``where`` narrows
    the rule's scope for this level."""

    name: str
    raises: Condition
    for_seconds: float
    clears: Condition
    hold_seconds: float
    forecast: Likelihood | None
    where: tuple["Where", ...] = ()

    def applies_to(self, labels: Labels) -> bool:
        return all(where.holds(labels) for where in self.where)


@dataclass(frozen=True)
class Where:
    """One label that the scope asks for. A component without the label is in no list and fits no pattern.

    With ``like`` the values are shell patterns. Of several tags one is enough.
    """

    label: str
    values: frozenset[str | float]
    wanted: bool
    like: bool = False

    def holds(self, labels: Labels) -> bool:
        found = labels.get(self.label)
        several: list[str | float] = [] if found is None else [found]
        if self.label == TAGS and isinstance(found, str):
            several = list(found.split(TAG_SEPARATOR))
        return any(self._has(one) for one in several) == self.wanted

    def _has(self, value: str | float) -> bool:
        if not self.like:
            return value in self.values
        return any(fnmatchcase(str(value), str(pattern)) for pattern in self.values)


@dataclass(frozen=True)
class Rule:
    """A checked rule. ``levels`` go from low to high; ``file`` and ``test_file`` are where it was read.

    ``ticket_kind`` is prediction or fact, ``about`` part or device. ``off`` says where the provider does not want it:
    one group of labels that fits is enough.
    """

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
    ticket_kind: str = "prediction"
    about: str = PART
    off: tuple[tuple[Where, ...], ...] = ()

    def applies_to(self, labels: Labels) -> bool:
        return all(where.holds(labels) for where in self.where)

    def is_off(self, labels: Labels) -> bool:
        return any(all(where.holds(labels) for where in group) for group in self.off)
