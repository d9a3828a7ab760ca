"""The kernel's log on Linux: the journal where there is one, else the kernel's own buffer."""

from pathlib import Path

from forewarn_agent.commands import Commands
from forewarn_agent.log import kmsg
from forewarn_agent.log.entry import Entry, LogReading, NoAccessError, NoLogError
from forewarn_agent.log.journal import Journal
from forewarn_agent.log.linux_devices import Devices
from forewarn_agent.log.linux_messages import classify
from forewarn_agent.machine import read_boot_id
from forewarn_agent.settings import Roots


def read(roots: Roots, commands: Commands, cursor: str, now: float) -> LogReading:
    """Read on from ``cursor``. Raise NoAccessError, NoLogError, MissingError, HungError or FailedError."""
    source, _, position = cursor.partition(":")
    journal = Journal(roots.root, commands)
    refused: NoAccessError | None = None
    if journal.files():
        try:
            messages, position = journal.read(position if source == "journal" else "", now)
            return LogReading(_entries(roots.sys, messages), f"journal:{position}")
        except NoAccessError as error:
            refused = error
    try:
        text = kmsg.read(roots.root / "dev" / "kmsg")
    except PermissionError:
        raise refused or NoAccessError(
            "/dev/kmsg may not be read: it needs root or the group systemd-journal"
        ) from None
    except OSError as error:
        raise refused or NoLogError(f"no journal, and /dev/kmsg: {error.strerror}") from None
    uptime = float((roots.proc / "uptime").read_text().split()[0])
    boot = read_boot_id(roots.proc) or "unknown"
    messages, position = kmsg.choose(kmsg.parse(text), position if source == "kmsg" else "", boot, uptime)
    return LogReading(_entries(roots.sys, messages), f"kmsg:{position}")


def _entries(sys: Path, messages: list[str]) -> list[Entry]:
    classified = [entry for entry in map(classify, messages) if entry is not None]
    devices = Devices(sys) if any(entry.slot for entry in classified) else None
    found = []
    for entry in classified:
        slot = devices.slot(entry.slot) if devices and entry.slot else ""
        if slot is not None:
            found.append(entry._replace(slot=slot))
    return found
