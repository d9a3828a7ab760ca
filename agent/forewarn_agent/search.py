"""Trying in turn what smartctl's scan does not tell: the disks behind RAID controllers, the types of USB bridges."""

import logging
from collections.abc import Callable, Iterable

from forewarn_agent.controllers import Controller
from forewarn_agent.remembered import Member
from forewarn_agent.runner import Finished, HungError
from forewarn_agent.smart_json import load_object
from forewarn_agent.smart_outcome import COMMAND_LINE, OPEN_FAILED, STANDBY_EXIT_STATUS
from forewarn_agent.smart_parse import parse_disk

log = logging.getLogger(__name__)

SEARCH_AGAIN_SECONDS = 86_400.0
TRIES = 200
"""The most starts of smartctl in one search."""

# smartctl(8), -d: SATA first, then the old bridges, then those with NVMe behind them.
BRIDGE_TYPES = (
    "sat",
    "usbjmicron",
    "usbsunplus",
    "usbprolific",
    "usbcypress",
    "sntjmicron",
    "sntasmedia",
    "sntrealtek",
)

Ask = Callable[[str, str], Finished]
"""Asks who a disk is, by device and type. Raise MissingError or HungError."""


def is_due(now: float, last: float) -> bool:
    """Whether a day is over since ``last``; a clock that was set back counts as one."""
    return not 0 <= now - last < SEARCH_AGAIN_SECONDS


def answered(finished: Finished) -> bool:
    """Whether there is a disk: it said who it is, or sleeps."""
    if finished.exit_status == STANDBY_EXIT_STATUS:
        return True
    if finished.exit_status < 0 or finished.exit_status & (COMMAND_LINE | OPEN_FAILED):
        return False
    disk = parse_disk("", load_object(finished.output) or {})
    return bool(disk.serial or disk.model)


def search(controllers: Iterable[Controller], ask: Ask, tries: int = TRIES) -> list[Member]:
    """The disks that answer behind ``controllers``, each serial number once: two ways may lead to one disk.

    A controller that does not come back in time is not asked again in this search. Raise MissingError.
    """
    found: list[Member] = []
    for controller in controllers:
        for group in controller.groups:
            members, used, hung = _try_group(controller.device, group[:tries], ask)
            tries -= used
            found += members
            if members or hung:
                break
    serials: set[str] = set()
    kept = []
    for member in found:
        if member.serial is None or member.serial not in serials:
            kept.append(member)
            serials.add(member.serial or "")
    return kept


def _try_group(device: str, types: Iterable[str], ask: Ask) -> tuple[list[Member], int, bool]:
    members: list[Member] = []
    used = 0
    for type_ in types:
        used += 1
        try:
            finished = ask(device, type_)
        except HungError as error:
            log.warning("search behind %s with %s: %s", device, type_, error)
            return members, used, True
        if answered(finished):
            serial = parse_disk("", load_object(finished.output) or {}).serial
            members.append(Member(device, type_, serial))
    return members, used, False
