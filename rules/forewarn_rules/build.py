"""From a rule file's structs to a Rule: what a type cannot say about a rule is checked here."""

from collections.abc import Mapping
from pathlib import Path

from forewarn_rules import schema, siblings
from forewarn_rules.build_signal import build_signal
from forewarn_rules.conditions import Condition, Join, parse_condition
from forewarn_rules.document import Document
from forewarn_rules.explain import Template, parse_template
from forewarn_rules.labels import LABELS
from forewarn_rules.metrics import find_source
from forewarn_rules.model import FAULTS, LEVELS, PART_LABEL, Kind
from forewarn_rules.model_signals import RISK
from forewarn_rules.overlap import contradiction, raises_on_nothing
from forewarn_rules.rule import Level, Likelihood, Rule, Signal, Where
from forewarn_rules.shape import suggest
from forewarn_rules.verdicts import negate

DAY, HOUR = 86400.0, 3600.0
DEFAULT_MAX_GAP = {Kind.DISK: 3 * DAY}


def build_rule(document: Document, file: schema.RuleFile, path: Path, test_path: Path) -> Rule | None:
    """The rule, or None where a mistake was noted in ``document.problems``."""
    before = len(document.problems)
    if file.schema != schema.SCHEMA:
        remedy = f"this forewarn reads {schema.SCHEMA}: update it or the rule"
        document.problem(("schema",), f"schema {file.schema} is not known", remedy, show=False)
        return None
    kind = _kind(document, file)
    signals = {name: build_signal(document, file, name) for name in file.signals}
    levels = [_level(document, file, name, signals, kind) for name in LEVELS if name in file.levels]
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
        where=_where(document, file.scope.where, kind, "scope"),
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
        ticket_kind=file.ticket.kind,
        about=file.ticket.about,
        file=path,
        test_file=test_path,
    )
    if file.ticket.fault not in FAULTS:
        remedy = suggest(file.ticket.fault, FAULTS)
        document.problem(("ticket", "fault"), f"there is no fault class {file.ticket.fault!r}", remedy, show=False)
    return rule if len(document.problems) == before else None


def _kind(document: Document, file: schema.RuleFile) -> Kind | None:
    """What the rule judges, from its metrics; the scope must say the same."""
    metrics = [(name, find_source(signal.metric)) for name, signal in file.signals.items()]
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


def _where(
    document: Document, given: Mapping[str, list[str | float]], kind: Kind | None, *above: str
) -> tuple[Where, ...]:
    found = []
    for key, values in given.items():
        label, like = _label(key)
        place = (*above, "where", key)
        known = [name for name, (kinds, _) in LABELS.items() if kind is None or kind in kinds]
        if label not in known:
            document.problem(place, f"there is no label {label!r} on a {kind}", suggest(label, known), show=False)
        elif not values:
            document.problem(place, "this list is empty", "write the values, or take the key out")
        found.append(Where(label, frozenset(values), not key.endswith("_not"), like))
    return tuple(found)


def _label(key: str) -> tuple[str, bool]:
    """``model_like_not`` is about the label model, by patterns."""
    bare = key.removesuffix("_not")
    return bare.removesuffix("_like"), bare.endswith("_like")


def _level(
    document: Document, file: schema.RuleFile, name: str, signals: dict[str, Signal | None], kind: Kind | None
) -> Level | None:
    given = file.levels[name]  # type: ignore[index]
    place = ("levels", name)
    where = _where(document, given.where, kind, *place)
    raises = parse_condition(document, given.raise_, (*place, "raise"), signals)
    clears: Condition | None = None if raises is None else negate(raises)
    if given.clear is not None:
        clears = parse_condition(document, given.clear, (*place, "clear"), signals)
    if given.unless is not None:
        unless = parse_condition(document, given.unless, (*place, "unless"), signals)
        if raises is None or clears is None or unless is None:
            return None
        raises = Join("all", (raises, negate(unless)))
        clears = Join("any", (clears, unless)) if given.clear is not None else negate(raises)
    if raises is None or clears is None:
        return None
    trouble = contradiction(raises, clears)
    if trouble is not None:
        key = "clear" if given.clear is not None else "raise"
        remedy = "keep the limits apart so that at most one of raise and clear is true"
        document.problem((*place, key), trouble, remedy, show=False)
    counting = [known for known, signal in signals.items() if signal is not None and signal.take == siblings.TAKE]
    if raises_on_nothing(raises, counting):
        text = "this is raised where nothing was measured"
        document.problem((*place, "raise"), text, "ask for something that was seen: at_least, above", show=False)
    return Level(name, raises, given.for_, clears, given.hold, _likelihood(document, given, name, signals), where)


def _likelihood(
    document: Document, given: schema.LevelFile, name: str, signals: dict[str, Signal | None]
) -> Likelihood | None:
    forecast = given.forecast
    if forecast is None:
        return None
    place = ("levels", name, "forecast")
    within = forecast.within
    ways = (forecast.within, forecast.within_signal, forecast.probability_signal)
    if sum(way is not None for way in ways) != 1:
        remedy = "give one of within: 30d, within_signal: NAME, probability_signal: NAME"
        document.problem(place, "by when is not clear", remedy)
    elif forecast.probability_signal is not None:
        signal = signals.get(forecast.probability_signal)
        if signal is None or signal.take not in ("crossing", RISK):
            text = f"{forecast.probability_signal!r} is not a signal of take crossing or {RISK}"
            document.problem((*place, "probability_signal"), text, "name one that is", show=False)
        elif forecast.probability is not None:
            document.problem((*place, "probability"), "there are two probabilities", "keep one of them")
        else:
            within = signal.horizon
    elif forecast.within_signal is not None:
        signal = signals.get(forecast.within_signal)
        if signal is None or signal.take != "hours_until":
            text = f"{forecast.within_signal!r} is not a signal of take hours_until"
            document.problem((*place, "within_signal"), text, "name one that is, or give within: 30d", show=False)
    elif forecast.probability is None:
        document.problem(place, "a fixed time without a probability says nothing", "add the measured probability")
    return Likelihood(
        forecast.probability, within, forecast.within_signal, forecast.probability_signal, forecast.source
    )


class _Texts:
    """Parses the texts of one rule and notes what is wrong with them."""

    def __init__(self, document: Document, file: schema.RuleFile, kind: Kind | None, units: dict[str, str]) -> None:
        self._document = document
        self._units = {**dict.fromkeys(file.signals, ""), **units}
        self._labels = [name for name, (kinds, _) in LABELS.items() if kind is None or kind in kinds]
        self._labels += [f"{name}_because" for name, signal in file.signals.items() if signal.take == RISK]

    def one(self, key: str, text: str, *place: int) -> Template:
        template, mistakes = parse_template(text, self._units, self._labels)
        for mistake in mistakes:
            remedy = f"known are {', '.join([*self._units, *self._labels])}; a plain brace is written twice"
            self._document.problem(("explain", key, *place), mistake, remedy, show=False)
        return template

    def several(self, key: str, texts: list[str]) -> tuple[Template, ...]:
        return tuple(self.one(key, text, n) for n, text in enumerate(texts))
