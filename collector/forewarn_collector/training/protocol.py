"""How good training is: rolling origins, and models of drives that were never seen. Pure apart from the fit's library.

Nothing of a test window is known while the model for it is trained: rows whose outcome reaches into it are left out
(the purge), drives that fail in it count as healthy until then, and thresholds are chosen before it.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from forewarn_collector.backtest.evaluate import BUDGETS, HORIZON_DAYS, Outcome
from forewarn_collector.backtest.history import NEVER, Floats, Period
from forewarn_collector.training.samples import Samples
from forewarn_collector.training.train import fleet_of, score, train, with_tables
from forewarn_rules.risk import Provenance, Reliability, RiskModel

ORIGINS = (0.4, 0.6, 0.8)
"""Shares of a history's days after which it is tested, each to the next one."""

LEAST_FAILURES = 10
"""Of a drive model that is left out; fewer say nothing."""

_UNSAVED = Provenance("", "", ())


class Test(msgspec.Struct, frozen=True, kw_only=True):
    """One test of a fleet. ``cut`` has thresholds taken from the tested days themselves, ``frozen`` those that were
    chosen before; ``budgets`` belong to both."""

    fleet: str
    tested: str
    first: int
    last: int
    budgets: tuple[float, ...]
    cut: list[Outcome]
    frozen: list[Outcome]
    reliability: tuple[Reliability, ...] = ()


class _Scored(NamedTuple):
    scores: Floats
    flagged: list[np.ndarray]


def rolling_origins(samples: Sequence[Samples], target: Samples, say: Callable[[str], None]) -> list[Test]:
    """Train on what was known at each origin, test on the days up to the next one, and then on all of them."""
    first, last = int(target.days.min()), int(target.days.max())
    starts = [first + round(share * (last - first)) for share in ORIGINS]
    tests = []
    whole = _Scored(np.full(len(target.days), np.nan), [np.zeros(len(target.days), dtype=np.bool_) for _ in BUDGETS])
    for origin, end in zip(starts, [*(start - 1 for start in starts[1:]), last], strict=True):
        known = [target.until(origin), *_others(samples, target, origin)]
        if not known[0].failing(HORIZON_DAYS).any():
            continue
        say(f"{target.name}: day {origin - first}")
        model = with_tables(train(known, _UNSAVED), known[:1])
        rows = (target.days >= origin) & (target.days <= end)
        _score(model, target, rows, whole)
        tests.append(_test(target, f"day {origin - first} to {end - first}", Period(origin, end), whole))
    if tests:
        tests.append(_test(target, "all test days", Period(tests[0].first, last), whole))
    return tests


def unseen_models(samples: Sequence[Samples], target: Samples, say: Callable[[str], None]) -> list[Test]:
    """Leave each drive model with enough failures out of all training, and score it with what the others taught."""
    died = target.lead != NEVER
    names, counts = np.unique(target.models[np.unique(target.drives[died])], return_counts=True)
    left_out = names[counts >= LEAST_FAILURES].tolist()
    if len(left_out) < 2:
        return []
    whole = _Scored(np.full(len(target.days), np.nan), [np.zeros(len(target.days), dtype=np.bool_) for _ in BUDGETS])
    for name in left_out:
        say(f"{target.name}: without {name}")
        kept = [_without(piece, name) for piece in (target, *_others(samples, target, int(target.days.min())))]
        model = with_tables(train(kept, _UNSAVED), kept[:1])
        _score(model, target, target.models[target.drives] == name, whole)
    tested = np.isin(target.models[target.drives], left_out)
    some = target.take(tested)
    whole = _Scored(whole.scores[tested], [flagged[tested] for flagged in whole.flagged])
    period = Period(int(some.days.min()), int(some.days.max()))
    return [_test(some, f"{len(left_out)} models, each left out of training", period, whole)]


def _score(model: RiskModel, target: Samples, rows: np.ndarray, whole: _Scored) -> None:
    features = target.features[:, rows].astype(np.float64)
    risk = model.evaluate(features)
    whole.scores[rows] = risk.probability
    for budget, flagged in zip(BUDGETS, whole.flagged, strict=True):
        thresholds = [
            next((p.probability for p in variant.operating_points if p.budget == budget), np.inf)
            for variant in model.variants
        ]
        flagged[rows] = risk.probability > np.append(thresholds, np.inf)[risk.variant]


def _test(target: Samples, tested: str, period: Period, whole: _Scored) -> Test:
    from forewarn_collector.training.train import reliability

    fleet = fleet_of(target, period)
    inside = (target.days >= period.first) & (target.days <= period.last)
    return Test(
        fleet=target.name,
        tested=tested,
        first=period.first,
        last=period.last,
        budgets=BUDGETS,
        cut=fleet.cut(whole.scores),
        frozen=[fleet.outcome(fleet.first_flagged(flagged)) for flagged in whole.flagged],
        reliability=reliability([target], [np.where(inside, whole.scores, np.nan)], HORIZON_DAYS),
    )


def _others(samples: Sequence[Samples], target: Samples, origin: int) -> list[Samples]:
    """Further histories that tell nothing about the target's future: those with dates as far as they were known, those
    without when their name says that they ended in an earlier year, or else only drives that the target has not."""
    found = []
    for piece in samples:
        if piece is target:
            continue
        if piece.dated:
            piece = piece.until(origin)
        elif not _ended_before(piece.name, origin):
            strange = ~np.isin(piece.serials, target.serials)
            piece = piece.take(strange[piece.drives])
        if len(piece.days):
            found.append(piece)
    return found


def _ended_before(name: str, day: int) -> bool:
    years = re.findall(r"(?<!\d)(?:19|20)\d\d(?!\d)", name)
    return bool(years) and int(max(years)) < int(np.datetime64(day, "D").astype("datetime64[Y]").astype(int)) + 1970


def _without(samples: Samples, model: str) -> Samples:
    return samples.take(samples.models[samples.drives] != model)


__all__ = ["Test", "rolling_origins", "score", "unseen_models"]
