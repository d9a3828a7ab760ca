"""Forwarding from a journal in PostgreSQL, which collectors share: to a store that is killed, and by two at once."""

from collections.abc import Callable
from typing import Any

import pytest
from servers.forwarding import Site, patient, sent
from servers.histories import opened

from forewarn_collector.store.forwarding.bookmark import Bookmark

pytestmark = pytest.mark.parametrize("site", ["postgresql"], indirect=True)

SECONDS = 60.0
FLUSHED = 20.0
BOTH = pytest.mark.parametrize("kind", ["influxdb", "victoriametrics"])


def test_what_was_lost_is_sent_again_by_whoever_forwards_next(
    make_server: Callable[..., Any], site: Site, wait_for: Callable[..., Any]
) -> None:
    """The collector that sent it is gone, and the other one has never seen the store before."""
    server = make_server("victoriametrics")
    first = site.forwarder(patient(server.url, FLUSHED))
    first.start()
    site.report(4000)
    wait_for(lambda: first.safe == 4000, SECONDS)
    site.report(4000)
    wait_for(lambda: sent(first), SECONDS)
    server.kill()
    site.end(first)
    server.start()
    store = opened(server.url)
    assert 4000 <= site.same_in(store) < 8000, "nothing was lost: this test shows nothing"
    site.report(1000)
    second = site.forwarder(patient(server.url, FLUSHED))
    second.start()
    wait_for(lambda: sent(second), SECONDS)
    assert second.view().again == 4000
    server.settle()
    assert site.same_in(store) == 9000
    store.close()


@BOTH
def test_one_that_does_not_know_that_another_forwards_now_does_no_harm(
    make_server: Callable[..., Any], site: Site, kind: str, wait_for: Callable[..., Any]
) -> None:
    """As when its machine stood still: it goes on for a moment, and writes down how far it believes to be."""
    server = make_server(kind)
    store = opened(server.url)
    both = [site.forwarder(opened(server.url)), site.forwarder(opened(server.url))]
    for forwarder in both:
        forwarder.start()
    site.report(6000)
    wait_for(lambda: any(forwarder.view().unsent < 4000 for forwarder in both), SECONDS)
    server.kill()
    server.start()
    site.report(2000)
    late, last = both
    wait_for(lambda: sent(late), SECONDS)
    site.end(late)
    wait_for(lambda: sent(last), SECONDS)
    site.end(last)
    # Whoever comes afterwards reads what either of them left.
    after = site.forwarder(opened(server.url))
    after.start()
    site.report(500)
    wait_for(lambda: sent(after), SECONDS)
    server.settle()
    assert site.same_in(store) == 8500
    assert Bookmark(site.state, store.name).read().sent == 8500
    store.close()
