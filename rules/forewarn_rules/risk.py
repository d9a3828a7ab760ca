"""The risk model: a sum of log-odds, one per feature, and the probability to fail that follows. Pure.

A model is a JSON file of plain arrays in ``models/``, one per class of disk, that says from what it was trained. It is
evaluated in columns with numpy alone. A class without a file has no model: nothing is said about it.
"""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from forewarn_rules.metrics import find_metric
from forewarn_rules.sectors import physical_sectors
from forewarn_rules.verdicts import Floats

SCHEMA = 1
CLASSES = ("hdd", "ssd", "nvme", "sas")
"""Values of the label ``disk_kind`` for which a model may exist."""

GROWTH, DAYS_SINCE_INCREASE = TAKES = ("growth", "days_since_increase")
"""What a feature with a window looks at, as a signal of that ``take`` does."""

Choice = npt.NDArray[np.intp]


class Unknown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands for a feature that is not known: the log-odds to reckon with, and how far off that may be."""

    log_odds: float
    low: float
    high: float


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that the model looks at: the highest of some metrics, as their last value, or as what a signal of that
    window takes of them.

    ``log_odds`` belong to the values ``at``; between them they are joined by straight lines over log(1 + value), before
    the first and after the last they stay. ``window_days`` is 0 for the last value. ``take`` is one of ``TAKES``; of
    days since the last increase the lowest counts, and a window without any stands for its own length.
    """

    name: str
    metrics: tuple[str, ...]
    window_days: int
    at: tuple[float, ...]
    log_odds: tuple[float, ...]
    unknown: Unknown
    take: str = GROWTH


class OperatingPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``probability`` was exceeded by ``budget`` drives per 1,000 a month that did not fail, in training."""

    budget: float
    probability: float


class Reliability(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Drive-days with a predicted probability from ``low`` to below ``high``: what was predicted and what came."""

    low: float
    high: float
    drive_days: int
    failing: int
    predicted: float
    observed: float


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a sum of log-odds turned out to be worth: ``log_odds`` belong to the sums ``at``, joined by lines."""

    at: tuple[float, ...]
    log_odds: tuple[float, ...]


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sum for disks that report at least one of the metrics ``needs`` (empty: for all others); of ``first_sight``
    only while nothing is known of them but their newest values."""

    name: str
    needs: tuple[str, ...]
    intercept: float
    features: tuple[Feature, ...]
    calibration: Calibration
    operating_points: tuple[OperatingPoint, ...]
    reliability: tuple[Reliability, ...]
    first_sight: bool = False

    @property
    def title(self) -> str:
        return f"{self.name}, at first sight" if self.first_sight else self.name


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
    """A model of one class of disk: P(fail within ``horizon_days``). A disk is judged by the first variant that it
    reports enough for; all variants look at the same features in the same order."""

    schema: int
    disk_kind: str
    horizon_days: int
    variants: tuple[Variant, ...]
    provenance: Provenance
    physical_sectors: bool = False
    """Whether the log-odds belong to counts of physical sectors (see ``sectors.py``)."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """What has to be computed of each disk, in the order in which ``evaluate`` takes it."""
        return self.variants[0].features

    def choose(self, features: Floats) -> Choice:
        """Which variant judges each component, as its place; -1 where no feature is known and none does."""
        known = ~np.isnan(features)
        new = ~known[[place for place, feature in enumerate(self.features) if feature.window_days]].any(axis=0)
        chosen = np.full(features.shape[1], -1, dtype=np.intp)
        for n in range(len(self.variants) - 1, -1, -1):
            variant = self.variants[n]
            fits = known[self._places(variant.needs)].any(axis=0)
            chosen[fits & new if variant.first_sight else fits] = n
        return chosen

    def _places(self, needs: tuple[str, ...]) -> list[int]:
        """Of the features that tell whether a variant with these needs judges a disk."""
        if not needs:
            return list(range(len(self.features)))
        return [place for place, f in enumerate(self.features) if not f.window_days and {*f.metrics} & {*needs}]

    def evaluate(self, features: Floats) -> "Risk":
        """Judge components: ``features`` is [feature, component], NaN where one is unknown.

        A component of which no feature is known has no probability (NaN).
        """
        chosen = self.choose(features)
        if self.physical_sectors:
            features = in_physical_sectors(self.features, features)
        contributions = np.full(features.shape, np.nan)
        odds, low, high = (np.full(features.shape[1], np.nan) for _ in range(3))
        for n, variant in enumerate(self.variants):
            mine = np.flatnonzero(chosen == n)
            if mine.size:
                added = _Sum.of(variant, features.take(mine, axis=1))
                contributions[:, mine] = added.contributions
                odds[mine], low[mine], high[mine] = added.odds, added.low, added.high
        return Risk(_probability(odds), _probability(low), _probability(high), contributions, chosen)

    @property
    def budgets(self) -> tuple[float, float] | None:
        """The least and the most false tickets per 1,000 drives a month that thresholds were measured for; None where
        none were."""
        ends = [[p.budget for p in variant.operating_points] for variant in self.variants]
        return (max(map(min, ends)), min(map(max, ends))) if all(ends) else None

    def thresholds(self, budget: float) -> Floats:
        """The probability, per variant, above which a ticket opens for that many false ones; between two budgets that
        were measured it lies between theirs. Raise ValueError for one beyond them."""
        ends = self.budgets
        if ends is None or not ends[0] <= budget <= ends[1]:
            known = "none" if ends is None else f"{ends[0]:g} to {ends[1]:g}"
            raise ValueError(f"the model has no threshold for a budget of {budget:g}; it was measured for {known}")
        return np.array([_between(variant.operating_points, budget) for variant in self.variants])


class Risk(NamedTuple):
    """Per component: the probability, how low and high it may be for what is unknown, the log-odds that each feature
    adds, before calibration [feature, component], and the place of the variant that judged it (-1: none)."""

    probability: Floats
    low: Floats
    high: Floats
    contributions: Floats
    variant: Choice


class _Sum(NamedTuple):
    contributions: Floats
    odds: Floats
    low: Floats
    high: Floats

    @staticmethod
    def of(variant: Variant, features: Floats) -> "_Sum":
        added = np.empty(features.shape)
        odds, low, high = (np.full(features.shape[1], variant.intercept) for _ in range(3))
        for n, (feature, values) in enumerate(zip(variant.features, features, strict=True)):
            missing = np.isnan(values)
            found = np.interp(np.log1p(np.maximum(values, 0)), np.log1p(feature.at), feature.log_odds)
            added[n] = np.where(missing, feature.unknown.log_odds, found)
            odds += added[n]  # one after the other: a disk's sum does not depend on who is judged beside it
            low += np.where(missing, feature.unknown.low, found)
            high += np.where(missing, feature.unknown.high, found)
        at, log_odds = variant.calibration.at, variant.calibration.log_odds
        return _Sum(added, *(np.interp(found, at, log_odds) for found in (odds, low, high)))


def in_physical_sectors(looks_at: Sequence[Feature], features: npt.ArrayLike) -> Floats:
    """The values of these features with counts as ``sectors.py`` reads them."""
    return physical_sectors([f.metrics for f in looks_at], [f.window_days for f in looks_at], features)


def read_model(text: bytes) -> RiskModel:
    """Raise ValueError, in words, for what is no model."""
    try:
        model = msgspec.json.decode(text, type=RiskModel)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a risk model: {error}") from None
    if model.schema != SCHEMA:
        raise ValueError(f"a risk model of schema {model.schema}, not {SCHEMA}")
    if not model.variants or not model.variants[0].features:
        raise ValueError("a risk model without a feature")
    looks_at = [(feature.name, feature.metrics, feature.window_days) for feature in model.features]
    for variant in model.variants:
        if [(feature.name, feature.metrics, feature.window_days) for feature in variant.features] != looks_at:
            raise ValueError(f"variant {variant.name!r} looks at other features than the first one")
        if not _ascending(variant.calibration.at, variant.calibration.log_odds):
            raise ValueError(f"variant {variant.name!r}: its calibration must ascend, with one log-odds for each sum")
    for feature in (feature for variant in model.variants for feature in variant.features):
        if not _ascending(feature.at, feature.log_odds):
            raise ValueError(f"feature {feature.name!r}: its values must ascend, with one log-odds each")
        for metric in feature.metrics:
            if find_metric(metric) is None:
                raise ValueError(f"feature {feature.name!r}: there is no metric {metric!r}")
    return model


@cache
def shipped_model(disk_kind: str) -> RiskModel | None:
    """The model that comes with forewarn for a class of disk; None where there is no data to train one."""
    file = Path(str(resources.files("forewarn_rules"))) / "models" / f"{disk_kind}.json"
    return read_model(file.read_bytes()) if disk_kind in CLASSES and file.exists() else None


def _between(points: Sequence[OperatingPoint], budget: float) -> float:
    budgets, odds = zip(*sorted((p.budget, np.log(p.probability) - np.log1p(-p.probability)) for p in points),
                        strict=True)  # fmt: skip
    if budget in budgets:  # exactly the one that was measured
        return next(p.probability for p in points if p.budget == budget)
    return float(_probability(np.interp(np.log(budget), np.log(budgets), odds)))


def without_model() -> list[str]:
    """Classes of disk of which nothing is said."""
    return [kind for kind in CLASSES if shipped_model(kind) is None]


def _ascending(at: tuple[float, ...], log_odds: tuple[float, ...]) -> bool:
    return bool(at) and len(log_odds) == len(at) and list(at) == sorted({*at})


def _probability(log_odds: Floats) -> Floats:
    odds: Floats = 1.0 / (1.0 + np.exp(-log_odds))
    return odds
