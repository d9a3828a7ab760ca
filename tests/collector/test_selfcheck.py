"""The collector watches itself: canaries go the whole way, a ping says so outside, and Prometheus can read it."""

import http.server
import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from mqtt5 import ConnAckReasonCode as Reply
from prometheus_client.parser import text_string_to_metric_families

from forewarn_collector.clock import SettableClock
from forewarn_collector.config import Api, Broker, Config, Listen, SelfCheck
from forewarn_collector.ingest.rate import Rate
from forewarn_collector.selfcheck.canary import Canary
from forewarn_collector.selfcheck.troubles import backlog_troubles
from forewarn_collector.selfcheck.ways import ListenerWay
from forewarn_collector.start import StartError
from forewarn_wire import CANARY

Make = Callable[..., Any]
PROJECT = Path(__file__).resolve().parents[2]


def config(**check: Any) -> Config:
    return Config(listen=Listen(port=0), api=Api(port=0), self_check=SelfCheck(**check))


class Watchdog:
    """A server for pings. ``asked`` are the paths; ``status`` is what it answers."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/ping/s3cret-of-this-collector"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    found = Watchdog()
    yield found
    found.close()


@pytest.mark.parametrize(
    ("unjudged", "unsent", "untold", "unforwarded", "said"),
    [
        (None, None, None, None, []),
        (300.0, 3600.0, 900.0, 900.0, []),
        (None, None, None, 960.0, ["the history store is 16 min behind"]),
        (420.0, None, None, None, ["judging is 7 min behind"]),
        (None, 7200.0, None, None, ["tickets wait to be sent for 120 min"]),
        (None, None, 1200.0, None, ["phones are not reached for 20 min"]),
        (420.0, 7200.0, None, None, ["judging is 7 min behind", "tickets wait to be sent for 120 min"]),
    ],
)
def test_a_backlog_is_trouble_when_it_is_old(
    unjudged: float | None, unsent: float | None, untold: float | None, unforwarded: float | None, said: list[str]
) -> None:
    found = backlog_troubles(unjudged, unsent, untold, unforwarded, played=False)
    assert [trouble.split(":")[0] for trouble in found] == said


def test_hours_that_a_simulation_lets_pass_are_no_trouble() -> None:
    clock = SettableClock(0.0)
    assert backlog_troubles(7200.0, 7200.0, 7200.0, 7200.0, clock.played) == []
    clock.set(None)
    assert len(backlog_troubles(7200.0, 7200.0, 7200.0, 7200.0, clock.played)) == 4


def test_the_rate_is_that_of_the_last_minute() -> None:
    rate = Rate(started=100.0)
    assert rate.per_second(100.0) == 0.0
    rate.note(30, 101.0)
    rate.note(30, 101.5)
    assert rate.per_second(110.0) == 6.0, "ten seconds after the start"
    assert rate.per_second(160.0) == 1.0
    rate.note(6, 170.0)
    assert rate.per_second(170.0) == 0.1, "what is older is gone"


def test_a_canary_goes_the_whole_way_and_is_nobody_s_device(make_running: Make, wait_for: Make) -> None:
    running = make_running(config(every_seconds=1))
    wait_for(lambda: running.collector.health().canaries)
    (canary,) = running.collector.health().canaries
    assert canary.door == "listener"
    assert canary.trouble == ""
    assert 0 < canary.stored_seconds <= canary.judged_seconds < 30
    assert running.reader.device(CANARY).reports >= 1
    running.take_a_good_report()
    health = running.collector.health()
    assert (health.stored, health.devices) == (1, 1), "canaries are not counted"
    assert [line.name for line in running.collector.fleet.lines()] == ["good-one"]
    assert not health.troubles


def test_it_is_off_on_request(make_running: Make) -> None:
    running = make_running(config(every_seconds=None))
    running.take_a_good_report()
    assert running.collector.health().canaries == []


def test_no_device_may_use_its_name(make_running: Make, make_device: Make) -> None:
    running = make_running(config(every_seconds=None))
    assert make_device(running.port, CANARY).connect().reason_code == Reply.CLIENT_ID_NOT_VALID


def fly(running: Any, judged_position: Callable[[], int]) -> Any:
    collector = running.collector
    way = ListenerWay(collector.listener.connect_inside)
    history = collector._history
    return Canary(way, running.reader, history, judged_position, collector.clock.now, patience_seconds=1.0).fly()


def test_a_judge_that_stands_still_is_found(make_running: Make) -> None:
    seen = fly(make_running(config(every_seconds=None)), lambda: 0)
    assert seen.stored_seconds is not None
    assert seen.judged_seconds is None
    assert seen.trouble == "the canary through the listener was stored, but not judged within 1 s"


def test_a_journal_that_cannot_be_written_is_found(make_running: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forewarn_collector.selfcheck.ways.TIMEOUT_SECONDS", 2.0)
    running = make_running(config(every_seconds=None))
    with closing(sqlite3.connect(running.data / "journal.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        seen = fly(running, lambda: 0)
        other.execute("ROLLBACK")
    assert seen.stored_seconds is None
    assert "could not be sent through the listener: timed out" in seen.trouble


def test_a_listener_that_is_gone_is_found(make_running: Make) -> None:
    running = make_running(config(every_seconds=None))
    running.stop()
    way = ListenerWay(running.collector.listener.connect_inside)
    with pytest.raises(OSError, match="not running"):
        way.send("forewarn/v1/x/up/load", b"")


@pytest.mark.server
def test_a_canary_through_a_broker(make_running: Make, mosquitto: Any, wait_for: Make) -> None:
    broker = Broker(url=f"mqtt://127.0.0.1:{mosquitto.port}")
    running = make_running(
        Config(listen=Listen(enabled=False), api=Api(port=0), broker=broker, self_check=SelfCheck(every_seconds=1))
    )
    wait_for(lambda: any(not seen.trouble for seen in running.collector.health().canaries))
    (canary,) = running.collector.health().canaries
    assert canary.door == "broker"
    assert canary.judged_seconds is not None
    wait_for(lambda: running.collector.health().broker_dropped == 0)
    assert running.collector.health().devices == 0


def test_the_ping_arrives_while_all_is_well_and_no_longer(
    make_running: Make, watchdog: Watchdog, wait_for: Make, tmp_path: Path
) -> None:
    (tmp_path / "ping.url").write_text(f"{watchdog.url}\n")
    running = make_running(config(every_seconds=1, ping_url_file=str(tmp_path / "ping.url")))
    collector = running.collector
    wait_for(lambda: collector.health().ping.arrived_at)
    assert set(watchdog.asked) == {"/ping/s3cret-of-this-collector"}
    running.collector._sealer.trouble = "the disk is full"
    wait_for(lambda: collector.health().canaries[0].sent_at > collector.health().ping.arrived_at + 2)
    asked = len(watchdog.asked)
    seen = collector.health().canaries[0].sent_at
    wait_for(lambda: collector.health().canaries[0].sent_at > seen + 1)
    assert len(watchdog.asked) == asked


def test_a_ping_that_is_refused_is_told_without_its_address(
    make_running: Make, watchdog: Watchdog, wait_for: Make, caplog: pytest.LogCaptureFixture
) -> None:
    watchdog.status = 404
    caplog.set_level(logging.WARNING, "httpx")  # as `forewarn up` does
    collector = make_running(config(every_seconds=1, ping_url=watchdog.url)).collector
    wait_for(lambda: collector.health().ping.error)
    assert collector.health().ping.error == "HTTP 404"
    assert collector.health().troubles == [], "the collector itself is well"
    watchdog.close()
    wait_for(lambda: collector.health().ping.error == "ConnectError")
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("text", ["", "ping.example", "http://ping.example/x", "https://"])
def test_a_file_without_an_address_is_refused_without_repeating_it(
    tmp_path: Path, start_collector: Make, text: str
) -> None:
    file = tmp_path / "ping.url"
    file.write_text(text)
    with pytest.raises(StartError, match=r"it must hold https://HOST/PATH") as refused:
        start_collector(tmp_path / "data", config(ping_url_file=str(file)))
    assert not text or text not in str(refused.value).replace("https://HOST/PATH", "")


def test_prometheus_reads_it_with_a_token_and_the_page_explains_every_metric(
    make_running: Make, wait_for: Make
) -> None:
    running = make_running(config(every_seconds=1))
    running.take_a_good_report()
    wait_for(lambda: running.collector.health().canaries)
    address = f"{running.collector.api_url}/metrics"
    assert httpx.get(address, trust_env=False).status_code == 401
    token = json.loads((running.data / "api.json").read_text())["token"]
    answer = httpx.get(address, headers={"Authorization": f"Bearer {token}"}, trust_env=False).raise_for_status()
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    own = {name for name in families if name.startswith("forewarn_")}
    explained = (PROJECT / "docs/operations.md").read_text()
    assert [name for name in sorted(own) if f"`{name}" not in explained] == []
    assert families["forewarn_reports_stored"].samples[0].value == 1
    assert {s.labels["door"]: s.value for s in families["forewarn_canary_success"].samples} == {"listener": 1.0}
    assert families["process_resident_memory_bytes"].samples[0].value > 1e6
