"""What is known of the devices' clocks, remembered between batches and kept in the table of devices."""

import json
from collections.abc import Collection, Sequence

from forewarn_collector.store.device_clock import Birth, Offset, device_milliseconds
from forewarn_collector.store.place import Connection
from forewarn_collector.store.recall import clocks

_PUT = "UPDATE device SET clock_offset = ?, clock_at = ? WHERE name = ?"

# An offset is written when it has moved by so many milliseconds, or was written so long ago.
_STEP, _EVERY = 1000, 600_000


class DeviceClock:
    __slots__ = ("birth", "offset")

    def __init__(self, offset: Offset, birth: Birth | None) -> None:
        self.offset = offset
        self.birth = birth


class DeviceClocks:
    """Not thread-safe: the journal's writer calls it under its lock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, DeviceClock] = {}
        self._doubted: dict[str, DeviceClock] = {}

    def forget(self) -> None:
        self._known.clear()
        self._doubted.clear()

    def doubt(self) -> None:
        """Somebody else has written: what is kept is read anew. What was compared here counts still."""
        self._doubted |= self._known
        self._known.clear()

    def recall(self, devices: Collection[str]) -> None:
        for device, kept, kept_at, birth, received in clocks(self._connection, devices):
            doubted = self._doubted.pop(device, None)
            offset = doubted.offset if doubted else Offset()
            offset.kept, offset.kept_at = kept, kept_at or 0
            self._known[device] = DeviceClock(offset, None if birth is None else _birth(birth, received or 0))

    def of(self, device: str) -> DeviceClock:
        if (clock := self._known.get(device)) is not None:
            return clock
        self.recall([device])
        return self._known.setdefault(device, DeviceClock(Offset(), None))

    def born(self, device: str, status: bytes, received: int) -> None:
        """A session begins. Its birth did not wait, but for one that a broker had kept: that one looks old."""
        clock = self.of(device)
        clock.birth = _birth(status, received)
        clock.offset.take(clock.birth.sampled, received)

    def write(self, offsets: Sequence[tuple[int, int, str]]) -> None:
        """(offset, when it was told, device)"""
        self._connection.executemany(_PUT, offsets)


def compared(clock: DeviceClock, boot: str, seq: int, sampled: int, received: int) -> int | None:
    """Compare clocks by a report. Only one that was made after the birth of its session did not wait in the outbox.

    Return the offset where it is to be written.
    """
    birth, offset = clock.birth, clock.offset
    if birth is not None and (boot != birth.boot or seq < birth.seq):
        return None
    offset.take(sampled, received)
    value = offset.value()
    if value is None:
        return None
    if offset.kept is not None and abs(value - offset.kept) < _STEP and received - offset.kept_at < _EVERY:
        return None
    offset.kept, offset.kept_at = value, received
    return value


def _birth(status: bytes, received: int) -> Birth:
    said = json.loads(status)
    sampled = device_milliseconds(said.get("sampled_at", received / 1000))
    return Birth(said.get("boot", ""), said.get("seq", 0), sampled, received)
