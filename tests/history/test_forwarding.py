"""From the journal to a store that is killed, full, slow, away, strict or somebody else: nothing is lost or doubled."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from servers.forwarding import FIELDS, START, Site, patient, sent
from servers.histories import opened
from servers.network import Relay
from servers.small_disk import fill, small_disk
from servers.started import free_port

from forewarn_collector.store.forwarding.bookmark import Bookmark
from forewarn_collector.store.forwarding.progress import Progress, Taken, met
from forewarn_collector.store.model import Accepted, Point
from forewarn_collector.store.state import open_state

BOTH = pytest.mark.parametrize("kind", ["influxdb", "victoriametrics"])
SECONDS = 60.0
FLUSHED = 20.0
"""Seconds. VictoriaMetrics 1.79.5 lost all of what it took 10 s before it was killed, and nothing of 12 s before."""


@BOTH
def test_every_judged_row_arrives_once(
    started: Callable[[str], Any], site: Site, kind: str, wait_for: Callable[..., Any]
) -> None:
    server = started(kind)
    judged = [0]
    site.report(5000)
    forwarder = site.forwarder(opened(server.url), lambda: judged[0])
    forwarder.start()
    wait_for(lambda: not forwarder.trouble and forwarder._seen, SECONDS)
    assert forwarder.view().unsent == 5000
    judged[0] = 3000
    wait_for(lambda: forwarder.view().unsent == 2000, SECONDS)
    judged[0] = 10**9
    wait_for(lambda: sent(forwarder), SECONDS)
    site.end(forwarder)
    store = opened(server.url)
    server.settle()
    assert site.same_in(store) == 5000
    # Late reports, and one that comes with the time of an earlier one, go there too.
    site.rows -= 10
    site.report(20)
    again = site.forwarder(opened(server.url))
    assert again.view().unsent == 20
    again.start()
    wait_for(lambda: sent(again), SECONDS)
    server.settle()
    assert site.same_in(store) == 5010
    assert again.view().parked == again.view().again == 0
    store.close()


def test_a_killed_victoriametrics_loses_what_it_took_and_gets_it_again(
    make_server: Callable[..., Any], site: Site, wait_for: Callable[..., Any]
) -> None:
    """First that it does lose something; then that nothing is missing all the same."""
    server = make_server("victoriametrics")
    forwarder = site.forwarder(patient(server.url, FLUSHED))
    forwarder.start()
    site.report(4000)
    wait_for(lambda: forwarder.safe == 4000, SECONDS)
    site.report(20_000)
    wait_for(lambda: sent(forwarder), SECONDS)
    server.kill()
    taken, safe = forwarder.view().unsafe, forwarder.safe
    site.end(forwarder)
    assert taken > 0
    server.start()
    store = opened(server.url)
    kept = site.same_in(store)
    assert safe <= kept < 24_000, "nothing was lost: this test shows nothing"
    site.report(1000)
    after = site.forwarder(patient(server.url, FLUSHED))
    after.start()
    wait_for(lambda: sent(after), SECONDS)
    assert after.view().again == 24_000 - safe
    server.settle()
    assert site.same_in(store) == 25_000
    store.close()


@BOTH
@pytest.mark.parametrize("site", ["sqlite", "postgresql"], indirect=True)
def test_killed_again_and_again_during_forwarding(
    make_server: Callable[..., Any], site: Site, kind: str, wait_for: Callable[..., Any]
) -> None:
    server = make_server(kind)
    store = opened(server.url)
    forwarder = site.forwarder(store)
    forwarder.start()
    for turn in range(3):
        site.report(6000)
        wait_for(lambda turn=turn: forwarder.view().unsent < 4000, SECONDS)
        server.kill()
        site.report(500)
        wait_for(lambda: forwarder.trouble, SECONDS)
        server.start()
    wait_for(lambda: sent(forwarder), 2 * SECONDS)
    assert forwarder.trouble is None
    server.settle()
    assert site.same_in(store) == site.rows == 19_500


@BOTH
def test_down_for_long_nothing_is_given_up_and_the_backlog_drains_at_a_shown_rate(
    make_server: Callable[..., Any], site: Site, kind: str, wait_for: Callable[..., Any]
) -> None:
    """An hour of reports that nobody takes: intake goes on, and what was not sent is not sealed."""
    server = make_server(kind)
    store = opened(server.url)
    forwarder = site.forwarder(store)
    server.stop()
    forwarder.start()
    wait_for(lambda: forwarder.trouble, SECONDS)
    assert "does not answer" in str(forwarder.trouble)
    site.report(14_400)
    far_ahead = START + 90 * 86_400
    assert site.journal.seal(far_ahead, min(10**9, forwarder.safe)).rows == 0
    view = forwarder.view()
    assert (view.unsent, view.trouble == forwarder.trouble) == (14_400, True)
    assert view.unsent_seconds is not None
    server.start()
    wait_for(lambda: sent(forwarder), SECONDS)
    assert forwarder.trouble is None
    assert forwarder.view().rate > 100
    server.settle()
    assert site.same_in(store) == 14_400
    if kind == "influxdb":
        assert forwarder.safe == 14_400
        assert site.journal.seal(far_ahead, forwarder.safe).rows == 14_400


def test_a_row_that_is_refused_is_found_and_holds_up_no_other(
    started: Callable[[str], Any], site: Site, wait_for: Callable[..., Any]
) -> None:
    """Another program has made whole numbers of one field: InfluxDB takes no others."""
    server = started("influxdb")
    httpx.post(f"{server.http}/write?db=forewarn", content="forewarn taken.by_others=1i").raise_for_status()
    forwarder = site.forwarder(opened(server.url))
    site.report(300)
    bad = Point(site.devices[0], "load", "", START - 30, ("taken.by_others",), (0.5,), b"{}")
    good = replace(bad, at=START + 300, fields=FIELDS, values=(300.0, 300.1, 300.2))
    site.journal.commit(
        [Accepted(bad.device, "b", None, p.at, p.at, (p,)) for p in (bad, replace(good, at=START - 29))]
    )
    site.report(300)
    forwarder.start()
    wait_for(lambda: sent(forwarder), SECONDS)
    assert forwarder.view().parked == 1
    assert forwarder.trouble is None
    with site.journal.reader() as reader:
        (letter,) = reader.dead_letters()
    assert (letter.door, letter.client, letter.reason) == ("history", site.devices[0], "refused-by-history-store")
    assert "field type conflict" in letter.detail
    assert (
        letter.payload
        == f"forewarn,device={site.devices[0]},kind=load reported=1,taken.by_others=0.5 {round(bad.at * 1000)}".encode()
    )
    store = opened(server.url)
    assert site.same_in(store) == 600
    store.close()


def test_a_name_that_no_store_could_keep_is_parked_before_it_is_sent(
    started: Callable[[str], Any], site: Site, wait_for: Callable[..., Any]
) -> None:
    """VictoriaMetrics says nothing when it cuts a name off."""
    forwarder = site.forwarder(opened(started("victoriametrics").url))
    site.report(10)
    site.report(1, fields=(f"fan.rpm|{'x' * 2000}",))
    forwarder.start()
    wait_for(lambda: sent(forwarder), SECONDS)
    assert forwarder.view().parked == 1
    with site.journal.reader() as reader:
        assert "longer than 1000 bytes" in reader.dead_letters()[0].detail


def test_rows_older_than_the_store_keeps_are_a_trouble_and_stop_nothing(
    make_server: Callable[..., Any], site: Site, wait_for: Callable[..., Any]
) -> None:
    influx = make_server("influxdb")
    influx.ask("CREATE RETENTION POLICY short ON forewarn DURATION 1h REPLICATION 1")
    victoria = make_server("victoriametrics", "-retentionPeriod=1d")
    for url in (f"{influx.url}/short", victoria.url):
        forwarder = site.forwarder(opened(url))
        point = Point(site.devices[0], "load", "", time.time() - 90 * 86_400, FIELDS, (1.0, 2.0, 3.0), b"{}")
        fresh = replace(point, at=time.time())
        forwarder.start()
        wait_for(lambda f=forwarder: f._seen, SECONDS)
        site.journal.commit([Accepted(p.device, "b", None, p.at, p.at, (p,)) for p in (point, fresh)])
        wait_for(lambda f=forwarder: sent(f) and f.view().too_old, SECONDS)
        assert "leaves out what is older than it keeps" in str(forwarder.trouble)
        assert forwarder.view().parked == 0


@BOTH
def test_a_login_that_is_wrong_is_said_without_the_secret(
    make_server: Callable[..., Any], site: Site, kind: str, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    if kind == "influxdb":
        server = make_server(kind, auth=True)
    else:
        server = make_server(kind, "-httpAuth.username=forewarn", "-httpAuth.password=secret-of-the-store")
    site.report(10)
    secret = tmp_path / "secret"
    secret.write_text("not-that-one\n")
    secret.chmod(0o600)
    wrong = site.forwarder(opened(server.url, username="forewarn", password_file=str(secret)))
    wrong.start()
    said = wait_for(lambda: wrong.trouble, SECONDS)
    assert "refuses the login" in said
    assert "not-that-one" not in said
    assert wrong.view().unsent == 10
    site.end(wrong)
    secret.write_text("secret-of-the-store\n")
    right = site.forwarder(opened(server.url, username="forewarn", password_file=str(secret)))
    right.start()
    wait_for(lambda: sent(right), SECONDS)


def test_somebody_else_at_the_port_gets_nothing_and_nothing_is_parked(
    started: Callable[[str], Any], site: Site, wait_for: Callable[..., Any]
) -> None:
    influx, victoria = started("influxdb"), started("victoriametrics")
    site.report(10)
    wrong = {
        f"influxdb://127.0.0.1:{victoria.port}/forewarn": "no InfluxDB",
        f"victoriametrics://127.0.0.1:{influx.port}": "no VictoriaMetrics",
        f"influxdb://127.0.0.1:{influx.shim.port}/not_there": "database not found",
        f"victoriametrics://127.0.0.1:{free_port()}": "does not answer",
    }
    for url, words in wrong.items():
        forwarder = site.forwarder(opened(url))
        forwarder.start()
        assert words in wait_for(lambda f=forwarder: f.trouble, SECONDS)
        assert (forwarder.view().unsent, forwarder.view().parked, forwarder.safe) == (10, 0, 0)
        site.end(forwarder)


class SlowProxy(Relay):
    """Passes connections on; each piece of an answer waits, and now and then a connection is cut."""

    def __init__(self, port: int, seconds: float, cut_every: int) -> None:
        self._seconds, self._cut_every = seconds, cut_every
        super().__init__(port)

    def _pass(self, client: socket.socket, number: int) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as system, contextlib.suppress(OSError):
            threading.Thread(target=self._pump, args=(client, system), daemon=True).start()
            while data := system.recv(65_536):
                time.sleep(self._seconds)
                if number % self._cut_every == 0:
                    return
                client.sendall(data)

    def _pump(self, client: socket.socket, system: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                system.sendall(data)


@BOTH
def test_slow_and_cut_off_now_and_then_it_gets_there(
    started: Callable[[str], Any], site: Site, kind: str, wait_for: Callable[..., Any]
) -> None:
    """Answers are lost after the rows were taken, so they are sent twice and are there once."""
    server = started(kind)
    direct = server.shim.port if kind == "influxdb" else server.port
    proxy = SlowProxy(direct, 0.1, 3)
    url = server.url.replace(str(direct), str(proxy.port))
    site.report(6000)
    forwarder = site.forwarder(opened(url))
    forwarder.start()
    wait_for(lambda: sent(forwarder), 2 * SECONDS)
    proxy.close()
    server.settle()
    store = opened(server.url)
    assert site.same_in(store) == 6000
    store.close()


@BOTH
def test_a_full_disk_of_the_store_is_a_trouble_and_costs_no_row(
    make_server: Callable[..., Any], site: Site, kind: str, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    with small_disk(tmp_path / "disk", 40) as disk:
        server = make_server(kind, storage=disk / "data")
        store = opened(server.url)
        site.report(500)
        forwarder = site.forwarder(store)
        forwarder.start()
        wait_for(lambda: sent(forwarder), SECONDS)
        filling = fill(disk)
        site.report(20_000)
        wait_for(lambda: forwarder.trouble, SECONDS)
        assert forwarder.view().parked == 0
        filling.unlink()
        # VictoriaMetrics ends itself when it cannot write, and InfluxDB 1.6 stays with its error until it is restarted.
        server.kill()
        server.start()
        wait_for(lambda: sent(forwarder), 2 * SECONDS)
        server.settle()
        assert site.same_in(store) == 20_500
        server.close()


def test_what_is_sent_again_is_decided_by_the_start_of_the_store() -> None:
    assert met(Progress(90, 50, "a"), "a") == Progress(90, 50, "a")
    assert met(Progress(90, 50, "a"), "b") == Progress(50, 50, "b")
    taken = Taken()
    for position, at in ((10, 1.0), (20, 2.0), (30, 9.0)):
        taken.note(position, at)
    assert taken.written_down(4.0, 5.0) is None
    assert taken.written_down(8.0, 5.0) == 20
    assert taken.written_down(8.0, 5.0) is None
    taken.forget()
    assert taken.written_down(99.0, 5.0) is None


def test_another_store_is_sent_everything_that_is_still_here(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")
    first, second = Bookmark(engine, "influxdb://a/x"), Bookmark(engine, "victoriametrics://b")
    first.write(Progress(5, 3, "s"))
    first.write(Progress(7, 3, "s"))
    assert (first.read(), second.read()) == (Progress(7, 3, "s"), Progress())
    engine.dispose()
