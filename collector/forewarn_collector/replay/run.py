"""A replay from beginning to end: choose drives, send them through the front door, wait for the judge, score."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from forewarn_collector.cli.client import Client
from forewarn_collector.replay.histories import Choice, days
from forewarn_collector.replay.score import Result, score
from forewarn_collector.replay.sender import VirtualAgents
from forewarn_collector.replay.virtual import Reporter, boot_token, device_name
from forewarn_collector.replay.waiting import wait_until_judged

OWED_AT_MOST = 4000
COHORT = 2000


def replay(client: Client, files: Sequence[Path], choice: Choice, advance: Callable[[int], None]) -> Result:
    """Raise SendError when the collector is gone for good. ``advance`` is told how many reports were sent."""
    mqtt_url = client.status().mqtt
    if mqtt_url is None:
        raise ValueError("this collector has no MQTT listener of its own; start one with `forewarn up`")
    before = _reports(client)
    began = time.monotonic()
    crowd = asyncio.run(_send(mqtt_url, files, choice, advance))
    wait_until_judged(client)
    seconds = time.monotonic() - began
    devices = {device_name(serial) for serial in choice.serials}
    stored = sum(count for name, count in _reports(client).items() if name in devices)
    already = sum(count for name, count in before.items() if name in devices)
    tickets = [ticket for ticket in client.tickets(state="all") if ticket.device in devices]
    births = len(choice.serials)
    return score(
        choice,
        tickets,
        sent=crowd.sent - births,
        acknowledged=crowd.acked[0] - births,
        refused=crowd.acked.total() - crowd.acked[0],
        stored=stored if already == 0 or stored == already else stored - already,
        seconds=seconds,
    )


async def _send(mqtt_url: str, files: Sequence[Path], choice: Choice, advance: Callable[[int], None]) -> VirtualAgents:
    """Each drive in the order of its days; no more than a cohort of connections at a time."""
    crowd = VirtualAgents(mqtt_url)
    serials = sorted(choice.serials)
    for start in range(0, len(serials), COHORT):
        cohort = set(serials[start : start + COHORT])
        reporter = Reporter(boot_token(files))
        for today in days(files, cohort):
            for day in today:
                if reporter.is_new(day.serial):
                    crowd.send("status", reporter.birth(day, time.time()))
                crowd.send("smart", reporter.report(day))
            advance(len(today))
            await crowd.wait_below(OWED_AT_MOST)
        await crowd.finish()
    return crowd


def _reports(client: Client) -> dict[str, int]:
    return {str(name): int(count) for name, count in client.get("/reports").items()}
