"""The risk model as signals of a rule: what it looks at comes from the windows that all signals share. Pure.

A rule takes ``model.hdd`` as ``model_risk`` or ``model_limit``. Each thing that the model looks at becomes a signal of
the rule too, under a name that no rule file can write (``ata.197.raw growth 7d``), so that it is computed once, kept
over a restart, and stands in the evidence.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from forewarn_rules.metrics import MODEL, find_metric
from forewarn_rules.risk import Feature, RiskModel, shipped_model
from forewarn_rules.rule import Signal
from forewarn_rules.tracks import Floats, Rows
from forewarn_rules.wording import two_digits

DAY = 86400.0
RISK, LIMIT = "model_risk", "model_limit"
TAKES = (RISK, LIMIT)
USUAL_BUDGET = 2.0
"""False tickets per 1,000 hard disks a month, unless the provider says otherwise."""
_MOST_SIGNS = 3
_WORTH_SAYING = 0.1
"""Log-odds of a sign that is worth a word: it raises the odds by a tenth."""


def model_of(signal: Signal) -> RiskModel:
    """The model that a signal of these takes asks. Raise LookupError where none is shipped."""
    found = shipped_model(signal.metric.removeprefix(MODEL))
    if found is None:
        raise LookupError(f"there is no {signal.metric}")
    return found


def with_budget(signal: Signal, budget: float) -> Signal:
    """The signal with its limit for the provider's budget; beyond what the model was measured for, for the nearest."""
    if not signal.budget_times:
        return signal
    least, most = model_of(signal).budgets or (budget, budget)
    return replace(signal, budget=min(most, max(least, signal.budget_times * budget)))


def reads(metric: str) -> set[str]:
    """What has to be reported for a signal of this metric: itself, or what the model of that name looks at."""
    model = shipped_model(metric.removeprefix(MODEL)) if metric.startswith(MODEL) else None
    return {metric} if model is None else {looked_at for feature in model.features for looked_at in feature.metrics}


def with_features(signals: Mapping[str, Signal]) -> dict[str, Signal]:
    """The signals of a rule and those that its models look at."""
    found = dict(signals)
    for signal in signals.values():
        if signal.take in TAKES:
            found.update(pair for feature in model_of(signal).features for pair in _looked_at(feature))
    return found


def _looked_at(feature: Feature) -> Iterator[tuple[str, Signal]]:
    """The signals of which a feature is the highest, by the name of each; as build_signal makes them."""
    window = feature.window_days * DAY
    for metric in feature.metrics:
        known = find_metric(metric)
        unit = known.unit if known else ""
        if not window:
            yield metric, Signal(metric, unit, "above_accepted", min_points=3)  # what is known is no news
        else:
            kept = Signal(metric, unit, "growth", window=window, bin=DAY, min_span=window / 4, min_points=3)
            yield f"{metric} growth {feature.window_days}d", kept


class ModelColumns:
    """The rows of a matrix of signals that one model writes, and those that it reads."""

    def __init__(self, metric: str, rows: Mapping[Signal, int]) -> None:
        mine = {signal: row for signal, row in rows.items() if signal.metric == metric and signal.take in TAKES}
        self._model = model_of(next(iter(mine)))
        self._risks = [row for signal, row in mine.items() if signal.take == RISK]
        self._limits = [(row, signal.budget) for signal, row in mine.items() if signal.take == LIMIT]
        self._read = [
            np.array([rows[signal] for _, signal in _looked_at(feature)], dtype=np.intp)
            for feature in self._model.features
        ]

    def write(self, signals: Floats) -> None:
        """Put probabilities and limits into [signal, component]; NaN where the model says nothing."""
        features = np.empty((len(self._read), signals.shape[1]))
        for n, rows in enumerate(self._read):
            features[n] = signals[rows[0]]
            for row in rows[1:]:
                np.fmax(features[n], signals[row], out=features[n])
        asked, alike = _without_repeats(features)
        risk = self._model.evaluate(features.take(asked, axis=1))
        signals[self._risks] = risk.probability[alike]
        for row, budget in self._limits:
            signals[row] = np.append(self._model.thresholds(budget), np.nan)[risk.variant][alike]


def _without_repeats(features: Floats) -> tuple[Rows, Rows]:
    """Which components to ask the model about, and the place of each component's answer among theirs.

    Nearly all disks of a fleet show no sign at all: of those that know the same features, one is asked.
    """
    missing = np.isnan(features)
    signs = np.flatnonzero(((features != 0) & ~missing).any(axis=0))
    kinds = 2.0 ** np.arange(len(features)) @ missing
    kinds[signs] = -1.0 - np.arange(len(signs))
    _, asked, alike = np.unique(kinds, return_index=True, return_inverse=True)
    return asked, alike


def model_columns(rows: Mapping[Signal, int]) -> list[ModelColumns]:
    metrics = dict.fromkeys(signal.metric for signal in rows if signal.take in TAKES)
    return [ModelColumns(metric, rows) for metric in metrics]


Words = Callable[[str], str]
"""Says a word or phrase of ``PHRASES``, or the name of a feature, in another language."""
_NO_SIGN, _ODDS = "no sign above what is usual", "odds {times} times as high"
PHRASES = (_NO_SIGN, _ODDS, "new in 7 days", "new in 30 days")


def because(signals: Mapping[str, Signal], values: Mapping[str, float], words: Words = str) -> dict[str, str]:
    """For each signal of take model_risk the signs behind it in words, the heaviest first, as ``NAME_because``.

    ``values`` are those of the signals ``with_features``; NaN and absent is unknown. The odds are those of the model's
    sum, before it is calibrated.
    """
    asked = {name: model_of(signal) for name, signal in signals.items() if signal.take == RISK}
    return {f"{name}_because": _signs(model, values, words) for name, model in asked.items()}


def _signs(model: RiskModel, values: Mapping[str, float], say: Words) -> str:
    seen: npt.NDArray[np.float64] = np.array(
        [np.fmax.reduce([values.get(name, np.nan) for name, _ in _looked_at(feature)]) for feature in model.features]
    )
    added = model.evaluate(seen[:, np.newaxis]).contributions[:, 0]
    groups: dict[tuple[str, ...], list[int]] = {}
    for n, feature in enumerate(model.features):
        if not np.isnan(seen[n]):
            groups.setdefault(feature.metrics, []).append(n)
    found = [(float(added[places].sum()), places) for places in groups.values()]
    heavy = sorted((sign for sign in found if sign[0] >= _WORTH_SAYING), reverse=True)[:_MOST_SIGNS]
    raised = say(_ODDS)
    said = [
        f"{_sign(model.features, places, seen, say)}: {raised.format(times=two_digits(float(np.exp(odds))))}"
        for odds, places in heavy
    ]
    return "; ".join(said) or say(_NO_SIGN)


def _sign(features: tuple[Feature, ...], places: Iterable[int], seen: npt.NDArray[np.float64], say: Words) -> str:
    """One sign as it is and as it grew: ``pending sectors (197) 16, new in 7 days 8``."""
    words: list[str] = []
    first = features[next(iter(places))]
    for n in places:
        name = features[n].name
        if not words:
            ids = ", ".join(metric.removeprefix("ata.").removesuffix(".raw") for metric in first.metrics)
            words.append(f"{say(name)} ({ids}) {seen[n]:,.0f}")
        elif seen[n] > 0:
            words.append(f"{say(name.removeprefix(first.name + ', '))} {seen[n]:,.0f}")
    return ", ".join(words)
