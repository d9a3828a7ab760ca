"""``forewarn simulate``: a fleet that is made up from a seed, at any rate, and what the collector saw of it."""

import asyncio
import contextlib
import json
import math
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
import msgspec
import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from forewarn_collector.cli import hint
from forewarn_collector.cli.client import Client, ClientError
from forewarn_collector.cli.session import typed_before
from forewarn_collector.cli.simulate_page import describe, live
from forewarn_collector.config_file import NAME as CONFIG_NAME
from forewarn_collector.replay.embedded import EmbeddedError, embedded_collector
from forewarn_collector.replay.sender import GIVE_UP_SECONDS, SendError
from forewarn_collector.simulate.faults import KINDS, RHYTHM, Rhythm
from forewarn_collector.simulate.fleet import Fleet, build_fleet, directory
from forewarn_collector.simulate.pace import Pace
from forewarn_collector.simulate.run import Told
from forewarn_collector.simulate.score import Result
from forewarn_collector.simulate.session import Order, run
from forewarn_rules.durations import REMEDY, parse_duration

DAY = 86_400.0
# A history of weeks at the agent's own rhythm would be many millions of reports.
RHYTHM_OF_HISTORY = Rhythm(3600.0, 6 * 3600.0)


class DurationType(click.ParamType[float]):
    """``15m``, ``60d``: seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            self.fail(f"{error}; {REMEDY}", param, ctx)
        if seconds <= 0:
            self.fail("must be longer than nothing", param, ctx)
        return seconds


class RateType(click.ParamType[float]):
    """``1x``, ``100x``, ``max``: how much faster than in life."""

    name = "rate"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        if text == "max":
            return math.inf
        try:
            rate = float(text.removesuffix("x"))
        except ValueError:
            rate = 0.0
        if not 1 <= rate < math.inf:
            self.fail(f"{text!r} is neither max nor a factor of 1 and more: 1x, 100x", param, ctx)
        return rate


DURATION = DurationType()


@click.command("simulate")
@click.option("--devices", type=click.IntRange(1, 200_000), default=100, show_default=True, help="Machines.")
@click.option("--seed", type=click.IntRange(0, 10**6), default=1, show_default=True, help="Another one, another fleet.")
@click.option("--rate", type=RateType(), default="1x", show_default=True, help="How fast: 1x, 100x, max.")
@click.option("--for", "for_", type=DURATION, help="How long to go on; default until Ctrl-C, or the history's end.")
@click.option("--history", type=DURATION, help="How far back the devices' time begins: 60d.")
@click.option("--load-interval", type=DURATION, help="Between the loads of a device; 1m, or 1h with days of history.")
@click.option("--smart-interval", type=DURATION, help="Between readings of a disk; 30m, or 6h with days of history.")
@click.option("--faulty", type=click.FloatRange(0, 100), default=5.0, show_default=True, help="Percent with a fault.")
@click.option("--fault", "faults", multiple=True, type=click.Choice(list(KINDS)), help="Only this kind; repeatable.")
@click.option("--agents", type=click.IntRange(0, 1000), default=5, show_default=True, help="How many with an outbox.")
@click.option("--to", metavar="URL", help="mqtt:// or mqtts:// address; default the collector's own.")
@click.option("--share", type=click.IntRange(1, 1000), default=1, help="With --to a broker: devices on a connection.")
@click.option("--ca", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Who vouches for mqtts.")
@click.option("--keys", type=click.Path(path_type=Path, exists=True, file_okay=False), help="NAME.pem and NAME.key.")
@click.option("--patience", type=DURATION, default=GIVE_UP_SECONDS, help="How long the collector may be away; 2m.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Start a collector on this directory.")
@click.option("--server", help="Use the collector whose API is here, instead of one of its own.")
@click.option("--token-file", type=click.Path(path_type=Path, exists=True), help="Token for --server.")
@click.option("--names", is_flag=True, help="Print the devices' names, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def simulate(
    devices: int,
    seed: int,
    rate: float,
    for_: float | None,
    history: float | None,
    load_interval: float | None,
    smart_interval: float | None,
    faulty: float,
    faults: tuple[str, ...],
    agents: int,
    to: str | None,
    share: int,
    ca: Path | None,
    keys: Path | None,
    patience: float,
    data: Path | None,
    server: str | None,
    token_file: Path | None,
    names: bool,
    as_json: bool,
) -> None:
    """Let a made-up fleet report over MQTT, and compare what was found with what was planted.

    Without --server a collector is started for the run, on --data or on a fresh directory. Exit code 1: a report is not
    stored, or a fault was not found although it was due.

    Example: forewarn simulate --devices 200 --history 60d --rate max
    """
    data, server = data or typed_before("data"), server or typed_before("server")
    token_file = token_file or typed_before("token_file")
    if data is not None and server is not None:
        raise click.UsageError("--data starts a collector of its own, --server uses one that runs: choose one")
    if to is not None and server is None:
        raise click.UsageError("--to sends to a collector that runs: name its API with --server and --token-file")
    if to is not None and not to.startswith(("mqtt://", "mqtts://")):
        raise click.UsageError(f"--to: {to!r} is not an address: mqtt://HOST:PORT or mqtts://HOST:PORT")
    if share > 1 and (to is None or keys is not None):
        raise click.UsageError("--share is for a broker without certificates of devices: --to names it, without --keys")
    behind = _behind(rate, for_, history)
    usual = RHYTHM_OF_HISTORY if behind > 2 * DAY else RHYTHM
    rhythm = Rhythm(load_interval or usual.load, smart_interval or usual.smart)
    chosen = [KINDS[name] for name in faults] if faults else list(KINDS.values())
    span = behind + (for_ or (0.0 if behind else DAY))
    build = partial(build_fleet, seed, devices, span=span, faulty=faulty / 100, kinds=chosen, rhythm=rhythm)
    fleet = build(start=time.time() - behind)
    if names:
        for device in fleet.devices:
            click.echo(device.name)
        return
    screen = Console(stderr=True, markup=False, highlight=False)
    try:
        with _collector(data, server, token_file, fleet, behind, screen) as client:
            to = to or _address(client)
            with tempfile.TemporaryDirectory(prefix="forewarn-agents-") as outboxes:
                began = time.time()
                order = Order(
                    seed=seed, fleet=build(start=began - behind), pace=Pace(began - behind, began, rate), to=to,
                    ends_at=math.inf if for_ is None else began + for_, agents=min(agents, devices),
                    outboxes=Path(outboxes), ca=ca, keys=keys, patience=patience,
                    moves_clock=server is None and behind > 0, devices_per_connection=share,
                )  # fmt: skip
                result = asyncio.run(_run(client, order, screen))
    except (SendError, EmbeddedError, ClientError, TimeoutError, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(json.dumps(msgspec.to_builtins(result)) if as_json else describe(result))
    if not result.complete:
        sys.exit(1)


def _behind(rate: float, for_: float | None, history: float | None) -> float:
    """How far back the devices' time begins: so far that it has caught up at the end, where nothing else is said."""
    if history is not None:
        return history
    if rate == 1:
        return 0.0
    if for_ is None or math.isinf(rate):
        raise click.UsageError("faster than life needs a past: say --history, such as 60d, or (not with max) --for")
    return (rate - 1) * for_


def _address(client: Client) -> str:
    mqtt = client.status().mqtt
    if mqtt is None:
        raise click.ClickException("this collector has no MQTT listener of its own; name its broker with --to")
    return mqtt


async def _run(client: Client, order: Order, screen: Console) -> Result:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, _stop, stop, loop)
    columns = (BarColumn(bar_width=12), TextColumn("{task.description}"))
    with Progress(*columns, console=screen, transient=True) as progress:
        start, began = order.fleet.start, order.pace.began
        total = order.ends_at - began if math.isfinite(order.ends_at) else began - start or None
        bar = progress.add_task("connecting", total=total)
        earlier = [0.0, 0]

        def tell(told: Told) -> None:
            now = time.time()
            pace = (told.sent - earlier[1]) / (now - earlier[0]) if earlier[0] else 0.0
            earlier[:] = [now, told.sent]
            done = now - began if math.isfinite(order.ends_at) else told.at - start
            progress.update(bar, completed=done, description=live(told, pace))

        return await run(client, order, stop, tell)


def _stop(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    """The first time in order, the second time at once."""
    stop.set()
    loop.remove_signal_handler(signal.SIGINT)


@contextlib.contextmanager
def _collector(
    data: Path | None, server: str | None, token_file: Path | None, fleet: Fleet, behind: float, screen: Console
) -> Iterator[Client]:
    if server is not None:
        with Client.connect(data, server, token_file) as client:
            yield client
        return
    data = data or Path(tempfile.mkdtemp(prefix="forewarn-simulate-"))
    _write_config(data, fleet)
    options = ["--simulated-clock", f"{fleet.start:.3f}"] if behind else []
    with embedded_collector(data, options, apart=True), Client.connect(data, None, None) as client:
        yield client
    screen.print(f"kept in {data}; look at it with: {hint.start(data)}", soft_wrap=True)


def _write_config(data: Path, fleet: Fleet) -> None:
    """Whose machines they are. Nothing is held back: months go by in minutes here, and the ticket budget counts the
    collector's own."""
    file = data / CONFIG_NAME
    if not file.exists():
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings = {"directory": directory(fleet), "tickets": {"budget_per_1000_devices_a_month": None}}
        file.write_text(yaml.safe_dump(settings), encoding="utf-8")
