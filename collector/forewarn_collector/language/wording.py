"""The words of a rule in another language: its texts are the messages, filled in with what the rule saw then."""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from forewarn_collector.language.catalogue import ENGLISH, catalogue
from forewarn_collector.language.spelling import speller
from forewarn_rules import LABELS, Rule
from forewarn_rules.explain import Template, parse_template
from forewarn_rules.model_signals import because


class Wording:
    """``said``: what was written down when the rule spoke: labels, and values as they stand in evidence."""

    def __init__(self, rule: Rule, said: Mapping[str, Any], language: str) -> None:
        self._language = language
        self._units = {name: signal.unit for name, signal in rule.signals.items()}
        self._values = {name: _number(value) for name, value in said.get("values", {}).items()}
        labels = said.get("labels", {})
        known = {name: self._values.get(name, math.nan) for name in rule.signals}
        self._values |= known
        self._english = {**labels, **because(rule.signals, self._values)}
        self._labels = {**labels, **because(rule.signals, self._values, catalogue(language).gettext)}

    def say(self, template: Template, was: str) -> str:
        """The text in the language; as it ``was`` said where the rule now says something else, or nobody translated."""
        if self._language == ENGLISH or template.render(self._english, self._values, self._units) != was:
            return was
        translated = catalogue(self._language).gettext(template.text)
        if translated == template.text:
            return was
        found = _parsed(translated, tuple(sorted(self._units.items())), (*LABELS, *sorted(self._labels)))
        return was if found is None else found.render(self._labels, self._values, self._units, speller(self._language))


@lru_cache(maxsize=2048)
def _parsed(text: str, units: tuple[tuple[str, str], ...], labels: tuple[str, ...]) -> Template | None:
    template, mistakes = parse_template(text, dict(units), labels)
    return None if mistakes else template


def _number(value: object) -> float:
    """Back from evidence: null is unknown, words are "not approaching"."""
    if value is None:
        return math.nan
    return float(value) if isinstance(value, int | float) else math.inf
