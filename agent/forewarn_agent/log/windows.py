"""Windows' event log, channel System, through ``wevtutil qe`` (XML); classified by provider and event id."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from forewarn_agent.commands import Command, Commands
from forewarn_agent.log.entry import FIRST_SECONDS, MOST_ENTRIES, Entry, LogReading
from forewarn_agent.windows import device_of

_DISK = re.compile(r"\\Device\\Harddisk(\d+)", re.IGNORECASE)
_PORT = re.compile(r"\\Device\\(RaidPort\d+|Scsi\\[\w]+)", re.IGNORECASE)
_EVENT = re.compile(r"<Event[ >].*?</Event>", re.DOTALL)
_DISK_NUMBER = re.compile(r"\d{1,4}")


class Kind(NamedTuple):
    """``counts`` are fields of MachineLog or DiskLog."""

    provider: str
    event: int
    counts: tuple[str, ...]
    says: str


KINDS: tuple[Kind, ...] = (
    Kind("disk", 7, ("io_errors", "medium_errors"), "the device has a bad block"),
    Kind("disk", 11, ("io_errors",), "the driver detected a controller error"),
    Kind("disk", 51, ("io_errors",), "an error during a paging operation"),
    Kind("disk", 153, ("command_errors",), "the operation was retried"),
    Kind("disk", 157, ("lost",), "the disk has been surprise removed"),
    Kind("stornvme", 11, ("io_errors",), "the driver detected a controller error"),
    Kind("stornvme", 129, ("command_errors", "resets"), "reset to device was issued"),
    Kind("storahci", 129, ("command_errors", "resets"), "reset to device was issued"),
    Kind("Ntfs", 55, ("filesystem_errors",), "the file system structure is corrupt"),
    Kind("Microsoft-Windows-Ntfs", 55, ("filesystem_errors",), "the file system structure is corrupt"),
    Kind("Microsoft-Windows-WHEA-Logger", 1, ("machine_checks",), "a fatal hardware error has occurred"),
    Kind(
        "Microsoft-Windows-WHEA-Logger", 17, ("hardware_errors_corrected",), "a corrected hardware error, PCI Express"
    ),
    Kind("Microsoft-Windows-WHEA-Logger", 18, ("machine_checks",), "a fatal hardware error, processor"),
    Kind("Microsoft-Windows-WHEA-Logger", 19, ("hardware_errors_corrected",), "a corrected hardware error, processor"),
    Kind("Microsoft-Windows-WHEA-Logger", 20, ("machine_checks",), "a fatal hardware error"),
    Kind("Microsoft-Windows-WHEA-Logger", 46, ("machine_checks",), "a fatal hardware error, memory"),
    Kind("Microsoft-Windows-WHEA-Logger", 47, ("hardware_errors_corrected",), "a corrected hardware error, memory"),
    Kind("Microsoft-Windows-Kernel-Power", 41, ("unclean_stops",), "restarted without cleanly shutting down first"),
    Kind("EventLog", 6008, ("unclean_stops",), "the previous system shutdown was unexpected"),
    Kind("Microsoft-Windows-WER-SystemErrorReporting", 1001, ("crashes",), "rebooted from a bugcheck"),
)
_BY_EVENT = {(kind.provider, kind.event): kind for kind in KINDS}
COUNTED = frozenset(name for kind in KINDS for name in kind.counts)


class Event(NamedTuple):
    """``at`` is as the log writes it: 2026-11-24T08:00:00.1234567Z; ``data`` are its strings in order."""

    provider: str
    event: int
    at: str
    data: tuple[str, ...]


def read(commands: Commands, cursor: str, now: float) -> LogReading:
    """Read on after the time ``cursor``. Raise MissingError, HungError, FailedError or ValueError."""
    after = cursor or f"{datetime.fromtimestamp(now - FIRST_SECONDS, UTC):%Y-%m-%dT%H:%M:%S.000Z}"
    events = [event for event in parse(commands.output(command(after))) if event.at > after]
    return LogReading(classify(events), max((event.at for event in events), default=after))


def command(after: str) -> Command:
    """Oldest first would leave out the newest of a storm; so newest first."""
    names = " or ".join(
        f"(Provider[@Name='{provider}'] and ({' or '.join(f'EventID={kind.event}' for kind in kinds)}))"
        for provider, kinds in _by_provider().items()
    )
    query = f"*[System[({names}) and TimeCreated[@SystemTime>'{after}']]]"
    return Command(
        "system-log", ("wevtutil.exe", "qe", "System", f"/q:{query}", "/f:xml", "/rd:true", f"/c:{MOST_ENTRIES}")
    )


def _by_provider() -> dict[str, list[Kind]]:
    found: dict[str, list[Kind]] = {}
    for kind in KINDS:
        found.setdefault(kind.provider, []).append(kind)
    return found


def parse(output: str) -> list[Event]:
    """Events one after the other, without a root; those that are cut off are left out. Oldest first."""
    # Loaded where it is needed: on Linux it would take memory for nothing.
    from xml.etree import ElementTree

    found = []
    for piece in _EVENT.findall(output):
        try:
            root = ElementTree.fromstring(piece)  # noqa: S314 - written by Windows on this machine
        except ElementTree.ParseError:
            continue
        provider, event = root.find("./{*}System/{*}Provider"), root.findtext("./{*}System/{*}EventID") or ""
        at = root.find("./{*}System/{*}TimeCreated")
        if provider is None or at is None or not event.isdecimal():
            continue
        data = tuple((node.text or "").strip() for node in root.iterfind("./{*}EventData/{*}Data"))
        found.append(Event(provider.get("Name", ""), int(event), at.get("SystemTime", ""), data))
    return sorted(found, key=lambda event: event.at)


def classify(events: list[Event]) -> list[Entry]:
    """Kernel-Power 41 and EventLog 6008 tell of the same stop: where both are, it counts once."""
    told_by_power = sum(event.event == 41 for event in events)
    found = []
    for event in events:
        kind = _BY_EVENT.get((event.provider, event.event))
        if kind is None or (event.event == 6008 and told_by_power):
            continue
        details = ", ".join(word for word in event.data if word)[:300]
        text = f"{kind.provider} {kind.event}: {kind.says}" + (f" ({details})" if details else "")
        found.append(Entry(kind.counts, slot_of(event), text))
    return found


def slot_of(event: Event) -> str:
    """The disk that the event names, as smartctl calls it; a port or volume where it names no disk."""
    for word in event.data:
        if disk := _DISK.match(word):
            return device_of(int(disk[1]))
        if port := _PORT.match(word):
            return port[1]
    if event.provider == "disk" and event.data and _DISK_NUMBER.fullmatch(event.data[0]):
        return device_of(int(event.data[0]))
    if event.provider.endswith("Ntfs"):
        return next((word for word in event.data if re.fullmatch(r"[A-Z]:", word)), "unknown volume")
    return "unknown disk" if event.provider in ("disk", "stornvme", "storahci") else ""
