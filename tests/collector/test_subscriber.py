"""The other front door against a real Mosquitto: acknowledged after the commit, so nothing is lost or doubled."""

import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from forewarn_collector.config import Api, Broker, Config, Listen
from forewarn_collector.ingest.intake import Intake
from forewarn_collector.ingest.subscriber import BrokerSettings, Subscriber
from forewarn_collector.store.history import History
from forewarn_collector.store.journal import Journal
from forewarn_wire import up_topic

pytestmark = pytest.mark.server

Make = Callable[..., Any]
DEVICE = "shop-07"
TOPIC = up_topic(DEVICE, "load")
FIELD = "cpu.used_percent"
NOTHING_DROPPED = "max_queued_messages 0\n"


class Agent:
    """A device at the broker: QoS 1, and it knows what the broker said to each message."""

    def __init__(self, port: int, name: str = DEVICE, password: str | None = None) -> None:
        self.codes: list[int] = []
        self._connected = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv5)
        self._client.max_inflight_messages_set(500)
        self._client.on_connect = lambda *_: self._connected.set()
        self._client.on_publish = lambda _c, _u, _m, code, _p: self.codes.append(code.value)
        if password is not None:
            self._client.username_pw_set(name, password)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._connected.wait(10)

    def send(self, messages: list[tuple[str, bytes]], retain: bool = False) -> None:
        sent = [self._client.publish(topic, payload, qos=1, retain=retain) for topic, payload in messages]
        for one in sent:
            one.wait_for_publish(30)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def make_agent() -> Iterator[Make]:
    made: list[Agent] = []

    def make(*arguments: Any) -> Agent:
        made.append(Agent(*arguments))
        return made[-1]

    yield make
    for agent in made:
        agent.close()


@pytest.fixture
def reports(load_payload: Make) -> Make:
    """reports(first, last): the messages of these numbers, sampled a second apart."""
    start = float(int(time.time()) - 86_400)

    def messages(first: int, last: int, device: str = DEVICE) -> list[tuple[str, bytes]]:
        numbers = range(first, last + 1)
        return [(up_topic(device, "load"), load_payload(device, seq, at=start + seq)) for seq in numbers]

    return messages


def broker_config(port: int, **more: Any) -> Config:
    broker = Broker(url=f"mqtt://127.0.0.1:{port}", **more)
    return Config(listen=Listen(enabled=False), api=Api(port=0), broker=broker)


@pytest.fixture
def make_process(make_collector: Make, tmp_path: Path) -> Make:
    """A collector as a process behind the broker at this port; it is subscribed already."""

    def make(port: int, wait_for: Make) -> Any:
        file = tmp_path / "collector.yaml"
        settings = {"listen": {"enabled": False}, "broker": {"url": f"mqtt://127.0.0.1:{port}"}}
        file.write_text(yaml.safe_dump(settings))
        collector = make_collector("--config", str(file))
        wait_for(lambda: not troubles(collector))
        return collector

    return make


def troubles(collector: Any) -> list[str]:
    token = json.loads((collector.data / "api.json").read_text())["token"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{collector.api_url}/api/v1/status", headers=headers, trust_env=False)
    found: list[str] = answer.raise_for_status().json()["troubles"]
    return found


def stored(directory: Path, device: str = DEVICE) -> list[float]:
    with History.open(directory) as history:
        times, _ = history.read(device, "load", "", [FIELD], 0, 2**31)
    return [float(at) for at in times]


def count(directory: Path) -> int:
    with History.open(directory) as history:
        return history.stats().head_rows


def test_what_came_while_the_collector_was_away_is_stored_once(
    make_mosquitto: Make, make_process: Make, make_agent: Make, reports: Make, wait_for: Make
) -> None:
    server = make_mosquitto(NOTHING_DROPPED)
    collector = make_process(server.port, wait_for)
    agent = make_agent(server.port)
    agent.send(reports(1, 300))
    collector.stop()
    agent.send(reports(301, 600))
    collector.start()
    agent.send(reports(601, 900))
    wait_for(lambda: len(stored(collector.data)) == 900)
    assert stored(collector.data) == [stored(collector.data)[0] + number for number in range(900)]
    assert count(collector.data) == 900
    assert set(agent.codes) == {0}


@pytest.mark.slow
def test_five_kills_in_a_stream_lose_nothing_and_double_nothing(
    make_mosquitto: Make, make_process: Make, make_agent: Make, reports: Make, wait_for: Make
) -> None:
    server = make_mosquitto(NOTHING_DROPPED)
    collector = make_process(server.port, wait_for)
    agent = make_agent(server.port)
    sending = threading.Thread(target=lambda: [agent.send(reports(n, n + 99)) for n in range(1, 5001, 100)])
    sending.start()
    for kill in range(1, 6):
        wait_for(lambda kill=kill: len(stored(collector.data)) >= kill * 500, 60)
        collector.kill()
        collector.start()
    sending.join()
    wait_for(lambda: len(stored(collector.data)) == 5000, 60)
    times = stored(collector.data)
    assert times == [times[0] + number for number in range(5000)]
    assert "Traceback" not in collector.said()
    collector.stop()
    with Journal(collector.data) as journal, journal.reader() as reader:
        assert reader.counts().reports == 5000
        assert reader.gaps(DEVICE) == []


def test_a_full_queue_holds_the_broker_back(
    make_mosquitto: Make, make_agent: Make, reports: Make, wait_for: Make, tmp_path: Path
) -> None:
    server = make_mosquitto(NOTHING_DROPPED)
    with Journal(tmp_path / "data") as journal, journal.reader() as reader:
        intake = Intake(journal, lambda: None, limit=100)
        subscriber = Subscriber(intake, BrokerSettings(f"mqtt://127.0.0.1:{server.port}"), time.time)
        subscriber.start()
        wait_for(lambda: subscriber.connected)
        make_agent(server.port).send(reports(1, 1500))
        wait_for(lambda: intake.depth == 100)
        intake.start()
        wait_for(lambda: reader.counts().reports == 1500)
        assert reader.counts().duplicates == 0
        subscriber.stop()
        intake.stop()


def test_it_ends_though_the_queue_is_full_and_the_broker_keeps_the_rest(
    make_mosquitto: Make, make_agent: Make, reports: Make, wait_for: Make, tmp_path: Path
) -> None:
    server = make_mosquitto(NOTHING_DROPPED)
    settings = BrokerSettings(f"mqtt://127.0.0.1:{server.port}")
    with Journal(tmp_path / "data") as journal, journal.reader() as reader:
        stuck = Intake(journal, lambda: None, limit=100)  # its writer is never started: a disk that stays full
        subscriber = Subscriber(stuck, settings, time.time)
        subscriber.start()
        wait_for(lambda: subscriber.connected)
        make_agent(server.port).send(reports(1, 500))
        wait_for(lambda: stuck.depth == 100)
        began = time.monotonic()
        subscriber.stop()
        assert time.monotonic() - began < 5
        intake = Intake(journal, lambda: None)
        intake.start()
        again = Subscriber(intake, settings, time.time)
        again.start()
        wait_for(lambda: reader.counts().reports == 500)
        again.stop()
        intake.stop()


def test_a_retained_birth_is_seen_at_the_start_and_not_again(
    mosquitto: Any, make_agent: Make, make_running: Make, status_payload: Make, reports: Make, wait_for: Make
) -> None:
    agent = make_agent(mosquitto.port)
    agent.send([(up_topic(DEVICE, "status"), status_payload(DEVICE, 3))], retain=True)
    running = make_running(broker_config(mosquitto.port))
    device = wait_for(lambda: running.reader.device(DEVICE))
    assert (device.online, device.session) == (True, 3)
    running.stop()
    running = make_running(broker_config(mosquitto.port))
    wait_for(lambda: running.collector.subscriber.connected)
    agent.send(reports(1, 1, "shop-08"))
    wait_for(lambda: running.reader.device("shop-08"))
    # The session went on: a retained birth that came again would look like a sign of life.
    assert running.reader.device(DEVICE).last_received == device.last_received


@pytest.fixture
def guarded(make_mosquitto: Make, tmp_path: Path) -> Any:
    """A broker with user names, passwords and an ACL, and a file with the collector's password."""
    passwords, acl = tmp_path / "passwords", tmp_path / "acl"
    passwords.touch(mode=0o600)
    for user in ("collector", DEVICE):
        subprocess.run(["mosquitto_passwd", "-b", passwords, user, f"{user}-secret"], check=True, capture_output=True)
    acl.write_text(
        "pattern write forewarn/v1/%u/up/#\npattern read forewarn/v1/%u/down/#\n"
        "user collector\ntopic read forewarn/v1/+/up/#\ntopic write forewarn/v1/+/down/#\n"
    )
    (tmp_path / "password").write_text("collector-secret\n")
    return make_mosquitto(f"password_file {passwords}\nacl_file {acl}\n", anonymous=False)


def test_users_and_acl_of_a_real_broker(
    guarded: Any, make_agent: Make, make_running: Make, reports: Make, wait_for: Make, tmp_path: Path
) -> None:
    config = broker_config(guarded.port, username="collector", password_file=str(tmp_path / "password"))
    running = make_running(config)
    wait_for(lambda: running.collector.subscriber.connected)
    assert running.collector.health().troubles == []
    agent = make_agent(guarded.port, DEVICE, f"{DEVICE}-secret")
    agent.send(reports(1, 1, "shop-08") + reports(1, 1))
    assert agent.codes == [0x87, 0]
    wait_for(lambda: running.reader.device(DEVICE))
    assert running.reader.device("shop-08") is None
    assert not running.letters()


def test_a_wrong_password_is_said_in_the_status(
    guarded: Any, make_running: Make, wait_for: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "password").write_text("guessed")
    running = make_running(broker_config(guarded.port, username="collector", password_file=str(tmp_path / "password")))
    url = f"mqtt://127.0.0.1:{guarded.port}"
    said = f"{url}: the broker refuses: Not authorized"
    wait_for(lambda: running.collector.health().troubles == [said])
    wait_for(lambda: guarded.log().count("not authorised") >= 2)  # it keeps trying
    assert running.collector.health().troubles == [said]
    assert [record.getMessage() for record in caplog.records if "refuses" in record.getMessage()] == [said]


def test_a_broker_that_is_not_there_is_said_and_taken_when_it_comes(
    make_mosquitto: Make, make_running: Make, make_agent: Make, reports: Make, wait_for: Make
) -> None:
    server = make_mosquitto()
    server.stop()
    running = make_running(broker_config(server.port))
    wait_for(lambda: "cannot be reached" in "".join(running.collector.health().troubles))
    server.start()
    wait_for(lambda: not running.collector.health().troubles)
    server.stop()
    wait_for(lambda: "disconnected" in "".join(running.collector.health().troubles))
    server.start()
    wait_for(lambda: not running.collector.health().troubles)
    make_agent(server.port).send(reports(1, 10))
    wait_for(lambda: running.reader.counts().reports == 10)


def test_what_a_broker_does_not_do_is_said_in_the_status(
    make_mosquitto: Make, make_running: Make, wait_for: Make, caplog: pytest.LogCaptureFixture
) -> None:
    server = make_mosquitto("max_packet_size 20000\nretain_available false\nmax_qos 0\nmax_inflight_messages 5\n")
    running = make_running(broker_config(server.port))
    begins = ("takes QoS 0 only", "keeps no retained", "takes packets of 20,000 bytes", "takes 5 unacknowledged")
    wait_for(lambda: len(running.collector.health().troubles) == len(begins), 60)
    for trouble, begin in zip(running.collector.health().troubles, begins, strict=True):
        assert trouble.startswith(f"mqtt://127.0.0.1:{server.port}: the broker {begin}")
        assert trouble in [record.getMessage() for record in caplog.records]


def test_a_broker_that_speaks_an_older_mqtt_only_is_said(make_running: Make, wait_for: Make) -> None:
    """Its answer is that of MQTT 3.1.1, section 3.2.2.3: unacceptable protocol version."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(1000)
                        connection.sendall(b"\x20\x02\x00\x01")

        threading.Thread(target=answer, daemon=True).start()
        port = server.getsockname()[1]
        running = make_running(broker_config(port))
        said = f"mqtt://127.0.0.1:{port}: the broker refuses: Unsupported protocol version: it must speak MQTT 5"
        wait_for(lambda: running.collector.health().troubles == [said], 60)
        running.stop()


def test_two_collectors_share_the_reports(
    make_mosquitto: Make, make_running: Make, make_agent: Make, reports: Make, wait_for: Make, tmp_path: Path
) -> None:
    server = make_mosquitto(NOTHING_DROPPED)
    pair = [
        make_running(broker_config(server.port, client_id=name, group="collectors"), tmp_path / name)
        for name in ("collector-a", "collector-b")
    ]
    wait_for(lambda: all(running.collector.subscriber.connected for running in pair))
    make_agent(server.port).send(reports(1, 1000))
    wait_for(lambda: sum(running.reader.counts().reports for running in pair) >= 1000)
    shares = [stored(running.data) for running in pair]
    assert all(shares)
    assert len(set(shares[0]) | set(shares[1])) == len(shares[0]) + len(shares[1]) == 1000


@pytest.mark.parametrize("away", [False, True])
def test_who_leaves_the_group_gets_no_more_also_where_the_broker_was_away(
    away: bool, make_mosquitto: Make, make_agent: Make, reports: Make, wait_for: Make, tmp_path: Path
) -> None:
    server = make_mosquitto(f"{NOTHING_DROPPED}persistence true\npersistence_location {tmp_path}/\n")
    with Journal(tmp_path / "data") as journal, journal.reader() as reader, contextlib.ExitStack() as ending:
        intake, never = Intake(journal, lambda: None), Intake(journal, lambda: None)
        ending.callback(intake.stop)
        intake.start()
        url = f"mqtt://127.0.0.1:{server.port}"
        goes = Subscriber(never, BrokerSettings(url, "goes", group="g"), time.time)
        stays = Subscriber(intake, BrokerSettings(url, "stays", group="g"), time.time)
        for subscriber in (goes, stays):
            ending.callback(subscriber.stop)
            subscriber.start()
        wait_for(lambda: goes.connected and stays.connected)
        if away:
            server.stop()
            wait_for(lambda: not goes.connected)
        goes.leave_the_group()
        if away:
            server.start()
        else:
            goes.stop()
        wait_for(lambda: "Received UNSUBSCRIBE from goes" in server.log() and stays.connected)
        wait_for(lambda: "Received DISCONNECT from goes" in server.log())
        make_agent(server.port).send(reports(1, 200))
        wait_for(lambda: reader.counts().reports == 200)
        assert not goes.connected
