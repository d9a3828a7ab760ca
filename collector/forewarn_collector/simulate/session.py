"""A simulation from beginning to end: the fleet is built, reports, and the collector is asked what it saw of it."""

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from forewarn_collector.cli.client import Client
from forewarn_collector.replay.sender import GIVE_UP_SECONDS, SendError, VirtualAgents
from forewarn_collector.replay.waiting import wait_until_judged
from forewarn_collector.simulate.fleet import Fleet
from forewarn_collector.simulate.outboxes import Outboxes
from forewarn_collector.simulate.pace import Pace
from forewarn_collector.simulate.run import Play, Told
from forewarn_collector.simulate.score import (
    Finding,
    Result,
    false_tickets,
    findings,
    judge_kinds,
    missing_reports,
)

# What the judge finds by itself (silence) comes a little after the last report.
SETTLE_SECONDS = 15.0


class Order(NamedTuple):
    """What is simulated. ``to``: MQTT address. ``ends_at``: real time; infinite: until it is stopped, or until the
    devices' time has caught up. ``keys``: a directory with each device's NAME.pem and NAME.key. ``moves_clock``: the
    collector lives in the devices' time. ``devices_per_connection``: more than one behind a broker only."""

    seed: int
    fleet: Fleet
    pace: Pace
    to: str
    ends_at: float
    agents: int = 0
    outboxes: Path = Path()
    ca: Path | None = None
    keys: Path | None = None
    patience: float = GIVE_UP_SECONDS
    moves_clock: bool = False
    devices_per_connection: int = 1


async def run(client: Client, order: Order, stop: asyncio.Event, tell: Callable[[Told], None]) -> Result:
    """Raise SendError where the collector cannot be reached or is gone for good, ClientError where its API is."""
    fleet = order.fleet
    before = await asyncio.to_thread(_reports, client)
    play = await _play(client, order, stop, tell)
    seconds = time.time() - order.pace.began
    found = await asyncio.to_thread(_settled, client, fleet, play.at)
    stored, missing = missing_reports(play.made, before, await asyncio.to_thread(_reports, client))
    p50, p99 = (play.waits.quantile(share) for share in (0.5, 0.99))
    return Result(
        seed=order.seed,
        devices=len(fleet.devices),
        agents=order.agents,
        device_days=round((play.at - fleet.start) / 86_400, 3),
        seconds=round(seconds, 3),
        sent=play.sent,
        acknowledged=play.sent - play.owed,
        refused=play.refused,
        stored=stored,
        missing=missing,
        reports_per_second=round(play.sent / seconds, 1),
        puback_p50_ms=None if p50 is None else round(1000 * p50, 1),
        puback_p99_ms=None if p99 is None else round(1000 * p99, 1),
        behind_seconds=round(play.behind, 3),
        kinds=judge_kinds(fleet, found, play.at),
        false_tickets=false_tickets(fleet, found),
    )


async def _play(client: Client, order: Order, stop: asyncio.Event, tell: Callable[[Told], None]) -> Play:
    crowd = VirtualAgents(order.to, _tls(order), order.patience, order.devices_per_connection)
    await crowd.knock(order.fleet.devices[0].name)

    async def set_clock(now: float | None) -> None:
        await asyncio.to_thread(client.set_clock, now)

    outboxes = None
    if order.agents:
        outboxes = await Outboxes.start(order.outboxes, order.to, order.ca, order.keys)
    try:
        boot = f"sim-{order.seed}-{int(order.fleet.start)}"
        clock = set_clock if order.moves_clock else None
        play = Play(order.fleet, order.pace, boot, crowd, outboxes, order.agents, clock)
        await play.through(order.ends_at, stop, tell)
        return play
    finally:
        if outboxes is not None:
            await outboxes.kill()


def _tls(order: Order) -> Callable[[str], ssl.SSLContext] | None:
    """How each device vouches for itself. Raise SendError for a file that is missing or no good."""
    if not order.to.startswith("mqtts:"):
        return None
    try:
        shared = ssl.create_default_context(cafile=order.ca)
    except (OSError, ValueError) as error:
        raise SendError(f"{order.ca}: no certificate that serves ({error})") from None

    def own(device: str) -> ssl.SSLContext:
        if order.keys is None:
            return shared
        certificate = order.keys / f"{device}.pem"
        try:
            context = ssl.create_default_context(cafile=order.ca)
            context.load_cert_chain(certificate, order.keys / f"{device}.key")
        except (OSError, ValueError) as error:
            raise SendError(f"{certificate}: no certificate and key that serve ({error})") from None
        return context

    return own


def _settled(client: Client, fleet: Fleet, ended_at: float) -> list[Finding]:
    """What was found, as soon as nothing is missing, or after a while."""
    wait_until_judged(client)
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        found = findings(client.tickets(state="all"), client.watch_list().items)
        complete = not any(kind.missed for kind in judge_kinds(fleet, found, ended_at))
        if complete or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def _reports(client: Client) -> dict[str, int]:
    return {str(name): int(count) for name, count in client.get("/reports").items()}
