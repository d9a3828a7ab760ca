"""A desk and a real ticket system: one ticket for each fault, equal on both sides, whatever happens between."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from servers.office import Office
from servers.proxy import Proxy

from forewarn_collector.tickets.systems import wording
from forewarn_collector.tickets.systems.kinds import KINDS

PATIENCE = 120.0
DOWN_SECONDS = float(os.environ.get("FOREWARN_DOWN_SECONDS", "5"))


@pytest.fixture
def offices(make_office: Callable[..., Office], tokens: Callable[[str], str]) -> Callable[..., Office]:
    """offices(system, **entry): a desk whose tickets are told to the system."""

    def make(system: Any, **other: Any) -> Office:
        keys = {name: getattr(system, name) for name in ("kind", "url", "options", "queues", "users")}
        return make_office(**keys | {"token_file": tokens(system.token)} | other)

    return make


@pytest.fixture
def proxy(system: Any) -> Iterator[Proxy]:
    found = Proxy(system.port)
    yield found
    found.close()


def words(system: Any) -> Any:
    return KINDS[system.kind].maps


def equal(office: Office, system: Any) -> bool:
    """Whether every fault has one ticket there, in the state that ours has."""
    wanted = sorted((wording.dedup_key(t), words(system).state(t.state)) for t in office.tickets())
    return wanted == sorted((there.key, there.state) for there in system.all())


def test_a_ticket_lives_on_both_sides(system: Any, offices: Callable[..., Office], wait_for: Any) -> None:
    office = offices(system)
    office.finds(1)
    (there,) = wait_for(system.all, PATIENCE)
    assert there.title == "[warning] Sectors cannot be read - Acme / Store 12 / shop-07"
    assert (there.owner, there.state) == (system.engineer, words(system).state("open"))
    wait_for(office.quiet, PATIENCE)
    # What is done here stands there.
    office.desk.note(1, "Li Wei", "Disk is ordered", "internal")
    office.desk.note(1, "Li Wei", "We come on Friday", "customer")
    office.desk.act(1, "wait", "Li Wei", waiting_for="part")
    wait_for(lambda: office.quiet() and equal(office, system), PATIENCE)
    (there,) = system.with_notes()
    texts = [(text.split("\n")[0], public) for _, text, public in there.notes]
    assert ("Li Wei: Disk is ordered", False) in texts
    assert ("Li Wei: We come on Friday", True) in texts
    # What is done there stands here.
    system.say(there.id, note="The bay is dusty", state=words(system).state("in progress"))
    wait_for(lambda: office.tickets()[0].state == "in progress", PATIENCE)
    said = [entry.actor for entry in office.tickets()[0].timeline if entry.text == "The bay is dusty"]
    assert said == ["Li Wei (there)"]
    system.say(there.id, state=system.refused)
    wait_for(lambda: office.tickets()[0].state == "false alarm", PATIENCE)
    assert office.tickets()[0].outcome == "false-alarm"
    wait_for(office.quiet, PATIENCE)
    # Whoever opens it there again opens it here again.
    system.say(there.id, state=words(system).state("in progress"))
    wait_for(lambda: office.tickets()[0].state == "acknowledged", PATIENCE)
    wait_for(office.quiet, PATIENCE)
    (there,) = system.with_notes()
    assert there.state == words(system).state("in progress")
    # Nothing came back that was said there, and nothing was written twice.
    ours = [text for actor, text, _ in there.notes if actor != system.engineer]
    assert len(ours) == len(set(ours))
    assert not [text for text in ours if "dusty" in text]


def test_late_evidence_does_not_open_again_what_an_engineer_closed(
    system: Any, offices: Callable[..., Office], wait_for: Any
) -> None:
    office = offices(system)
    office.finds(1)
    (there,) = wait_for(system.all, PATIENCE)
    wait_for(office.quiet, PATIENCE)
    system.say(there.id, state=system.ended)
    # Before forewarn has heard of it.
    office.desk.note(1, "Li Wei", "one more for the customer", "customer")
    office.finds(1, levels="warning -> critical")
    wait_for(lambda: office.tickets()[0].state == "resolved", PATIENCE)
    wait_for(office.quiet, PATIENCE)
    (there,) = system.with_notes()
    assert there.state == system.ended
    assert [text for _, text, _ in there.notes if "one more for the customer" in text]
    assert len(office.tickets()) == 1


def test_every_lost_reply_leaves_one_ticket_and_each_note_once(
    system: Any, proxy: Proxy, offices: Callable[..., Office], wait_for: Any
) -> None:
    lost: set[bytes] = set()

    def first_of_its_kind(request: bytes) -> bool:
        method, path = request.split(b" ", 2)[:2]
        kind = method + b" " + path.rpartition(b"/")[2]
        new = method != b"GET" and kind not in lost
        lost.add(kind)
        return new

    proxy.cut = first_of_its_kind
    office = offices(system, url=proxy.url)
    office.finds(1, 2)
    wait_for(lambda: office.quiet() and equal(office, system), PATIENCE)
    office.desk.note(1, "Li Wei", "Disk is ordered", "internal")
    wait_for(office.quiet, PATIENCE)
    office.desk.act(1, "close", "Li Wei", outcome="cleaned")
    wait_for(lambda: office.quiet() and equal(office, system), PATIENCE)
    assert proxy.lost >= 2
    noted = [text for there in system.with_notes() for _, text, _ in there.notes]
    assert len([text for text in noted if "Disk is ordered" in text]) == 1


def test_a_system_that_is_down_for_a_while(system: Any, offices: Callable[..., Office], wait_for: Any) -> None:
    office = offices(system)
    office.finds(1)
    wait_for(lambda: office.quiet() and equal(office, system), PATIENCE)
    system.stop()
    back_at = time.monotonic() + DOWN_SECONDS
    try:
        office.finds(2, 3)
        office.desk.act(1, "acknowledge", "Li Wei")
        office.desk.act(1, "start", "Li Wei")
        wait_for(lambda: any("Connect" in row["last_error"] for row in office.deliveries()), PATIENCE)
        wait_for(lambda: time.monotonic() >= back_at, DOWN_SECONDS + PATIENCE)
        assert not [row for row in office.deliveries() if row["state"] == "parked"]
        office.end()
    finally:
        system.start()
    office.begin()
    wait_for(lambda: office.quiet() and equal(office, system), PATIENCE)
    assert len(system.all()) == 3


def test_a_wrong_token_parks_nothing_and_says_so(
    system: Any, offices: Callable[..., Office], tokens: Callable[[str], str], wait_for: Any
) -> None:
    office = offices(system, token_file=tokens("1-2-wrong"))
    office.finds(1, 2)
    wait_for(lambda: any("HTTP 401" in row["last_error"] for row in office.deliveries()), PATIENCE)
    assert {row["state"] for row in office.deliveries()} == {"pending"}
    office.end()
    assert system.all() == []
    office.entry = replace(office.entry, token_file=tokens(system.token))
    office.begin()
    wait_for(lambda: office.quiet() and equal(office, system), PATIENCE)


def test_a_state_that_it_does_not_have_is_parked_and_stops_nothing(
    system: Any, offices: Callable[..., Office], wait_for: Any
) -> None:
    office = offices(system, states={"waiting": system.bad_state})
    office.finds(1, 2)
    wait_for(lambda: office.quiet() and equal(office, system), PATIENCE)
    office.desk.act(1, "wait", "Li Wei", waiting_for="part")
    office.desk.act(2, "close", "Li Wei", outcome="cleaned")
    wait_for(lambda: {row["state"] for row in office.deliveries() if row["ticket"] == 1} >= {"parked"}, PATIENCE)
    wait_for(lambda: {row["state"] for row in office.deliveries() if row["ticket"] == 2} == {"done"}, PATIENCE)
    (parked,) = [row for row in office.deliveries() if row["state"] == "parked"]
    assert system.bad_state in parked["last_error"]
    assert [there.state for there in system.all()] == [words(system).state("open"), words(system).state("closed")]
