"""Attacks at both front doors: the collector's own listener, and a Mosquitto with the packaged configuration
whose certificates, revocations and access rights the collector writes."""

import itertools
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from forewarn_collector.config import Api, Broker, Config, Enrol, Listen, SelfCheck
from forewarn_collector.identity.authority import Authority
from forewarn_collector.identity.certificates import key_pem
from forewarn_wire import down_topic, up_topic
from forewarn_wire.machine import PROPERTY, Machine, machine_of

EXAMPLE = Path(__file__).resolve().parents[2] / "collector/forewarn_collector/identity/mosquitto"
SBIN = f"{os.environ['PATH']}:/usr/sbin"
DAY = 86_400.0
NUMBERS = itertools.count(1)

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(shutil.which("mosquitto", path=SBIN) is None, reason="mosquitto is not installed"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Doors:
    """A collector with both front doors, each for the same identities."""

    def __init__(self, start_collector: Callable[..., Any], directory: Path) -> None:
        self.directory = directory
        files = directory / "broker"
        files.mkdir()
        (directory / "password").write_text("secret")
        self.broker_port, inner = free_port(), free_port()
        pid_file = directory / "mosquitto.pid"
        broker = Broker(
            url=f"mqtt://127.0.0.1:{inner}", username="collector", password_file=str(directory / "password"),
            files=str(files), pid_file=str(pid_file),
        )  # fmt: skip
        enrol = Enrol(port=0, names=["localhost"])
        config = Config(
            listen=Listen(port=0), api=Api(port=0), enrol=enrol, broker=broker, self_check=SelfCheck(every_seconds=None)
        )
        self.running = start_collector(directory / "data", config)
        self.collector = self.running.collector
        self.ports = {"listener": self.running.port, "mosquitto": self.broker_port}
        self._mosquitto = self._start_mosquitto(files, pid_file, inner)

    def _start_mosquitto(self, files: Path, pid_file: Path, inner: int) -> "subprocess.Popen[bytes]":
        shutil.copy(EXAMPLE / "acl-collector", files)
        (files / "passwd-collector").touch(mode=0o600)
        command = ["mosquitto_passwd", "-b", str(files / "passwd-collector"), "collector", "secret"]
        subprocess.run(command, check=True, capture_output=True)
        text = (EXAMPLE / "forewarn.conf").read_text().replace("/etc/mosquitto/forewarn", str(files))
        text = text.replace("listener 8883", f"listener {self.broker_port} 127.0.0.1")
        text = text.replace("listener 1883 ", f"listener {inner} ")
        path = self.directory / "mosquitto.conf"
        path.write_text(f"user root\npersistence false\npid_file {pid_file}\n{text}")
        with (self.directory / "mosquitto.log").open("wb") as log:
            program = str(shutil.which("mosquitto", path=SBIN))
            # -d is what makes it write its pid file, and it then leaves this process.
            return subprocess.Popen([program, "-v", "-c", str(path)], stdout=log, stderr=log)

    def stop(self) -> None:
        self._mosquitto.terminate()
        self._mosquitto.wait(20)
        self.running.stop()

    @property
    def subscribed(self) -> bool:
        return bool(self.collector.subscriber.connected)

    def log(self) -> str:
        return (self.directory / "mosquitto.log").read_text(errors="replace")


@pytest.fixture(scope="module")
def doors(start_collector: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, wait: Any) -> Iterator[Doors]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("forewarn_collector.app.TICK_SECONDS", 1.0)  # copies are judged at the tick
        made = Doors(start_collector, tmp_path_factory.mktemp("doors"))
    wait(lambda: made.subscribed)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def wait() -> Callable[..., Any]:
    def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, condition
            time.sleep(0.02)
        return found

    return until


class Client:
    """One MQTT 5 client with TLS; it says what happened to it."""

    def __init__(self, port: int, pem: Path | None, authority: Path, client_id: str, **more: Any) -> None:
        self.code: int | None = None
        self.gone = threading.Event()
        self.answers: list[int] = []
        self.heard: list[str] = []
        self._settled = threading.Event()
        self.mqtt = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        context = ssl.create_default_context(cafile=str(authority))
        if pem is not None:
            context.load_cert_chain(pem)
        self.mqtt.tls_set_context(context)
        if "user" in more:
            self.mqtt.username_pw_set(more["user"], more.get("password"))
        if "will" in more:
            self.mqtt.will_set(*more["will"], qos=1)
        self.mqtt.on_connect = self._on_connect
        self.mqtt.on_disconnect = lambda *_: (self.gone.set(), self._settled.set())
        self.mqtt.on_publish = lambda _c, _u, _m, code, _p: self.answers.append(code.value)
        self.mqtt.on_subscribe = lambda _c, _u, _m, codes, _p: self.answers.append(codes[0].value)
        self.mqtt.on_message = lambda _c, _u, message: self.heard.append(message.topic)
        properties = Properties(PacketTypes.CONNECT)
        properties.UserProperty = (PROPERTY, str(more.get("machine", Machine())))
        try:
            self.mqtt.connect("localhost", port, keepalive=30, properties=properties)
            self.mqtt.loop_start()
            self._settled.wait(20)
        except OSError:
            self.gone.set()

    def _on_connect(self, _c: Any, _u: Any, _f: Any, code: Any, _p: Any) -> None:
        self.code = code.value
        self._settled.set()

    @property
    def inside(self) -> bool:
        return self.code == 0 and not self.gone.is_set()

    def publish(self, topic: str, payload: bytes) -> int | None:
        """The reason code; None when the connection ended instead."""
        before = len(self.answers)
        self.mqtt.publish(topic, payload, qos=1)
        return self._answer(before)

    def subscribe(self, topic: str) -> int | None:
        before = len(self.answers)
        self.mqtt.subscribe(topic, qos=1)
        return self._answer(before)

    def _answer(self, before: int) -> int | None:
        deadline = time.monotonic() + 20
        while len(self.answers) == before and not self.gone.is_set():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self.answers[before] if len(self.answers) > before else None

    def break_off(self) -> None:
        """As a cable does: nothing is said."""
        raw = self.mqtt.socket()
        assert raw is not None
        raw.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


class Site:
    """One door, certificates as wanted, and what the collector has stored."""

    def __init__(self, doors: Doors, door: str, directory: Path, load: Any, wait: Callable[..., Any]) -> None:
        self.doors, self.door, self.directory, self.load, self.wait = doors, door, directory, load, wait
        self.authority: Authority = doors.collector.bureau.authority
        self.office = doors.collector.bureau.office
        self.clients: list[Client] = []
        self.mine, self.other = (f"{word}-{next(NUMBERS)}" for word in ("mine", "other"))
        self._seq = itertools.count(1)

    def pem(self, name: str, ago: float = 0.0, authority: Authority | None = None, store: bool = True) -> Path:
        """Key and certificate of one day. ``store``: as the office would have issued it."""
        key = ec.generate_private_key(ec.SECP256R1())
        begin = time.time() - ago * DAY
        issued = (authority or self.authority).issue(name, key.public_key(), begin, timedelta(days=1))
        if store and authority is None and ago == 0:
            self._enter(name, issued, key)
        path = self.directory / f"{name}-{next(NUMBERS)}.pem"
        path.write_bytes(key_pem(key) + issued.pem.encode())
        return path

    def _enter(self, name: str, issued: Any, key: Any) -> None:
        from forewarn_collector.identity import rows
        from forewarn_collector.identity.naming import Known
        from forewarn_collector.identity.office import key_digest

        with self.doors.collector._state.begin() as connection:
            machine = machine_of(name, f"SN {name}")
            rows.put(connection, Known(name, "Acme", "", machine, time.time(), None, ""), None)
            rows.add_certificate(connection, name, issued, key_digest(key.public_key()))
        self.office.reload()

    def connect(self, pem: Path | None, client_id: str | None = None, **more: Any) -> Client:
        """``client_id`` is the name in the certificate's file unless it is given."""
        name = client_id if client_id is not None else pem.name.rpartition("-")[0] if pem else "anybody"
        authority = self.doors.directory / "data" / "ca" / "1.crt"
        self.clients.append(Client(self.doors.ports[self.door], pem, authority, name, **more))
        return self.clients[-1]

    def report(self, name: str) -> bytes:
        return bytes(self.load(name, next(self._seq)))

    def reports(self, name: str) -> int:
        row = self.doors.running.reader.device(name)
        return row.reports if row else 0

    def settle(self) -> None:
        """What came before has been judged: a good report behind it is stored."""
        name = f"marker-{next(NUMBERS)}"
        client = self.connect(self.pem(name))
        assert client.inside
        client.publish(up_topic(name, "load"), self.report(name))
        self.wait(lambda: self.reports(name) == 1)


@pytest.fixture(params=["listener", "mosquitto"])
def site(
    request: pytest.FixtureRequest, doors: Doors, tmp_path: Path, load_payload: Any, wait: Callable[..., Any]
) -> Iterator[Site]:
    made = Site(doors, request.param, tmp_path, load_payload, wait)
    yield made
    for client in made.clients:
        client.close()


def refused(code: int | None) -> bool:
    return code is None or code >= 0x80


def test_a_device_gets_in_and_its_report_is_stored(site: Site) -> None:
    client = site.connect(site.pem(site.mine))
    assert client.inside
    assert not refused(client.publish(up_topic(site.mine, "load"), site.report(site.mine)))
    site.wait(lambda: site.reports(site.mine) == 1)


def test_without_a_certificate_nobody_gets_in(site: Site) -> None:
    assert not site.connect(None, site.mine).inside


def test_a_foreign_authority_vouches_for_nobody(site: Site) -> None:
    foreign = Authority(site.directory / "foreign")
    foreign.create(["localhost"], time.time())
    assert not site.connect(site.pem(site.mine, authority=foreign)).inside


@pytest.mark.parametrize("ago", [10, -10], ids=["expired", "not yet valid"])
def test_a_certificate_out_of_its_time_is_refused(site: Site, ago: float) -> None:
    assert not site.connect(site.pem(site.mine, ago)).inside


def test_a_device_s_certificate_is_no_server_s(site: Site) -> None:
    """The collector's own certificate opens no door, so that who steals it is no device."""
    path = site.directory / "server.pem"
    ca = site.doors.directory / "data" / "ca"
    path.write_bytes((ca / "server.key").read_bytes() + (ca / "server.crt").read_bytes())
    assert not site.connect(path, "collector").inside


def test_a_revoked_certificate_does_not_get_in(site: Site) -> None:
    pem = site.pem(site.mine)
    site.office.revoke(site.mine, "stolen")
    # Mosquitto reads the list when the signal has reached it.
    site.wait(lambda: not site.connect(pem).inside)


def test_revocation_takes_a_connection_s_rights_at_once(site: Site) -> None:
    client, bystander = site.connect(site.pem(site.mine)), site.connect(site.pem(site.other))
    assert not refused(client.publish(up_topic(site.mine, "load"), site.report(site.mine)))
    site.wait(lambda: site.reports(site.mine) == 1)
    site.office.revoke(site.mine, "stolen")
    site.wait(lambda: refused(client.publish(up_topic(site.mine, "load"), site.report(site.mine))))
    site.settle()
    assert bystander.inside
    assert site.reports(site.mine) == 1


def test_the_collector_refuses_a_revoked_device_whatever_the_broker_does(site: Site) -> None:
    """The broker is not told: only the collector knows."""
    client = site.connect(site.pem(site.mine))
    letters = site.doors.running.letters()["revoked-device"]
    known = site.doors.collector._roster._known
    known[site.mine] = known[site.mine]._replace(revoked_at=1.0, reason="stolen")
    client.publish(up_topic(site.mine, "load"), site.report(site.mine))
    site.wait(lambda: site.doors.running.letters()["revoked-device"] == letters + 1)
    assert site.reports(site.mine) == 0


@pytest.mark.parametrize("topic", ["up/load", "up/status", "down/command", "down/config"])
def test_nobody_writes_as_another(site: Site, topic: str) -> None:
    client = site.connect(site.pem(site.mine))
    assert refused(client.publish(f"forewarn/v1/{site.other}/{topic}", site.report(site.other)))
    site.settle()
    assert site.doors.running.reader.device(site.other) is None


def test_nobody_writes_to_its_own_way_down_or_elsewhere(site: Site) -> None:
    client = site.connect(site.pem(site.mine))
    for topic in (down_topic(site.mine, "command"), "forewarn/v1/x", "$SYS/broker/uptime", "$share/a/b", "a"):
        assert refused(client.publish(topic, b"{}")), topic
        client = client if client.inside else site.connect(site.pem(site.mine))


def test_a_message_must_name_its_sender(site: Site) -> None:
    client = site.connect(site.pem(site.mine))
    client.publish(up_topic(site.mine, "load"), site.report(site.other))
    site.settle()
    assert site.doors.running.reader.device(site.other) is None


def test_nobody_listens_to_others(site: Site) -> None:
    spy = site.connect(site.pem(site.mine))
    wanted = [
        "#", "+/#", "forewarn/v1/+/up/#", "forewarn/v1/+/down/#", "forewarn/#", f"forewarn/v1/{site.other}/down/#",
        f"forewarn/v1/{site.other}/up/load", "$share/x/forewarn/v1/+/up/#", "$SYS/#",
    ]  # fmt: skip
    codes = [spy.subscribe(topic) for topic in wanted]
    if site.door == "listener":
        assert all(map(refused, codes))
    victim = site.connect(site.pem(site.other))
    assert victim.inside
    assert not refused(victim.publish(up_topic(site.other, "load"), site.report(site.other)))
    site.wait(lambda: site.reports(site.other) == 1)
    if site.door == "mosquitto":
        site.doors.collector.subscriber.publish(down_topic(site.other, "command"), b"{}")
        site.doors.collector.subscriber.publish(down_topic(site.mine, "command"), b"{}")
        assert not refused(spy.subscribe(down_topic(site.mine, "command")))
        site.doors.collector.subscriber.publish(down_topic(site.mine, "command"), b"{}")
        site.wait(lambda: spy.heard)
    site.settle()
    assert set(spy.heard) <= {down_topic(site.mine, "command")}


def test_another_s_client_id_is_of_no_use(site: Site) -> None:
    victim = site.connect(site.pem(site.other))
    assert victim.inside
    thief = site.connect(site.pem(site.mine), client_id=site.other)
    if site.door == "listener":
        assert not thief.inside
    else:
        assert refused(thief.publish(up_topic(site.other, "load"), site.report(site.other)))
    assert not refused(victim.publish(up_topic(site.other, "load"), site.report(site.other)))
    assert victim.inside
    site.wait(lambda: site.reports(site.other) == 1)


def test_another_s_user_name_is_of_no_use(site: Site) -> None:
    thief = site.connect(site.pem(site.mine), user=site.other, password="x")
    if site.door == "listener":
        assert not thief.inside
    else:
        assert refused(thief.publish(up_topic(site.other, "load"), site.report(site.other)))
    site.settle()
    assert site.reports(site.other) == 0


def test_a_will_speaks_for_nobody_else(site: Site, status_payload: Callable[..., bytes]) -> None:
    victim = site.connect(site.pem(site.other))
    victim.publish(up_topic(site.other, "status"), status_payload(site.other, 1))
    site.wait(lambda: site.doors.running.reader.device(site.other))
    will = (up_topic(site.other, "status"), status_payload(site.other, 99, "offline"))
    thief = site.connect(site.pem(site.mine), will=will)
    if site.door == "listener":
        assert not thief.inside
    else:
        thief.break_off()
        site.wait(lambda: thief.gone.is_set())
    site.settle()
    assert site.doors.running.reader.device(site.other).online is True


def test_an_old_will_that_is_sent_again_ends_nothing(site: Site, status_payload: Callable[..., bytes]) -> None:
    client = site.connect(site.pem(site.mine))
    topic = up_topic(site.mine, "status")
    old = status_payload(site.mine, 3, "offline")
    client.publish(topic, status_payload(site.mine, 4, "online"))
    client.publish(topic, old)
    client.publish(topic, old)
    site.settle()
    assert site.doors.running.reader.device(site.mine).online is True


@pytest.mark.parametrize("name", ["collector", "forewarn", "Till", "a b", "+", "#", "a/b", "t\u0456ll", "a.", "x" * 64])
def test_a_certificate_with_a_name_that_is_none_gains_nothing(site: Site, name: str) -> None:
    """No office issues one; an authority that leaked may."""
    key = ec.generate_private_key(ec.SECP256R1())
    issued = site.authority.issue(name, key.public_key(), time.time(), timedelta(days=1))
    path = site.directory / "named.pem"
    path.write_bytes(key_pem(key) + issued.pem.encode())
    before = site.doors.running.reader.device_count()
    for client_id in (name, "collector"):
        client = site.connect(path, client_id=client_id)
        if site.door == "listener":
            assert not client.inside
        if client.inside:
            client.subscribe("forewarn/v1/+/up/#")
            client.publish(f"forewarn/v1/{name.replace('+', 'x').replace('#', 'x')}/up/load", site.report("good-one"))
            client.close()
    # Whoever is called "collector" has the collector's client id at a broker, and no right; the collector comes back.
    site.wait(lambda: site.doors.subscribed)
    site.settle()
    assert site.doors.running.reader.device_count() == before + 1, "the marker"


def test_a_copy_does_not_throw_the_right_machine_out(site: Site, status_payload: Callable[..., bytes]) -> None:
    """The same key on two machines; behind a broker it can only be noticed."""
    pem = site.pem(site.mine)
    right, wrong = machine_of(site.mine, f"SN {site.mine}"), machine_of(site.mine, "SN of another board")
    topic = up_topic(site.mine, "status")
    first = site.connect(pem, machine=right)
    first.publish(topic, status_payload(site.mine, 1, boot="right"))
    second = site.connect(pem, machine=wrong)
    if site.door == "listener":
        assert not second.inside
        assert first.inside
    else:
        second.publish(topic, status_payload(site.mine, 2, boot="wrong"))
        site.connect(pem, machine=right).publish(topic, status_payload(site.mine, 3, boot="right"))
    reader = site.doors.running.reader
    site.wait(lambda: "identity-cloned" in [event.name for event in reader.events(site.mine)])
    desk = site.doors.collector.desk
    site.wait(lambda: [ticket.fault for ticket in desk.tickets(device=site.mine)] == ["identity"])


def test_the_right_machine_takes_its_place_back(site: Site) -> None:
    if site.door == "mosquitto":
        pytest.skip("a broker does not know machines")
    pem = site.pem(site.mine)
    wrong = site.connect(pem, machine=machine_of(site.mine, "SN of another board"))
    assert wrong.inside
    right = site.connect(pem, machine=machine_of(site.mine, f"SN {site.mine}"))
    assert right.inside
    assert wrong.gone.wait(20)
    site.wait(lambda: "identity-moved" in [event.name for event in site.doors.running.reader.events(site.mine)])
