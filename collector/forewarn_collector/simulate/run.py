"""Lets a fleet report, in its own time or faster, until it is over or somebody has had enough."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from forewarn_collector.replay.sender import VirtualAgents
from forewarn_collector.replay.waits import Waits
from forewarn_collector.simulate.fleet import Fleet, SimulatedDevice
from forewarn_collector.simulate.outboxes import Outboxes
from forewarn_collector.simulate.pace import Pace
from forewarn_collector.simulate.reports import birth, load
from forewarn_collector.simulate.schedule import LOAD, Moment, moments
from forewarn_collector.simulate.smart import smart
from forewarn_wire import Message

# So many may be on their way; then it is waited for the collector, and the fleet falls behind.
OWED_AT_MOST = 4000
# Less than this is not worth a sleep of its own.
TOGETHER_SECONDS = 0.005
AT_ONCE = 50
TOLD_EVERY_SECONDS = 0.5
# How far the clock of a collector of our own moves at a time: far less than the silence that counts as a finding.
CLOCK_STEP_SECONDS = 6 * 3600.0


class Told(NamedTuple):
    """``at``: the devices' time. ``p99``: seconds within which 99 % of the PUBACKs of the last moment came; None:
    there were none. ``behind``: seconds that sending is late."""

    at: float
    sent: int
    acknowledged: int
    p99: float | None
    behind: float


class Play:
    """One run. ``made`` counts the reports of each device, ``waits`` how long PUBACKs took, ``behind`` is the latest
    that a report ever went. Everything may raise SendError."""

    def __init__(
        self,
        fleet: Fleet,
        pace: Pace,
        boot: str,
        crowd: VirtualAgents,
        outboxes: Outboxes | None = None,
        agents: int = 0,
        set_clock: Callable[[float | None], Awaitable[None]] | None = None,
    ) -> None:
        """``agents`` of the devices report through ``outboxes``. ``set_clock`` sets that of a collector that lives in
        the devices' time; None gives it back to the machine."""
        self.made: Counter[str] = Counter()
        self.waits = Waits()
        self.at = fleet.start
        self.behind = 0.0
        self._late = 0.0
        self._fleet, self._pace, self._boot = fleet, pace, boot
        self._crowd, self._outboxes = crowd, outboxes
        self._with_outbox = sampled(len(fleet.devices), agents)
        self._set_clock = set_clock
        self._clock = fleet.start
        self._seqs = [0] * len(fleet.devices)
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def sent(self) -> int:
        """Reports; a birth is none."""
        return self.made.total()

    @property
    def owed(self) -> int:
        waiting = self._outboxes.sent - self._outboxes.acknowledged if self._outboxes else 0
        return self._crowd.owed + waiting

    @property
    def refused(self) -> int:
        return self._crowd.acked.total() - self._crowd.acked[0]

    async def through(self, ends_at: float, stop: asyncio.Event, tell: Callable[[Told], None]) -> None:
        """Until the real time ``ends_at``, until ``stop`` is set, or, with an infinite ``ends_at`` and a pace that
        begins behind, until it has caught up. Then wait for what is on its way."""
        telling = asyncio.create_task(self._tell(tell))
        catches_up = ends_at == float("inf") and self._pace.start < self._pace.began
        try:
            for number, moment in enumerate(moments(self._fleet)):
                due = self._pace.due(moment.at)
                if due > ends_at or (catches_up and due <= moment.at):
                    break
                if not await self._wait_until(due, stop) or time.time() > ends_at:
                    break
                if self._set_clock is not None:
                    await self._move_clock(moment.at)
                self._send(moment)
                if number % AT_ONCE == 0:
                    await self._have_room(OWED_AT_MOST)
            await self._have_room(1)
            if self._set_clock is not None:
                await self._set_clock(None)
        finally:
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling
        await self._leave()

    async def _wait_until(self, due: float, stop: asyncio.Event) -> bool:
        """False: it was stopped."""
        wait = due - time.time()
        self._late = max(0.0, -wait) if self._pace.rate != float("inf") else 0.0
        self.behind = max(self.behind, self._late)
        if wait > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(wait, TOGETHER_SECONDS)):
                    await stop.wait()
        return not stop.is_set()

    async def _have_room(self, owed: int) -> None:
        await asyncio.sleep(0)
        self._crowd.check()
        await self._crowd.wait_below(owed)
        if self._outboxes is not None:
            await self._outboxes.wait_below(owed)

    async def _move_clock(self, at: float) -> None:
        """The collector's clock is ahead of what is sent, and never behind it."""
        if at < self._clock or self._set_clock is None:
            return
        # Were more on its way, devices would seem silent whose reports only wait.
        await self._have_room(max(1, len(self._fleet.devices)))
        self._clock = at + CLOCK_STEP_SECONDS
        await self._set_clock(min(self._clock, time.time()))

    def _send(self, moment: Moment) -> None:
        place = moment.device
        device = self._fleet.devices[place]
        self.at = moment.at
        silent = device.has("silent-device")
        if silent is not None and moment.at >= silent.begins_at:
            self._fall_silent(device)
            return
        if not self._seqs[place]:
            self._hand_over(place, "status", birth(device, self._fleet, self._boot, moment.at))
        self._seqs[place] = seq = self._seqs[place] + 1
        self.made[device.name] += 1
        if moment.disk == LOAD:
            self._hand_over(place, "load", load(device, self._fleet, self._boot, seq, moment.at))
        else:
            disk = device.disks[moment.disk]
            self._hand_over(place, "smart", smart(device, disk, self._fleet, self._boot, seq, moment.at))

    def _hand_over(self, place: int, kind: str, message: Message) -> None:
        if self._outboxes is not None and place in self._with_outbox:
            self._outboxes.send(kind, message)
        else:
            self._crowd.send(kind, message)

    def _fall_silent(self, device: SimulatedDevice) -> None:
        task = asyncio.create_task(self._crowd.vanish(device.name))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _leave(self) -> None:
        """Nobody waits for anything any more: say goodbye."""
        for task in self._leaving:
            task.cancel()
        self._note_waits()
        await self._crowd.finish()
        if self._outboxes is not None:
            await self._outboxes.finish()

    async def _tell(self, tell: Callable[[Told], None]) -> None:
        while True:
            p99 = self._note_waits().quantile(0.99)
            tell(Told(self.at, self.sent, max(0, self.sent - self.owed), p99, self._late))
            await asyncio.sleep(TOLD_EVERY_SECONDS)

    def _note_waits(self) -> Waits:
        """Those since the last time."""
        latest, self._crowd.waits = self._crowd.waits, Waits()
        self.waits.add(latest)
        return latest


def sampled(devices: int, agents: int) -> frozenset[int]:
    """Places of ``agents`` devices, evenly spread over the fleet."""
    agents = min(agents, devices)
    return frozenset(number * devices // agents for number in range(agents))
