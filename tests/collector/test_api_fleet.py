"""The API's answers about all devices at once, through a collector."""

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forewarn_collector.api.fleet_questions import USUAL_WINDOW
from forewarn_collector.api.fleet_views import Top
from forewarn_collector.api.server import bind
from forewarn_collector.app import Collector
from forewarn_collector.cli.client import Client, ClientError
from forewarn_collector.config import Api, Config, DirectoryEntry, Listen
from forewarn_collector.store.model import Accepted, Point

DAY = 86_400.0


async def asked(collector: Collector, ask: Callable[[], None]) -> None:
    """Ask a collector while it runs."""
    await collector.start()
    try:
        await asyncio.to_thread(ask)
    finally:
        await collector.stop()


def test_latest_and_top(tmp_path: Path) -> None:
    now = time.time()
    owners = [DirectoryEntry(customer="Acme", devices=["shop-*"])]
    config = Config(listen=Listen(port=0), api=Api(port=0), directory=owners)

    def ask() -> None:
        with Client.connect(tmp_path / "data", None, None) as client:
            latest = client.latest("disk.power_on_hours")
            assert [(one.device, one.part, one.value) for one in latest] == [
                ("shop-0", "S0", 100.0), ("shop-1", "S1", 250.0), ("shop-2", "S2", None), ("shop-3", "S3", 400.0)
            ]  # fmt: skip
            found = client.top("disk.power_on_hours", 2 * DAY, 1)
            assert isinstance(found, Top)
            assert (found.compared, found.unknown, found.unit) == (2, 1, "hours")
            (most,) = found.grown
            assert (most.device, most.customer, most.part) == ("shop-1", "Acme", "S1")
            assert (most.growth, most.value, most.before) == (150.0, 250.0, 100.0)
            assert client.verdicts() == []
            with pytest.raises(ClientError, match="is not a metric"):
                client.latest("nonsense")
            with pytest.raises(ClientError, match="is not a metric"):
                client.top("nonsense", 2 * DAY, 1)

    async def run() -> None:
        collector = Collector(config, tmp_path / "data")
        nan = float("nan")
        for number, (before, value) in enumerate([(100.0, 100.0), (100.0, 250.0), (100.0, nan), (None, 400.0)]):
            for at, hours in ((now - 9 * DAY, before), (now, value)):
                if hours is not None:
                    name, part = f"shop-{number}", f"S{number}"
                    point = Point(name, "smart", part, at, ("disk.power_on_hours",), (hours,), b"{}")
                    collector.journal.commit([Accepted(name, "b", None, at, at, (point,))])
        await asked(collector, ask)

    asyncio.run(run())


def test_the_first_question_about_growth_unpacks_no_blocks(tmp_path: Path, wait_for: Callable[..., Any]) -> None:
    now = time.time()
    config = Config(listen=Listen(port=0), api=Api(port=0))
    statements: list[str] = []

    def looked_up() -> int:
        return sum("JOIN block" in statement for statement in statements)

    def ask() -> None:
        wait_for(looked_up, 60)
        before = looked_up()
        with Client.connect(tmp_path / "data", None, None) as client:
            assert [one.growth for one in client.top("disk.power_on_hours", USUAL_WINDOW, 20).grown] == [50.0] * 3
            assert looked_up() == before
            client.top("disk.power_on_hours", 2 * USUAL_WINDOW, 20)
            assert looked_up() > before, "it is seen when they are"

    async def run() -> None:
        collector = Collector(config, tmp_path / "data")
        for number in range(3):
            for at, hours in ((now - 9 * DAY, 100.0), (now, 150.0)):
                point = Point(f"shop-{number}", "smart", "S", at, ("disk.power_on_hours",), (hours,), b"{}")
                collector.journal.commit([Accepted(point.device, "b", None, at, at, (point,))])
        collector._reader._connection.set_trace_callback(statements.append)
        await asked(collector, ask)

    asyncio.run(run())


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_headers() -> None:
    async def nodelay() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listening = bind("127.0.0.1", 0)
        async with await asyncio.start_server(take, sock=listening):
            with socket.create_connection(listening.getsockname()):
                return await asyncio.wait_for(found, 60)

    assert asyncio.run(nodelay()) == 1
