"""Plays the simulated fleet against a collector, at many days a minute, on a clock that moves with it."""

import asyncio
import time
from collections.abc import Callable

from forewarn_collector.cli.client import Client
from forewarn_collector.demo.machines import DAY, HOUR, Machine
from forewarn_collector.replay.sender import VirtualAgents
from forewarn_collector.replay.waiting import wait_until_judged
from forewarn_collector.tickets.model import Ticket

SMART_EVERY_HOURS = 6
# The clock moves this far at a time; far less than the silence that counts as a finding.
HOURS_AT_ONCE = 6
# Few reports on their way, or a machine would seem silent because its report still waits.
OWED_AT_MOST = 300
LIVE_SECONDS = 30.0


class Told:
    """What the run says while it goes: days that have passed, tickets that were opened."""

    def __init__(self, day: Callable[[float], None], ticket: Callable[[Ticket, float], None]) -> None:
        self.day = day
        self.ticket = ticket


class Play:
    """One run. Every method raises SendError or ClientError when the collector is gone."""

    def __init__(self, client: Client, fleet: list[Machine], start: float, days: float) -> None:
        self._client = client
        self._fleet = fleet
        self._start = start
        self._hours = int(days * 24)
        self._boot = f"demo-{int(start)}"

    async def through(self, days_per_minute: float, told: Told, stay: bool) -> None:
        """Send every hour of every machine; at the end give the clock back, and with ``stay`` go on live."""
        status = await asyncio.to_thread(self._client.status)
        assert status.mqtt is not None
        crowd = VirtualAgents(status.mqtt)
        for machine in self._fleet:
            crowd.send("status", machine.birth(self._boot, self._start))
        watcher = asyncio.create_task(self._watch(told))
        seconds_an_hour = 60 / days_per_minute / 24
        began = time.monotonic()
        try:
            for first in range(0, self._hours, HOURS_AT_ONCE):
                hours = range(first, min(first + HOURS_AT_ONCE, self._hours))
                await self._some(crowd, hours)
                told.day(hours.stop / 24)
                await asyncio.sleep(max(0.0, began + hours.stop * seconds_an_hour - time.monotonic()))
            await crowd.wait_below(1)
            await asyncio.to_thread(self._client.set_clock, None)
            await asyncio.to_thread(wait_until_judged, self._client)
            while stay:
                self._send(crowd, time.time(), (time.time() - self._start) / DAY, smart=False)
                await asyncio.sleep(LIVE_SECONDS)
            await crowd.finish()
        finally:
            watcher.cancel()

    async def _some(self, crowd: VirtualAgents, hours: range) -> None:
        await asyncio.to_thread(self._client.set_clock, self._start + hours[-1] * HOUR)
        for hour in hours:
            self._send(crowd, self._start + hour * HOUR, hour / 24, smart=hour % SMART_EVERY_HOURS == 0)
        await crowd.wait_below(OWED_AT_MOST)

    def _send(self, crowd: VirtualAgents, now: float, day: float, *, smart: bool) -> None:
        for machine in self._fleet:
            if day >= machine.silent_since():
                continue
            crowd.send("load", machine.load(self._boot, now, day))
            if smart:
                crowd.send("smart", machine.smart(self._boot, now, day))

    async def _watch(self, told: Told) -> None:
        seen: set[int] = set()
        while True:
            for ticket in reversed(await asyncio.to_thread(lambda: self._client.tickets(state="all"))):
                if ticket.number not in seen:
                    seen.add(ticket.number)
                    told.ticket(ticket, (ticket.opened_at - self._start) / DAY)
            await asyncio.sleep(0.5)
