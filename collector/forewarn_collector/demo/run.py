"""Plays the simulated fleet against a collector, at many days a minute, until its clock has caught up with now."""

import asyncio
from collections.abc import Callable

from forewarn_collector.cli.client import Client
from forewarn_collector.clock import Clock
from forewarn_collector.demo.machines import DAY, HOUR, Machine
from forewarn_collector.replay.sender import Crowd
from forewarn_collector.replay.waiting import wait_until_judged
from forewarn_collector.tickets.model import Ticket

SMART_EVERY_HOURS = 6
OWED_AT_MOST = 2000


class Told:
    """What the run says while it goes: days that have passed, tickets that were opened."""

    def __init__(self, day: Callable[[float], None], ticket: Callable[[Ticket, float], None]) -> None:
        self.day = day
        self.ticket = ticket


async def play(client: Client, fleet: list[Machine], start: float, days: float, rate: float, told: Told) -> Crowd:
    """Send every hour of every machine when the collector's clock shows it. Raise SendError when it is gone."""
    status = await asyncio.to_thread(client.status)
    assert status.mqtt is not None
    crowd = Crowd(status.mqtt)
    clock = Clock(status.now, rate)
    boot = f"demo-{int(start)}"
    for machine in fleet:
        crowd.send("status", machine.birth(boot, status.now))
    watcher = asyncio.create_task(_watch(client, told, start))
    try:
        for hour in range(int(days * 24)):
            now = start + hour * HOUR
            while clock.now() < now:
                await asyncio.sleep(min(0.2, (now - clock.now()) / rate))
            _send_hour(crowd, fleet, boot, now, hour)
            told.day(hour / 24)
            await crowd.wait_below(OWED_AT_MOST)
        await crowd.finish()
        await asyncio.to_thread(wait_until_judged, client)
    finally:
        watcher.cancel()
    return crowd


def _send_hour(crowd: Crowd, fleet: list[Machine], boot: str, now: float, hour: int) -> None:
    day = hour / 24
    for machine in fleet:
        if day >= machine.silent_since():
            continue
        crowd.send("load", machine.load(boot, now, day))
        if hour % SMART_EVERY_HOURS == 0:
            crowd.send("smart", machine.smart(boot, now, day))


async def _watch(client: Client, told: Told, start: float) -> None:
    seen: set[int] = set()
    while True:
        for ticket in reversed(await asyncio.to_thread(lambda: client.tickets(state="all"))):
            if ticket.number not in seen:
                seen.add(ticket.number)
                told.ticket(ticket, (ticket.opened_at - start) / DAY)
        await asyncio.sleep(0.5)
