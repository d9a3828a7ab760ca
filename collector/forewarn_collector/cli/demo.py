"""``forewarn demo``: a simulated fleet with faults, so that the first predictive ticket is seen without any device."""

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click
import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from forewarn_collector.cli import hint
from forewarn_collector.cli.client import Client, ClientError
from forewarn_collector.cli.session import typed_before
from forewarn_collector.config_file import NAME as CONFIG_NAME
from forewarn_collector.demo.fleet import build_fleet, directory
from forewarn_collector.demo.machines import DAY, Machine
from forewarn_collector.demo.run import Play, Told
from forewarn_collector.replay.embedded import EmbeddedError, embedded_collector
from forewarn_collector.replay.sender import SendError
from forewarn_collector.tickets.model import Ticket


@click.command("demo")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="A new directory to keep it in.")
@click.option("--days", type=click.FloatRange(1, 400), default=90.0, show_default=True, help="Days to simulate.")
@click.option("--days-per-minute", type=click.FloatRange(1, 500), default=45.0, show_default=True, help="How fast.")
@click.option("--devices", type=click.IntRange(8, 2000), default=40, show_default=True, help="Machines in the fleet.")
@click.option("--seed", default=1, show_default=True, help="Another seed gives another fleet.")
@click.option("--stay", is_flag=True, help="Keep the collector up afterwards, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def demo(
    data: Path | None, days: float, days_per_minute: float, devices: int, seed: int, stay: bool, as_json: bool
) -> None:
    """Play a simulated fleet of three customers at many days a minute and watch the tickets open.

    Everything is made up from a seed and says so; the path is the real one: MQTT, journal, judge, tickets.

    Example: forewarn demo --days-per-minute 120
    """
    if typed_before("server") is not None:
        raise click.UsageError("the demonstration starts a collector of its own: leave --server out")
    screen = Console(stderr=True, markup=False, highlight=False)
    data = data or typed_before("data") or Path(tempfile.mkdtemp(prefix="forewarn-demo-"))
    start = time.time() - days * DAY
    fleet = build_fleet(seed, devices)
    try:
        _write_directory(data)
        options = ["--simulated-clock", f"{start:.3f}"]
        with embedded_collector(data, options) as _, Client.connect(data, None, None) as client:
            screen.print(f"{devices} machines report what {days:.0f} days bring. Meanwhile, in another terminal:")
            screen.print(_hints(data, "N"), soft_wrap=True)
            with contextlib.suppress(KeyboardInterrupt):
                _play(data, Play(client, fleet, start, days), days, days_per_minute, start, stay, screen)
            tickets = client.tickets(state="all")
        click.echo(json.dumps(_summary(fleet, tickets, start)) if as_json else _words(tickets, data))
    except (SendError, EmbeddedError, ClientError, TimeoutError, OSError) as error:
        raise click.ClickException(str(error)) from None


def _write_directory(data: Path) -> None:
    """Whose machines they are, where a later ``forewarn up`` on this directory finds it too."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(data.iterdir()):
        raise click.ClickException(f"{data} is not empty: name a new directory, the demonstration fills one of its own")
    # The clock is set over the API, at the fastest pace dozens of times a second.
    config = {"api": {"requests_per_minute": 10_000}, "directory": directory()}
    (data / CONFIG_NAME).write_text(yaml.safe_dump(config), encoding="utf-8")


def _play(data: Path, play: Play, days: float, pace: float, start: float, stay: bool, screen: Console) -> None:
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=screen) as bar:
        task = bar.add_task("day 0", total=days)

        def day(passed: float) -> None:
            bar.update(task, completed=passed, description=f"day {passed:.0f} of {days:.0f}")
            if stay and passed >= days:
                bar.stop()
                screen.print("The simulation has reached today and goes on live; Ctrl-C ends it. In another terminal:")
                screen.print(_hints(data, "N"), soft_wrap=True)

        def ticket(found: Ticket, when: float) -> None:
            screen.print(f"day {when:3.0f}  {found.severity:8}  {found.customer}, {found.device}: {found.title}")

        asyncio.run(play.through(pace, Told(day, ticket), stay))


def _summary(fleet: list[Machine], tickets: Sequence[Ticket], start: float) -> dict[str, object]:
    told: dict[str, list[dict[str, object]]] = {}
    for ticket in tickets:
        row = {"number": ticket.number, "fault": ticket.fault, "severity": ticket.severity, "state": ticket.state}
        told.setdefault(ticket.device, []).append(row | {"day": round((ticket.opened_at - start) / DAY, 1)})
    return {
        "devices": len(fleet),
        "tickets": len(tickets),
        "stories": {m.story: {"device": m.name, "tickets": told.get(m.name, [])} for m in fleet if m.story},
        "tickets_without_story": sum(len(told.get(m.name, [])) for m in fleet if not m.story),
    }


def _words(tickets: Sequence[Ticket], data: Path) -> str:
    first = str(tickets[0].number) if tickets else "N"
    return f"{len(tickets)} tickets. Look closer with: {hint.start(data)}\nand then:\n{_hints(data, first)}"


def _hints(data: Path, number: str) -> str:
    commands = ("tickets", f"ticket show {number}", "devices")
    return "\n".join(f"  {hint.command(data.absolute())} {command}" for command in commands)
