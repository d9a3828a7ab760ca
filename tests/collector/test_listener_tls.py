"""The listener with TLS: the common name of a client's certificate is the device, and nobody else gets in."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mqtt5
import pytest
from mqtt5 import ConnAckReasonCode as Reply
from servers.certificates import make_authority, make_certificate

from forewarn_collector.config import Api, Config, Listen, Tls
from forewarn_collector.ingest.crowd import Limits
from forewarn_collector.ingest.listener import Listener
from forewarn_wire import up_topic

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys")
    make_authority(directory, "ours")
    make_authority(directory, "foreign")
    make_certificate(directory, "server", "/CN=localhost", "ours")
    make_certificate(directory, "shop-07", "/CN=shop-07", "ours")
    make_certificate(directory, "nameless", "/O=Acme", "ours")
    make_certificate(directory, "upper", "/CN=SHOP-07", "ours")
    make_certificate(directory, "reserved", "/CN=collector", "ours")
    make_certificate(directory, "impostor", "/CN=shop-07", "foreign")
    return directory


@pytest.fixture(scope="module")
def running(keys: Path, tmp_path_factory: pytest.TempPathFactory, start_collector: Make) -> Iterator[Any]:
    files = Tls(certificate=f"{keys}/server.pem", key=f"{keys}/server.key", client_ca=f"{keys}/ours.pem")
    config = Config(listen=Listen(port=0, tls=files), api=Api(port=0))
    running = start_collector(tmp_path_factory.mktemp("collector") / "data", config)
    yield running
    running.stop()


@pytest.fixture
def door(running: Any, keys: Path, no_errors_logged: None) -> Iterator[Any]:
    yield running
    running.take_a_good_report(client(keys, "shop-07"), "shop-07")
    assert not running.collector.health().troubles


def client(keys: Path, file: str | None, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=f"{keys}/ours.pem")
    context.maximum_version = newest
    if file is not None:
        context.load_cert_chain(f"{keys}/{file}.pem", f"{keys}/{file}.key")
    return context


def test_the_right_certificate_gets_in_and_writes_as_itself_only(
    door: Any, keys: Path, make_device: Make, load_payload: Make
) -> None:
    assert door.collector.mqtt_url.startswith("mqtts://")
    device = make_device(door.port, "shop-07", client(keys, "shop-07"))
    assert device.connect().reason_code == 0
    assert device.publish(up_topic("shop-07", "load"), load_payload(seq=1000)).reason_code == 0
    assert device.publish(up_topic("shop-08", "load"), load_payload("shop-08")).reason_code == 0x87


@pytest.mark.parametrize(
    ("file", "client_id", "code"),
    [
        ("shop-07", "shop-08", Reply.NOT_AUTHORIZED),
        ("nameless", "shop-07", Reply.CLIENT_ID_NOT_VALID),
        ("upper", "SHOP-07", Reply.CLIENT_ID_NOT_VALID),
        ("upper", "shop-07", Reply.CLIENT_ID_NOT_VALID),
        ("reserved", "collector", Reply.CLIENT_ID_NOT_VALID),
    ],
)
def test_a_name_that_is_not_the_certificates_is_refused(
    file: str, client_id: str, code: Reply, door: Any, keys: Path, make_device: Make
) -> None:
    device = make_device(door.port, client_id, client(keys, file))
    assert device.connect().reason_code == code
    assert device.until_closed() == []
    assert client_id not in door.collector.listener.clients


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("file", [None, "impostor"])
def test_without_a_certificate_of_our_authority_nobody_gets_in(
    file: str | None, newest: ssl.TLSVersion, door: Any, keys: Path, make_device: Make, wait_for: Callable[..., Any]
) -> None:
    def come() -> None:
        # With TLS 1.3 the client learns only when it reads that its certificate is not wanted.
        make_device(door.port, "shop-07", client(keys, file, newest)).connect()

    with pytest.raises(Exception) as refused:
        come()
    assert isinstance(refused.value, OSError) or type(refused.value).__name__ == "Closed"
    wait_for(lambda: not door.collector.listener.open)


def test_an_old_tls_version_is_refused(door: Any, keys: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", door.port), 10) as plain, pytest.raises(OSError):
        context.wrap_socket(plain)


@pytest.mark.parametrize("sent", [mqtt5.ConnectPacket("shop-07").write(), b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 500])
def test_plain_text_is_refused(sent: bytes, door: Any, make_device: Make, wait_for: Callable[..., Any]) -> None:
    letters = door.letters()
    device = make_device(door.port)
    device.send(sent)
    assert b"MQTT" not in device.read_to_the_end()
    wait_for(lambda: not door.collector.listener.open)
    assert door.letters() == letters


def test_whoever_does_not_shake_hands_is_sent_away(door: Any, make_device: Make) -> None:
    listener = Listener(door.collector.intake, time.time, connect_seconds=0.4, tls=door.collector.listener.tls)
    run = asyncio.run_coroutine_threadsafe
    _, port = run(listener.start("127.0.0.1", 0), door.loop).result(10)
    began = time.monotonic()
    assert make_device(port).read_to_the_end() == b""
    assert time.monotonic() - began < 5
    run(listener.stop(), door.loop).result(10)


def test_failed_handshakes_slow_their_address_down(door: Any, keys: Path, make_device: Make, wait_for: Make) -> None:
    limits = Limits(connections_per_address=30, connections_per_second=0.01)
    listener = Listener(door.collector.intake, time.time, limits=limits, tls=door.collector.listener.tls)
    run = asyncio.run_coroutine_threadsafe
    _, port = run(listener.start("127.0.0.1", 0), door.loop).result(10)
    for number in range(1, 4):
        with pytest.raises(Exception, match=r"^$|certificate|alert|reset") as refused:
            make_device(port, "shop-07", client(keys, "impostor")).connect()
        assert isinstance(refused.value, OSError) or type(refused.value).__name__ == "Closed"
        wait_for(lambda number=number: listener.ended == {"no-tls-handshake": number}, 60)
    with pytest.raises(OSError):  # each counts as ten
        make_device(port, "shop-07", client(keys, "shop-07"))
    assert listener.ended["too-fast-of-address"] == 1
    run(listener.stop(), door.loop).result(10)


def test_many_reports_pass_through_tls(door: Any, keys: Path, make_device: Make, load_payload: Make) -> None:
    device = make_device(door.port, "shop-07", client(keys, "shop-07"))
    device.connect()
    packets = [device.packet(up_topic("shop-07", "load"), load_payload(seq=seq)) for seq in range(2000, 2200)]
    device.send(*packets)
    assert all(device.receive().reason_code == 0 for _ in packets)
