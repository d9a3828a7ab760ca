"""A rule's words about one component: changes and standings."""

import math
from collections.abc import Mapping

import msgspec

from forewarn_rules.model import LEVELS, Change, Forecast, Key, Standing
from forewarn_rules.model_signals import because
from forewarn_rules.rule import Rule

Names = dict[str, str | float]
Values = Mapping[str, float]


def change(rule: Rule, key: Key, names: Names, at: float, levels: tuple[str, str], values: Values) -> Change:
    """What to tell when the level goes from ``levels[0]`` to ``levels[1]``."""
    units = _units(rule)
    before, after = levels
    said = {**names, **because(rule.signals, values)}
    return Change(
        rule=rule.id,
        title=rule.title,
        kind=rule.kind,
        key=key,
        labels=names,
        at=at,
        before=before,
        after=after,
        text=(rule.cleared if after == "none" else rule.what).render(said, values, units),
        why=rule.why.render(said, values, units),
        do=tuple(text.render(said, values, units) for text in rule.do),
        calm_when=tuple(text.render(said, values, units) for text in rule.calm_when),
        values=_known(values),
        forecast=_forecast(rule, after, values),
        fault=rule.fault,
        queue=rule.queue,
        status=rule.status,
        ticket_kind=rule.ticket_kind,
        about=rule.about,
    )


def accepted(rule: Rule, key: Key, names: Names, at: float, levels: tuple[str, str], values: Values, by: str) -> Change:
    """What to tell when somebody took what is seen as known; ``values`` are those before."""
    what = rule.what.render({**names, **because(rule.signals, values)}, values, _units(rule))
    text = f"Accepted as known by {by} until it grows: {what}"
    return msgspec.structs.replace(change(rule, key, names, at, levels, values), text=text, accepted_by=by)


def standing(rule: Rule, level: str, since: float | None, values: Values, names: Names, undecided: bool) -> Standing:
    """Where the rule stands; without a level there is nothing to say."""
    said = {**names, **because(rule.signals, values)} if level != "none" else names
    return Standing(
        rule=rule.id,
        title=rule.title,
        level=level,
        since=since,
        text="" if level == "none" else rule.what.render(said, values, _units(rule)),
        values=_known(values),
        unknown=tuple(name for name in rule.signals if math.isnan(values[name])) if undecided else (),
        fault=rule.fault,
        queue=rule.queue,
        status=rule.status,
    )


def _units(rule: Rule) -> dict[str, str]:
    return {name: signal.unit for name, signal in rule.signals.items()}


def _known(values: Values) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _forecast(rule: Rule, after: str, values: Values) -> Forecast | None:
    """That of the level, or of the next lower one that has any; None when the level is none or the time unknown."""
    reached = [level for level in rule.levels if LEVELS.index(level.name) <= LEVELS.index(after)]
    for likelihood in (level.forecast for level in reversed(reached)):
        if likelihood is None:
            continue
        seconds, probability = likelihood.within, likelihood.probability
        if likelihood.within_signal is not None:
            hours = values[likelihood.within_signal]
            seconds = hours * 3600 if math.isfinite(hours) else None
        if likelihood.probability_signal is not None:
            probability = values[likelihood.probability_signal]
        if seconds is not None and not (probability is not None and math.isnan(probability)):
            return Forecast(probability, seconds, likelihood.source)
    return None
