"""Which stored report goes next, and what an answer to it means. No network here."""

import enum
import logging
from collections import deque
from dataclasses import dataclass, field

from forewarn_agent.outbox import Outbox, Parcel
from forewarn_agent.outbox_file import OutboxUnavailableError

log = logging.getLogger(__name__)

# MQTT 5, table 2-6. These say that this very report will never be taken.
TOPIC_NAME_INVALID, PAYLOAD_FORMAT_INVALID, PACKET_TOO_LARGE = 0x90, 0x99, 0x95
NO_MATCHING_SUBSCRIBERS = 0x10
_FIRST_FAILURE = 0x80
_PAUSE_FIRST, _PAUSE_LONGEST = 5.0, 900.0


class Verdict(enum.Enum):
    STORED = "stored"
    NEVER = "never"
    LATER = "later"


def judge_reason(code: int) -> Verdict:
    """What a PUBACK's reason code means for the report.

    "No matching subscribers" is a success to the broker, which keeps the report for nobody: the collector's session is
    lost, and it is not back yet.
    """
    if code < _FIRST_FAILURE and code != NO_MATCHING_SUBSCRIBERS:
        return Verdict.STORED
    if code in (TOPIC_NAME_INVALID, PAYLOAD_FORMAT_INVALID, PACKET_TOO_LARGE):
        return Verdict.NEVER
    return Verdict.LATER


@dataclass
class Drain:
    """One connection's way through the outbox: at most ``window`` reports are on their way at a time."""

    outbox: Outbox
    window: int
    largest: int | None = None
    _cursor: int = 0
    _ready: deque[Parcel] = field(default_factory=deque)
    _on_the_way: dict[int, Parcel] = field(default_factory=dict)
    _done: list[int] = field(default_factory=list)
    _refused: list[int] = field(default_factory=list)
    _pause: float = 0.0
    _resume_at: float = 0.0

    def next(self, now: float) -> Parcel | None:
        """The next report to send, or None: the window is full, nothing waits, or the server asked for patience."""
        if now < self._resume_at or len(self._on_the_way) >= self.window:
            return None
        while True:
            if not self._ready:
                self._ready.extend(self.outbox.peek(self._cursor, self.window))
            if not self._ready:
                return None
            parcel = self._ready.popleft()
            self._cursor = parcel.id
            if parcel.id in self._settled_or_sent():
                continue
            if self.largest is None or len(parcel.payload) + 200 <= self.largest:
                return parcel
            self._refuse(parcel, "packet too large for the server")

    def pause(self, now: float) -> float:
        """Seconds for which the server asked to be left alone; 0 where it did not."""
        return max(0.0, self._resume_at - now)

    def sent(self, mid: int, parcel: Parcel) -> None:
        self._on_the_way[mid] = parcel

    def answered(self, mid: int, code: int, reason: str, now: float) -> None:
        """Take one PUBACK. What it decides reaches the disk by ``settle``."""
        parcel = self._on_the_way.pop(mid, None)
        if parcel is None:
            return
        verdict = judge_reason(code)
        if verdict is Verdict.STORED:
            self._done.append(parcel.id)
            self._pause = 0.0
        elif verdict is Verdict.NEVER:
            self._refuse(parcel, reason)
        else:
            self._postpone(reason, now)

    def settle(self) -> None:
        """Tell the outbox which reports are done, many in one transaction."""
        if not self._done and not self._refused:
            return
        try:
            self.outbox.settle(self._done, self._refused)
        except OutboxUnavailableError as error:
            # They stay on the list and, after a restart, are sent again: the collector knows them by their seq.
            log.warning("%d delivered reports are still in the outbox: %s", len(self._done) + len(self._refused), error)
            return
        self._done.clear()
        self._refused.clear()

    def rewind(self) -> None:
        """Look at the outbox from its beginning again: older reports wait there anew."""
        self._ready.clear()
        self._cursor = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way and nothing is left to send."""
        return not self._on_the_way and not self._ready and not self.outbox.peek(self._cursor, 1)

    def _settled_or_sent(self) -> set[int]:
        return {*self._done, *self._refused, *(parcel.id for parcel in self._on_the_way.values())}

    def _refuse(self, parcel: Parcel, reason: str) -> None:
        self._refused.append(parcel.id)
        try:
            count = self.outbox.count_refused(reason)
        except OutboxUnavailableError:
            count = 0
        log.error("the server will never take a %s report (%s), dropped; %d so far", parcel.kind, reason, count)

    def _postpone(self, reason: str, now: float) -> None:
        """Begin again with the oldest report after a pause that doubles with every refusal."""
        if now >= self._resume_at:
            self._pause = min(self._pause * 2 or _PAUSE_FIRST, _PAUSE_LONGEST)
            self._resume_at = now + self._pause
            log.warning("the server refuses reports (%s): kept, next try in %g s", reason, self._pause)
        self.rewind()
