"""A history store that is slow: the backlog is in the journal and not in memory, and everything arrives once."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from servers.forwarding import START, Site, sent
from servers.histories import SERVERS, opened
from servers.network import slowly

from forewarn_collector.cli.client import Client
from forewarn_collector.replay.sender import VirtualAgents
from forewarn_collector.store.external.interface import HistoryStore, Sample, SeriesName, TooSlow
from forewarn_collector.store.forwarding.view import ForwardingView
from forewarn_wire import Cpu, Filesystem, LoadReport, Memory, Temperature

SECONDS = 60.0
DEVICES = 20
REPORTS = 24_000
OWED = 1000
PIECE_SECONDS = 0.2
"""For each 64 kB, there and back: 2,000 rows take seconds."""
SENT_MEANWHILE = 2000
MORE_MB = 15.0
"""Were the whole backlog sent at once, it would be twice that."""


class Flooded:
    """A collector in a process of its own that forwards through a network, and devices that report to it."""

    def __init__(self, name: str, url: str, make_collector: Callable[..., Any], directory: Path) -> None:
        self.devices = [f"{name}-{number:02}" for number in range(DEVICES)]
        config = directory / f"{name}.yaml"
        config.write_text(
            yaml.safe_dump(
                {
                    "store": {"history": {"url": url}},
                    "self_check": {"every_seconds": None},
                }
            )
        )
        self._collector = make_collector("--config", str(config), name=name)
        self._process = psutil.Process(self._collector.process.pid)

    def client(self) -> Client:
        return Client.connect(self._collector.data, None, None)

    def history(self) -> ForwardingView:
        with self.client() as client:
            found = client.status().history
        assert found is not None
        return found

    def flood(self) -> None:
        """Return when every report is acknowledged and judged."""
        asyncio.run(self._send())
        with self.client() as client:
            deadline = time.monotonic() + SECONDS
            while (status := client.status()).judged_position < status.position:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert status.stored == REPORTS

    async def _send(self) -> None:
        crowd = VirtualAgents(f"mqtt://127.0.0.1:{self._collector.mqtt_port}")
        for number in range(REPORTS):
            crowd.send("load", report(self.devices[number % DEVICES], number // DEVICES + 1))
            if number % 100 == 0:
                await crowd.wait_below(OWED)
        await crowd.wait_below(1)
        await crowd.finish()
        assert crowd.acked == {0: REPORTS}

    def megabytes(self) -> float:
        return float(self._process.memory_info().rss) / 1e6

    def said(self) -> str:
        """What `forewarn status` says of the history store."""
        command = [sys.executable, "-m", "forewarn_collector", "--data", str(self._collector.data), "status"]
        ran = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=SECONDS, env=os.environ | {"COLUMNS": "240"}
        )
        (line,) = [line for line in ran.stdout.splitlines() if "history store" in line]
        return line

    def rows_in(self, store: HistoryStore) -> int:
        """Of which none is there twice."""
        rows = 0
        for device in self.devices:
            found = list(store.rows(SeriesName(device, "load", ""), round(START * 1000), round((START + 1e8) * 1000)))
            assert len({row.at for row in found}) == len(found)
            rows += len(found)
        return rows


def report(device: str, seq: int) -> LoadReport:
    wave = seq % 60
    return LoadReport(
        device=device, boot="b", seq=seq, sampled_at=START + seq,
        cpu=Cpu(used_percent=5.0 + wave, load_average_1m=wave / 60, load_average_5m=wave / 90),
        memory=Memory(total_bytes=2**34, available_bytes=2**33 - 4096 * wave, used_percent=50 + wave / 100),
        filesystems=[Filesystem(mount="/", fstype="ext4", used_percent=61.0, free_bytes=2**33 + 4096 * seq)],
        temperatures=[Temperature(sensor="package", celsius=40 + wave / 10)],
    )  # fmt: skip


@pytest.mark.parametrize("kind", SERVERS)
def test_what_waits_for_a_slow_store_is_not_in_memory(
    kind: str,
    started: Callable[[str], Any],
    make_collector: Callable[..., Any],
    tmp_path: Path,
    wait_for: Callable[..., Any],
) -> None:
    """The same flood with a store that is quick and with one that is slow."""
    server = started(kind)
    store = opened(server.url)
    (line, quick_url), (network, slow_url) = (slowly(server.url, wait) for wait in (0, PIECE_SECONDS))
    quick = Flooded("quick", quick_url, make_collector, tmp_path)
    quick.flood()
    wait_for(lambda: quick.history().unsent == 0, SECONDS)
    usual = quick.megabytes()

    slow = Flooded("slow", slow_url, make_collector, tmp_path)
    slow.flood()
    behind = slow.history()
    assert behind.unsent > 10_000, "it was not slow: this test shows nothing"
    most, deadline = slow.megabytes(), time.monotonic() + SECONDS
    while slow.history().unsent > behind.unsent - SENT_MEANWHILE:
        assert time.monotonic() < deadline
        most = max(most, slow.megabytes())
        time.sleep(0.05)
    assert most < usual + MORE_MB
    said = slow.said()
    found = re.search(r"([\d,]+) rows wait, the oldest for \d+ s; [\d,.]+ rows a second, about [\d,]+ s to go", said)
    assert found, said
    assert 10_000 < int(found[1].replace(",", "")) < behind.unsent

    network.seconds = 0
    wait_for(lambda: slow.history().unsent == 0, SECONDS)
    assert slow.history().parked == 0
    server.settle()
    assert (quick.rows_in(store), slow.rows_in(store)) == (REPORTS, REPORTS)
    for closing in (line, network, store):
        closing.close()


def test_a_store_that_does_not_take_a_batch_in_time_is_sent_less_at_once(
    started: Callable[[str], Any], site: Site, wait_for: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is given up is sent again, so rows that always take too long would hold up everything for ever."""
    monkeypatch.setattr("forewarn_collector.store.external.writer.MILLISECONDS", 1000)
    server = started("victoriametrics")
    network, url = slowly(server.url, PIECE_SECONDS)
    site.report(1500)
    forwarder = site.forwarder(opened(url))
    forwarder.start()
    wait_for(lambda: "does not answer within 1 s" in (forwarder.trouble or ""), SECONDS)
    wait_for(lambda: sent(forwarder), SECONDS)
    wait_for(lambda: forwarder.trouble is None, SECONDS)
    server.settle()
    store = opened(server.url)
    assert site.same_in(store) == 1500
    store.close()
    network.close()


def test_rows_that_a_store_does_not_even_read_are_too_many_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forewarn_collector.store.external.writer.MILLISECONDS", 1000)
    fields = tuple(f"filesystem.used_percent|/{number}" for number in range(100))
    rows = [Sample(SeriesName("shop-07", "load", ""), at, fields, [0.125] * 100) for at in range(2000)]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        store = opened(f"victoriametrics://127.0.0.1:{listening.getsockname()[1]}")
        with pytest.raises(TooSlow, match="does not answer within 1 s"):
            store.write(rows)
        store.close()
