"""From a signal as a rule file writes it to a Signal: which keys belong to which take is checked here."""

from forewarn_rules import schema
from forewarn_rules.document import Document
from forewarn_rules.durations import spell_duration
from forewarn_rules.metrics import METRICS, Metric, find_metric
from forewarn_rules.rule import Signal
from forewarn_rules.shape import suggest
from forewarn_rules.windows import KEEPS

DAY = 86400.0
MOST_BINS = 400
FORECASTS = ("hours_until", "crossing")
"""Takes that look ahead: they reach for a value."""

BELONGS = {
    "window": (tuple(KEEPS), "add window: 7d"),
    "reach": (FORECASTS, "give reach to hours_until and crossing, and only to them"),
    "horizon": (("crossing",), "add horizon: 30d"),
}
"""Keys that some takes need and no other has: the takes, and what to do where the key is missing."""

MAY_HAVE = {"quantile": ("hours_until",)}
"""Keys that some takes may have and no other has."""


def build_signal(document: Document, file: schema.RuleFile, name: str) -> Signal | None:
    """The signal, or None where a mistake was noted in ``document.problems``."""
    given = file.signals[name]
    place = ("signals", name)
    metric = find_metric(given.metric)
    if metric is None:
        remedy = suggest(given.metric, METRICS)
        document.problem((*place, "metric"), f"there is no metric {given.metric!r}", remedy, show=False)
    if name in ("all", "any", "not"):
        document.problem(place, f"a signal cannot be called {name!r}", "choose another name", show=False)
    if not _keys_fit(document, given, name):
        return None
    window = given.window or 0.0
    width = (DAY if window >= 3 * DAY else window / 24) if given.bin is None else given.bin
    if given.take in KEEPS and not _whole_bins(window, width):
        text = f"a window of {spell_duration(window)} is not cut into whole bins of {spell_duration(width)}"
        document.problem(
            (*place, "window"), text, f"choose 1 to {MOST_BINS} whole bins, for example window: 7d, bin: 1d"
        )
        return None
    if given.horizon is not None and given.horizon <= 0:
        document.problem((*place, "horizon"), "this is no time ahead", "write horizon: 30d", show=False)
        return None
    if metric is None or not _reachable(document, file, name):
        return None
    return Signal(
        metric=given.metric,
        unit=_unit(given.take, metric),
        take=given.take,
        within=given.within,
        window=window,
        bin=width if given.take in KEEPS else 0.0,
        reach=given.reach["signal"] if isinstance(given.reach, dict) else given.reach or 0.0,
        up=given.direction == "up",
        min_span=window / 4 if given.min_span is None else given.min_span,
        min_points=given.min_points,
        quantile=given.quantile or 0.5,
        horizon=given.horizon or 0.0,
    )


def _keys_fit(document: Document, given: schema.SignalFile, name: str) -> bool:
    place = ("signals", name)
    for key, (takes, remedy) in BELONGS.items():
        there, needed = getattr(given, key) is not None, given.take in takes
        if there != needed:
            text = f"take: {given.take} " + (f"needs {_article(key)}" if needed else f"has no {key}")
            document.problem(place, text, remedy if needed else "take it out", show=False)
            return False
    for key, takes in MAY_HAVE.items():
        if getattr(given, key) is not None and given.take not in takes:
            document.problem(place, f"take: {given.take} has no {key}", "take it out", show=False)
            return False
    return True


def _article(key: str) -> str:
    return {"reach": "to know what to reach"}.get(key, f"a {key}")


def _whole_bins(window: float, width: float) -> bool:
    if window <= 0 or width <= 0:
        return False
    bins = window / width
    return abs(bins - round(bins)) <= 1e-9 and bins <= MOST_BINS


def _reachable(document: Document, file: schema.RuleFile, name: str) -> bool:
    reach = file.signals[name].reach
    if not isinstance(reach, dict):
        return True
    place = ("signals", name, "reach")
    if set(reach) != {"signal"} or reach["signal"] not in file.signals or reach["signal"] == name:
        document.problem(place, "this is not a signal of this rule", "write a number, or {signal: NAME}")
        return False
    if file.signals[reach["signal"]].take in FORECASTS:
        document.problem(place, "a forecast cannot be reached", "name a signal that holds the limit itself")
        return False
    return True


def _unit(take: str, metric: Metric) -> str:
    if take in ("rate", "slope"):
        return f"{metric.unit} per day"
    return {"hours_until": "hours", "days_since_increase": "days", "crossing": "probability"}.get(take, metric.unit)
