"""``forewarn up``: the collector in the foreground, with this machine's own agent if wanted."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import msgspec
import yaml

from forewarn_collector.allocation import give_back_large_arrays
from forewarn_collector.api.views import DeviceLine
from forewarn_collector.app import Collector
from forewarn_collector.cli import hint
from forewarn_collector.clock import SettableClock
from forewarn_collector.config import Config
from forewarn_collector.config_file import ConfigError, kept_with, load_config
from forewarn_collector.garbage import look_seldom
from forewarn_collector.paths import default_data
from forewarn_collector.start import StartError
from forewarn_collector.store.model import StoreError
from forewarn_rules.document import RuleFileErrors

AGENT_LOAD_INTERVAL = "10s"
SHOWN_DEVICES = 20


@click.command("up")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path),
    help="Configuration file (YAML); default collector.yaml in the data directory.",
)  # fmt: skip
@click.option("--mqtt-port", type=click.IntRange(0, 65535), help="Port of the MQTT listener; 0 takes a free one.")
@click.option("--api-port", type=click.IntRange(0, 65535), help="Port of the HTTP API; 0 takes a free one.")
@click.option("--with-agent", is_flag=True, help="Run this machine's own agent too.")
@click.option("--simulated-clock", hidden=True, type=float, metavar="START", help="A clock that the API sets.")
@click.pass_context
def up(
    context: click.Context,
    data: Path | None,
    config_path: Path | None,
    mqtt_port: int | None,
    api_port: int | None,
    with_agent: bool,
    simulated_clock: float | None,
) -> None:
    """Start the collector: MQTT front door, judge, tickets and API. Ctrl-C stops it in order.

    Example: forewarn up --data ./run --with-agent
    """
    os.umask(0o077)
    give_back_large_arrays()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        named = data or context.find_root().params.get("data")
        config = _with_ports(load_config(config_path or kept_with(named or default_data())), mqtt_port, api_port)
        chosen = named or config.data
        clock = None if simulated_clock is None else SettableClock(simulated_clock)
        collector = Collector(config, Path(chosen or default_data()).absolute(), clock)
        asyncio.run(_run(collector, with_agent))
    except (ConfigError, RuleFileErrors, StoreError, StartError, OSError) as error:
        raise click.ClickException(str(error)) from None


def _with_ports(config: Config, mqtt_port: int | None, api_port: int | None) -> Config:
    if mqtt_port is not None:
        config = msgspec.structs.replace(config, listen=msgspec.structs.replace(config.listen, port=mqtt_port))
    if api_port is not None:
        config = msgspec.structs.replace(config, api=msgspec.structs.replace(config.api, port=api_port))
    return config


async def _run(collector: Collector, with_agent: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        await _serve(collector, with_agent, stop)
    finally:
        # Also after a start that failed half-way: its threads would keep a process alive that takes no report.
        await collector.stop()


async def _serve(collector: Collector, with_agent: bool, stop: asyncio.Event) -> None:
    began = collector.clock.now()
    await collector.start()
    look_seldom()
    click.echo(f"forewarn is up: MQTT {collector.mqtt_url or 'off'}, API {collector.api_url}, data {collector.data}")
    if not isinstance(collector.clock, SettableClock) and (link := await asyncio.to_thread(collector.api.first_link)):
        click.echo(f"no user yet; the first administrator sets a password here, once, within a day: {link}")
    agent = _start_agent(collector) if with_agent else None
    watcher = asyncio.create_task(_announce_devices(collector, began))
    try:
        await stop.wait()
    finally:
        watcher.cancel()
        if agent is not None:
            agent.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(agent.wait, 15)


def _start_agent(collector: Collector) -> "subprocess.Popen[bytes]":
    """The agent is a program of its own: it is started, never imported."""
    directory = collector.data / "agent"
    directory.mkdir(exist_ok=True)
    settings = {
        "server": str(collector.mqtt_url),
        "data": str(directory),
        "load_interval": AGENT_LOAD_INTERVAL,
    }
    path = directory / "agent.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return subprocess.Popen([sys.executable, "-m", "forewarn_agent", "run", "--config", str(path)])


async def _announce_devices(collector: Collector, began: float) -> None:
    """A line for each device at its first load report since ``began``; beyond a screenful nobody reads them."""
    seen: set[str] = set()
    while len(seen) < SHOWN_DEVICES:
        await asyncio.sleep(0.5)
        lines = await asyncio.to_thread(collector.fleet.lines)
        for line in lines:
            if len(seen) == SHOWN_DEVICES:
                return
            if line.name in seen or line.cpu_used_percent is None or line.last_received < began:
                continue
            received = await asyncio.to_thread(collector.fleet.load_received, line.name)
            if received is not None and received >= began:
                seen.add(line.name)
                now = await asyncio.to_thread(collector.fleet.device, line.name)
                command = f"{hint.command(collector.data)} device {line.name}"
                click.echo(f"{describe(now.line)}; look closer with: {command}")


def describe(line: DeviceLine) -> str:
    """``shop-07 is live: cpu 3 %, memory 41 %, / 62 % full, 48 °C, 2 disks (1 without SMART)``"""
    said = [f"cpu {line.cpu_used_percent:.0f} %"]
    if line.memory_used_percent is not None:
        said.append(f"memory {line.memory_used_percent:.0f} %")
    if line.fullest_percent is not None:
        said.append(f"{line.fullest_mount} {line.fullest_percent:.0f} % full")
    said.append("no temperature sensor" if line.hottest_celsius is None else f"{line.hottest_celsius:.0f} °C")
    unknown = f" ({line.disks_unknown} without SMART)" if line.disks_unknown else ""
    said.append(f"{line.disks} disk{'' if line.disks == 1 else 's'}{unknown}")
    return f"{line.name} is live: {', '.join(said)}"
