"""One batch of accepted messages into the tables of journal.db, within a transaction that the caller holds.

Series, layouts and received sequence numbers are remembered between batches, so that a batch is a handful of
statements. Whatever is remembered can be read from the file again: after a failed transaction, `Intake.forget`.
"""

import json
import struct
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from math import inf, isfinite, nan

from forewarn_collector.store.device_clock import device_milliseconds, placed
from forewarn_collector.store.device_clocks import DeviceClocks, compared
from forewarn_collector.store.holes import Hole, without
from forewarn_collector.store.model import (
    DEAD_LETTERS_KEPT,
    PAYLOAD_LIMIT,
    REPLIES_KEPT,
    Accepted,
    DeadLetter,
    Point,
    StoreError,
    time_problem,
)
from forewarn_collector.store.place import Connection
from forewarn_collector.store.recall import Boot, Series, boots, series
from forewarn_collector.store.statements import ADD_ROW

_ADD_SERIES = (
    "INSERT INTO series (device, kind, part, facts, facts_at, first_at) VALUES (?, ?, ?, ?, ?, ?) RETURNING id"
)
_PUT_INTAKE = """
    INSERT INTO intake (device, boot, ranges, first_received, last_received, last_sampled, reports)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (device, boot) DO UPDATE SET ranges = excluded.ranges,
    last_received = excluded.last_received, last_sampled = excluded.last_sampled, reports = excluded.reports"""
_PUT_DEVICE = "INSERT INTO device (name, first_received) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
_PUT_BIRTH = """
    UPDATE device SET status = :status, birth = :status, online = 1, session = :session, boot = :boot,
    birth_received = :received WHERE name = :name"""
# Sessions are counted anew when an agent's data is gone: a boot that was not heard of since the birth is the older.
_PUT_WILL = """
    UPDATE device SET status = :status, online = 0, session = :session
    WHERE name = :name AND session <= :session AND (COALESCE(boot, :boot) = :boot OR NOT EXISTS (
        SELECT 1 FROM intake AS old
        WHERE old.device = :name AND old.boot = :boot AND last_received <= birth_received))"""
_DROP_GAPS = "DELETE FROM gap WHERE device = ? AND boot = ?"
_ADD_GAP = "INSERT INTO gap (device, boot, first, last, after, before, found) VALUES (?, ?, ?, ?, ?, ?, ?)"
_ADD_EVENT = """
    INSERT INTO event (device, at, received, name, part, occurrences, text) VALUES (?, ?, ?, ?, ?, ?, ?)"""
_ADD_REPLY = "INSERT INTO reply (device, received, in_reply_to, body) VALUES (?, ?, ?, ?)"
_TRIM_REPLIES = "DELETE FROM reply WHERE id <= (SELECT MAX(id) FROM reply) - ?"
_ADD_DEAD_LETTER = """
    INSERT INTO dead_letter (received, door, client, topic, reason, detail, payload) VALUES (?, ?, ?, ?, ?, ?, ?)"""
_TRIM_DEAD_LETTERS = "DELETE FROM dead_letter WHERE id <= (SELECT MAX(id) FROM dead_letter) - ?"
_COUNT_DEAD_LETTER = """
    INSERT INTO dead_letter_total VALUES (?, ?)
    ON CONFLICT (reason) DO UPDATE SET letters = dead_letter_total.letters + excluded.letters"""
_COUNT = "UPDATE counter SET value = value + ? WHERE name = ?"


class _Layout:
    __slots__ = ("id", "pack")

    def __init__(self, id_: int, fields: int) -> None:
        self.id = id_
        self.pack = struct.Struct(f"<{fields}d").pack


class _Batch:
    """What one transaction will write besides new series and layouts."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int, bytes]] = []
        self.facts: list[tuple[bytes, int, int]] = []
        self.events: list[tuple[str, int, int, str, str, int, str]] = []
        self.replies: list[tuple[str, int, str, bytes]] = []
        self.boots: dict[tuple[str, str], Boot] = {}
        self.holed: set[tuple[str, str]] = set()
        self.clocks: list[tuple[int, int, str]] = []
        self.reports = 0
        self.duplicates = 0


class Intake:
    """Not thread-safe: the journal's writer calls it under its lock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._boots: dict[tuple[str, str], Boot] = {}
        self._clocks = DeviceClocks(connection)
        self._series: dict[tuple[str, str, str], Series] = {}
        self._layouts: dict[tuple[str, ...], _Layout] = {}
        self._doubted = False

    def forget(self) -> None:
        """Drop everything remembered, because the transaction that it came from was undone."""
        self._boots.clear()
        self._clocks.forget()
        self._series.clear()
        self._layouts.clear()

    def doubt(self) -> None:
        """Somebody else has committed: what is remembered is to be read anew, but for layouts, which stay."""
        self._boots.clear()
        self._clocks.doubt()
        self._series.clear()
        self._doubted = True

    def write(self, accepted: Sequence[Accepted], dead: Sequence[DeadLetter]) -> list[bool]:
        """Write a batch; say of each message whether it was stored."""
        if self._doubted:
            self._recall(accepted)
            self._doubted = False
        batch = _Batch()
        stored = [
            self._take_report(batch, message) if message.status is None else self._write_status(message)
            for message in accepted
        ]
        self._write_batch(batch)
        if dead:
            self._write_dead_letters(dead)
        return stored

    def _take_report(self, batch: _Batch, message: Accepted) -> bool:
        received = _milliseconds(message.received_at)
        clock = self._clocks.of(message.device)
        sampled = device_milliseconds(message.sampled_at)
        at, exact = placed(sampled, received, clock.birth)
        key = (message.device, message.boot)
        boot = batch.boots[key] = self._boots.get(key) or self._find_boot(message, received, at)
        boot.last_received = max(boot.last_received, received)
        # One too many is stored as often as it comes: its rows replace each other.
        if message.seq is not None and not boot.ranges.is_one_too_many(message.seq):
            top = boot.ranges.last
            if not boot.ranges.add(message.seq):
                batch.duplicates += 1
                return False
            if message.seq == top + 1:  # nearly every report
                if (offset := compared(clock, message.boot, message.seq, sampled, received)) is not None:
                    batch.clocks.append((offset, received, message.device))
            else:
                _mind_gap(boot, message.seq, top, at, received)
                batch.holed.add(key)
        batch.reports += 1
        boot.reports += 1
        boot.last_sampled = max(boot.last_sampled, at)
        if message.event is not None:
            name, part, occurrences, text = message.event
            batch.events.append((message.device, at, received, name, part, occurrences, text))
        if message.reply is not None:
            batch.replies.append((message.device, received, *message.reply))
        for point in message.points:
            own = at == sampled and point.at != message.sampled_at
            self._take_point(batch, point, _milliseconds(point.at) if own else at, exact, received)
        return True

    def _take_point(self, batch: _Batch, point: Point, at: int, exact: bool, received: int) -> None:
        facts_time = min(at, received)  # a clock that runs ahead must not freeze the facts
        known = self._series.get((point.device, point.kind, point.part)) or self._find_series(point, at, facts_time)
        if not exact and at <= known.facts_time:
            at = facts_time = known.facts_time + 1  # several that came at once keep their order and all their values
        if facts_time >= known.facts_time:
            known.facts_time = facts_time
            if point.facts != known.facts:
                known.facts = point.facts
                batch.facts.append((point.facts, facts_time, known.id))
        layout = self._layouts.get(point.fields) or self._find_layout(point.fields)
        values = point.values
        if not isfinite(sum(values)):
            values = tuple([nan if value in (inf, -inf) else value for value in values])
        batch.rows.append((known.id, at, received, layout.id, layout.pack(*values)))

    def _recall(self, accepted: Sequence[Accepted]) -> None:
        """Read at once what is known of everything that a batch is about."""
        self._clocks.recall({message.device for message in accepted})
        self._boots |= boots(self._connection, {(message.device, message.boot) for message in accepted})
        self._series |= series(
            self._connection,
            {(point.device, point.kind, point.part) for message in accepted for point in message.points},
        )

    def _find_boot(self, message: Accepted, received: int, at: int) -> Boot:
        key = (message.device, message.boot)
        self._boots |= boots(self._connection, [key])
        if key not in self._boots:
            self._connection.execute(_PUT_DEVICE, (message.device, received))
            self._boots[key] = Boot([], "", received, received, at, 0)
        return self._boots[key]

    def _find_series(self, point: Point, at: int, facts_time: int) -> Series:
        key = (point.device, point.kind, point.part)
        self._series |= series(self._connection, [key])
        if key not in self._series:
            (id_,) = self._connection.execute(_ADD_SERIES, (*key, point.facts, facts_time, at)).fetchone()
            self._series[key] = Series(id_, point.facts, facts_time)
        return self._series[key]

    def _find_layout(self, fields: tuple[str, ...]) -> _Layout:
        text = json.dumps(fields)
        self._connection.execute("INSERT INTO layout (fields) VALUES (?) ON CONFLICT (fields) DO NOTHING", (text,))
        (id_,) = self._connection.execute("SELECT id FROM layout WHERE fields = ?", (text,)).fetchone()
        layout = self._layouts[fields] = _Layout(id_, len(fields))
        return layout

    def _write_status(self, message: Accepted) -> bool:
        """False: it is the will of an older session than the one we know, which must not end the newer one."""
        received = _milliseconds(message.received_at)
        self._connection.execute(_PUT_DEVICE, (message.device, received))
        values = {
            "name": message.device,
            "status": message.status,
            "session": message.session,
            "boot": message.boot,
            "received": received,
        }
        if not message.online:
            return self._connection.execute(_PUT_WILL, values).rowcount > 0
        assert message.status is not None
        self._clocks.born(message.device, message.status, received)
        return self._connection.execute(_PUT_BIRTH, values).rowcount > 0

    def _write_batch(self, batch: _Batch) -> None:
        execute_many = self._connection.executemany
        execute_many(ADD_ROW, batch.rows)
        execute_many("UPDATE series SET facts = ?, facts_at = ? WHERE id = ?", batch.facts)
        execute_many(_ADD_EVENT, batch.events)
        if batch.replies:
            execute_many(_ADD_REPLY, batch.replies)
            self._connection.execute(_TRIM_REPLIES, (REPLIES_KEPT,))
        execute_many(
            _PUT_INTAKE,
            [
                (*key, str(boot.ranges), boot.first_received, boot.last_received, boot.last_sampled, boot.reports)
                for key, boot in batch.boots.items()
            ],
        )
        execute_many(_DROP_GAPS, list(batch.holed))
        execute_many(_ADD_GAP, [(*key, *hole) for key in batch.holed for hole in batch.boots[key].holes])
        self._clocks.write(batch.clocks)
        counts = {"reports": batch.reports, "duplicates": batch.duplicates, "points": len(batch.rows)}
        execute_many(_COUNT, [(number, name) for name, number in counts.items() if number])

    def _write_dead_letters(self, dead: Sequence[DeadLetter]) -> None:
        self._connection.executemany(
            _ADD_DEAD_LETTER,
            [
                (
                    _milliseconds(letter.received_at),
                    *(_utf8(text) for text in letter[1:6]),
                    letter.payload[:PAYLOAD_LIMIT],
                )
                for letter in dead
            ],
        )
        totals = Counter(_utf8(letter.reason) for letter in dead)
        self._connection.executemany(_COUNT_DEAD_LETTER, list(totals.items()))
        self._connection.execute(_TRIM_DEAD_LETTERS, (DEAD_LETTERS_KEPT,))


def _mind_gap(boot: Boot, number: int, top: int, at: int, received: int) -> None:
    """Note that numbers were left out before this one, or that it fills a gap."""
    if number > top:
        after = boot.last_sampled if top else None
        boot.holes = [*boot.holes, Hole(top + 1, number - 1, after, at, received)]
    else:
        boot.holes = without(boot.holes, number, at)


@lru_cache(maxsize=16)  # what came together was received at one time
def _milliseconds(seconds: float) -> int:
    problem = time_problem(seconds)
    if problem:
        raise StoreError(f"{problem}: such a report must not reach the store")
    return round(seconds * 1000)


def _utf8(text: object) -> str:
    """What a foreign client sent may hold half characters, which SQLite does not take."""
    return str(text).encode("utf-8", "replace").decode()
