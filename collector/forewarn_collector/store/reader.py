"""Reads over journal.db: rows for the judge, devices, series, events, dead letters, counts."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

from forewarn_collector.store.database import as_place, explained, transaction
from forewarn_collector.store.head_rows import HeadRows, head_rows
from forewarn_collector.store.model import (
    Counts,
    DeadLetter,
    DeviceRow,
    EventRow,
    Gap,
    Missing,
    ReplyRow,
    Row,
    Series,
    Session,
)
from forewarn_collector.store.place import Connection, Place
from forewarn_collector.store.ranges import Ranges
from forewarn_collector.store.rollups import ROLLUPS
from forewarn_collector.store.statements import MAX_POSITION, READ, together
from forewarn_wire import CANARY

_SERIES = "SELECT id, device, kind, part, facts, facts_at / 1000.0, first_at / 1000.0 FROM series"
_SERIES_OF = f"{_SERIES} WHERE device = ? AND kind NOT IN ({', '.join('?' * len(ROLLUPS))}) ORDER BY kind, part"
_DEVICES = """
    SELECT name, status, birth, online, session,
        COALESCE(boot, (
            SELECT known.boot FROM intake AS known WHERE known.device = name
            ORDER BY known.last_received DESC, known.id DESC LIMIT 1
        ), ''),
        first_received / 1000.0, reports_before, clock_offset / 1000.0, clock_at / 1000.0, birth_received / 1000.0
    FROM device"""
# Of every boot. Apart from the devices: together they take half as long again.
_HEARD = "SELECT device, last_received / 1000.0, last_sampled / 1000.0, reports FROM intake"
# The collector's own canary is no device of anybody's.
_CANARY_REPORTS = """
    SELECT CAST(COALESCE(SUM(reports), 0) AS BIGINT) FROM (
        SELECT reports FROM intake WHERE device = ?
        UNION ALL SELECT reports_before AS reports FROM device WHERE name = ?) AS counted"""
_ROWS_AFTER = together("FROM head WHERE position > ? ORDER BY position LIMIT ?")
_SHARE_ROWS_AFTER = together("FROM head WHERE share = ? AND position > ? ORDER BY position LIMIT ?")
_NEWEST_SINCE = together(
    "FROM head WHERE (series, at) IN (SELECT series, MAX(at) FROM head WHERE position > ? GROUP BY series)"
)
_EVENTS = """
    SELECT id, device, at / 1000.0, received / 1000.0, name, part, occurrences, text FROM event"""
_REPLIES_AFTER = """
    SELECT id, device, received / 1000.0, in_reply_to, body FROM reply WHERE id > ? ORDER BY id LIMIT ?"""
_SESSIONS = "SELECT name, online, session, COALESCE(clock_offset, 0) / 1000.0 FROM device WHERE online IS NOT NULL"
_GAP_TIMES = "SELECT boot, first, last, after / 1000.0, before / 1000.0 FROM gap WHERE device = ?"
_MISSING = """
    SELECT device, boot, first, last, found / 1000.0, after / 1000.0, before / 1000.0
    FROM gap WHERE found <= ? ORDER BY found, device, boot, first"""
_DEAD_LETTERS = """
    SELECT received / 1000.0, door, client, topic, reason, detail, payload FROM dead_letter"""


class Reader:
    """Reads one journal, also from another process while the collector writes. ``place``: a collector's data directory,
    or where else a journal is kept.

    Any thread may use it, one at a time: a call waits for the one before it. Threads that read much have one each.
    Every call sees one committed state. Raise StoreError when there is no journal or it cannot be read.
    """

    def __init__(self, place: Path | Place) -> None:
        self._place = as_place(place)
        self.name = self._place.name
        self._connection = self._place.reader()
        self._lock = threading.RLock()
        self._layouts: dict[int, tuple[str, ...]] = {}

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Several statements over one committed state. For the modules of the store."""
        with self._lock, explained(self.name):
            if self._connection.in_transaction:
                yield self._connection
            else:
                with transaction(self._connection, READ):
                    yield self._connection

    def fields(self, layout: int) -> tuple[str, ...]:
        """The field names of a layout; always the same tuple object."""
        known = self._layouts.get(layout)
        if known is None:
            with self.snapshot() as connection:
                (text,) = connection.execute("SELECT fields FROM layout WHERE id = ?", (layout,)).fetchone()
            known = self._layouts[layout] = tuple(json.loads(text))
        return known

    def rows_after(self, position: int, limit: int, share: int | None = None) -> list[Row]:
        """Unsealed rows beyond a position, by position. ``share``: only of these devices, in a journal that several
        collectors share."""
        with self.snapshot() as connection:
            if share is None:
                return self._rows(head_rows(connection, _ROWS_AFTER, (position, limit)))
            return self._rows(head_rows(connection, _SHARE_ROWS_AFTER, (share, position, limit)))

    def newest_since(self, position: int) -> list[Row]:
        """Of every series that has unsealed rows beyond a position, the newest of them by device time."""
        with self.snapshot() as connection:
            return self._rows(head_rows(connection, _NEWEST_SINCE, (position,)))

    def _rows(self, found: HeadRows) -> list[Row]:
        """By position."""
        fields = {layout: self.fields(layout) for layout in set(found.layout)}
        rows = [
            Row(position, series, at / 1000, received / 1000, fields[layout], values)
            for position, series, at, received, layout, values in zip(*found, strict=True)
        ]
        rows.sort(key=attrgetter("position"))
        return rows

    def device_count(self) -> int:
        with self.snapshot() as connection:
            return _device_count(connection)

    def devices(self) -> list[DeviceRow]:
        """All devices by name."""
        with self.snapshot() as connection:
            rows = connection.execute(f"{_DEVICES} WHERE name <> ?", (CANARY,)).fetchall()
            heard = connection.execute(_HEARD).fetchall()
        return _devices(rows, heard)

    def device(self, name: str) -> DeviceRow | None:
        with self.snapshot() as connection:
            rows = connection.execute(f"{_DEVICES} WHERE name = ?", (name,)).fetchall()
            heard = connection.execute(f"{_HEARD} WHERE device = ?", (name,)).fetchall()
        return next(iter(_devices(rows, heard)), None)

    def birth(self, device: str) -> bytes | None:
        """What it said of itself when it came last."""
        with self.snapshot() as connection:
            row = connection.execute("SELECT birth FROM device WHERE name = ?", (device,)).fetchone()
        return row[0] if row else None

    def series_of(self, device: str) -> list[Series]:
        """What is measured of a device; the rollups of it are left out."""
        with self.snapshot() as connection:
            rows = connection.execute(_SERIES_OF, (device, *ROLLUPS))
            return [Series(*row) for row in rows]

    def series(self, id_: int) -> Series | None:
        with self.snapshot() as connection:
            row = connection.execute(f"{_SERIES} WHERE id = ?", (id_,)).fetchone()
        return None if row is None else Series(*row)

    def find_series(self, device: str, kind: str, part: str = "") -> Series | None:
        with self.snapshot() as connection:
            key = (device, kind, part)
            row = connection.execute(f"{_SERIES} WHERE device = ? AND kind = ? AND part = ?", key).fetchone()
        return None if row is None else Series(*row)

    def series_of_kind(self, kind: str) -> list[Series]:
        with self.snapshot() as connection:
            return [Series(*row) for row in connection.execute(f"{_SERIES} WHERE kind = ? ORDER BY id", (kind,))]

    def facts_of_kind(self, kind: str) -> list[tuple[str, bytes]]:
        """Device and facts of every series of a kind."""
        with self.snapshot() as connection:
            return connection.execute("SELECT device, facts FROM series WHERE kind = ?", (kind,)).fetchall()

    def gaps(self, device: str) -> list[Gap]:
        """Sequence numbers that never arrived, the boot that was heard of last first."""
        query = "SELECT boot, ranges FROM intake WHERE device = ? ORDER BY last_received DESC, id DESC"
        with self.snapshot() as connection:
            boots = connection.execute(query, (device,)).fetchall()
            times = {Gap(*row)[:3]: Gap(*row) for row in connection.execute(_GAP_TIMES, (device,))}
        found = [Gap(boot, *hole) for boot, ranges in boots for hole in Ranges.parse(ranges).gaps()]
        return [times.get(gap[:3], gap) for gap in found]

    def missing(self, found_before: float) -> list[Missing]:
        """Gaps of all devices that were noticed until then, the oldest first."""
        with self.snapshot() as connection:
            return [Missing(*row) for row in connection.execute(_MISSING, (found_before * 1000,))]

    def sessions(self) -> dict[str, Session]:
        """Of every device that ever said whether it is there."""
        with self.snapshot() as connection:
            rows = connection.execute(_SESSIONS)
            return {name: Session(bool(online), session, offset) for name, online, session, offset in rows}

    def events(self, device: str | None = None, limit: int = 100) -> list[EventRow]:
        """The newest events by device time, of one device or of all."""
        chosen, values = ("", (limit,)) if device is None else ("WHERE device = ?", (device, limit))
        with self.snapshot() as connection:
            rows = connection.execute(f"{_EVENTS} {chosen} ORDER BY at DESC, id DESC LIMIT ?", values)
            return [EventRow(*row) for row in rows]

    def replies_after(self, id_: int, limit: int) -> list[ReplyRow]:
        """Answers to orders beyond an id, oldest first."""
        with self.snapshot() as connection:
            return [ReplyRow(*row) for row in connection.execute(_REPLIES_AFTER, (id_, limit))]

    def dead_letters(self, limit: int = 100, reason: str | None = None) -> list[DeadLetter]:
        """The newest messages that could not be accepted, of one reason or of all."""
        chosen, values = ("", (limit,)) if reason is None else ("WHERE reason = ?", (reason, limit))
        with self.snapshot() as connection:
            rows = connection.execute(f"{_DEAD_LETTERS} {chosen} ORDER BY id DESC LIMIT ?", values)
            return [DeadLetter(*row) for row in rows]

    def dead_letter_totals(self) -> dict[str, int]:
        """How many there ever were, by reason."""
        with self.snapshot() as connection:
            return dict(connection.execute("SELECT reason, letters FROM dead_letter_total ORDER BY reason"))

    def max_position(self) -> int:
        """The greatest position ever given; 0 before the first row."""
        with self.snapshot() as connection:
            row = connection.execute(MAX_POSITION).fetchone()
        return int(row[0]) if row else 0

    def counts(self) -> Counts:
        with self.snapshot() as connection:
            counted = dict(connection.execute("SELECT name, value FROM counter"))
            (canaries,) = connection.execute(_CANARY_REPORTS, (CANARY, CANARY)).fetchone()
            counted["reports"] -= canaries
            return Counts(
                **counted,
                dead_letters=sum(self.dead_letter_totals().values()),
                head_rows=_rows_in(connection, "head"),
                series=_rows_in(connection, "series"),
                devices=_device_count(connection),
                max_position=self.max_position(),
                file_bytes=self._place.size(connection),
            )


def _devices(rows: list[tuple[Any, ...]], heard: list[tuple[str, float, float, int]]) -> list[DeviceRow]:
    """By name; ``heard``: see _HEARD."""
    reports_of: dict[str, tuple[float, float | None, int]] = {}
    for name, received, sampled, reports in heard:
        known = reports_of.get(name)
        if known is not None:  # another boot
            received, sampled, reports = max(received, known[0]), max(sampled, known[1] or 0.0), reports + known[2]
        reports_of[name] = received, sampled, reports
    found = []
    for name, status, birth, online, session, boot, first, before, offset, clock_at, born in rows:
        last, newest, reports = reports_of.get(name, (0.0, None, 0))
        last = max(last, born or 0.0, first)
        online = None if online is None else bool(online)
        reports += before
        device = (name, status, birth, online, session, boot, first, last, newest, reports, offset, clock_at, born)
        found.append(DeviceRow(*device))
    return sorted(found)


def _device_count(connection: Connection) -> int:
    (devices,) = connection.execute("SELECT COUNT(*) FROM device WHERE name <> ?", (CANARY,)).fetchone()
    return int(devices)


def _rows_in(connection: Connection, table: str) -> int:
    (rows,) = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()  # noqa: S608 - the name is ours
    return int(rows)
