"""What is tried at an open port: hosts, headers, bodies, slowness, TLS, and the page of a one-time link."""

import contextlib
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from click.testing import CliRunner

from forewarn_collector.api.gate import BODY_BYTES, Gate
from forewarn_collector.api.protocol import PatientProtocol
from forewarn_collector.cli.main import forewarn
from forewarn_collector.config import Api, ApiTls, Config, Listen

V1 = "/api/v1"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def url(running: Any) -> str:
    return str(running.collector.api_url)


def raw(url: str, request: bytes, seconds: float = 60.0) -> bytes:
    """Exactly these bytes, and everything that comes back."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=seconds) as connection:
        connection.sendall(request)
        found = b""
        while data := connection.recv(65_536):
            found += data
    return found


def get(path: str, *headers: str, host: str = "Host: 127.0.0.1") -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", host, *headers, "Connection: close", "", "")).encode("latin-1")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("Host: 127.0.0.1", 200), ("Host: localhost:8383", 200), ("Host: [::1]:80", 200), ("Host: 10.1.2.3", 200),
        ("Host: evil.example", 400), ("Host: 127.0.0.1.evil.example", 400), ("Host: localhost@evil.example", 400),
        ("Host: ", 400), ("Host: 127.0.0.1\r\nHost: evil.example", 400), ("X: no host", 400),
    ],
)  # fmt: skip
def test_only_our_own_host_is_answered(url: str, host: str, status: int) -> None:
    assert raw(url, get("/healthz", host=host)).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize(
    "path",
    ["/healthz%0d%0aX-Injected:%20yes", "/api/v1/devices/a%0d%0aSet-Cookie:%20x=y", "/welcome/%0d%0aX-Injected:%20yes",
     "/welcome/..%2f..%2fetc%2fpasswd", "//healthz", "/api/v1/../../etc/passwd", "/welcome/forewarn.css/../x", "/%00"],
)  # fmt: skip
def test_a_path_injects_nothing(url: str, path: str) -> None:
    answer = raw(url, get(path))
    head = answer.split(b"\r\n\r\n")[0].lower()
    assert b"x-injected" not in head
    assert b"x=y" not in head
    assert not answer.startswith(b"HTTP/1.1 5")
    assert b"root:" not in answer


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /",
        b"POST /api/v1/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_not_quite_http_is_refused(url: str, request_: bytes) -> None:
    answer = raw(url, request_.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
    assert not answer or answer.startswith((b"HTTP/1.1 4",)), answer[:100]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused_before_anything_reads_it(url: str, chunked: bool) -> None:
    body = b"x" * (BODY_BYTES + 1)
    content = iter([body]) if chunked else body
    answer = httpx.post(f"{url}{V1}/login", content=content, trust_env=False, timeout=60)
    assert answer.status_code == 413
    assert str(BODY_BYTES) in answer.json()["detail"]


def test_a_body_that_does_not_come_to_its_end_is_not_waited_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gate, "body_seconds", 0.3)
    header = f"POST {V1}/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\nConnection: close\r\n\r\n"
    began = time.monotonic()
    answer = raw(url, header.encode() + b"a few bytes")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not come in time" in answer
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data", "", "x" * 500]
)
def test_another_content_type_is_no_way_in(url: str, kind: str) -> None:
    answer = httpx.post(
        f"{url}{V1}/login", content=b"user=a&password=b", headers={"Content-Type": kind}, trust_env=False
    )
    assert answer.status_code in (400, 401, 415)


def test_every_answer_has_strict_headers(url: str) -> None:
    for path in ("/healthz", f"{V1}/status", "/welcome/nothing", "/welcome/forewarn.css", "/nowhere"):
        headers = httpx.get(url + path, trust_env=False).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_who_sends_nothing_or_half_a_header_is_sent_away(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "header_seconds", 0.3)
    for beginning in (b"", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"):
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            assert raw(url, beginning) == b""
        assert time.monotonic() - began < 60


def test_a_forwarded_address_is_believed_from_a_named_proxy_alone(
    running: Any, make_running: Callable[..., Any]
) -> None:
    proxied = make_running(Config(listen=Listen(port=0), api=Api(port=0, proxies=["127.0.0.1"]))).collector
    for collector, wanted in ((running.collector, "127.0.0.1"), (proxied, "192.0.2.9")):
        httpx.post(
            f"{collector.api_url}{V1}/login", json={"user": "ghost", "password": "wrong wrong"}, trust_env=False,
            headers={"X-Forwarded-For": "192.0.2.9"}, timeout=60,
        )  # fmt: skip
        assert collector.api.audit.entries(0.0, None, 1)[0].address == wanted


# The page of a one-time link


@pytest.fixture
def page(make_running: Callable[..., Any]) -> Iterator[tuple[httpx.Client, Any]]:
    collector = make_running().collector
    with httpx.Client(base_url=collector.api_url, trust_env=False, timeout=60) as client:
        yield client, collector


def csrf_in(text: str) -> str:
    found = re.search(r'name="_csrf_token" value="([0-9a-f]+)"', text)
    assert found is not None
    return found[1]


def form(name: str = "ann", password: str = PASSWORD, **more: str) -> dict[str, str]:
    return {"name": name, "password": password, "again": password, **more}


def test_the_first_administrator_sets_a_password_once(page: tuple[httpx.Client, Any]) -> None:
    client, collector = page
    link = collector.api.first_link()
    shown = client.get(link)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
    cookie = shown.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    token = csrf_in(shown.text)
    for wrong, said in (
        (form(password="short"), "at least 12"),
        (form(name="Ann B"), "user name is"),
        (form(again="x" * 12), "differ"),
    ):
        refused = client.post(link, data={**wrong, "_csrf_token": token})
        assert (refused.status_code, said in refused.text) == (400, True)
    done = client.post(link, data=form(_csrf_token=token))
    assert done.status_code == 200
    assert f"forewarn login {collector.api_url}" in done.text
    assert client.post(link, data=form("eve", _csrf_token=token)).status_code == 404
    assert client.get(link).status_code == 404
    assert [(user.name, user.role) for user in collector.api.users.all()] == [("ann", "admin")]
    assert collector.api.first_link() is None
    assert client.post(f"{V1}/login", json={"user": "ann", "password": PASSWORD}).status_code == 200


@pytest.mark.parametrize("forged", ["no token", "no cookie", "foreign cookie", "not ascii", "cookie not ascii"])
def test_a_form_of_another_site_does_nothing(page: tuple[httpx.Client, Any], forged: str) -> None:
    client, collector = page
    link = collector.api.first_link()
    token = csrf_in(client.get(link).text)
    cookie = f"forewarn_csrf={token}"
    if forged == "no token":
        token = ""
    elif forged == "no cookie":
        cookie = ""
    elif forged == "foreign cookie":
        token = "0" * 128
        cookie = f"forewarn_csrf={token}"
    elif forged == "not ascii":
        token = "é" * 128
    else:
        cookie = "forewarn_csrf=" + "é" * 128
    client.cookies.clear()
    headers = {"Cookie": cookie.encode("latin-1")} if cookie else {}
    answer = client.post(link, data=form(_csrf_token=token), headers=headers)
    assert answer.status_code in (400, 403)
    assert collector.api.users.all() == []


def test_a_newer_link_and_time_end_an_earlier_one(page: tuple[httpx.Client, Any]) -> None:
    client, collector = page
    first, second = collector.api.first_link(), collector.api.first_link()
    assert client.get(first).status_code == 404
    assert client.get(second).status_code == 200
    collector.api.users._now = lambda: time.time() + 24 * 3600 + 1
    assert client.get(second).status_code == 404


def test_what_is_typed_is_shown_as_text(page: tuple[httpx.Client, Any]) -> None:
    client, collector = page
    link = collector.api.first_link()
    token = csrf_in(client.get(link).text)
    answer = client.post(link, data=form('"><script>alert(1)</script>', _csrf_token=token))
    assert answer.status_code == 400
    assert "<script>" not in answer.text


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for a name that is not this machine's."""
    directory = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=forewarn.example", "-addext", "subjectAltName=DNS:forewarn.example,DNS:localhost",
         "-keyout", "server.key", "-out", "server.pem"],
        cwd=directory, check=True, capture_output=True,
    )  # fmt: skip
    return directory


def test_tls_is_spoken_and_plain_text_and_old_versions_are_not(
    make_running: Callable[..., Any], certificate: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tls = ApiTls(certificate=str(certificate / "server.pem"), key=str(certificate / "server.key"))
    running = make_running(Config(listen=Listen(port=0), api=Api(port=0, tls=tls)))
    url = running.collector.api_url
    assert url.startswith("https://")
    assert b"HTTP/1.1 2" not in raw(url.replace("https", "http"), get("/healthz"))
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/healthz", verify=old, trust_env=False)
    asked = CliRunner().invoke(forewarn, ["--data", str(running.data), "whoami"])
    assert (asked.exit_code, "by the token of its data directory" in asked.stdout) == (0, True), asked.output
    logged_in = login_at(running, certificate, monkeypatch, tmp_path)
    assert logged_in == "the CLI logs in, asks and logs out"


def login_at(running: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    running.collector.api.users.add("ann", "engineer", None)
    running.collector.api.users.set_password("ann", PASSWORD)
    (tmp_path / "password").write_text(PASSWORD + "\n")
    (tmp_path / "password").chmod(0o600)
    url = running.collector.api_url.replace("127.0.0.1", "localhost")

    def ask(*words: str) -> Any:
        return CliRunner().invoke(forewarn, [*words])

    login = ("login", url, "--user", "ann", "--password-file", str(tmp_path / "password"))
    refused = ask(*login)
    assert (refused.exit_code, "certificate" in refused.stderr.lower()) == (1, True), refused.output
    assert ask(*login, "--ca", str(certificate / "server.pem")).exit_code == 0
    kept = tmp_path / "config" / "forewarn" / "logins.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert ask("whoami").stdout.startswith(f"ann, engineer, at {url}")
    assert ask("devices").exit_code == 0
    kept.chmod(0o644)
    assert "may be read by others" in ask("whoami").stderr
    kept.chmod(0o600)
    assert ask("logout").stdout == f"logged out at {url}\n"
    assert ask("logout").exit_code == 1
    assert "forewarn_" not in kept.read_text()
    return "the CLI logs in, asks and logs out"


def test_the_token_goes_to_a_keyring_where_there_is_one(
    running: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keyring = pytest.importorskip("keyring")
    backend = pytest.importorskip("keyrings.alt.file").PlaintextKeyring()
    backend.file_path = str(tmp_path / "keyring")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    try:
        running.collector.api.users.add("keys", "engineer", None)
        running.collector.api.users.set_password("keys", PASSWORD)
        (tmp_path / "password").write_text(PASSWORD)
        (tmp_path / "password").chmod(0o600)
        login = ["login", running.collector.api_url, "--user", "keys", "--password-file", str(tmp_path / "password")]
        done = CliRunner().invoke(forewarn, login)
        assert "is kept in your keyring" in done.stdout, done.output
        assert "forewarn_" not in (tmp_path / "config" / "forewarn" / "logins.json").read_text()
        assert CliRunner().invoke(forewarn, ["whoami"]).exit_code == 0
        assert CliRunner().invoke(forewarn, ["logout"]).exit_code == 0
        assert backend.get_password("forewarn", f"keys@{running.collector.api_url}") is None
    finally:
        keyring.set_keyring(before)
