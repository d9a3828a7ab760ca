"""The enrolment port over real TLS: what it gives, and everything that it must not give."""

import base64
import contextlib
import http.client
import itertools
import json
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from forewarn_agent.enrol import WAITING_KEY, Invitation
from forewarn_agent.enrol import enrol as enrol_machine
from forewarn_agent.enrol import renew as renew_machine
from forewarn_agent.enrol_port import RefusedError, parse_fingerprint
from forewarn_agent.identity import CERTIFICATE, KEY, IdentityError, read_identity
from forewarn_collector.config import Api, Config, Enrol, Listen
from forewarn_collector.identity.office import Unknown
from forewarn_wire.enrolment import CA_PATH, ENROL_PATH, RENEW_PATH, signed_part
from forewarn_wire.machine import Machine, machine_of

pytestmark = pytest.mark.both_stores

DAY = 86_400.0


class Port:
    """A collector's enrolment port, spoken to by a machine or by hand."""

    def __init__(self, running: Any, directory: Path, number: int = 0) -> None:
        """``number``: a machine and a device name that no other test has."""
        self.running = running
        self.device = f"till-{number}"
        self.machine = machine_of(f"till {number}", f"SN-{number}")
        self.office = running.collector.bureau.office
        self.url = str(running.collector.enrolment.url)
        self.fingerprint = running.collector.bureau.fingerprint()
        self.directory = directory

    def token(self, customer: str = "Acme", uses: int = 1, ttl: float = DAY) -> str:
        return str(self.office.create_token(customer, "Store 12", ttl, uses, "somebody")[1])

    def enrol(self, token: str, name: str = "", machine: Machine | None = None) -> Any:
        """As the agent does it, with a data directory of the name."""
        name = name or self.device
        invitation = Invitation(self.url, token, self.fingerprint, name)
        return enrol_machine(self.directory / name, invitation, machine or self.machine)

    def call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        context = ssl.create_default_context(cadata=self.running.collector.bureau.authorities())
        host, port = self.url.removeprefix("https://").split(":")
        connection = http.client.HTTPSConnection(host, int(port), timeout=20, context=context)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if b"{" in content[:1] else content
        finally:
            connection.close()

    def post(self, path: str, **body: Any) -> tuple[int, Any]:
        return self.call("POST", path, json.dumps(body).encode())

    def ask(self, token: str, csr: str, device: str = "till-3", **more: Any) -> tuple[int, Any]:
        given = {"token": token, "csr": csr, "device": device, "machine": str(self.machine)}
        return self.post(ENROL_PATH, **(given | more))

    def used(self) -> int:
        return sum(row.used for row in self.office.tokens())

    def events(self, device: str) -> list[str]:
        return [event.name for event in self.running.reader.events(device)]


@pytest.fixture(scope="module")
def shared(start_collector: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    enrol = Enrol(port=0, names=["localhost"])
    directory = tmp_path_factory.mktemp("enrolment")
    running = start_collector(directory / "data", Config(listen=Listen(port=0), api=Api(port=0), enrol=enrol))
    yield running
    running.stop()


NUMBERS = itertools.count(10)


@pytest.fixture
def port(shared: Any, tmp_path: Path) -> Port:
    shared.collector.enrolment.patience.forgive()
    return Port(shared, tmp_path, next(NUMBERS))


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def request(
    name: str = "till-3",
    key: Any = None,
    extension: x509.ExtensionType | None = None,
    more: tuple[x509.NameAttribute, ...] = (),
) -> str:
    key = key or new_key()
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([*([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []), *more])
    )
    if extension is not None:
        builder = builder.add_extension(extension, critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM).decode()


def test_a_machine_gets_a_certificate_for_its_own_key_and_nothing_more(port: Port) -> None:
    identity = port.enrol(port.token())
    assert identity.device == port.device
    assert identity.server == str(port.running.collector.mqtt_url).replace("127.0.0.1", "localhost")
    directory = port.directory / port.device
    certificate = x509.load_pem_x509_certificate((directory / CERTIFICATE).read_bytes())
    assert certificate.subject.rfc4514_string() == f"CN={port.device}"
    extensions = {extension.oid: extension.value for extension in certificate.extensions}
    assert extensions[x509.BasicConstraints.oid] == x509.BasicConstraints(False, None)
    assert list(extensions[x509.ExtendedKeyUsage.oid]) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    assert x509.SubjectAlternativeName.oid not in extensions
    key = serialization.load_pem_private_key((directory / KEY).read_bytes(), None)
    assert key.public_key() == certificate.public_key()
    assert identity.not_after - time.time() == pytest.approx(180 * DAY, abs=60)
    assert identity.renew_at - time.time() == pytest.approx(60 * DAY, abs=300)
    assert not (directory / WAITING_KEY).exists()


def test_the_device_belongs_to_the_token_s_customer_whatever_its_name_says(make_running: Any, tmp_path: Path) -> None:
    from forewarn_collector.config import DirectoryEntry

    entries = [
        DirectoryEntry(customer="Rival", devices=["rival-*"]),
        DirectoryEntry(customer="Acme", engineer="Li Wei", tags=["24x7"], devices=["*"]),
    ]
    enrol = Enrol(port=0, names=["localhost"])
    running = make_running(Config(listen=Listen(port=0), api=Api(port=0), enrol=enrol, directory=entries))
    port = Port(running, tmp_path / "machines")
    port.enrol(port.token(), "rival-1")
    whose = running.collector.fleet._directory.whose("rival-1")
    assert (whose.customer, whose.site, whose.engineer, whose.tags) == ("Acme", "Store 12", "Li Wei", ("24x7",))
    assert running.collector.fleet._directory.whose("rival-2").customer == "Rival"


def test_a_token_serves_as_often_as_it_says(port: Port) -> None:
    token, before = port.token(uses=2), port.used()
    for number in (1, 2):
        port.enrol(token, f"first-{number}", machine_of(str(number), f"SN{number}"))
    with pytest.raises(RefusedError, match="the token is used up"):
        port.enrol(token, "first-3", machine_of("3", "SN3"))
    assert port.used() == before + 2


def test_a_token_cannot_be_raced(port: Port) -> None:
    token, before = port.token(uses=3), port.used()

    def one(number: int) -> int:
        machine = str(machine_of(f"race {number}", f"race-{number}"))
        return port.ask(token, request(f"race-{number}"), f"race-{number}", machine=machine)[0]

    with ThreadPoolExecutor(12) as pool:
        codes = sorted(pool.map(one, range(12)))
    assert codes == [200] * 3 + [403] * 9
    assert port.used() == before + 3


def test_a_request_that_comes_again_costs_no_further_use(port: Port) -> None:
    token, csr = port.token(uses=1), request()
    first, again = port.ask(token, csr), port.ask(token, csr)
    assert first[0] == 200
    assert again == first
    assert port.ask(token, request())[0] == 403, "another key is another request"


@pytest.mark.parametrize("number", [0, 7, 2**63 + 1])
def test_a_token_that_there_is_not_cannot_be_revoked(port: Port, number: int) -> None:
    with pytest.raises(Unknown, match="no token"):
        port.office.revoke_token(number)


def test_an_expired_and_a_revoked_token_open_nothing(port: Port) -> None:
    short = port.token(ttl=0.01)
    time.sleep(0.02)
    assert port.ask(short, request()) == (403, {"detail": "the token has expired"})
    revoked = port.token()
    port.office.revoke_token(port.office.tokens()[0].id)
    assert port.ask(revoked, request()) == (403, {"detail": "the token was revoked"})


@pytest.mark.parametrize("wrong", ["", "fw1-", "x", "fw1-" + "A" * 32, "fw999-" + "A" * 32, "fw0-x", "fw1 ", "\u0661"])
def test_a_made_up_token_is_not_told_what_is_wrong(port: Port, wrong: str) -> None:
    port.token()
    assert port.ask(wrong, request()) == (403, {"detail": "this token is not known here"})


def test_a_token_is_kept_as_a_digest_only(port: Port) -> None:
    secret = port.token().partition("-")[2].encode()
    stored = b"".join(path.read_bytes() for path in port.running.data.rglob("*") if path.is_file())
    assert secret not in stored


@pytest.mark.parametrize(
    "csr",
    [
        request("till-4"),
        request(""),
        request(extension=x509.SubjectAlternativeName([x509.DNSName("localhost")])),
        request(extension=x509.BasicConstraints(ca=True, path_length=None)),
        request(extension=x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH])),
        request(more=(x509.NameAttribute(NameOID.COMMON_NAME, "collector"),)),
        request(more=(x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Rival"),)),
        request(key=ec.generate_private_key(ec.SECP224R1())),
        request(key=rsa.generate_private_key(65537, 1024)),
        request(key=rsa.generate_private_key(65537, 2048)),
        request(key=ed25519.Ed25519PrivateKey.generate()),
        "",
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
    ],
    ids=[
        "another name", "no name", "SAN", "CA:TRUE", "server", "two names", "organisation", "P-224", "RSA-1024",
        "RSA-2048", "Ed25519", "nothing", "no request",
    ],
)  # fmt: skip
def test_a_request_that_wants_more_than_its_name_is_refused(port: Port, csr: str) -> None:
    before = port.used()
    code, answer = port.ask(port.token(), csr)
    assert code == 400
    assert answer["detail"]
    assert port.used() == before


def test_a_request_must_be_signed_by_its_own_key(port: Port) -> None:
    der = bytearray(base64.b64decode("".join(request().splitlines()[1:-1])))
    der[-1] ^= 1
    body = base64.encodebytes(bytes(der)).decode()
    forged = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"
    assert port.ask(port.token(), forged)[0] == 400


@pytest.mark.parametrize("name", ["collector", "+", "#", "a/b", "Till-3", "till-3.", "t\u0456ll-3"])
def test_no_certificate_for_a_name_that_is_none(port: Port, name: str) -> None:
    before = port.used()
    code, answer = port.ask(port.token(), request(name), device=name)
    assert code == 409
    assert "device name" in answer["detail"]
    assert port.used() == before


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'{"token": 1}', b"\xff\xfe", b"[" * 10_000,
        json.dumps({"token": "x", "device": "x" * 10_000, "csr": ""}).encode(),
    ],
)  # fmt: skip
def test_whatever_is_sent_is_refused_with_a_line(port: Port, body: bytes) -> None:
    for path in (ENROL_PATH, RENEW_PATH):
        code, answer = port.call("POST", path, body)
        assert 400 <= code < 500
        assert "\n" not in answer["detail"]


def test_a_large_body_is_not_read(port: Port) -> None:
    """Who is still sending when the answer comes may find the connection cut off before reading it."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        assert port.call("POST", ENROL_PATH, b"x" * 1_000_000)[0] == 413
    assert port.call("POST", ENROL_PATH, b"x" * 20_000)[0] == 413
    assert port.call("GET", CA_PATH)[0] == 200


def test_who_is_refused_too_often_has_to_wait(port: Port) -> None:
    codes = [port.ask("fw1-" + "A" * 32, request())[0] for _ in range(25)]
    assert codes[:20] == [403] * 20
    assert set(codes[20:]) == {429}


def test_the_port_answers_nothing_else(port: Port) -> None:
    assert port.call("GET", CA_PATH)[0] == 200
    for path in ("/", "/api/v1/status", "/healthz", "/schema", "/enrol/v1/ca/../../etc/passwd", ENROL_PATH):
        assert port.call("GET", path)[0] in (404, 405), path


def test_another_collector_is_told_nothing(port: Port) -> None:
    token = port.token()
    port.fingerprint = "0" * 64
    with pytest.raises(IdentityError, match="nothing was sent to it"):
        port.enrol(token)
    assert read_identity(port.directory / port.device) is None
    assert port.ask(token, request())[0] == 200, "it was not used"


def test_fingerprints_are_read_in_the_forms_that_people_paste() -> None:
    digits = "ab" * 32
    assert parse_fingerprint(f"sha256:{digits}") == parse_fingerprint(f"SHA256:{digits.upper()}") == digits
    assert parse_fingerprint(":".join(["AB"] * 32)) == digits
    for wrong in ("", "sha256:", digits[1:], f"{digits}0", "g" * 64):
        with pytest.raises(ValueError):
            parse_fingerprint(wrong)


def test_a_machine_that_enrols_again_keeps_its_name_and_loses_its_old_certificate(port: Port) -> None:
    port.enrol(port.token())
    before = port.office.look(port.device)[1].serial
    again = port.enrol(port.token(), "reinstalled", port.machine._replace(system="0" * 16))
    assert again.device == port.device
    assert before in [serial for _, _, serial, _ in port.office.revoked()]


def test_renewal_gives_a_new_key_and_keeps_the_old_one_serving_until_then(port: Port) -> None:
    port.enrol(port.token())
    directory = port.directory / port.device
    before = (directory / KEY).read_bytes(), port.office.look(port.device)[1].serial
    renewed = renew_machine(directory, port.machine)
    assert renewed.device == port.device
    assert (directory / KEY).read_bytes() != before[0]
    assert before[1] not in [serial for _, _, serial, _ in port.office.revoked()]
    renew_machine(directory, port.machine)
    assert before[1] in [serial for _, _, serial, _ in port.office.revoked()], "two renewals later it is of no use"


class Renewal:
    """A renewal by hand."""

    def __init__(self, port: Port) -> None:
        port.enrol(port.token())
        self.port = port
        self.device = port.device
        self.certificate = (port.directory / port.device / CERTIFICATE).read_text()
        key = serialization.load_pem_private_key((port.directory / port.device / KEY).read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self.key = key

    def ask(
        self, *, certificate: str = "", csr: str = "", key: Any = None, machine: Machine | None = None,
        signature: str = "",
    ) -> tuple[int, Any]:  # fmt: skip
        csr, machine = csr or request(self.device), machine or self.port.machine
        signed = (key or self.key).sign(signed_part(csr, str(machine)), ec.ECDSA(hashes.SHA256()))
        return self.port.post(
            RENEW_PATH,
            certificate=certificate or self.certificate,
            csr=csr,
            machine=str(machine),
            signature=signature or base64.b64encode(signed).decode(),
        )


@pytest.fixture
def renewal(port: Port) -> Renewal:
    return Renewal(port)


def test_a_renewal_needs_the_present_key(renewal: Renewal) -> None:
    assert renewal.ask(key=new_key())[0] == 400
    assert renewal.ask(signature="AAAA")[0] == 400
    assert renewal.ask(signature="no base64!")[0] == 400
    assert renewal.ask()[0] == 200


def test_a_renewal_that_is_sent_again_gets_the_same_certificate(renewal: Renewal) -> None:
    csr = request(renewal.device)
    first = renewal.ask(csr=csr)
    assert first[0] == 200
    assert renewal.ask(csr=csr) == first


def test_a_renewal_for_another_name_is_refused(renewal: Renewal) -> None:
    assert renewal.ask(csr=request("another"))[0] == 400


def issued(renewal: Renewal, ago: float = 0.0, authority: Any = None) -> str:
    """A certificate of one day for the renewal's key."""
    authority = authority or renewal.port.running.collector.bureau.authority
    begin = time.time() - ago * DAY
    return str(authority.issue(renewal.device, renewal.key.public_key(), begin, timedelta(days=1)).pem)


def test_what_has_ended_or_not_begun_cannot_be_renewed(renewal: Renewal) -> None:
    for ago in (10, -10):
        certificate = issued(renewal, ago)
        code, answer = renewal.ask(certificate=certificate)
        assert code == 403
        assert "not valid now" in answer["detail"]


def test_another_authority_s_certificate_cannot_be_renewed(renewal: Renewal, tmp_path: Path) -> None:
    from forewarn_collector.identity.authority import Authority

    foreign = Authority(tmp_path / "foreign")
    foreign.create(["localhost"], time.time())
    certificate = issued(renewal, authority=foreign)
    assert renewal.ask(certificate=certificate)[0] == 403


def test_the_collector_s_own_certificate_cannot_be_renewed_as_a_device(renewal: Renewal) -> None:
    directory = renewal.port.running.data / "ca"
    key = serialization.load_pem_private_key((directory / "server.key").read_bytes(), None)
    code, _ = renewal.ask(certificate=(directory / "server.crt").read_text(), key=key, csr=request("collector"))
    assert code == 403


def test_a_revoked_device_cannot_renew(renewal: Renewal) -> None:
    renewal.port.office.revoke(renewal.device, "stolen")
    code, answer = renewal.ask()
    assert code == 403
    assert "revoked" in answer["detail"]


def test_a_copy_on_another_board_cannot_renew_and_is_told(renewal: Renewal, wait_for: Callable[..., Any]) -> None:
    assert renewal.ask(machine=renewal.port.machine._replace(board="0" * 16))[0] == 403
    wait_for(lambda: "identity-cloned" in renewal.port.events(renewal.device))


def test_a_copy_that_renews_after_the_original_is_told(renewal: Renewal, wait_for: Callable[..., Any]) -> None:
    assert renewal.ask()[0] == 200
    assert renewal.ask()[0] == 403
    wait_for(lambda: "identity-cloned" in renewal.port.events(renewal.device))
