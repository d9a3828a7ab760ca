"""A store that is read-only, too old, answers with errors now and then, or whose certificate nobody vouches for: it is
said in one line, nothing is given up, and what waits arrives once it is put right."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.certificates import make_authority, make_certificate
from servers.forwarding import Site, sent
from servers.histories import opened
from servers.small_disk import small_disk

from forewarn_collector.store.external.interface import Unavailable

SECONDS = 60.0
BOTH = pytest.mark.parametrize("kind", ["influxdb", "victoriametrics"])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    site = Site(tmp_path / "site", tmp_path / "site" / "state.db")
    yield site
    site.close()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority of the provider's own, another one, a server's and a collector's certificate."""
    directory = tmp_path_factory.mktemp("keys")
    for name in ("ours", "foreign"):
        make_authority(directory, name)
    make_certificate(directory, "server", "/CN=localhost", "ours")
    make_certificate(directory, "collector", "/CN=collector", "ours")
    return directory


def waits(site: Site, store: Any, wait_for: Callable[..., Any], rows: int) -> str:
    """What is said of a store that takes nothing; all rows wait."""
    forwarder = site.forwarder(store)
    forwarder.start()
    said = str(wait_for(lambda: forwarder.trouble, SECONDS))
    view = forwarder.view()
    assert (view.unsent, view.parked, forwarder.safe) == (rows, 0, 0)
    assert "\n" not in said
    site.end(forwarder)
    return said


def arrive(site: Site, server: Any, wait_for: Callable[..., Any], **keys: Any) -> None:
    """All rows that were reported, each once."""
    forwarder = site.forwarder(opened(server.url, **keys))
    forwarder.start()
    wait_for(lambda: sent(forwarder) and forwarder.trouble is None, 2 * SECONDS)
    store = opened(server.url, **keys)
    server.settle()
    assert site.same_in(store) == site.rows
    store.close()


@BOTH
def test_an_authority_of_the_provider_s_own(
    make_server: Callable[..., Any], site: Site, keys: Path, kind: str, wait_for: Callable[..., Any]
) -> None:
    """Another one, and those of the machine, do not do; then nothing is sent, not even the login."""
    if kind == "victoriametrics":
        server = make_server(kind, certificate=keys / "server.pem")
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(keys / "server.pem", keys / "server.key")
        server = make_server(kind, tls=context)
    site.report(100)
    for ca in (str(keys / "foreign.pem"), None):
        said = waits(site, opened(server.url, ca=ca), wait_for, 100)
        assert "does not answer" in said
        assert "certificate verify failed" in said
    # A certificate for another name is none.
    said = waits(site, opened(server.url.replace("localhost", "127.0.0.1"), ca=str(keys / "ours.pem")), wait_for, 100)
    assert "127.0.0.1" in said
    assert "certificate" in said
    arrive(site, server, wait_for, ca=str(keys / "ours.pem"))


def test_a_store_that_asks_for_the_collector_s_certificate(
    make_server: Callable[..., Any], site: Site, keys: Path, wait_for: Callable[..., Any]
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(keys / "ours.pem"))
    context.load_cert_chain(keys / "server.pem", keys / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    server = make_server("influxdb", tls=context)
    ours = {"ca": str(keys / "ours.pem")}
    site.report(100)
    assert "does not answer" in waits(site, opened(server.url, **ours), wait_for, 100)
    mine = {"certificate": str(keys / "collector.pem"), "key": str(keys / "collector.key")}
    arrive(site, server, wait_for, **ours, **mine)


def test_a_victoriametrics_that_is_read_only(
    make_server: Callable[..., Any], site: Site, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    """It takes no writes any more when its disk has less space than it was told to leave."""
    with small_disk(tmp_path / "disk", 60) as disk:
        server = make_server("victoriametrics", "-storage.minFreeDiskSpaceBytes=1GB", storage=disk / "data")
        site.report(500)
        said = waits(site, opened(server.url), wait_for, 500)
        assert "read-only" in said
        server.close()
        again = make_server("victoriametrics", storage=disk / "data")
        arrive(site, again, wait_for)
        again.close()


def test_an_influxdb_where_this_user_may_only_read(
    make_server: Callable[..., Any], site: Site, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    server = make_server("influxdb", auth=True)
    server.ask("CREATE USER reader WITH PASSWORD 'only-to-read'")
    server.ask("GRANT READ ON forewarn TO reader")
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text("only-to-read")
    site.report(100)
    login = {"username": "reader", "password_file": str(secret)}
    said = waits(site, opened(server.url, **login), wait_for, 100)
    assert "see that this user may read and write there" in said
    server.ask("GRANT ALL ON forewarn TO reader")
    arrive(site, server, wait_for, **login)


def test_an_influxdb_that_is_too_old_is_said(
    started: Callable[[str], Any], site: Site, wait_for: Callable[..., Any]
) -> None:
    """1.6.7 without the shim lacks the one path that everybody writes to today."""
    server = started("influxdb")
    site.report(100)
    said = waits(site, opened(f"influxdb://127.0.0.1:{server.port}/forewarn"), wait_for, 100)
    assert "does not know /api/v2/write: it must be InfluxDB 1.8 or newer" in said


def test_errors_now_and_then_cost_nothing(
    make_server: Callable[..., Any], site: Site, wait_for: Callable[..., Any]
) -> None:
    """The rows were taken all the same, so they come again and are there once; a question is answered or is not."""
    server = make_server("influxdb")
    site.report(10_000)
    server.shim.fails = lambda number: number % 3 == 0
    forwarder = site.forwarder(opened(server.url))
    forwarder.start()
    wait_for(lambda: "answers HTTP 500" in str(forwarder.trouble), SECONDS)
    wait_for(lambda: sent(forwarder), 2 * SECONDS)
    store = opened(server.url)
    server.shim.fails = lambda _number: True
    with pytest.raises(Unavailable, match="answers HTTP 500"):
        store.spans()
    server.shim.fails = lambda _number: False
    assert site.same_in(store) == 10_000
    assert forwarder.view().parked == 0
    store.close()
