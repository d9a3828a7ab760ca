"""What the types of a directory file cannot tell: names that lead nowhere, times that cannot be. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from forewarn_collector.people.duty import FORM
from forewarn_collector.people.lookup import seconds_of_day
from forewarn_collector.people.schema import (
    ROLES,
    Calendar,
    Customer,
    DirectoryFile,
    Engineer,
    Escalation,
    Responsible,
    Schedule,
    Sla,
    Targets,
)
from forewarn_rules.document import Step, Where
from forewarn_rules.durations import parse_duration

Mistake = tuple[Where, str, str]
"""(path, what is wrong, remedy)"""

LONGEST_SECONDS = 366 * 86_400


def mistakes(file: DirectoryFile) -> list[Mistake]:
    """Every one of them."""
    return [
        *_twice(file),
        *(found for n, one in enumerate(file.calendars) for found in _calendar(("calendars", n), one)),
        *(found for n, one in enumerate(file.slas) for found in _sla(("slas", n), one)),
        *(found for n, one in enumerate(file.engineers) for found in _engineer(("engineers", n), one)),
        *(found for n, one in enumerate(file.on_call) for found in _schedule(("on_call", n), one, file)),
        *(found for n, one in enumerate(file.escalations) for found in _escalation(("escalations", n), one, file)),
        *(found for n, one in enumerate(file.customers) for found in _customer(("customers", n), one, file)),
        *_devices_twice(file),
    ]


def not_configured(file: DirectoryFile, channels: Iterable[str]) -> list[Mistake]:
    """Channels that ``notify.channels`` of the configuration does not have: these engineers are not told there."""
    known = set(channels)
    return [
        (("engineers", n, key, m), f"no channel {name!r} is configured", "add it to notify.channels")
        for n, engineer in enumerate(file.engineers)
        for key in ("channels", "urgent_channels")
        for m, name in enumerate(getattr(engineer, key))
        if name not in known
    ]


def _twice(file: DirectoryFile) -> Iterator[Mistake]:
    for section in DirectoryFile.__struct_fields__:
        seen: set[str] = set()
        for n, one in enumerate(getattr(file, section)):
            if one.name in seen:
                yield (section, n, "name"), "two of this name", "name them apart"
            seen.add(one.name)
    users: set[str] = set()
    for n, engineer in enumerate(file.engineers):
        if engineer.user and engineer.user in users:
            yield ("engineers", n, "user"), "two engineers with this user", "name whose it is"
        users.add(engineer.user)


def _devices_twice(file: DirectoryFile) -> Iterator[Mistake]:
    seen: set[str] = set()
    for where, patterns in _patterns(file):
        for n, pattern in enumerate(patterns):
            if pattern in seen:
                yield (*where, n), "an entry before this one names it already", "leave it where it belongs"
            seen.add(pattern)


def _patterns(file: DirectoryFile) -> Iterator[tuple[Where, list[str]]]:
    for c, customer in enumerate(file.customers):
        for d, entry in enumerate(customer.devices):
            yield ("customers", c, "devices", d, "names"), entry.names
        for s, site in enumerate(customer.sites):
            for d, entry in enumerate(site.devices):
                yield ("customers", c, "sites", s, "devices", d, "names"), entry.names


def _calendar(where: Where, calendar: Calendar) -> Iterator[Mistake]:
    if not calendar.open:
        yield (*where, "open"), "it never opens", "add an entry with days, opens and closes"
    taken: dict[str, list[tuple[int, int]]] = {}
    for n, hours in enumerate(calendar.open):
        opens, closes = seconds_of_day(hours.opens), seconds_of_day(hours.closes)
        if closes <= opens:
            yield (
                (*where, "open", n, "closes"),
                f"not after {hours.opens}",
                'a night is two entries: until "24:00" and from "00:00"',
            )
            continue
        for day in hours.days:
            if any(opens < end and start < closes for start, end in taken.get(day, ())):
                yield (*where, "open", n), f"on {day} it is open twice at once", "let the entries not overlap"
            taken.setdefault(day, []).append((opens, closes))


def _sla(where: Where, sla: Sla) -> Iterator[Mistake]:
    for level in ("critical", "warning"):
        targets: Targets | None = getattr(sla, level)
        if targets is None:
            continue
        yield from _duration((*where, level, "respond"), targets.respond)
        yield from _duration((*where, level, "resolve"), targets.resolve)
        if parse_duration(targets.resolve) < parse_duration(targets.respond):
            yield (*where, level, "resolve"), f"shorter than respond ({targets.respond})", "promise the longer time"


def _duration(where: Where, text: str) -> Iterator[Mistake]:
    if not 0 < parse_duration(text) <= LONGEST_SECONDS:
        yield where, "not a time that serves", "write one from 1s to 366d"


def _engineer(where: Where, engineer: Engineer) -> Iterator[Mistake]:
    if engineer.name in ROLES:
        yield (*where, "name"), "this word means a role", f"name the engineer other than {', '.join(ROLES)}"
    yield from _zone((*where, "time_zone"), engineer.time_zone)
    start, _, end = engineer.quiet_hours.partition("-")
    if start and start == end:
        yield (*where, "quiet_hours"), "they end when they begin", "write another end, or remove the line"
    yield from _systems_twice((*where, "external"), [one.system for one in engineer.external])


def _systems_twice(where: Where, systems: list[str]) -> Iterator[Mistake]:
    for system, count in Counter(systems).items():
        if count > 1:
            place = len(systems) - 1 - systems[::-1].index(system)
            yield (*where, place, "system"), "two ids in one system", "keep one of them"


def _zone(where: Where, name: str) -> Iterator[Mistake]:
    if not _is_zone(name):
        yield where, "not a time zone", "write one of the IANA database, such as Asia/Shanghai or Europe/Berlin"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _schedule(where: Where, schedule: Schedule, file: DirectoryFile) -> Iterator[Mistake]:
    yield from _zone((*where, "time_zone"), schedule.time_zone)
    for section in ("shifts", "overrides"):
        for n, one in enumerate(getattr(schedule, section)):
            place: tuple[Step, ...] = (*where, section, n)
            yield from _known((*place, "engineer"), one.engineer, file.engineers, "engineers")
            start, end = _moment(one.start), _moment(one.end)
            if start is None or end is None:
                key, text = ("start", one.start) if start is None else ("end", one.end)
                yield (*place, key), "there is no such day", f"write a day of the calendar in place of {text[:10]}"
                continue
            if end <= start:
                yield (*place, "end"), f"not after {one.start}", "write when it ends"
            weeks = getattr(one, "repeat_weeks", 0)
            if weeks and (end - start).total_seconds() > weeks * 7 * 86_400:
                yield (*place, "repeat_weeks"), "the next turn would begin before this one ends", "repeat it later"


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, FORM)  # noqa: DTZ007 - local to the zone beside it
    except ValueError:
        return None


def _escalation(where: Where, escalation: Escalation, file: DirectoryFile) -> Iterator[Mistake]:
    if not escalation.steps:
        yield (*where, "steps"), "it tells nobody", "add a step with after and tell"
    names = {one.name for one in file.engineers}
    last = -1.0
    for n, step in enumerate(escalation.steps):
        if (after := parse_duration(step.after)) > LONGEST_SECONDS:
            yield (*where, "steps", n, "after"), "too late to help", "write one up to 366d"
        elif after <= last:
            yield (*where, "steps", n, "after"), "not later than the step before", "put the steps in order of time"
        last = max(last, after)
        for m, who in enumerate(step.tell):
            if who not in ROLES and who not in names:
                remedy = f"write one of {', '.join(ROLES)}, or the name of an engineer"
                yield (*where, "steps", n, "tell", m), "nobody of this name", remedy
    if escalation.repeat:
        yield from _duration((*where, "repeat_after"), escalation.repeat_after)


def _customer(where: Where, customer: Customer, file: DirectoryFile) -> Iterator[Mistake]:
    for key, section in (("calendar", "calendars"), ("sla", "slas"), ("escalation", "escalations")):
        yield from _known((*where, key), getattr(customer, key), getattr(file, section), section)
    yield from _known((*where, "on_call"), customer.on_call, file.on_call, "on_call")
    yield from _zone((*where, "time_zone"), customer.time_zone)
    yield from _responsible((*where, "responsible"), customer.responsible, file)
    yield from _systems_twice((*where, "external"), [one.system for one in customer.external])
    for n, entry in enumerate(customer.devices):
        yield from _responsible((*where, "devices", n, "responsible"), entry.responsible, file)
    seen: set[str] = set()
    for s, site in enumerate(customer.sites):
        place = (*where, "sites", s)
        if site.name in seen:
            yield (*place, "name"), "two sites of this name", "name them apart"
        seen.add(site.name)
        for key, section in (("calendar", "calendars"), ("sla", "slas")):
            yield from _known((*place, key), getattr(site, key), getattr(file, section), section)
        if site.time_zone:
            yield from _zone((*place, "time_zone"), site.time_zone)
        yield from _responsible((*place, "responsible"), site.responsible, file)
        for n, entry in enumerate(site.devices):
            yield from _responsible((*place, "devices", n, "responsible"), entry.responsible, file)


def _responsible(where: Where, said: Responsible | None, file: DirectoryFile) -> Iterator[Mistake]:
    if said is None:
        return
    yield from _known((*where, "primary"), said.primary, file.engineers, "engineers")
    yield from _known((*where, "backup"), said.backup, file.engineers, "engineers")
    if said.primary == said.backup:
        yield (*where, "backup"), "the same as primary", "name somebody else, or leave it out"


def _known(where: Where, name: str, entries: Iterable[object], section: str) -> Iterator[Mistake]:
    """An empty name means that nothing is referred to."""
    names = [str(getattr(entry, "name", "")) for entry in entries]
    if name and name not in names:
        known = f"known there: {', '.join(names[:8])}" if names else "there is none yet"
        yield where, f"not in {section}", f"add it to {section}; {known}"
