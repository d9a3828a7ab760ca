"""macOS: the kernel's messages about disks from ``log show``, and the reports that it writes after a panic."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from forewarn_agent.commands import Command, Commands
from forewarn_agent.log.entry import FIRST_SECONDS, MOST_ENTRIES, Entry, LogReading

# IOBlockStorageDriver, IOMediaBSDClient: "disk2s1: I/O error."
_IO_ERROR = re.compile(r"(?P<device>disk\d+)(?:s\d+)*: (?:device |media )?I/O error")
_PANIC = re.compile(r"(?:Kernel[-_].*\.panic|panic-(?:full|base)-.*\.(?:panic|ips))")
REPORTS = Path("Library") / "Logs" / "DiagnosticReports"
COUNTED = frozenset({"io_errors", "crashes"})


def read(root: Path, commands: Commands, cursor: str, now: float) -> LogReading:
    """Read on after the time ``cursor`` (Unix seconds). Raise MissingError, HungError or FailedError."""
    after = float(cursor) if cursor else now - FIRST_SECONDS
    entries = [entry for entry in map(classify, parse(commands.output(command(after)))) if entry is not None]
    return LogReading(entries[-MOST_ENTRIES:] + panics(root / REPORTS, after, now), f"{now:.3f}")


def command(after: float) -> Command:
    start = f"{datetime.fromtimestamp(after, UTC):%Y-%m-%d %H:%M:%S}+0000"
    predicate = 'processID == 0 AND eventMessage CONTAINS "I/O error"'
    arguments = ("log", "show", "--style", "ndjson", "--info", "--start", start, "--predicate", predicate)
    return Command("kernel-log", arguments, 120.0)


def parse(output: str) -> list[str]:
    """The messages, one JSON object a line; the last line is a count."""
    messages = []
    for line in output.splitlines():
        try:
            row: Any = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
        if isinstance(row, dict) and isinstance(row.get("eventMessage"), str):
            messages.append(row["eventMessage"])
    return messages


def classify(message: str) -> Entry | None:
    found = _IO_ERROR.match(message)
    return Entry(("io_errors",), f"/dev/{found['device']}", message[:1000]) if found else None


def panics(directory: Path, after: float, now: float) -> list[Entry]:
    """One for each report that was written since; they lie where every user may list them."""
    found = []
    for path in sorted(directory.glob("*")):
        if _PANIC.fullmatch(path.name):
            try:
                written = path.stat().st_mtime
            except OSError:
                continue
            if after < written <= now:
                found.append(Entry(("crashes",), "", f"kernel panic, report {path.name}"[:1000]))
    return found
