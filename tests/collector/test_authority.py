"""The authority's files, its rotation, and the commands on them."""

import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from forewarn_collector.config import Api, Config, Enrol, Listen
from forewarn_collector.identity.authority import Authority, AuthorityError
from forewarn_collector.identity.broker_files import BrokerFiles, access_list
from forewarn_collector.identity.certificates import key_pem

NOW = 1_790_000_000.0
DAY = 86_400.0


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "ca")
    made.create(["example.org", "192.0.2.7"], NOW)
    return made


def issue(authority: Authority, name: str = "till-3", now: float = NOW) -> Any:
    return authority.issue(name, ec.generate_private_key(ec.SECP256R1()).public_key(), now, timedelta(days=180))


def test_keys_are_for_their_owner_alone(authority: Authority) -> None:
    authority.server_files(["collector.example.org"], NOW)
    authority.write_crl({}, NOW)
    assert authority.directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in authority.directory.glob("*.*")} == {0}


def test_it_vouches_for_no_other_server(authority: Authority) -> None:
    authority.server_files(["collector.example.org", "example.org", "192.0.2.7", "localhost", "127.0.0.1"], NOW)
    for name in ("collector.example.com", "notexample.org", "192.0.2.8"):
        with pytest.raises(AuthorityError, match=f"may not vouch for '{name}'.*forewarn ca rotate --name {name}"):
            authority.server_files([name], NOW)


def test_its_own_certificate_is_kept_while_it_serves(authority: Authority) -> None:
    def read(now: float, *names: str) -> bytes:
        return authority.server_files(names or ("localhost",), now)[0].read_bytes()

    first = read(NOW)
    assert read(NOW + 59 * DAY) == first
    second = read(NOW + 61 * DAY)
    assert second != first
    assert read(NOW + 61 * DAY, "localhost", "example.org") != second


def test_there_is_one_authority_unless_it_is_rotated(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(AuthorityError, match="forewarn ca rotate"):
        authority.create(["localhost"], NOW)
    with pytest.raises(AuthorityError, match="forewarn ca init"):
        Authority(tmp_path / "nowhere").issuers()


def test_in_a_rotation_the_new_one_signs_devices_and_the_old_one_the_collector(authority: Authority) -> None:
    before = issue(authority)
    authority.rotate(["localhost"], NOW)
    after = issue(authority)
    old, new = authority.issuers()
    assert (before.issuer, after.issuer) == (old.fingerprint, new.fingerprint)
    assert authority.bundle().count("BEGIN CERTIFICATE") == 2
    server = x509.load_pem_x509_certificate(authority.server_files(["localhost"], NOW)[0].read_bytes())
    assert server.issuer == old.certificate.subject
    with pytest.raises(AuthorityError, match="a rotation goes on"):
        authority.rotate(["localhost"], NOW)
    authority.retire(old.number)
    assert authority.retired_names() == {old.name}
    assert not old.key.exists()
    server = x509.load_pem_x509_certificate(authority.server_files(["localhost"], NOW)[0].read_bytes())
    assert server.issuer == new.certificate.subject


def test_a_damaged_file_is_named_with_what_to_do(authority: Authority) -> None:
    (authority.directory / "1.key").write_text("nonsense")
    with pytest.raises(AuthorityError, match=r"1\.key: cannot be used.*restore it from the backup"):
        issue(authority)
    (authority.directory / "1.crt").write_text("nonsense")
    with pytest.raises(AuthorityError, match=r"1\.crt: is not a certificate"):
        authority.issuers()


def test_the_list_names_what_is_revoked_and_does_not_become_too_old(authority: Authority) -> None:
    issued = issue(authority)
    path = authority.write_crl({issued.issuer: [(issued.serial, NOW)]}, NOW)
    (listed,) = [x509.load_pem_x509_crl(path.read_bytes())]
    assert [row.serial_number for row in listed] == [int(issued.serial, 16)]
    assert listed.next_update_utc == authority.issuers()[0].certificate.not_valid_after_utc
    assert listed.is_signature_valid(authority.issuers()[0].certificate.public_key())


def test_the_access_list_denies_the_revoked() -> None:
    lines = [line for line in access_list(["b", "a"]).splitlines() if not line.startswith("#")]
    assert lines[-4:] == ["user a", "topic deny #", "user b", "topic deny #"]
    assert lines[:2] == ["pattern write forewarn/v1/%u/up/#", "pattern read forewarn/v1/%u/down/#"]


def test_a_broker_that_cannot_be_told_is_a_trouble_with_a_command(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    files = BrokerFiles(tmp_path, pid_file)
    files.write("CA", b"CRL", [], None)
    assert "run: systemctl reload mosquitto" in str(files.trouble)
    process = subprocess.Popen(["sleep", "60"])
    pid_file.write_text(str(process.pid))
    files.write("CA", b"CRL", [], None)
    assert files.trouble is None
    assert process.wait(20) == -1, "SIGHUP"
    assert (tmp_path / "ca.crl").stat().st_mode & 0o777 == 0o640
    away = BrokerFiles(tmp_path / "nowhere", None)
    away.write("CA", b"CRL", [], None)
    assert "does not know of revocations" in str(away.trouble)


def ca(data: Path, *arguments: str) -> Any:
    command = [sys.executable, "-m", "forewarn_collector", "--data", str(data), "ca", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


def test_the_commands_make_show_and_rotate(tmp_path: Path) -> None:
    assert "forewarn ca init" in ca(tmp_path, "show")
    (made,) = ca(tmp_path, "init", "--name", "example.org")
    assert made["signs"] == ["devices", "collector"]
    assert "example.org" in made["names"]
    assert made["fingerprint"].startswith("sha256:")
    old, new = ca(tmp_path, "rotate")
    assert (old["fingerprint"], old["signs"], new["signs"]) == (made["fingerprint"], ["collector"], ["devices"])
    assert "example.org" in new["names"]
    (left,) = ca(tmp_path, "rotate", "--drop-old")
    assert left["fingerprint"] == new["fingerprint"]
    (fresh,) = ca(tmp_path, "rotate", "--drop-old")
    assert fresh["number"] == 3


def test_a_rotation_without_a_collector_leaves_no_stale_list(tmp_path: Path) -> None:
    """A broker that reads the list would refuse everybody of an authority that it does not name."""
    authority = Authority(tmp_path / "ca")
    first = authority.create(["example.org"], NOW)
    issued = issue(authority)
    path = authority.write_crl({issued.issuer: [(issued.serial, NOW)]}, NOW)
    ca(tmp_path, "rotate")
    listed = crls(path)
    assert [item.issuer for item in listed] == [item.certificate.subject for item in authority.issuers()]
    assert [row.serial_number for row in listed[0]] == [int(issued.serial, 16)]
    assert len(listed[1]) == 0
    ca(tmp_path, "rotate", "--drop-old")
    (left,) = crls(path)
    assert left.issuer != first.certificate.subject


def test_a_damaged_list_is_named_with_what_to_do(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    authority.create(["example.org"], NOW)
    authority.write_crl({}, NOW).write_text("-----BEGIN X509 CRL-----\nnonsense\n-----END X509 CRL-----\n")
    assert "revoked.crl: cannot be read" in ca(tmp_path, "rotate")
    assert len(authority.issuers()) == 1


def crls(path: Path) -> list[x509.CertificateRevocationList]:
    end = b"-----END X509 CRL-----\n"
    return [x509.load_pem_x509_crl(part + end) for part in path.read_bytes().split(end)[:-1]]


def handshake(running: Any, authority: Path, pem: Path) -> str:
    """``in``, or why not."""
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(pem)
    try:
        with (
            socket.create_connection(("127.0.0.1", running.port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as encrypted,
        ):
            import mqtt5

            encrypted.sendall(mqtt5.ConnectPacket("till-3", keep_alive=60).write())
            answer, _ = mqtt5.read(encrypted.recv(1000))
            assert isinstance(answer, mqtt5.ConnAckPacket)
            return "in" if answer.reason_code == 0 else str(answer.reason_str)
    except (ssl.SSLError, IndexError) as error:  # IndexError: the connection ended before an answer
        return str(error)


def test_a_running_collector_takes_up_a_rotation_and_ends_it(
    make_running: Callable[..., Any], tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    running = make_running(Config(listen=Listen(port=0), api=Api(port=0), enrol=Enrol(port=0, names=["localhost"])))
    bureau = running.collector.bureau

    def machine(name: str) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        issued = bureau.authority.issue("till-3", key.public_key(), time.time(), timedelta(days=1))
        path = tmp_path / name
        path.write_bytes(key_pem(key) + issued.pem.encode())
        return path

    directory = running.data / "ca"
    first, old = directory / "1.crt", machine("old.pem")
    assert handshake(running, first, old) == "in"
    # With no certificate in the books that needs the old one, the rotation would end at once.
    from forewarn_collector.identity import rows

    with running.collector._state.begin() as connection:
        issued = issue(bureau.authority, "till-4", time.time())
        rows.add_certificate(connection, "till-4", issued, "key")
    ca(running.data, "rotate")
    new = machine("new.pem")
    wait_for(lambda: handshake(running, first, new) == "in", 60)
    assert handshake(running, first, old) == "in"
    assert bureau.fingerprint() in ca(running.data, "show")[0]["fingerprint"]
    ca(running.data, "rotate", "--drop-old")
    second = directory / "2.crt"
    wait_for(lambda: handshake(running, second, new) == "in", 60)
    assert handshake(running, second, old) != "in"
    assert not running.collector.health().troubles
