"""Reports on disk from the moment they are made until the server has said that it stored them, and some hours more:
a server that finds a gap may ask for them again."""

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from forewarn_agent.outbox_file import WAITING, OutboxFile, OutboxUnavailableError
from forewarn_agent.outbox_room import make_room, utc
from forewarn_agent.reboots import Start, judge_start
from forewarn_agent.settings import OutboxLimits
from forewarn_agent.stamp import UNSTAMPED
from forewarn_wire import EventReport, LoadReport, Message, ReplyReport, SmartReport, encode

log = logging.getLogger(__name__)

_KINDS: dict[type, str] = {LoadReport: "load", SmartReport: "smart", EventReport: "event", ReplyReport: "reply"}


@dataclass(frozen=True)
class Parcel:
    """One stored report, ready to be sent."""

    id: int
    kind: str
    payload: bytes


@dataclass(frozen=True)
class Backlog:
    """What waits; ``oldest`` is Unix time, None where nothing waits."""

    reports: int
    payload_bytes: int
    oldest: float | None


@dataclass
class _Lost:
    """Reports that could not be stored: how many, since when and why."""

    count: int
    since: float
    reason: str


class Outbox:
    """First in, first out. Safe for several threads.

    Meta keys: ``boot`` (token of this start of the machine), ``next_seq``, ``machine_boot``, ``stopped_in_order``,
    ``unexpected_reboots``, ``session``, ``refused <reason>``, ``payload_bytes`` (kept by the file itself).
    """

    def __init__(self, path: Path, device: str, limits: OutboxLimits, clock: Callable[[], float] = time.time) -> None:
        """Open or create the outbox. Raise OutboxUnavailableError."""
        self._device = device
        self._limits = limits
        self._clock = clock
        self._lost: _Lost | None = None
        self._session = 0
        self._machine_boot: str | None = None
        self._told: Callable[[], None] = lambda: None
        self._file = OutboxFile(path, self._settle)
        self._file.run(self._settle)

    def watch(self, told: Callable[[], None]) -> None:
        """``told`` is called, in any thread, when there is something to send."""
        self._told = told

    @property
    def boot(self) -> str:
        """The token that names this start of the machine, or this outbox if it is newer."""
        return self._file.run(lambda: self._file.get("boot")) or ""

    @property
    def next_seq(self) -> int:
        return self._file.run(lambda: int(self._file.get("next_seq") or 1))

    def begin(self, machine_boot: str | None) -> tuple[Start, int]:
        """Note the start of the agent. Return what it says about the machine, and how often the machine has come
        back unexpectedly since this outbox began. Event, boot token and count are one transaction."""

        def work() -> tuple[Start, int]:
            stopped_in_order = self._file.get("stopped_in_order") == "yes"
            start = judge_start(self._file.get("machine_boot"), machine_boot, stopped_in_order)
            count = int(self._file.get("unexpected_reboots") or 0) + (start is Start.UNEXPECTED_REBOOT)
            if start in (Start.REBOOT, Start.UNEXPECTED_REBOOT):
                self._new_boot()
            if machine_boot is not None:
                self._file.set("machine_boot", machine_boot)
            self._file.set("unexpected_reboots", str(count))
            self._file.set("stopped_in_order", "no")
            if start is Start.REBOOT:
                self._insert_event("reboot", "the machine was stopped in order and has started again")
            elif start is Start.UNEXPECTED_REBOOT:
                self._insert_event("unexpected-reboot", "the machine has started again without an orderly stop")
            return start, count

        result = self._file.run(work)
        self._machine_boot = machine_boot
        return result

    def append(self, message: Message, note: tuple[str, str] | None = None) -> Message | None:
        """Give the message its device, boot and seq and keep it; it is on the disk when this returns.

        ``note`` is a word of the agent's own (key, value) that is kept together with it or not at all.

        Return it as stored, or None where the disk does not take it: an event tells later how many were lost so.
        """

        def work() -> Message:
            if self._lost is not None:
                span = f"from {utc(self._lost.since)} to {utc(self._clock())}"
                self._insert_event("outbox-dropped", f"not stored {span}: {self._lost.reason}", self._lost.count)
            stamped = self._insert(message)
            if note is not None:
                self._file.set(*note)
            dropped = make_room(self._file, self._clock(), self._limits)
            if dropped is not None:
                self._insert_event("outbox-dropped", dropped.text, dropped.reports)
            return stamped

        try:
            stored = self._file.run(work)
        except OutboxUnavailableError as error:
            self._note_loss(str(error))
            return None
        if self._lost is not None:
            log.warning("the outbox takes reports again, %d were lost", self._lost.count)
            self._lost = None
        self._told()
        return stored

    def peek(self, after: int, limit: int) -> list[Parcel]:
        """The oldest reports with an id above ``after``."""
        query = "SELECT id, kind, payload FROM reports WHERE settled_at IS NULL AND id > ? ORDER BY id LIMIT ?"
        return self._file.run(lambda: [Parcel(*row) for row in self._file.execute(query, (after, limit))])

    def settle(self, stored: Iterable[int], refused: Iterable[int]) -> None:
        """Take the server's word: what it has stored is kept for ``keep``, what it will never take is forgotten."""
        stored, refused = list(stored), list(refused)

        def work() -> None:
            for id_ in stored:
                self._file.execute("UPDATE reports SET settled_at = ? WHERE id = ?", (self._clock(), id_))
            for id_ in refused:
                self._file.execute("DELETE FROM reports WHERE id = ?", (id_,))

        self._file.run(work)

    def resend(self, boot: str, sequences: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Let reports go again that the server does not have; return those that are here, as closed ranges."""

        def work() -> list[tuple[int, int]]:
            found: set[int] = set()
            for first, last in sequences:
                where = (boot, first, last)
                rows = self._file.execute("SELECT seq FROM reports WHERE boot = ? AND seq BETWEEN ? AND ?", where)
                found.update(seq for (seq,) in rows)
                self._file.execute("UPDATE reports SET settled_at = NULL WHERE boot = ? AND seq BETWEEN ? AND ?", where)
            return closed_ranges(found)

        return self._file.run(work)

    def limit(self, limits: OutboxLimits) -> None:
        self._limits = limits

    def recall(self, key: str) -> str | None:
        """What ``append`` noted under this key."""
        return self._file.run(lambda: self._file.get(key))

    def backlog(self) -> Backlog:
        return self._file.run(lambda: Backlog(*self._file.execute(WAITING).fetchone()))

    def next_session(self) -> int:
        """Count a connection. Where the disk is full the number still grows, but only in memory."""

        def work() -> int:
            session = max(self._session, int(self._file.get("session") or 0)) + 1
            self._file.set("session", str(session))
            return session

        try:
            self._session = self._file.run(work)
        except OutboxUnavailableError as error:
            self._session += 1
            log.warning("the session number is not kept: %s", error)
        return self._session

    def count_refused(self, reason: str) -> int:
        """Count a report that the server will never take; return how many there were for this reason."""

        def work() -> int:
            count = int(self._file.get(f"refused {reason}") or 0) + 1
            self._file.set(f"refused {reason}", str(count))
            return count

        return self._file.run(work)

    def mark_stopped_in_order(self) -> None:
        self._file.run(lambda: self._file.set("stopped_in_order", "yes"))

    def close(self) -> None:
        self._file.close()

    def _settle(self) -> None:
        """Make a new file an outbox."""
        if self._file.get("boot") is None:
            self._new_boot()
            if self._machine_boot is not None:
                self._file.set("machine_boot", self._machine_boot)

    def _new_boot(self) -> None:
        self._file.set("boot", secrets.token_hex(8))
        self._file.set("next_seq", "1")

    def _insert(self, message: Message) -> Message:
        seq = int(self._file.get("next_seq") or 1)
        boot = self._file.get("boot") or ""
        stamped = msgspec.structs.replace(message, device=self._device, boot=boot, seq=seq)
        self._file.execute(
            "INSERT INTO reports (kind, stored_at, payload, boot, seq) VALUES (?, ?, ?, ?, ?)",
            (_KINDS[type(message)], self._clock(), encode(stamped), boot, seq),
        )
        self._file.set("next_seq", str(seq + 1))
        return stamped

    def _insert_event(self, event: str, text: str, count: int = 1) -> None:
        self._insert(
            EventReport(
                device=UNSTAMPED,
                boot=UNSTAMPED,
                seq=0,
                sampled_at=self._clock(),
                event=event,
                count=count,
                text=text[:1000],
            )
        )

    def _note_loss(self, reason: str) -> None:
        if self._lost is None:
            log.error("the outbox takes no reports, they are lost until it does: %s", reason)
            self._lost = _Lost(0, self._clock(), reason)
        self._lost.count += 1


def closed_ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """``{1, 2, 3, 7}`` as ``[(1, 3), (7, 7)]``."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges
