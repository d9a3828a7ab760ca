"""A ticket in words that an engineer and a customer can read: what, why, by when, what to do and to bring, and what
would calm us. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from forewarn_collector.language import texts
from forewarn_collector.language.catalogue import catalogue
from forewarn_collector.language.spelling import date, duration, share
from forewarn_collector.language.wording import Wording
from forewarn_collector.tickets import site_words
from forewarn_collector.tickets.model import Ticket
from forewarn_rules import FAULTS, Rule


class Section(msgspec.Struct, frozen=True):
    """``name``: what, why, when, do, bring or calm_when."""

    name: str
    heading: str
    lines: list[str]


class Explanation(msgspec.Struct, frozen=True):
    """``language`` as in ``LANGUAGES``. A section of which nothing is known is left out."""

    ticket: int
    language: str
    title: str
    sections: list[Section]


def explain(ticket: Ticket, rules: Mapping[str, Rule], language: str) -> Explanation:
    """``rules``: as they are now; what one of them says otherwise than it did then stays in English."""
    say = catalogue(language).gettext
    title, lines = _words(ticket, rules, language)
    lines["what"] += [_sentence(say(FAULTS[ticket.fault]), language)] if ticket.fault in FAULTS else []
    lines["when"] = list(_when(ticket, language))
    lines["bring"] = list(_bring(ticket, language))
    sections = [Section(name, say(heading), lines[name]) for name, heading in texts.HEADINGS.items() if lines[name]]
    return Explanation(ticket.number, language, title, sections)


def _words(ticket: Ticket, rules: Mapping[str, Rule], language: str) -> tuple[str, dict[str, list[str]]]:
    """The title, and what the rule said, by section."""
    told = ticket.explanation
    as_told = {name: _lines(told.get(name)) for name in texts.HEADINGS}
    said = told.get("said", {})
    say = catalogue(language).gettext
    if said.get("rule") == site_words.SITE_OFFLINE:
        fill = said["labels"]
        site = {"what": (site_words.WHAT,), "why": (site_words.WHY,), "do": site_words.DO}
        site["calm_when"] = site_words.CALM_WHEN
        lines = {name: [say(text).format_map(fill) for text in site.get(name, ())] for name in texts.HEADINGS}
        return say(site_words.TITLE).format_map(fill), lines
    rule = rules.get(said.get("rule", ""))
    if rule is None:
        return ticket.title, as_told
    wording = Wording(rule, said, language)
    of_rule = {"what": (rule.what,), "why": (rule.why,), "do": rule.do, "calm_when": rule.calm_when}
    for name, templates in of_rule.items():
        if len(templates) == len(as_told[name]):
            pairs = zip(templates, as_told[name], strict=True)
            as_told[name] = [wording.say(template, was) for template, was in pairs]
    return say(rule.title) if rule.title == ticket.title else ticket.title, as_told


def _lines(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [str(item) for item in value] if isinstance(value, Sequence) else []


def _sentence(text: str, language: str) -> str:
    return text[:1].upper() + text[1:] + ("。" if language == "zh" else ".")


def _when(ticket: Ticket, language: str) -> Iterator[str]:
    say = catalogue(language).gettext
    if ticket.within_seconds is None:
        text = texts.UNKNOWN_WINDOW.get(ticket.severity)
        yield from [say(text)] if text else []
        return
    since = min((item.at for item in ticket.evidence if item.level == ticket.severity), default=ticket.opened_at)
    by = date(since + ticket.within_seconds, language)
    yield say(texts.WITHIN).format(duration=duration(ticket.within_seconds, language), date=by)
    if ticket.probability is not None:
        yield say(texts.LIKELY).format(probability=share(ticket.probability, language))


def _bring(ticket: Ticket, language: str) -> Iterator[str]:
    say = catalogue(language).gettext
    labels: Mapping[str, Any] = ticket.explanation.get("said", {}).get("labels", {})
    if ticket.fault in texts.OF_A_DISK and "model" in labels:
        yield say(texts.DISK_TO_BRING).format(model=labels["model"])
        if "serial" in labels and "slot" in labels:
            yield say(texts.DISK_TO_TAKE_OUT).format(serial=labels["serial"], slot=labels["slot"])
    yield from map(say, texts.BRING.get(ticket.fault, ()))
