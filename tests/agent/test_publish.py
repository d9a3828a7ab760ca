"""The agent as a process against a real Mosquitto."""

import signal
import sqlite3
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from forewarn_wire import (
    EventReport,
    LoadReport,
    Message,
    Outcome,
    SmartReport,
    StatusReport,
    decode,
    parse_topic,
)
from forewarn_wire.attributes import all_attributes

pytestmark = pytest.mark.server

DEVICE = "shop-07"


class Listener:
    """A subscriber that keeps its session, so a broker's queue reaches it whole."""

    def __init__(self, port: int, name: str = "listener") -> None:
        self.messages: list[Message] = []
        self.retained: list[Message] = []
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("forewarn/v1/+/up/#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        lasting = Properties(PacketTypes.CONNECT)
        lasting.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, clean_start=False, properties=lasting)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        decoded = decode(parse_topic(message.topic).kind, message.payload)
        (self.retained if message.retain else self.messages).append(decoded)

    def of(self, kind: type[Message]) -> list[Any]:
        return [message for message in list(self.messages) if isinstance(message, kind)]

    def status(self, state: str) -> list[StatusReport]:
        return [message for message in self.of(StatusReport) if message.state == state]

    def sessions(self) -> list[int]:
        """Those that were begun; a birth may be said again within one."""
        return list(dict.fromkeys(status.session for status in self.status("online")))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def listener(mosquitto: Any) -> Iterator[Listener]:
    listener = Listener(mosquitto.port)
    yield listener
    listener.close()


@pytest.fixture
def config(mosquitto: Any, empty_roots: dict[str, str]) -> dict[str, Any]:
    return {
        "device": DEVICE,
        "server": f"mqtt://127.0.0.1:{mosquitto.port}",
        "roots": empty_roots,
        "load_interval": 0.2,
        "reconnect_spread": 0.2,
        "smartctl": "/nowhere/smartctl",
    }


Wait = Callable[..., Any]


def numbers(messages: list[Message]) -> list[tuple[str, int]]:
    return [(message.boot, message.seq) for message in messages if not isinstance(message, StatusReport)]


def retained_status(port: int, wait_for: Wait) -> StatusReport:
    reader = Listener(port, "reader")
    try:
        (status,) = wait_for(lambda: list(reader.retained))
    finally:
        reader.close()
    assert isinstance(status, StatusReport)
    return status


def test_reports_arrive_once_each_and_the_birth_comes_first(
    agent_process: Any, config: dict[str, Any], listener: Listener, mosquitto: Any, wait_for: Wait
) -> None:
    agent = agent_process(config)
    agent.start()
    wait_for(lambda: len(listener.of(LoadReport)) >= 5)
    first = listener.messages[0]
    assert isinstance(first, StatusReport)
    assert (first.state, first.session) == ("online", 1)
    assert first.inventory
    assert first.inventory.load_interval_seconds == 0.2
    assert retained_status(mosquitto.port, wait_for).state == "online"
    assert agent.end(signal.SIGTERM) == 0
    wait_for(lambda: listener.status("offline"))
    sent = numbers(listener.messages)
    assert sent == [(first.boot, number) for number in range(1, len(sent) + 1)]
    (event,) = listener.of(EventReport)
    assert event.event == "agent-start"


def test_an_orderly_stop_empties_the_outbox_and_says_goodbye(
    agent_process: Any, config: dict[str, Any], listener: Listener, mosquitto: Any, wait_for: Wait
) -> None:
    agent = agent_process(config)
    agent.start()
    wait_for(lambda: listener.of(LoadReport))
    assert agent.end(signal.SIGINT) == 0
    (farewell,) = wait_for(lambda: listener.status("offline"))
    assert (farewell.reason, farewell.session) == ("shutdown", 1)
    assert listener.messages[-1] is farewell
    assert retained_status(mosquitto.port, wait_for) == farewell
    agent.start()
    wait_for(lambda: 2 in listener.sessions())
    assert agent.end(signal.SIGTERM) == 0
    starts = [event.text.split(", ")[1] for event in listener.of(EventReport)]
    assert starts == ["first", "same-boot"]
    assert Counter(numbers(listener.messages)).most_common(1)[0][1] == 1, "each report exactly once"


def test_the_backlog_arrives_when_the_server_is_back(
    agent_process: Any, config: dict[str, Any], make_mosquitto: Any, wait_for: Wait, tmp_path: Path
) -> None:
    # A persistent broker: what it takes before the listener is back waits for it.
    server = make_mosquitto(f"persistence true\npersistence_location {tmp_path}/\nmax_queued_messages 0\n")
    listener = Listener(server.port)
    agent = agent_process(config | {"server": f"mqtt://127.0.0.1:{server.port}"})
    agent.start()
    wait_for(lambda: listener.of(LoadReport))
    server.stop()
    wait_for(lambda: "next attempt" in agent.log())
    stopped_at = _next_seq(tmp_path)
    wait_for(lambda: _next_seq(tmp_path) > stopped_at + 30)
    server.start()
    target = _next_seq(tmp_path)
    wait_for(lambda: any(number >= target for _, number in numbers(listener.messages)))
    agent.end(signal.SIGTERM)
    (farewell,) = wait_for(lambda: [status for status in listener.status("offline") if status.reason == "shutdown"])
    arrived = numbers(listener.messages)
    assert sorted({number for _, number in arrived}) == list(range(1, farewell.seq)), "every report, without a gap"
    assert farewell.session > 1
    listener.close()


def _next_seq(tmp_path: Path) -> int:
    return _outbox_number(tmp_path, "SELECT value FROM meta WHERE key = 'next_seq'")


def _waiting(tmp_path: Path) -> int:
    return _outbox_number(tmp_path, "SELECT COUNT(*) FROM reports")


def _outbox_number(tmp_path: Path, query: str) -> int:
    """Look into the outbox of a running agent; 0 while it has not made its tables yet."""
    try:
        database = sqlite3.connect(f"file:{tmp_path}/data/outbox.db?mode=ro", uri=True)
    except sqlite3.OperationalError:
        return 0
    try:
        row = database.execute(query).fetchone()
    except sqlite3.OperationalError:
        return 0
    finally:
        database.close()
    return int(row[0]) if row else 0


def test_a_kill_loses_nothing_and_the_will_is_sent(
    agent_process: Any, config: dict[str, Any], listener: Listener, mosquitto: Any, wait_for: Wait
) -> None:
    agent = agent_process(config)
    for round_ in range(1, 4):
        agent.start()
        wait_for(lambda: round_ in listener.sessions())  # noqa: B023 - used at once
        count = len(listener.of(LoadReport))
        wait_for(lambda: len(listener.of(LoadReport)) > count + 3)  # noqa: B023 - used at once
        agent.end(signal.SIGKILL)
        will = wait_for(lambda: [s for s in listener.status("offline") if s.session == round_])[0]  # noqa: B023
        assert will.reason == "connection lost"
    assert retained_status(mosquitto.port, wait_for).state == "offline"
    agent.start()
    wait_for(lambda: 4 in listener.sessions())
    agent.end(signal.SIGTERM)
    wait_for(lambda: any(status.reason == "shutdown" for status in listener.status("offline")))
    arrived = numbers(listener.messages)
    assert {boot for boot, _ in arrived} == {arrived[0][0]}
    distinct = sorted({number for _, number in arrived})
    assert distinct == list(range(1, len(distinct) + 1)), "no gap"
    assert listener.sessions() == [1, 2, 3, 4]


def test_what_was_made_without_a_server_arrives_whole_when_there_is_one(
    agent_process: Any, config: dict[str, Any], listener: Listener, mosquitto: Any, wait_for: Wait, tmp_path: Path
) -> None:
    closed = config | {"server": "mqtt://127.0.0.1:1", "load_interval": 0.02}
    agent = agent_process(closed)
    agent.start()
    wait_for(lambda: _next_seq(tmp_path) > 150)
    agent.end(signal.SIGKILL)
    agent_process(config).start()
    wait_for(lambda: len({number for _, number in numbers(listener.messages)}) > 150)
    arrived = [number for _, number in numbers(listener.messages)]
    assert arrived[:150] == list(range(1, 151)), "in the order in which they were made, each once"


def test_a_slow_disk_delays_no_load_report(
    agent_process: Any,
    config: dict[str, Any],
    listener: Listener,
    machine: Any,
    shared_data: Path,
    wait_for: Wait,
) -> None:
    (file,) = (shared_data / "smartctl" / "prometheus-community__smartctl_exporter").glob(
        "*INTEL_SSDSC2KB019TZ-sdr.json"
    )
    smartctl = machine({"/dev/sda": {"type": "sat", "hang": True}, "/dev/sdb": {"type": "sat", "file": str(file)}})
    agent = agent_process(config | {"smartctl": str(smartctl), "smartctl_timeout": 3})
    agent.start()
    wait_for(lambda: len(listener.of(SmartReport)) >= 2, 40)
    loads = len(listener.of(LoadReport))
    assert loads >= 5
    outcomes = {report.disk.slot: report.outcome for report in listener.of(SmartReport)}
    assert outcomes == {"/dev/sda": Outcome.TIMEOUT, "/dev/sdb": Outcome.MEASURED}
    (measured,) = [report for report in listener.of(SmartReport) if report.outcome is Outcome.MEASURED]
    assert measured.usual_attributes is not UNSET, "a long one is shortened before it is stored"
    assert len(all_attributes(measured)) > 20
    births = wait_for(lambda: [s for s in listener.status("online") if s.inventory and s.inventory.disks])
    assert [disk.slot for disk in births[-1].inventory.disks] == ["/dev/sda", "/dev/sdb"]
    assert births[-1].inventory.smartctl_version == "7.3"
    assert births[-1].session == 1, "a birth that was completed is of the same session"
    assert any(row.probe == "arrays" for row in births[-1].inventory.not_here), "said once, here"
    assert not [row for report in listener.of(LoadReport) for row in report.unread if row.outcome is Outcome.NOT_HERE]
    assert agent.end(signal.SIGTERM) == 0


def test_an_agent_on_a_full_disk_runs_on_says_so_and_recovers(
    agent_process: Any, config: dict[str, Any], listener: Listener, small_disk: Path, wait_for: Wait
) -> None:
    agent = agent_process(config | {"data": str(small_disk / "data")})
    agent.start()
    wait_for(lambda: listener.of(LoadReport), 60)
    filler = small_disk / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=4096"], capture_output=True, check=False)
    wait_for(lambda: "the outbox takes no reports" in agent.log(), 60)
    filler.unlink()
    wait_for(lambda: "the outbox takes reports again" in agent.log(), 60)
    (told,) = wait_for(lambda: [event for event in listener.of(EventReport) if event.event == "outbox-dropped"], 60)
    assert told.count >= 1
    assert "full" in told.text
    known = len(listener.of(LoadReport))
    wait_for(lambda: len(listener.of(LoadReport)) > known, 60)
    assert agent.end(signal.SIGTERM) == 0
    sent = [number for _, number in numbers(listener.messages)]
    assert sorted(set(sent)) == list(range(1, max(sent) + 1)), "what was not stored took no number"


def test_a_denied_device_keeps_its_reports(
    agent_process: Any, config: dict[str, Any], tmp_path: Path, wait_for: Wait, make_mosquitto: Any
) -> None:
    (tmp_path / "acl").write_text("topic read #\ntopic readwrite forewarn/v1/shop-07/up/status\n")
    server = make_mosquitto(f"acl_file {tmp_path}/acl\n")
    agent = agent_process(config | {"server": f"mqtt://127.0.0.1:{server.port}"})
    agent.start()
    wait_for(lambda: "the server refuses reports (Not authorized)" in agent.log())
    assert agent.end(signal.SIGTERM) == 0
    assert _next_seq(tmp_path) > 1
    assert _waiting(tmp_path) == _next_seq(tmp_path) - 1, "every report is still there"


def test_a_server_that_refuses_the_connection_is_named_and_tried_again(
    agent_process: Any, config: dict[str, Any], tmp_path: Path, wait_for: Wait, make_mosquitto: Any
) -> None:
    (tmp_path / "passwords").write_text("")
    server = make_mosquitto(f"password_file {tmp_path}/passwords\n", anonymous=False)
    agent = agent_process(config | {"server": f"mqtt://127.0.0.1:{server.port}"})
    agent.start()
    wait_for(lambda: agent.log().count("connection refused: Not authorized") >= 2)
    assert agent.end(signal.SIGTERM) == 0


def test_a_password_is_read_from_its_file_and_never_logged(
    agent_process: Any, config: dict[str, Any], tmp_path: Path, wait_for: Wait, make_mosquitto: Any
) -> None:
    subprocess.run(["mosquitto_passwd", "-b", "-c", f"{tmp_path}/passwords", DEVICE, "top-secret"], check=True)
    (tmp_path / "password").write_text("top-secret\n")
    server = make_mosquitto(f"password_file {tmp_path}/passwords\n", anonymous=False)
    address = f"mqtt://127.0.0.1:{server.port}"
    agent = agent_process(config | {"server": address, "password_file": f"{tmp_path}/password"})
    agent.start()
    wait_for(lambda: "connected to" in agent.log())
    assert agent.end(signal.SIGTERM) == 0
    assert "top-secret" not in agent.log()


def test_the_log_is_one_line_per_event(agent_process: Any, config: dict[str, Any], wait_for: Wait) -> None:
    agent = agent_process(config | {"server": "mqtt://127.0.0.1:1"})
    agent.start()
    wait_for(lambda: "next attempt" in agent.log())
    assert agent.end(signal.SIGTERM) == 0
    assert all(line[:2] == "20" for line in agent.log().splitlines()), agent.log()
    assert "Traceback" not in agent.log()
