"""Look-ups in an applied directory: whose a device is, who is responsible, who is on call, what is promised. Pure."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from forewarn_collector.directory import Whose
from forewarn_collector.people.calendars import ALWAYS, DAY, OpenHours
from forewarn_collector.people.clocks import Target
from forewarn_collector.people.duty import OnCall, StandIn, on_call
from forewarn_collector.people.schema import (
    DAYS,
    Calendar,
    Customer,
    Devices,
    DirectoryFile,
    Engineer,
    Escalation,
    Responsible,
    Schedule,
    Site,
    Targets,
)
from forewarn_rules.durations import parse_duration

NOBODY = Responsible(primary="")


class Place(NamedTuple):
    """Where a device stands, as far as the directory knows. ``entry`` is what names the device."""

    customer: Customer
    site: Site | None = None
    entry: Devices | None = None


class People:
    """One version of the directory."""

    def __init__(self, file: DirectoryFile) -> None:
        self.file = file
        self.engineers: dict[str, Engineer] = {one.name: one for one in file.engineers}
        self.customers: dict[str, Customer] = {one.name: one for one in file.customers}
        self._names_of_users = {one.user: one.name for one in file.engineers if one.user}
        self._calendars = {one.name: one for one in file.calendars}
        self._slas = {one.name: one for one in file.slas}
        self._escalations = {one.name: one for one in file.escalations}
        self._known: dict[tuple[str, tuple[str, str] | None], Whose | None] = {}

    def whose(self, device: str, enrolled: tuple[str, str] | None = None) -> Whose | None:
        """``enrolled``: customer and site by the device's token, which go before; None: nothing is known of it."""
        key = (device, enrolled)
        if key not in self._known:
            self._known[key] = self._whose(device, enrolled)
        return self._known[key]

    def named(self, who: str) -> str:
        """The engineer of a user name; other names are what they are."""
        return self._names_of_users.get(who, who)

    def place(self, customer: str, site: str, device: str) -> Place | None:
        """Where a ticket of this customer and site about this device belongs; None: the customer is not known."""
        owner = self.customers.get(customer)
        if owner is None:
            return None
        where = next((one for one in owner.sites if one.name == site), None)
        entries = where.devices if where else [*owner.devices, *(e for one in owner.sites for e in one.devices)]
        return Place(owner, where, next((one for one in entries if _names(one, device)), None))

    def responsible(self, customer: str, site: str, device: str) -> Responsible:
        """What is said of the device goes before what is said of the site, that before the customer."""
        place = self.place(customer, site, device)
        return _responsible(place) if place else NOBODY

    def on_call(self, customer: str, at: float, stand_ins: Iterable[StandIn] = ()) -> OnCall | None:
        """None when no schedule is for this customer."""
        schedule = self.schedule_of(customer)
        return on_call(schedule, stand_ins, at) if schedule else None

    def schedule_of(self, customer: str) -> Schedule | None:
        owner = self.customers.get(customer)
        name = owner.on_call if owner else ""
        return next((one for one in self.file.on_call if name in ("", one.name)), None)

    def targets(self, customer: str, site: str) -> dict[str, Target]:
        """What is promised there, by severity."""
        place = self.place(customer, site, "")
        name = place and ((place.site and place.site.sla) or place.customer.sla)
        sla = self._slas.get(name or "")
        if sla is None:
            return {}
        hours = self.hours(customer, site)
        found = {"critical": _target(sla.critical, hours)}
        return found if sla.warning is None else found | {"warning": _target(sla.warning, hours)}

    def hours(self, customer: str, site: str) -> OpenHours:
        """When it is open there; a customer without a calendar always is."""
        place = self.place(customer, site, "")
        if place is None:
            return ALWAYS
        calendar = self._calendars.get((place.site and place.site.calendar) or place.customer.calendar)
        zone = (place.site and place.site.time_zone) or place.customer.time_zone
        return ALWAYS if calendar is None else open_hours(calendar, zone)

    def escalation(self, customer: str) -> Escalation | None:
        owner = self.customers.get(customer)
        return self._escalations.get(owner.escalation) if owner else None

    @cached_property
    def _entries(self) -> list[tuple[Devices, Whose]]:
        return list(_entries(self.file.customers))

    def _whose(self, device: str, enrolled: tuple[str, str] | None) -> Whose | None:
        if enrolled is None:
            return next((whose for entry, whose in self._entries if _names(entry, device)), None)
        customer, site = enrolled
        place = self.place(customer, site, device)
        if place is None:
            return None
        found = next((whose for entry, whose in self._entries if entry is place.entry), Whose(customer))
        return Whose(customer, site or found.site, _responsible(place).primary, found.tags)


def open_hours(calendar: Calendar, time_zone: str) -> OpenHours:
    week: dict[int, list[tuple[int, int]]] = {}
    for hours in calendar.open:
        for day in hours.days:
            week.setdefault(DAYS.index(day), []).append((seconds_of_day(hours.opens), seconds_of_day(hours.closes)))
    in_order = {day: tuple(sorted(stretches)) for day, stretches in week.items()}
    return OpenHours(ZoneInfo(time_zone), in_order, frozenset(calendar.holidays))


def seconds_of_day(text: str) -> int:
    """``09:30``; ``24:00`` is the end of the day."""
    hour, minute = text.split(":")
    return min(DAY, int(hour) * 3600 + int(minute) * 60)


def _entries(customers: Iterable[Customer]) -> Iterator[tuple[Devices, Whose]]:
    for customer in customers:
        for site, devices in ((None, customer.devices), *((site, site.devices) for site in customer.sites)):
            for entry in devices:
                who = _responsible(Place(customer, site, entry)).primary
                yield entry, Whose(customer.name, site.name if site else "", who, tuple(entry.tags))


def _responsible(place: Place) -> Responsible:
    said = (part.responsible for part in (place.entry, place.site, place.customer) if part is not None)
    return next((found for found in said if found is not None), NOBODY)


def _target(targets: Targets, hours: OpenHours) -> Target:
    times = (parse_duration(targets.respond), parse_duration(targets.resolve))
    return Target(*times, ALWAYS if targets.around_the_clock else hours)


def _names(entry: Devices, device: str) -> bool:
    return any(fnmatchcase(device, pattern) for pattern in entry.names)
