"""E-mail through a real SMTP server."""

import contextlib
import email.policy
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from vendors.cases import Case

from forewarn_collector.tickets.destination import Unreachable
from forewarn_collector.tickets.systems import wording

USER, PASSWORD = "forewarn", "s3cret-of-the-mailbox"
OPTIONS = {"from": "forewarn <forewarn@example.org>", "to": "desk@example.org"}
Made = Callable[..., Any]


class Mailbox:
    """A mail server that keeps what it takes. ``replies``: what it says instead, by command."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.mails: list[EmailMessage] = []
        self.to: list[str] = []
        self.replies: dict[str, str] = {}
        self.encrypted: list[bool] = []
        self._controller = Controller(
            self, hostname="127.0.0.1", port=free_port(), tls_context=context, authenticator=self._authenticate,
            auth_require_tls=True,
        )  # fmt: skip
        self._controller.start()
        self.url = f"smtp://localhost:{self._controller.port}"
        self.kept: dict[str, Any] = {}

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._controller.stop()

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if "RCPT" in self.replies:
            return self.replies["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:
        if "DATA" in self.replies:
            return self.replies["DATA"]
        assert isinstance(envelope.content, bytes)
        found = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        self.mails.append(found)
        self.to += envelope.rcpt_tos
        self.encrypted.append(session.ssl is not None)
        return "250 OK"

    def _authenticate(self, _: SMTP, __: Session, ___: Envelope, ____: str, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and given == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def case(context: ssl.SSLContext | None = None, **options: str) -> Case:
    return Case("email", lambda: Mailbox(context), PASSWORD, {}, {}, lambda kept: (None, None), OPTIONS | options)  # type: ignore[arg-type, return-value]


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server on localhost shows; the authority behind it is one of the machine's."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (tmp_path / "server.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    return context


def plain(make_bench: Made, **changed: Any) -> Any:
    """Without a user nothing secret is sent."""
    return make_bench(case(), **changed)


def test_one_thread_for_each_ticket(make_bench: Made) -> None:
    bench = plain(make_bench)
    number = bench.finds().number
    bench.send()
    bench.desk.note(number, "Li Wei", "das Gehäuse ist heiß 磁盘")
    bench.desk.act(number, "resolve", "Li Wei")
    bench.desk.act(number, "close", "Li Wei", outcome="replaced-in-time")
    bench.send()
    first, *others = bench.server.mails
    assert len(others) == 3
    assert first["Message-ID"] == f"<{wording.dedup_key(bench.ticket())}@example.org>"
    assert first["References"] is None
    assert {mail["References"] for mail in others} == {mail["In-Reply-To"] for mail in others} == {first["Message-ID"]}
    assert len({mail["Message-ID"] for mail in bench.server.mails}) == 4
    assert {mail["Subject"] for mail in bench.server.mails} == {wording.title(bench.ticket())}
    assert set(bench.server.to) == {"desk@example.org"}
    assert "Ünïcödé 磁盘 <b>&" in first.get_content()
    assert "das Gehäuse ist heiß 磁盘" in others[0].get_content()
    assert others[-1].get_content().startswith(f"Ticket {number} is closed.")
    assert {mail["Auto-Submitted"] for mail in bench.server.mails} == {"auto-generated"}
    assert others[-1]["X-Forewarn-State"] == "closed"


def test_sent_again_it_is_the_same_message(make_bench: Made) -> None:
    bench = plain(make_bench)
    bench.finds()
    bench.send()
    bench.again()
    one, two = bench.server.mails
    assert one["Message-ID"] == two["Message-ID"]


def test_opened_again_it_goes_on_with_the_thread(make_bench: Made) -> None:
    bench = plain(make_bench)
    bench.finds()
    bench.finds("warning -> none")
    bench.now += 3600
    bench.finds()
    bench.send()
    first, *others = bench.server.mails
    assert {mail["References"] for mail in others} == {first["Message-ID"]}
    assert len({mail["Message-ID"] for mail in bench.server.mails}) == len(bench.server.mails) == 3


def test_a_queue_has_an_address_of_its_own(make_bench: Made) -> None:
    bench = plain(make_bench, queues={"storage": "storage@example.org"})
    bench.finds()
    bench.send()
    assert bench.server.to == ["storage@example.org"]


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
@pytest.mark.parametrize(
    ("reply", "permanent"),
    [("550 no such user here", True), ("552 too much mail data", True), ("451 try again later", False),
     ("452 mailbox full", False)],
)  # fmt: skip
def test_what_the_server_refuses(make_bench: Made, command: str, reply: str, permanent: bool) -> None:
    bench = plain(make_bench)
    bench.finds()
    bench.server.replies[command] = reply
    error = bench.trouble()
    assert error.permanent is permanent
    assert not isinstance(error, Unreachable)
    assert str(error) == f"SMTP {reply.replace(' ', ': ', 1)}"
    bench.server.replies.clear()
    bench.send()
    assert len(bench.server.mails) == 1


def test_nobody_there(make_bench: Made) -> None:
    bench = plain(make_bench, url=f"smtp://127.0.0.1:{free_port()}")
    bench.finds()
    assert isinstance(bench.trouble(), Unreachable)


def test_encrypted_where_the_server_offers_it(make_bench: Made, certificate: ssl.SSLContext) -> None:
    bench = make_bench(case(certificate, user=USER))
    bench.finds()
    bench.send()
    assert bench.server.encrypted == [True]


def test_an_unknown_authority(make_bench: Made, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    bench = make_bench(case(certificate, user=USER))
    bench.finds()
    error = bench.trouble()
    assert isinstance(error, Unreachable)
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert bench.server.mails == []


def test_a_wrong_password(make_bench: Made, certificate: ssl.SSLContext) -> None:
    bench = make_bench(case(certificate, user=USER), token="wrong-password")
    bench.finds()
    error = bench.trouble()
    assert isinstance(error, Unreachable)
    assert "wrong-password" not in str(error)


def test_a_password_never_goes_in_plain_text(make_bench: Made) -> None:
    bench = make_bench(case(user=USER))
    bench.finds()
    error = bench.trouble()
    assert error.permanent
    assert "STARTTLS" in str(error)
    assert bench.server.mails == []
