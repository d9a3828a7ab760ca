"""What a restart must not lose about a component and windows cannot give back, as JSON."""

import math
from typing import Any

import msgspec

from forewarn_rules.accepted import Acceptance
from forewarn_rules.learning import Learned
from forewarn_rules.residual import LearnedLine

SCHEMA = 1
AT_REST_SECONDS = 86_400.0
"""How exactly the time of the last observation is kept of a component of which nothing is timed."""


class KeptLevel(msgspec.Struct):
    """Timer and level of one level of one rule. ``elapsed`` is in seconds, ``since`` in Unix seconds."""

    raised: bool
    ticking: bool
    elapsed: float
    since: float | None


class KeptRule(msgspec.Struct):
    """The last values of the rule's signals (those that were known) and its levels that are not at rest."""

    values: dict[str, float]
    levels: dict[str, KeptLevel] = {}


class Snapshot(msgspec.Struct):
    """One component. ``last_at`` is its newest observation, ``baselines`` first values by metric, ``labels`` what its
    rules that speak call it, ``learned`` what is usual for it, ``lines`` what explains it, ``accepted``
    what was accepted of it by metric."""

    last_at: float
    baselines: dict[str, float]
    rules: dict[str, KeptRule] = {}
    labels: dict[str, str | float] = {}
    learned: dict[str, Learned] = {}
    lines: dict[str, LearnedLine] = {}
    accepted: dict[str, Acceptance] = {}
    schema: int = msgspec.field(default_factory=lambda: SCHEMA)


def at_rest(at: Any) -> Any:
    """What is kept of the time of an observation (or of many) after which nothing is timed."""
    return at // AT_REST_SECONDS * AT_REST_SECONDS


def encode_snapshot(kept: Snapshot) -> bytes:
    for rule in kept.rules.values():  # JSON has no infinity and no NaN: what is not finite is left out
        rule.values = {name: value for name, value in rule.values.items() if math.isfinite(value)}
    return msgspec.json.encode(kept)


def decode_snapshot(data: bytes) -> Snapshot:
    """Raise ValueError if it is not a snapshot of this schema."""
    kept = msgspec.json.decode(data, type=Snapshot)
    if kept.schema != SCHEMA:
        raise ValueError(f"a snapshot of schema {kept.schema}, not {SCHEMA}")
    return kept
