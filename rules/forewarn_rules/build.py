"""From a rule file's structs to a Rule: what a type cannot say about a rule is checked here."""

from pathlib import Path

from forewarn_rules import schema
from forewarn_rules.conditions import Condition, parse_condition
from forewarn_rules.document import Document
from forewarn_rules.durations import spell_duration
from forewarn_rules.explain import Template, parse_template
from forewarn_rules.metrics import LABELS, METRICS, find_metric
from forewarn_rules.model import FAULTS, LEVELS, PART_LABEL, Kind
from forewarn_rules.overlap import contradiction
from forewarn_rules.rule import Level, Likelihood, Rule, Signal, Where
from forewarn_rules.shape import suggest
from forewarn_rules.verdicts import negate

DAY, HOUR = 86400.0, 3600.0
DEFAULT_MAX_GAP = {Kind.DISK: 3 * DAY}
MOST_BINS = 400


def build_rule(document: Document, file: schema.RuleFile, path: Path, test_path: Path) -> Rule | None:
    """The rule, or None where a mistake was noted in ``document.problems``."""
    before = len(document.problems)
    if file.schema != schema.SCHEMA:
        remedy = f"this forewarn reads {schema.SCHEMA}: update it or the rule"
        document.problem(("schema",), f"schema {file.schema} is not known", remedy, show=False)
        return None
    kind = _kind(document, file)
    signals = {name: _signal(document, file, name) for name in file.signals}
    levels = [_level(document, file, name, signals) for name in LEVELS if name in file.levels]
    texts = _Texts(document, file, kind, {name: signal.unit for name, signal in signals.items() if signal is not None})
    explain = file.explain
    rule = Rule(
        id=file.id,
        title=file.title,
        status=file.status,
        since=file.since,
        owner=file.owner,
        references=tuple(file.references),
        kind=kind or Kind.DEVICE,
        where=_where(document, file, kind),
        signals={name: signal for name, signal in signals.items() if signal is not None},
        levels=tuple(level for level in levels if level is not None),
        max_gap=DEFAULT_MAX_GAP.get(kind or Kind.DEVICE, HOUR) if file.max_gap is None else file.max_gap,
        what=texts.one("what", explain.what),
        why=texts.one("why", explain.why),
        do=texts.several("do", explain.do),
        calm_when=texts.several("calm_when", explain.calm_when),
        cleared=texts.one("cleared", explain.cleared or f"no longer: {file.title}".replace("{", "(").replace("}", ")")),
        fault=file.ticket.fault,
        queue=file.ticket.queue,
        file=path,
        test_file=test_path,
    )
    if file.ticket.fault not in FAULTS:
        remedy = suggest(file.ticket.fault, FAULTS)
        document.problem(("ticket", "fault"), f"there is no fault class {file.ticket.fault!r}", remedy, show=False)
    return rule if len(document.problems) == before else None


def _kind(document: Document, file: schema.RuleFile) -> Kind | None:
    """What the rule judges, from its metrics; the scope must say the same."""
    metrics = [(name, find_metric(signal.metric)) for name, signal in file.signals.items()]
    kinds = {metric.kind for _, metric in metrics if metric is not None}
    if len(kinds) > 1:
        words = ", ".join(f"{name} is of a {metric.kind}" for name, metric in metrics if metric is not None)
        document.problem(
            ("signals",), f"signals of different components: {words}", "write one rule for each", show=False
        )
        return None
    if not kinds:
        return None
    kind = kinds.pop()
    part = PART_LABEL[kind]
    per = ["device"] if part is None else ["device", part]
    if file.scope.per != per:
        text = f"metrics of a {kind} are judged per {', '.join(per)}"
        document.problem(("scope", "per"), text, f"write per: [{', '.join(per)}]")
        return None
    return kind


def _where(document: Document, file: schema.RuleFile, kind: Kind | None) -> tuple[Where, ...]:
    found = []
    for key, values in file.scope.where.items():
        label = key.removesuffix("_not")
        place = ("scope", "where", key)
        known = [name for name, (kinds, _) in LABELS.items() if kind is None or kind in kinds]
        if label not in known:
            document.problem(place, f"there is no label {label!r} on a {kind}", suggest(label, known), show=False)
        elif not values:
            document.problem(place, "this list is empty", "write the values, or take the key out")
        found.append(Where(label, frozenset(values), wanted=label == key))
    return tuple(found)


def _signal(document: Document, file: schema.RuleFile, name: str) -> Signal | None:
    given = file.signals[name]
    place = ("signals", name)
    metric = find_metric(given.metric)
    if metric is None:
        remedy = suggest(given.metric, METRICS)
        document.problem((*place, "metric"), f"there is no metric {given.metric!r}", remedy, show=False)
    if name in ("all", "any", "not"):
        document.problem(place, f"a signal cannot be called {name!r}", "choose another name", show=False)
    over_window = given.take in ("growth", "min", "max", "mean", "hours_until")
    if over_window != (given.window is not None):
        text = "needs a window" if over_window else "has no window"
        document.problem(
            place, f"take: {given.take} {text}", "add window: 7d" if over_window else "take it out", show=False
        )
        return None
    if (given.take == "hours_until") != (given.reach is not None):
        text = "needs to know what to reach" if given.reach is None else "reaches for nothing"
        document.problem(place, f"take: {given.take} {text}", "give reach to hours_until, and only to it", show=False)
        return None
    window = given.window or 0.0
    width = given.bin or (DAY if window >= 3 * DAY else window / 24)
    if over_window and (
        window <= 0 or abs(window / width - round(window / width)) > 1e-9 or window / width > MOST_BINS
    ):
        text = f"a window of {spell_duration(window)} is not cut into whole bins of {spell_duration(width)}"
        document.problem(
            (*place, "window"), text, f"choose 1 to {MOST_BINS} whole bins, for example window: 7d, bin: 1d"
        )
        return None
    if isinstance(given.reach, dict) and (
        set(given.reach) != {"signal"} or given.reach["signal"] not in file.signals or given.reach["signal"] == name
    ):
        document.problem((*place, "reach"), "this is not a signal of this rule", "write a number, or {signal: NAME}")
        return None
    if isinstance(given.reach, dict) and file.signals[given.reach["signal"]].take == "hours_until":
        document.problem((*place, "reach"), "a forecast cannot be reached", "name a signal that holds the limit itself")
        return None
    if metric is None:
        return None
    return Signal(
        metric=given.metric,
        unit="hours" if given.take == "hours_until" else metric.unit,
        take=given.take,
        within=given.within,
        window=window,
        bin=width if over_window else 0.0,
        reach=given.reach["signal"] if isinstance(given.reach, dict) else given.reach or 0.0,
        up=given.direction == "up",
        min_span=window / 4 if given.min_span is None else given.min_span,
        min_points=given.min_points,
    )


def _level(document: Document, file: schema.RuleFile, name: str, signals: dict[str, Signal | None]) -> Level | None:
    given = file.levels[name]  # type: ignore[index]
    place = ("levels", name)
    raises = parse_condition(document, given.raise_, (*place, "raise"), signals)
    clears: Condition | None = None if raises is None else negate(raises)
    if given.clear is not None:
        clears = parse_condition(document, given.clear, (*place, "clear"), signals)
    if raises is None or clears is None:
        return None
    trouble = contradiction(raises, clears)
    if trouble is not None:
        key = "clear" if given.clear is not None else "raise"
        remedy = "keep the limits apart so that at most one of raise and clear is true"
        document.problem((*place, key), trouble, remedy, show=False)
    return Level(name, raises, given.for_, clears, given.hold, _likelihood(document, given, name, signals))


def _likelihood(
    document: Document, given: schema.LevelFile, name: str, signals: dict[str, Signal | None]
) -> Likelihood | None:
    forecast = given.forecast
    if forecast is None:
        return None
    place = ("levels", name, "forecast")
    if (forecast.within is None) == (forecast.within_signal is None):
        document.problem(place, "by when is not clear", "give either within: 30d or within_signal: NAME")
    elif forecast.within_signal is not None:
        signal = signals.get(forecast.within_signal)
        if signal is None or signal.take != "hours_until":
            text = f"{forecast.within_signal!r} is not a signal of take hours_until"
            document.problem((*place, "within_signal"), text, "name one that is, or give within: 30d", show=False)
    elif forecast.probability is None:
        document.problem(place, "a fixed time without a probability says nothing", "add the measured probability")
    return Likelihood(forecast.probability, forecast.within, forecast.within_signal, forecast.source)


class _Texts:
    """Parses the texts of one rule and notes what is wrong with them."""

    def __init__(self, document: Document, file: schema.RuleFile, kind: Kind | None, units: dict[str, str]) -> None:
        self._document = document
        self._units = {**dict.fromkeys(file.signals, ""), **units}
        self._labels = [name for name, (kinds, _) in LABELS.items() if kind is None or kind in kinds]

    def one(self, key: str, text: str, *place: int) -> Template:
        template, mistakes = parse_template(text, self._units, self._labels)
        for mistake in mistakes:
            remedy = f"known are {', '.join([*self._units, *self._labels])}; a plain brace is written twice"
            self._document.problem(("explain", key, *place), mistake, remedy, show=False)
        return template

    def several(self, key: str, texts: list[str]) -> tuple[Template, ...]:
        return tuple(self.one(key, text, n) for n, text in enumerate(texts))
