"""From a signal as a rule file writes it to a Signal: which keys belong to which take is checked here."""

from forewarn_rules import model_signals, peers, residual, schema, siblings
from forewarn_rules.document import Document
from forewarn_rules.durations import spell_duration
from forewarn_rules.labels import LABELS
from forewarn_rules.looking_back import FORECASTS
from forewarn_rules.metrics import IN_LOAD_REPORTS, METRICS, MODEL, MODEL_METRICS, Metric, find_source
from forewarn_rules.model import PART_LABEL, Kind
from forewarn_rules.risk import RiskModel, shipped_model
from forewarn_rules.rule import Signal
from forewarn_rules.schema_signal import SignalFile
from forewarn_rules.shape import suggest
from forewarn_rules.windows import KEEPS

DAY = 86400.0
MOST_BINS = 400
FEWEST_PEERS = 20
TIMES = "times"

BELONGS = {
    "window": ((*KEEPS, *peers.TAKES, *residual.TAKES, siblings.TAKE), "add window: 7d"),
    "reach": (FORECASTS, "give reach to hours_until and crossing, and only to them"),
    "horizon": (("crossing",), "add horizon: 30d"),
    "peers": (peers.TAKES, "add peers: [model, firmware]"),
    "budget": ((model_signals.LIMIT,), "add budget: 2"),
    "explained_by": (residual.TAKES, "add explained_by: [cpu.used_percent, ambient.celsius]"),
    "lately": ((residual.GROWTH,), "add lately: 5d"),
}
"""Keys that some takes need and no other has: the takes, and what to do where the key is missing."""

COMPARED = ("growth", "growth_since_baseline", "min", "max", "mean", "rate", "slope", residual.RESIDUAL)
"""Takes that can be compared with those of peers."""
BINNED = (*KEEPS, *residual.TAKES)
STEADY = 10.0
APART = 900.0

MAY_HAVE = {
    "quantile": ("hours_until",),
    "min_peers": peers.FROM_PEERS,
    "of": peers.TAKES,
    "steady": residual.TAKES,
    "apart": (siblings.TAKE,),
}
"""Keys that some takes may have and no other has."""


def build_signal(document: Document, file: schema.RuleFile, name: str) -> Signal | None:
    """The signal, or None where a mistake was noted in ``document.problems``."""
    given = file.signals[name]
    place = ("signals", name)
    metric = find_source(given.metric)
    if metric is None:
        remedy = suggest(given.metric, [*METRICS, *MODEL_METRICS])
        document.problem((*place, "metric"), f"there is no metric {given.metric!r}", remedy, show=False)
    if name in ("all", "any", "not"):
        document.problem(place, f"a signal cannot be called {name!r}", "choose another name", show=False)
    if not _keys_fit(document, given, name):
        return None
    window = given.window or 0.0
    width = (DAY if window >= 3 * DAY else window / 24) if given.bin is None else given.bin
    if given.take in BINNED and not _whole_bins(window, width):
        text = f"a window of {spell_duration(window)} is not cut into whole bins of {spell_duration(width)}"
        document.problem(
            (*place, "window"), text, f"choose 1 to {MOST_BINS} whole bins, for example window: 7d, bin: 1d"
        )
        return None
    if given.horizon is not None and given.horizon <= 0:
        document.problem((*place, "horizon"), "this is no time ahead", "write horizon: 30d", show=False)
        return None
    if metric is None or not _reachable(document, file, name) or not _comparable(document, file, given, name, metric):
        return None
    if not _explainable(document, given, name, metric):
        return None
    model = _model(document, given, name)
    if (given.take in model_signals.TAKES or given.metric in MODEL_METRICS) and model is None:
        return None
    signal = Signal(
        metric=given.metric,
        unit=_unit(given.take, metric),
        take=given.take,
        within=given.within,
        window=window,
        bin=width if given.take in BINNED else 0.0,
        reach=given.reach["signal"] if isinstance(given.reach, dict) else given.reach or 0.0,
        up=given.direction == "up",
        min_span=window / 4 if given.min_span is None else given.min_span,
        min_points=given.min_points,
        quantile=given.quantile or 0.5,
        horizon=model.horizon_days * DAY if model is not None else given.horizon or 0.0,
        budget=given.budget if isinstance(given.budget, float) else 0.0,
        budget_times=given.budget[TIMES] if isinstance(given.budget, dict) else 0.0,
        peers=tuple(given.peers or ()),
        min_peers=given.min_peers or FEWEST_PEERS,
        of=given.of or "",
        explained_by=tuple(given.explained_by or ()),
        steady=(STEADY if given.steady is None else given.steady) if given.take in residual.TAKES else 0.0,
        lately=given.lately or 0.0,
        apart=(APART if given.apart is None else given.apart) if given.take == siblings.TAKE else 0.0,
    )
    return model_signals.with_budget(signal, model_signals.USUAL_BUDGET)


def _model(document: Document, given: SignalFile, name: str) -> RiskModel | None:
    """The model that the signal asks; None where it asks none, or where a mistake was noted."""
    place = ("signals", name)
    asked = given.metric in MODEL_METRICS
    if asked != (given.take in model_signals.TAKES):
        takes = " or ".join(f"take: {take}" for take in model_signals.TAKES)
        text = f"{given.metric!r} has no take: {given.take}" if asked else f"take: {given.take} is of a model"
        document.problem(place, text, f"write {takes}" if asked else "write metric: model.hdd", show=False)
        return None
    model = shipped_model(given.metric.removeprefix(MODEL)) if asked else None
    if asked and model is None:
        text = f"there is no model of {given.metric.removeprefix(MODEL)}: there is no history to train one from"
        document.problem((*place, "metric"), text, "write metric: model.hdd", show=False)
    elif model is not None and given.budget is not None and not _budget_fits(document, given.budget, name, model):
        return None
    return model


def _budget_fits(document: Document, budget: float | dict[str, float], name: str, model: RiskModel) -> bool:
    place = ("signals", name, "budget")
    if isinstance(budget, dict):
        if set(budget) == {TIMES} and budget[TIMES] > 0:
            return True
        document.problem(place, "this is no budget", "write a number, or {times: 1}", show=False)
        return False
    try:
        model.thresholds(budget)
    except ValueError:
        least, most = model.budgets or (0.0, 0.0)
        text = f"the model was not measured for a budget of {budget:g}"
        document.problem(place, text, f"choose one from {least:g} to {most:g}", show=False)
        return False
    return True


def _keys_fit(document: Document, given: SignalFile, name: str) -> bool:
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
    return {
        "reach": "to know what to reach",
        "peers": "to know its peers",
        "explained_by": "to know what explains it",
    }.get(key, f"a {key}")


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


def _comparable(document: Document, file: schema.RuleFile, given: SignalFile, name: str, metric: Metric) -> bool:
    """Peers go by labels that components of several devices may share, and compare what each has by itself."""
    other = None if given.of is None else file.signals.get(given.of)
    if given.of is not None and (other is None or other.metric != given.metric or other.take not in COMPARED):
        text = f"{given.of!r} is not a signal of {given.metric} that can be compared"
        remedy = f"name one of take {', '.join(COMPARED)}"
        document.problem(("signals", name, "of"), text, remedy, show=False)
        return False
    own = ("device", "hostname", PART_LABEL[metric.kind], "serial", "tags")
    known = [label for label, (kinds, _) in LABELS.items() if metric.kind in kinds and label not in own]
    strange = [label for label in given.peers or () if label not in known]
    for label in strange:
        text = f"peers of a {metric.kind} do not go by {label!r}"
        document.problem(("signals", name, "peers"), text, suggest(label, known), show=False)
    return not strange


def _explainable(document: Document, given: SignalFile, name: str, metric: Metric) -> bool:
    """A quantity is explained by others of its component, or of its device where one report carries both."""
    kinds = {metric.kind, Kind.DEVICE} if metric.kind in IN_LOAD_REPORTS else {metric.kind}
    known = [other.name for other in METRICS.values() if other.kind in kinds and other.name != metric.name]
    strange = [other for other in given.explained_by or () if other not in known]
    for other in strange:
        text = f"{other!r} does not explain {metric.name}: it is not another metric of the same report"
        document.problem(("signals", name, "explained_by"), text, suggest(other, known), show=False)
    if given.lately is not None and given.window is not None and not 0 < given.lately <= given.window - DAY:
        text = f"lately is not within the window of {spell_duration(given.window)}"
        document.problem(("signals", name, "lately"), text, "choose a day less than the window or shorter", show=False)
        return False
    return not strange


def _unit(take: str, metric: Metric) -> str:
    if take in ("rate", "slope"):
        return f"{metric.unit} per day"
    units = {
        "hours_until": "hours",
        "days_since_increase": "days",
        "crossing": "probability",
        "spreads_from_peers": "spreads",
        "count_of_peers": "components",
        siblings.TAKE: "components",
        residual.SPREADS: "spreads",
        residual.LEARNED_AT: "time",
    }
    return units.get(take, metric.unit)
