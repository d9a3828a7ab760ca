"""The risk model: a sum of log-odds, one per feature and bucket, and the probability to fail that follows. Pure.

A model is a JSON file of plain arrays in ``models/``, one per class of disk, that says from what it was trained. It is
evaluated in columns with numpy alone. A class without a file has no model: nothing is said about it.
"""

from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from forewarn_rules.metrics import find_metric
from forewarn_rules.verdicts import Floats

SCHEMA = 1
CLASSES = ("hdd", "ssd", "nvme", "sas")
"""Values of the label ``disk_kind`` for which a model may exist."""


class Unknown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands for a feature that is not known: the log-odds to reckon with, and how far off that may be."""

    log_odds: float
    low: float
    high: float


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that the model looks at: the highest of some metrics, as their last value or growth.

    Bucket n holds values from ``edges[n - 1]`` to below ``edges[n]``; ``log_odds`` has one more value than ``edges``.
    ``window_days`` is 0 for the last value.
    """

    name: str
    metrics: tuple[str, ...]
    window_days: int
    edges: tuple[float, ...]
    log_odds: tuple[float, ...]
    unknown: Unknown


class OperatingPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``probability`` was exceeded by ``budget`` drives per 1,000 a month that did not fail, in training. ``unknown``
    names the features that no drive of that fleet had."""

    budget: float
    unknown: tuple[str, ...]
    probability: float


class Reliability(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Drive-days with a predicted probability from ``low`` to below ``high``: what was predicted and what came."""

    low: float
    high: float
    drive_days: int
    failing: int
    predicted: float
    observed: float


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file that a model was trained from. ``first`` and ``last`` are dates where the file has any."""

    file: str
    drives: int
    failures: int
    drive_days: int
    first: str | None
    last: str | None


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    trained_on: str
    command: str
    sources: tuple[Source, ...]


class RiskModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model of one class of disk: P(fail within ``horizon_days``)."""

    schema: int
    disk_kind: str
    horizon_days: int
    intercept: float
    features: tuple[Feature, ...]
    operating_points: tuple[OperatingPoint, ...]
    reliability: tuple[Reliability, ...]
    provenance: Provenance

    def evaluate(self, features: Floats) -> "Risk":
        """Judge components: ``features`` is [feature, component], NaN where one is unknown.

        A component of which no feature is known has no probability (NaN).
        """
        contributions = np.empty(features.shape)
        low, high = (np.full(features.shape[1], self.intercept) for _ in range(2))
        known = np.zeros(features.shape[1], dtype=np.bool_)
        for n, (feature, values) in enumerate(zip(self.features, features, strict=True)):
            missing = np.isnan(values)
            bucket = np.searchsorted(np.asarray(feature.edges), values, side="right")
            found = np.asarray(feature.log_odds)[np.where(missing, 0, bucket)]
            contributions[n] = np.where(missing, feature.unknown.log_odds, found)
            low += np.where(missing, feature.unknown.low, found)
            high += np.where(missing, feature.unknown.high, found)
            known |= ~missing
        total = contributions.sum(axis=0) + self.intercept
        probability, lowest, highest = (np.where(known, _probability(odds), np.nan) for odds in (total, low, high))
        return Risk(probability, lowest, highest, contributions)

    def threshold(self, budget: float, known: "frozenset[str] | None" = None) -> float | None:
        """The probability above which a ticket opens for that many false ones; None for a budget without a point.

        ``known`` names the features that the fleet has (None: all); the point of the fleet that is most alike counts.
        """
        names = frozenset(feature.name for feature in self.features)
        missing = names - (names if known is None else known)
        points = [point for point in self.operating_points if point.budget == budget]
        if not points:
            return None
        return min(points, key=lambda point: len(missing ^ frozenset(point.unknown))).probability


class Risk(NamedTuple):
    """Per component: the probability, how low and high it may be for what is unknown, and the log-odds that each
    feature adds [feature, component]."""

    probability: Floats
    low: Floats
    high: Floats
    contributions: Floats


def read_model(text: bytes) -> RiskModel:
    """Raise ValueError, in words, for what is no model."""
    try:
        model = msgspec.json.decode(text, type=RiskModel)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a risk model: {error}") from None
    if model.schema != SCHEMA:
        raise ValueError(f"a risk model of schema {model.schema}, not {SCHEMA}")
    for feature in model.features:
        if len(feature.log_odds) != len(feature.edges) + 1 or list(feature.edges) != sorted(set(feature.edges)):
            raise ValueError(f"feature {feature.name!r}: edges must ascend, with one more log-odds than edges")
        for metric in feature.metrics:
            if find_metric(metric) is None:
                raise ValueError(f"feature {feature.name!r}: there is no metric {metric!r}")
    return model


def shipped_model(disk_kind: str) -> RiskModel | None:
    """The model that comes with forewarn for a class of disk; None where there is no data to train one."""
    file = Path(str(resources.files("forewarn_rules"))) / "models" / f"{disk_kind}.json"
    return read_model(file.read_bytes()) if disk_kind in CLASSES and file.exists() else None


def _probability(log_odds: Floats) -> Floats:
    odds: Floats = 1.0 / (1.0 + np.exp(-log_odds))
    return odds
