"""A real Mosquitto runs with the example configuration and keeps devices apart."""

import os
import queue
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from forewarn_wire import up_topic

EXAMPLE = Path(__file__).resolve().parents[2] / "collector/forewarn_collector/identity/mosquitto"
SBIN = f"{os.environ['PATH']}:/usr/sbin"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
NOT_AUTHORIZED = 0x87

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(shutil.which("mosquitto", path=SBIN) is None, reason="mosquitto is not installed"),
]


def run(directory: Path, *command: str) -> None:
    subprocess.run(command, cwd=directory, check=True, capture_output=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What /etc/mosquitto/forewarn would hold: an authority, its revocation list, a server, devices, a password."""
    directory = tmp_path_factory.mktemp("forewarn")
    for name in ("acl-devices", "acl-collector"):
        shutil.copy(EXAMPLE / name, directory)
        (directory / name).chmod(0o600)
    run(
        directory, "openssl", "req", "-x509", *NEW_KEY, "-subj", "/CN=test authority", "-days", "2",
        "-keyout", "ca.key", "-out", "ca.crt",
    )  # fmt: skip
    for name in ("server", "shop-07", "collector", "shop-gone"):
        run(directory, "openssl", "req", *NEW_KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", "new.csr")
        (directory / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
        run(
            directory, "openssl", "x509", "-req", "-in", "new.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", f"{name}.crt",
        )  # fmt: skip
    (directory / "index.txt").touch()
    (directory / "ca.cnf").write_text(
        "[ca]\ndefault_ca = own\n[own]\ndatabase = index.txt\ndefault_md = sha256\ndefault_crl_days = 2\n"
    )
    authority = ("openssl", "ca", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.crt")
    run(directory, *authority, "-revoke", "shop-gone.crt")
    run(directory, *authority, "-gencrl", "-out", "ca.crl")
    (directory / "passwd-collector").touch(mode=0o600)
    run(directory, "mosquitto_passwd", "-b", "passwd-collector", "collector", "secret")
    return directory


def free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


@pytest.fixture(scope="module")
def ports(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """A broker as Debian sets one up, with our file in conf.d; its port for devices and its port for the collector."""
    directory = tmp_path_factory.mktemp("mosquitto")
    devices, collector = free_ports()
    ours = directory / "conf.d"
    ours.mkdir()
    text = (EXAMPLE / "forewarn.conf").read_text().replace("/etc/mosquitto/forewarn", str(keys))
    for before, after in (
        ("listener 8883", f"listener {devices} 127.0.0.1"),
        ("listener 1883 ", f"listener {collector} "),
    ):
        assert before in text
        text = text.replace(before, after)
    (ours / "forewarn.conf").write_text(text)
    # As root, Mosquitto would become a user who cannot read the test's files.
    (directory / "mosquitto.conf").write_text(
        f"user root\npersistence true\npersistence_location {directory}/\ninclude_dir {ours}\n"
    )
    log = directory / "log"
    with log.open("wb") as file:
        broker = subprocess.Popen(
            [str(shutil.which("mosquitto", path=SBIN)), "-v", "-c", str(directory / "mosquitto.conf")],
            stdout=file,
            stderr=file,
        )
    deadline = time.monotonic() + 20
    while not all(socket.socket().connect_ex(("127.0.0.1", port)) == 0 for port in (devices, collector)):
        assert broker.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    yield devices, collector
    broker.terminate()
    broker.wait(10)


class Client:
    """One MQTT 5 connection; what it is told waits in queues."""

    def __init__(self, port: int, client_id: str) -> None:
        self.connected: queue.Queue[int] = queue.Queue()
        self.published: queue.Queue[int] = queue.Queue()
        self.granted: queue.Queue[int] = queue.Queue()
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.port = port
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5)
        self.mqtt.on_connect = lambda _c, _u, _f, code, _p: self.connected.put(code.value)
        self.mqtt.on_publish = lambda _c, _u, _m, code, _p: self.published.put(code.value)
        self.mqtt.on_subscribe = lambda _c, _u, _m, codes, _p: self.granted.put(codes[0].value)
        self.mqtt.on_message = lambda _c, _u, message: self.messages.put((message.topic, message.payload))

    def open(self) -> int:
        """Connect; return the reason code of the answer."""
        assert self.mqtt.connect("127.0.0.1", self.port, keepalive=30) is MQTTErrorCode.MQTT_ERR_SUCCESS
        self.mqtt.loop_start()
        return self.connected.get(timeout=10)

    def publish(self, topic: str) -> int:
        self.mqtt.publish(topic, b"{}", qos=1)
        return self.published.get(timeout=10)

    def subscribe(self, topic: str) -> int:
        self.mqtt.subscribe(topic, qos=1)
        return self.granted.get(timeout=10)


@pytest.fixture
def connect(keys: Path, ports: tuple[int, int]) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def device(name: str, client_id: str | None = None) -> Client:
        client = Client(ports[0], client_id or name)
        client.mqtt.tls_set(f"{keys}/ca.crt", f"{keys}/{name}.crt", f"{keys}/{name}.key")
        made.append(client)
        return client

    def collector(password: str) -> Client:
        client = Client(ports[1], "anything")
        client.mqtt.username_pw_set("collector", password)
        made.append(client)
        return client

    def choose(**who: Any) -> Client:
        return collector(**who) if "password" in who else device(**who)

    yield choose
    for client in made:
        client.mqtt.disconnect()
        client.mqtt.loop_stop()


def test_a_device_s_report_reaches_the_collector(connect: Callable[..., Client]) -> None:
    collector = connect(password="secret")
    assert collector.open() == 0
    assert collector.subscribe("forewarn/v1/+/up/#") == 1
    device = connect(name="shop-07")
    assert device.open() == 0
    assert device.publish(up_topic("shop-07", "load")) == 0
    assert collector.messages.get(timeout=10) == (up_topic("shop-07", "load"), b"{}")


def test_a_device_may_not_write_as_another(connect: Callable[..., Client]) -> None:
    device = connect(name="shop-07")
    assert device.open() == 0
    assert device.publish(up_topic("shop-08", "load")) == NOT_AUTHORIZED
    assert device.publish("forewarn/v1/shop-07/down/command") == NOT_AUTHORIZED


def test_a_device_enrolled_as_collector_gains_nothing(connect: Callable[..., Client]) -> None:
    collector = connect(password="secret")
    assert collector.open() == 0
    assert collector.subscribe("forewarn/v1/+/up/#") == 1
    impostor = connect(name="collector")
    assert impostor.open() == 0
    # Mosquitto 2.0 grants any subscription and sends what the reader may read: here nothing.
    impostor.subscribe("forewarn/v1/+/up/#")
    device = connect(name="shop-07")
    assert device.open() == 0
    assert device.publish(up_topic("shop-07", "load")) == 0
    assert collector.messages.get(timeout=10)
    assert impostor.publish("forewarn/v1/shop-07/down/command") == NOT_AUTHORIZED
    assert impostor.messages.empty()


def test_the_certificate_not_the_client_says_who_it_is(connect: Callable[..., Client]) -> None:
    device = connect(name="shop-07", client_id="shop-08")
    assert device.open() == 0
    assert device.publish(up_topic("shop-08", "load")) == NOT_AUTHORIZED
    assert device.publish(up_topic("shop-07", "load")) == 0x10, "success, though nobody listens"


def test_a_revoked_certificate_does_not_get_in(keys: Path, ports: tuple[int, int]) -> None:
    context = ssl.create_default_context(cafile=f"{keys}/ca.crt")
    context.load_cert_chain(f"{keys}/shop-gone.crt", f"{keys}/shop-gone.key")
    with (
        socket.create_connection(("127.0.0.1", ports[0]), timeout=10) as plain,
        pytest.raises(ssl.SSLError, match="CERTIFICATE_REVOKED"),
        context.wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        encrypted.recv(1)  # with TLS 1.3 the server's refusal comes after the client's half of the handshake


def test_a_wrong_password_does_not_get_in(connect: Callable[..., Client]) -> None:
    assert connect(password="wrong").open() == NOT_AUTHORIZED
