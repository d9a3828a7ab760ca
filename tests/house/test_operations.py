"""docs/operations.md says what the programs do."""

import ast
import asyncio
import re
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import mqtt5
import pytest

from forewarn_collector.app import Collector
from forewarn_collector.config import Api, Config, Listen, Tls
from forewarn_collector.ingest.accept import REASONS
from forewarn_collector.store.model import DEAD_LETTERS_KEPT, PAYLOAD_LIMIT

Rows = Callable[[str, str], list[list[str]]]


@pytest.fixture(scope="module")
def text(document: Callable[[str], str]) -> str:
    return document("docs/operations.md")


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_reason_of_a_dead_letter_is_explained(text: str, rows: Rows) -> None:
    explained = [words(row[0])[0] for row in rows(text, "Dead letters")]
    assert sorted(explained) == sorted(REASONS)
    assert f"the newest {DEAD_LETTERS_KEPT:,}" in text
    assert f"{PAYLOAD_LIMIT:,} bytes" in text.replace("\n", " ")


def test_every_line_of_the_log_that_is_explained_is_written(text: str, rows: Rows, modules: list[Path]) -> None:
    constants = {
        node.value
        for path in modules
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    explained = [words(row[0])[0] for row in rows(text, "The log")]
    assert len(explained) > 10
    assert [line for line in explained if not any(line in constant for constant in constants)] == []


def test_every_file_of_the_data_directory_is_explained(text: str, rows: Rows, tmp_path: Path) -> None:
    data = tmp_path / "data"

    async def run() -> set[str]:
        collector = Collector(Config(listen=Listen(port=0), api=Api(port=0)), data)
        await collector.start()
        there = {path.name for path in data.iterdir()}
        await collector.stop()
        return there | {path.name for path in data.iterdir()}

    found = asyncio.run(run())
    explained = {name for row in rows(text, "The data directory") for name in words(row[0])}
    assert found <= explained
    assert explained - found == {"agent/", "ca/", "collector.yaml", "collector.log"}
    assert data.stat().st_mode & 0o777 == 0o700


def test_the_ports_are_the_defaults(text: str, rows: Rows) -> None:
    ports = [row[0] for row in rows(text, "Ports")]
    assert str(Config().listen.port) in ports
    assert str(Config().api.port) in ports


@pytest.fixture(scope="module")
def certificates(text: str, runnable: Callable[[str], list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands of the page make."""
    directory = tmp_path_factory.mktemp("certificates")
    (block,) = runnable(text)
    subprocess.run(["/bin/bash", "-euc", block], cwd=directory, check=True, capture_output=True)
    return directory


def test_the_commands_for_certificates_serve_the_front_door(certificates: Path, tmp_path: Path) -> None:
    tls = Tls(
        certificate=str(certificates / "server.crt"),
        key=str(certificates / "server.key"),
        client_ca=str(certificates / "ca.crt"),
    )

    def connect(port: int) -> bytes:
        context = ssl.create_default_context(cafile=str(certificates / "ca.crt"))
        context.load_cert_chain(certificates / "device.crt", certificates / "device.key")
        plain = socket.create_connection(("127.0.0.1", port), timeout=10)
        with plain, context.wrap_socket(plain, server_hostname="localhost") as device:
            device.sendall(mqtt5.ConnectPacket("acme-12-till-3").write())
            return device.recv(100)

    async def run() -> bytes:
        collector = Collector(Config(listen=Listen(port=0, tls=tls), api=Api(port=0)), tmp_path / "data")
        await collector.start()
        assert collector.mqtt_url is not None
        assert collector.mqtt_url.startswith("mqtts://")
        answer = await asyncio.to_thread(connect, int(collector.mqtt_url.rpartition(":")[2]))
        await collector.stop()
        return answer

    packet, _ = mqtt5.read(asyncio.run(run()))
    assert isinstance(packet, mqtt5.ConnAckPacket)
    assert packet.reason_code == mqtt5.ConnAckReasonCode.SUCCESS
