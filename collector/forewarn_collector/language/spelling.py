"""Values, times and shares as a language writes them."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

from babel.dates import format_date, format_skeleton
from babel.numbers import format_percent

from forewarn_collector.language import texts
from forewarn_collector.language.catalogue import ENGLISH, catalogue
from forewarn_rules.explain import SECONDS, Spell, spell_value

_STEPS = ((120, 1, texts.SECONDS), (7200, 60, texts.MINUTES), (172800, 3600, texts.HOURS))


def speller(language: str) -> Spell:
    """How values in the texts of rules are written."""
    if language == ENGLISH:
        return spell_value
    say: Callable[[str], str] = catalogue(language).gettext

    def spell(value: float, spec: str, unit: str) -> str:
        if math.isnan(value):
            return say(texts.UNKNOWN)
        if math.isinf(value):
            return say(texts.NO_FORECAST)
        if spec == "duration":
            return duration(value * SECONDS[unit], language)
        if spec == "month":
            return format_skeleton("yMMMM", datetime.fromtimestamp(value, UTC), locale=language)
        return spell_value(value, spec, unit)

    return spell


def duration(seconds: float, language: str) -> str:
    """``12 days``: at most two digits are worth reading."""
    say = catalogue(language).gettext
    for limit, size, unit in _STEPS:
        if seconds < limit:
            return say(unit).format(count=f"{seconds / size:.0f}")
    return say(texts.DAYS).format(count=f"{seconds / 86400:.0f}")


def date(at: float, language: str) -> str:
    """The day of a time in Unix seconds, at Greenwich."""
    return format_date(datetime.fromtimestamp(at, UTC), "long", locale=language)


def share(probability: float, language: str) -> str:
    return format_percent(probability, "#,##0 %" if language == ENGLISH else "#,##0%", locale=language)
