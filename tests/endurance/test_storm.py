"""A collector dies under many devices with TLS, and all are back at once: nothing is lost, memory stays bounded.

`make storm` takes AGENTS.
"""

import asyncio
import datetime
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from forewarn_collector.replay.sender import VirtualAgents
from forewarn_collector.store.reader import Reader
from forewarn_wire import Cpu, LoadReport

pytestmark = pytest.mark.slow

AGENTS = int(os.environ.get("FOREWARN_STORM_AGENTS", "100"))
BEFORE, AWAY = 1, 2
"""Reports of each device before the collector dies, and while it is away."""
RECOVERY_SECONDS = 60.0
MOST_BYTES = 200_000_000 + 100_000 * AGENTS


class Authority:
    """Signs certificates, all for the same key: making a key for each device would take longer than the storm."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        secret = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.key = self._written("key.pem", secret)
        self.certificate = self._signed("storm authority", x509.BasicConstraints(ca=True, path_length=None))

    def sign(self, name: str) -> Path:
        return self._signed(name, x509.SubjectAlternativeName([x509.DNSName("localhost")]))

    def _signed(self, name: str, extension: x509.ExtensionType) -> Path:
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "storm authority")]))
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(extension, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return self._written(f"{name.replace(' ', '-')}.pem", made.public_bytes(serialization.Encoding.PEM))

    def _written(self, name: str, content: bytes) -> Path:
        path = self._directory / name
        path.write_bytes(content)
        return path

    def context_of(self, device: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.certificate)
        context.load_cert_chain(self.sign(device), self.key)
        return context


def peak_bytes(process: int) -> int:
    """The most memory that it ever had."""
    (line,) = (line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def test_all_devices_are_back_within_a_minute(tmp_path: Path, make_collector: Callable[..., Any]) -> None:
    authority = Authority(tmp_path / "keys")
    tls = {
        "certificate": str(authority.sign("server")),
        "key": str(authority.key),
        "client_ca": str(authority.certificate),
    }
    config = tmp_path / "collector.yaml"
    config.write_text(yaml.safe_dump({"listen": {"tls": tls}}))
    collector = make_collector("--config", str(config))
    devices = [f"storm-{number:05}" for number in range(AGENTS)]

    async def storm() -> tuple[float, int, VirtualAgents]:
        crowd = VirtualAgents(f"mqtts://localhost:{collector.mqtt_port}", authority.context_of)
        seq = 0

        def report(rounds: int) -> None:
            nonlocal seq
            for _ in range(rounds):
                seq += 1
                for device in devices:
                    cpu = Cpu(used_percent=seq)
                    crowd.send("load", LoadReport(device=device, boot="b1", seq=seq, sampled_at=time.time(), cpu=cpu))

        report(BEFORE)
        await crowd.wait_below(1)
        await asyncio.to_thread(collector.kill)
        report(AWAY)
        await asyncio.to_thread(collector.start)
        began = time.monotonic()
        await crowd.wait_below(1)
        took = time.monotonic() - began
        peak = peak_bytes(collector.process.pid)
        await crowd.finish()
        return took, peak, crowd

    took, peak, crowd = asyncio.run(storm())
    with Reader(collector.data) as reader:
        counts = reader.counts()
        stored = sum(row.reports for row in reader.devices())
    print(
        f"{AGENTS} devices with TLS and certificates: {took:.1f} s from the collector's start to the last "
        f"acknowledgement; reports sent {crowd.sent}, stored {stored}, came twice and were dropped "
        f"{counts.duplicates}; memory of the collector {peak / 1e6:.0f} MB"
    )
    assert dict(crowd.acked) == {0: crowd.sent}
    assert stored == crowd.sent == AGENTS * (BEFORE + AWAY)
    assert took < RECOVERY_SECONDS
    assert peak < MOST_BYTES
