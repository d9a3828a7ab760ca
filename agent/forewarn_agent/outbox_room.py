"""What goes when an outbox holds too much or for too long: first what was delivered, then the oldest that waits."""

import logging
import time
from typing import NamedTuple

from forewarn_agent.outbox_file import OutboxFile
from forewarn_agent.settings import OutboxLimits

log = logging.getLogger(__name__)

# A full outbox gives up a tenth at once, so that there is one event for many reports.
_KEEP = 0.9


class Dropped(NamedTuple):
    """Reports that nobody has taken; ``text`` says which and why."""

    reports: int
    text: str


def make_room(file: OutboxFile, now: float, limits: OutboxLimits) -> Dropped | None:
    """Within a transaction of the file. Forget what was delivered long ago, and sooner where it takes room. When that
    is not enough, drop the oldest reports that still wait."""
    most = limits.max_bytes
    file.execute("DELETE FROM reports WHERE settled_at < ?", (now - limits.keep,))
    excess = _total(file) - most
    if excess > 0:
        last = _last_of(file, "settled_at IS NOT NULL", excess + most * (1 - _KEEP))
        file.execute("DELETE FROM reports WHERE settled_at IS NOT NULL AND id <= ?", (last,))
        excess = _total(file) - most
    if excess > 0:
        last = _last_of(file, "settled_at IS NULL", excess + most * (1 - _KEEP))
        return _drop(file, "id <= ?", last, f"the outbox was fuller than {most} bytes")
    oldest_waiting = "SELECT stored_at FROM reports WHERE settled_at IS NULL ORDER BY id LIMIT 1"
    (oldest,) = file.execute(oldest_waiting).fetchone()
    if now - oldest > limits.max_age:
        before = now - limits.max_age * _KEEP
        return _drop(file, "stored_at < ?", before, f"older than {limits.max_age:g} s")
    return None


def _total(file: OutboxFile) -> int:
    return int(file.get("payload_bytes") or 0)


def _last_of(file: OutboxFile, condition: str, excess: float) -> int:
    """The id up to which reports have to go to free so many bytes; never that of the newest report."""
    last = 0
    for id_, size in file.execute(
        f"SELECT id, LENGTH(payload) FROM reports WHERE {condition} AND id < (SELECT MAX(id) FROM reports)"  # noqa: S608 - ours
        " ORDER BY id"
    ):
        if excess <= 0:
            break
        last, excess = id_, excess - size
    return last


def _drop(file: OutboxFile, condition: str, value: float, reason: str) -> Dropped | None:
    condition = f"settled_at IS NULL AND {condition}"
    count, first, last = file.execute(
        f"SELECT COUNT(*), MIN(stored_at), MAX(stored_at) FROM reports WHERE {condition}",  # noqa: S608 - ours
        (value,),
    ).fetchone()
    if not count:
        return None
    file.execute(f"DELETE FROM reports WHERE {condition}", (value,))  # noqa: S608 - ours
    dropped = Dropped(count, f"dropped reports from {utc(first)} to {utc(last)}: {reason}")
    log.warning("%d reports: %s", *dropped)
    return dropped


def utc(unix_time: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_time))
