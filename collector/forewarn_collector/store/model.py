"""The values that pass in and out of the store. Plain data, no I/O.

What is made for every report is a msgspec Struct: a named tuple takes four times as long to make.

All times are Unix seconds (float) and are kept with a resolution of one millisecond: two reports of one series whose
times differ by less are reports of the same time.
"""

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PAYLOAD_LIMIT = 4096
"""How much of a dead letter's payload is kept, in bytes."""

DEAD_LETTERS_KEPT = 10_000

REPLIES_KEPT = 2_000
"""Answers to orders: they are read soon after they came."""

LAST_TIME = 2**20 * 6 * 3600 - 1.0
"""Seconds; later times (the year 2687) and those before 1970 cannot be stored: see `time_problem`."""


class StoreError(Exception):
    """The store cannot do what was asked; the text names the file and, where there is one, the remedy."""


class TooNew(StoreError):
    """A newer forewarn wrote the tables, and this one cannot work with them."""


class Damaged(StoreError):
    """What was stored cannot be read back. Waiting does not help; the rest of the store is as good as before."""


def time_problem(seconds: float) -> str | None:
    """Say why a time cannot be stored, or None."""
    if 0 <= seconds <= LAST_TIME:
        return None
    return f"time {seconds!r} is not between 1970 and 2687"


def milliseconds(seconds: float) -> int:
    """A border of a stretch of time; what lies beyond what can be stored becomes the last time that can."""
    return round(min(max(seconds, -1.0), LAST_TIME) * 1000)


class Point(msgspec.Struct, frozen=True, gc=False):
    """One report's numbers for one series."""

    device: str
    kind: str
    """load, smart or event"""
    part: str
    """empty for load; the disk's key for smart"""
    at: float
    """sampled_at, by the device's clock"""
    fields: tuple[str, ...]
    """for example ("cpu.used_percent", "filesystem.used_percent|/data"); use one tuple object for one layout"""
    values: tuple[float, ...]
    """nan means: could not be measured. An infinite value is kept as nan."""
    facts: bytes
    """JSON: labels and outcomes, which change rarely"""


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """One message that passed the front door."""

    device: str
    boot: str
    seq: int | None
    """None: no duplicate check (a status)"""
    sampled_at: float
    received_at: float
    points: tuple[Point, ...]
    status: bytes | None = None
    """JSON of a status message (birth or will)"""
    session: int = 0
    online: bool = True
    """of a status; an offline of a lower session than the stored one is ignored"""
    event: tuple[str, str, int, str] | None = None
    """name, part, count, text"""
    reply: tuple[str, bytes] | None = None
    """id of the order, JSON of the whole answer"""


class ReplyRow(NamedTuple):
    """A device's answer to an order."""

    id: int
    device: str
    received_at: float
    in_reply_to: str
    body: bytes
    """JSON of the message"""


class DeadLetter(NamedTuple):
    """A message that could not be accepted."""

    received_at: float
    door: str
    """listener or broker"""
    client: str
    topic: str
    reason: str
    """one of a small fixed set: totals are kept by reason for ever"""
    detail: str
    payload: bytes
    """at most PAYLOAD_LIMIT bytes come back"""


class Row(msgspec.Struct, frozen=True, gc=False):
    """One stored point, as the judge reads it."""

    position: int
    series: int
    at: float
    received_at: float
    fields: tuple[str, ...]
    packed: bytes
    """as in the table, because many rows are taken apart faster together"""

    @property
    def values(self) -> Floats:
        """Read-only."""
        return np.frombuffer(self.packed, "<f8")


class Series(NamedTuple):
    """What is measured of one part of one device."""

    id: int
    device: str
    kind: str
    part: str
    facts: bytes
    """of the newest report by device time"""
    facts_at: float
    """when the facts last changed"""
    first_at: float
    """time of the first report that arrived"""


CLONED = "identity-cloned"
"""The event by which the collector tells that two machines have a device's identity."""


class DeviceRow(NamedTuple):
    name: str
    status: bytes | None
    """the newest status message that counted: birth, will or farewell"""
    birth: bytes | None
    """the newest birth, which carries the inventory: a will does not erase it"""
    online: bool | None
    """None: no status was ever received"""
    session: int
    boot: str
    """of the newest birth; without one, of the report that arrived last"""
    first_received: float
    last_received: float
    """of reports (duplicates too) and births; a will is no sign of life"""
    last_sampled: float | None
    """greatest time of a report; None: only status messages came"""
    reports: int
    clock_offset: float | None = None
    """seconds that the device's clock is ahead of ours, as last told by reports that came right after they were made"""
    clock_at: float | None = None
    """when that was told"""
    birth_received: float | None = None


class Session(NamedTuple):
    """Whether a device is there now."""

    online: bool
    session: int
    clock_offset: float
    """seconds; 0 where it is not known"""


class EventRow(NamedTuple):
    id: int
    device: str
    at: float
    received_at: float
    name: str
    part: str
    occurrences: int
    text: str


class Gap(NamedTuple):
    """Sequence numbers first..last (both included) of one boot that never arrived."""

    boot: str
    first: int
    last: int
    after: float | None = None
    """when the report before them was made; None: there is none, or the gap is older than this record"""
    before: float | None = None
    """when the report behind them was made"""


class Missing(NamedTuple):
    """A gap of some device, and when it was noticed."""

    device: str
    boot: str
    first: int
    last: int
    found: float
    after: float | None
    before: float | None


class Counts(NamedTuple):
    reports: int
    duplicates: int
    points: int
    dead_letters: int
    head_rows: int
    sealed_rows: int
    blocks: int
    series: int
    devices: int
    max_position: int
    file_bytes: int
    """journal.db with its write-ahead log"""


class Latest(NamedTuple):
    """The newest row of a series by device time. A field that this row does not carry is absent from ``values``."""

    at: float
    received_at: float | None
    """None: the row is sealed, and sealed rows do not keep it"""
    values: dict[str, float]


class Newest(NamedTuple):
    """A series with its newest row by device time. ``received_at`` None: the row is sealed, and did not keep it."""

    series: int
    device: str
    part: str
    at: float
    received_at: float | None
    fields: tuple[str, ...]
    values: Floats


class SealResult(NamedTuple):
    rows: int
    """head rows that moved into blocks"""
    blocks: int
    """blocks written"""
    more: bool
    """the limit was reached: call again"""
    unreadable: tuple[str, ...]
    """periods left alone because a block of theirs is damaged, in words"""


class HistoryStats(NamedTuple):
    head_rows: int
    sealed_rows: int
    blocks: int
    block_bytes: int
    """the packed bodies alone"""
    file_bytes: int
    free_bytes: int
    """inside the file, to be filled again"""
