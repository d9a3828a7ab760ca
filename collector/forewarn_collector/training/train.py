"""From samples to a risk model. Pure apart from the fit's library.

There are two sorts of variants: ``full`` for disks that report attribute 187, ``narrow`` for the others. The first is
fitted on the rows that it will judge, the other on those and, at a lower weight, on all other rows without that
attribute. Of each there is one more for disks that are seen for the first time: it is fitted on the same rows, any day
of a disk, with all growth hidden. Then they are calibrated on whole fleets with dates.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec import structs

from forewarn_collector.backtest.evaluate import BUDGETS, HORIZON_DAYS, Fleet
from forewarn_collector.backtest.history import MONTH_DAYS, NEVER, Floats, History, Period
from forewarn_collector.training.fit import KNOTS, Fit, calibrate, fit, fit_peaks
from forewarn_collector.training.samples import Samples
from forewarn_rules.risk import (
    SCHEMA,
    Calibration,
    Feature,
    OperatingPoint,
    Provenance,
    Reliability,
    RiskModel,
    Unknown,
    Variant,
    in_physical_sectors,
)

NEEDS_FULL = ("ata.187.raw",)
FULL, NARROW = "full", "narrow"


class Sort(NamedTuple):
    """What a variant is for."""

    name: str
    first_sight: bool

    @property
    def is_full(self) -> bool:
        return self.name == FULL


SORTS = (Sort(FULL, True), Sort(NARROW, True), Sort(FULL, False), Sort(NARROW, False))
"""In the order in which a disk is offered to them."""

OPERATING_BUDGETS = (0.125, 0.25, *BUDGETS, 12.0, 20.0)
"""False tickets per 1,000 drives a month for which thresholds are measured."""

QUARTER_DAYS = 91
"""What a threshold is measured over: a drive counts as false once, so over a longer time there are fewer a month."""

FIRST_SIGHT_MONTHS = 0.5
"""Of the monthly false tickets, what all first sights together may cost."""

UNDATED_WEIGHT, FOREIGN_WEIGHT = 0.3, 0.1
"""Of a row without a date, and of one that has to be stripped of what tells the variants apart."""

FIRMNESS = 5.0
PRIOR_FAILURES = 2.0
LEAST_SLOPE = 0.2
"""Calibration: how firmly the slope is held at 1, how many failures' worth a bin's own prediction is, and how much
the log-odds rise at least, so that a worse sum always ranks higher."""

_FAR = 20.0
_LEAST = 1e-8
"""No threshold is nearer to 0 or 1: it has to have odds."""

BINS = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 1.0)
_SIGNS = {
    "reallocated sectors": ("ata.5.raw",),
    "reported uncorrectable errors": NEEDS_FULL,
    "pending or offline uncorrectable sectors": ("ata.197.raw", "ata.198.raw"),
}
_WINDOWS = (0, 7, 30)


def empty_features() -> tuple[Feature, ...]:
    """What the model looks at, without any log-odds yet."""
    nothing = Unknown(0.0, 0.0, 0.0)
    return tuple(
        Feature(name if not days else f"{name}, new in {days} days", metrics, days, (0.0,), (0.0,), nothing)
        for name, metrics in _SIGNS.items()
        for days in _WINDOWS
    )


_WIDE = np.array([feature.metrics == NEEDS_FULL for feature in empty_features()])
_GROWTH = np.array([feature.window_days > 0 for feature in empty_features()])


def is_full(samples: Samples) -> npt.NDArray[np.bool_]:
    """Rows that the full variant judges."""
    known: npt.NDArray[np.bool_] = ~np.isnan(samples.features[np.argmax(_WIDE)])
    return known


def train(samples: Sequence[Samples], provenance: Provenance, horizon: int = HORIZON_DAYS) -> RiskModel:
    """Fit both variants on all settled rows. Raise ValueError where nothing fails."""
    settled = [piece.take(piece.settled(horizon)) for piece in samples]
    if not any(piece.failing(horizon).any() for piece in settled):
        raise ValueError("no drive fails in these histories; there is nothing to learn from")
    variants = tuple(_variant(sort, settled, horizon) for sort in SORTS)
    return RiskModel(SCHEMA, "hdd", horizon, variants, provenance, physical_sectors=True)


def _variant(sort: Sort, samples: Sequence[Samples], horizon: int) -> Variant:
    features, failing, weight, stretches = [], [], [], []
    count = 0
    for piece in samples:
        if sort.is_full:
            piece = piece.take(is_full(piece))
        values = _counted(_as_seen(piece, sort))
        if not sort.is_full:
            values = np.where(_WIDE[:, np.newaxis], np.float32(np.nan), values)
        features.append(values)
        failing.append(piece.failing(horizon))
        trust = (1.0 if piece.dated else UNDATED_WEIGHT) * np.where(is_full(piece) == sort.is_full, 1.0, FOREIGN_WEIGHT)
        weight.append(piece.weight * trust / MONTH_DAYS)
        stretches.append(piece.stretches(horizon) + count)
        count = int(stretches[-1].max(initial=count - 1)) + 1
    rows, hits, weights = np.concatenate(features, axis=1), np.concatenate(failing), np.concatenate(weight)
    if not hits.any():
        raise ValueError(f"no drive fails that the variant {sort.name!r} could learn from")
    found = fit(rows, hits, weights) if sort.first_sight else fit_peaks(rows, hits, weights, np.concatenate(stretches))
    found, calibration = _calibrated(found, sort, samples, horizon)
    lines = tuple(
        _feature(empty, line, values, hits, weights)
        for empty, line, values in zip(empty_features(), found.log_odds, rows, strict=True)
    )
    needs = NEEDS_FULL if sort.is_full else ()
    return Variant(sort.name, needs, found.intercept, lines, calibration, (), (), sort.first_sight)


def _as_seen(samples: Samples, sort: Sort) -> Samples:
    """With all growth hidden where the variant is for the first sight."""
    if not sort.first_sight:
        return samples
    hidden = np.where(_GROWTH[:, np.newaxis], np.float32(np.nan), samples.features)
    return replace(samples, features=hidden)


def _counted(samples: Samples) -> npt.NDArray[np.float32]:
    return in_physical_sectors(empty_features(), samples.features).astype(np.float32)


def _calibrated(found: Fit, sort: Sort, samples: Sequence[Samples], horizon: int) -> tuple[Fit, Calibration]:
    """The probabilities of whole fleets with dates count, where the variant has some that fail."""
    own = [_as_seen(piece.take(is_full(piece) == sort.is_full), sort) for piece in samples if piece.dated]
    own = [piece for piece in own if piece.failing(horizon).any()]
    if not own:
        return found, Calibration((-_FAR, _FAR), (-_FAR, _FAR))
    odds = np.concatenate([found.odds(_counted(piece)) for piece in own])
    failing = np.concatenate([piece.failing(horizon) for piece in own])
    weight = np.concatenate([piece.weight for piece in own]) / MONTH_DAYS
    shift, slope = calibrate(odds, failing, weight, FIRMNESS)
    fitted = Fit(shift + slope * found.intercept, slope * found.log_odds)
    return fitted, _calibration(shift + slope * odds, failing, weight)


def _calibration(odds: Floats, failing: npt.NDArray[np.bool_], weight: Floats) -> Calibration:
    """What was observed in bins of the probability, drawn to what was predicted by a few failures; never flat."""
    predicted = 1 / (1 + np.exp(-odds))
    at: list[float] = []
    log_odds: list[float] = []
    for low, high in pairwise(BINS):
        mine = (predicted >= low) & (predicted < high)
        if not mine.any() or not weight[mine].sum():
            continue
        usual = float(np.average(predicted[mine], weights=weight[mine]))
        trust = PRIOR_FAILURES / usual
        found = (float((weight * failing)[mine].sum()) + PRIOR_FAILURES) / (float(weight[mine].sum()) + trust)
        at.append(_logit(usual))
        least = log_odds[-1] + LEAST_SLOPE * (at[-1] - at[-2]) if log_odds else -_FAR
        log_odds.append(max(_logit(found), least))
    at = [at[0] - _FAR, *at, at[-1] + _FAR]
    log_odds = [log_odds[0] - LEAST_SLOPE * _FAR, *log_odds, log_odds[-1] + LEAST_SLOPE * _FAR]
    return Calibration(tuple(round(one, 6) for one in at), tuple(round(one, 6) for one in log_odds))


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def _feature(
    empty: Feature, line: Floats, values: npt.NDArray[np.float32], failing: npt.NDArray[np.bool_], weight: Floats
) -> Feature:
    """An unknown feature adds what it adds to the odds on average, and may add what it does before failures."""
    known = ~np.isnan(values)
    unknown = Unknown(0.0, 0.0, 0.0)
    if known.any():
        added = np.interp(np.log1p(np.maximum(values[known], 0)), np.log1p(KNOTS), line)
        usual = float(np.log(np.average(np.exp(added), weights=weight[known])))
        before = weight[known] * failing[known]
        high = float(np.average(added, weights=before)) if before.any() else usual
        unknown = Unknown(round(usual, 6), 0.0, round(max(usual, high), 6))
    log_odds = tuple(round(float(value), 6) for value in line)
    return Feature(empty.name, empty.metrics, empty.window_days, tuple(KNOTS.tolist()), log_odds, unknown)


def with_tables(model: RiskModel, samples: Sequence[Samples]) -> RiskModel:
    """The model with the operating points and the reliability that it has on whole fleets with dates."""
    variants = []
    for variant in model.variants:
        sort = Sort(variant.name, variant.first_sight)
        pieces = [_as_seen(piece.take(is_full(piece) == sort.is_full), sort) for piece in samples if piece.dated]
        pieces = [piece for piece in pieces if len(piece.days)]
        scores = [_scores_of(model, variant, piece) for piece in pieces]
        threshold = _at_once if sort.first_sight else _in_quarters
        points = tuple(_point(budget, pieces, scores, threshold) for budget in OPERATING_BUDGETS) if pieces else ()
        table = reliability(pieces, scores, model.horizon_days)
        variants.append(structs.replace(variant, operating_points=points, reliability=table))
    return structs.replace(model, variants=tuple(variants))


def score(model: RiskModel, samples: Samples) -> Floats:
    """The probability of every row."""
    return model.evaluate(samples.features.astype(np.float64)).probability


def _scores_of(model: RiskModel, variant: Variant, samples: Samples) -> Floats:
    """The probability of the rows that this variant judges, NaN for others."""
    risk = model.evaluate(samples.features.astype(np.float64))
    scores: Floats = np.where(risk.variant == model.variants.index(variant), risk.probability, np.nan)
    return scores


def _point(
    budget: float, pieces: Sequence[Samples], scores: Sequence[Floats], threshold: Callable[..., float]
) -> OperatingPoint:
    """The highest of the fleets' thresholds: no fleet gets more than the budget."""
    found = [threshold(piece, score, budget) for piece, score in zip(pieces, scores, strict=True)]
    return OperatingPoint(budget, round(min(max(*found, _LEAST), 1 - _LEAST), 8))


def _in_quarters(samples: Samples, scores: Floats, budget: float) -> float:
    """The mean of what leaves that many false tickets in the first three months and in the last three."""
    first, last = int(samples.days.min()), int(samples.days.max())
    quarters = (Period(first, min(last, first + QUARTER_DAYS - 1)), Period(max(first, last - QUARTER_DAYS + 1), last))
    return float(np.mean([fleet_of(samples, quarter).threshold(scores, budget) for quarter in quarters]))


def _at_once(samples: Samples, scores: Floats, budget: float) -> float:
    """What a share of the drives that do not fail exceeds on any day."""
    well = np.sort(scores[(samples.lead == NEVER) & ~np.isnan(scores)])[::-1]
    allowed = int(len(well) * budget * FIRST_SIGHT_MONTHS / 1000)
    return float(well[allowed]) if allowed < len(well) else 0.0


def fleet_of(samples: Samples, period: Period | None = None) -> Fleet:
    """The samples as a fleet that can be evaluated."""
    failed = np.full(len(samples.serials), NEVER, dtype=np.int64)
    dies = samples.lead != NEVER
    failed[samples.drives[dies]] = samples.days[dies] + samples.lead[dies]
    history = History(samples.days, samples.drives, samples.serials.tolist(), samples.models.tolist(), failed, {})
    return Fleet(history, period or history.period)


def reliability(pieces: Sequence[Samples], scores: Sequence[Floats], horizon: int) -> tuple[Reliability, ...]:
    """Predicted and observed probability by bins of what was predicted, over settled drive-days."""
    rows = []
    for low, high in pairwise(BINS):
        days = failures = 0
        predicted = observed = 0.0
        for piece, score in zip(pieces, scores, strict=True):
            mine = (score >= low) & (score < high) & piece.settled(horizon)
            failing = mine & piece.failing(horizon)
            days += int(mine.sum())
            failures += len(np.unique(piece.drives[failing]))
            predicted += float(score[mine].sum())
            observed += float(failing.sum())
        if days:
            rows.append(Reliability(low, high, days, failures, round(predicted / days, 6), round(observed / days, 6)))
    return tuple(rows)
