"""Request Tracker and Redmine as they really answer, one call after the other."""

from typing import Any

import pytest

from forewarn_collector.tickets.destination import DeliveryError, Unreachable
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.systems.interface import Draft, Remote, TicketSystem, Wanted
from forewarn_collector.tickets.systems.kind import Setup
from forewarn_collector.tickets.systems.kinds import KINDS
from forewarn_collector.tickets.systems.maps import Maps

TICKET = Ticket(
    number=7, customer="Ünï çødé GmbH", site="Store 12", engineer="Li Wei", device="shop-07", device_serial="MB-1",
    part_serial="S3Z1", fault="disk-failure", queue="storage", state="open", severity="warning", title="Sectors",
    explanation={}, probability=None, within_seconds=None, opened_at=1.0, recorded_at=2.0, updated_at=2.0,
    acknowledged_at=None, resolved_at=None, closed_at=None, owner="", waiting_for="", outcome=None,
)  # fmt: skip
KEY = "fw-7-0123456789abcdef"


def speak(system: Any, **other: Any) -> TicketSystem:
    kind = KINDS[system.kind]
    options = {name: key.default for name, key in kind.options.items()} | system.options | other.pop("options", {})
    maps = Maps(queues=other.pop("queues", system.queues), users=system.users).over(kind.maps)
    assert kind.system is not None
    given = {"url": system.url, "token": system.token} | other
    return kind.system(Setup(name="desk", options=options, maps=maps, **given))


def read(there: TicketSystem, id_: str) -> Remote:
    found = there.read(id_)
    assert found is not None
    return found


def draft(system: Any, key: str = KEY, **other: Any) -> Draft:
    usual = KINDS[system.kind].maps
    made = Draft(
        key=key, title="硬盘 — sectors cannot be read", text="Why\n\n(forewarn 7/0i)", state=usual.state("open"),
        priority=usual.priority("warning"), queue=system.queues["default"], owner="", ticket=TICKET,
    )  # fmt: skip
    return made._replace(**other)


def test_the_whole_life_of_a_ticket(system: Any) -> None:
    usual = KINDS[system.kind].maps
    there = speak(system)
    assert there.check()
    assert there.find(KEY) is None
    number = there.create(draft(system, owner=system.engineer))
    made = read(there, number)
    assert (made.id, made.key, made.state, made.owner, made.ended) == (
        number, KEY, usual.state("open"), system.engineer, False,
    )  # fmt: skip
    found = there.find(KEY)
    assert found is not None
    assert found.id == number
    there.note(made, "for engineers\n\n(forewarn 7/1i)", False)
    there.note(made, "für den Kunden\n\n(forewarn 7/1c)", True)
    noted = read(there, number)
    assert noted.version != made.version
    assert noted.state == made.state, "a note changes no state"
    heard = [(note.text, note.public) for note in there.notes(number, "")]
    assert heard[-2:] == [("for engineers\n\n(forewarn 7/1i)", False), ("für den Kunden\n\n(forewarn 7/1c)", True)]
    there.set_state(noted, Wanted(state=usual.state("waiting"), priority=usual.priority("critical")))
    waiting = read(there, number)
    assert (waiting.state, waiting.ended) == (usual.state("waiting"), False)
    assert system.all()[0].priority == usual.priority("critical")
    there.set_state(waiting, Wanted(state=usual.state("closed"), outcome="cleaned", owner=""))
    closed = read(there, number)
    assert (closed.state, closed.ended, closed.owner) == (usual.state("closed"), True, "")
    assert [there.key for there in system.all()] == [KEY]


def test_a_late_word_to_the_customer_does_not_open_an_ended_ticket_again(system: Any) -> None:
    there = speak(system)
    number = there.create(draft(system))
    system.say(number, state=system.ended)
    ended = read(there, number)
    assert ended.ended
    there.note(ended, "one more sector\n\n(forewarn 7/2c)", True)
    again = read(there, number)
    assert again.state == system.ended


def test_only_what_was_changed_is_polled_and_who_did_it_is_told(system: Any) -> None:
    there = speak(system)
    first, second = (there.create(draft(system, key=f"fw-{n}-0")) for n in (1, 2))
    system.say(first, note="ich schaue es mir an")
    changed = read(there, first)
    polled = there.poll(changed.changed_at)
    assert first in [remote.id for remote in polled]
    assert {remote.key for remote in there.poll(0.0)} == {"fw-1-0", "fw-2-0"}
    assert [remote.id for remote in there.poll(changed.changed_at + 2)] == []
    (heard,) = [note for note in there.notes(first, "") if "forewarn" not in note.text]
    assert (heard.actor, heard.text, heard.public) == (system.engineer, "ich schaue es mir an", False)
    assert there.notes(first, heard.entry) == []
    assert second in [remote.id for remote in there.poll(0.0)]


def test_what_it_does_not_take(system: Any) -> None:
    there = speak(system)
    there.create(draft(system))
    with pytest.raises(DeliveryError) as refused:
        there.create(draft(system, key="fw-8-0", queue="nowhere"))
    assert refused.value.permanent
    with pytest.raises(Unreachable, match="401"):
        speak(system, token="1-2-wrong").check()
    with pytest.raises(Unreachable):
        speak(system, url="http://127.0.0.1:1").find(KEY)
    assert there.read("999") is None
    assert len(system.all()) == 1


def test_rt_is_asked_for_its_custom_field_before_anything_is_made(started: Any) -> None:
    rt = started("rt")
    rt.fresh()
    there = speak(rt, options={"key_field": "NoSuchField"})
    with pytest.raises(DeliveryError, match="no custom field NoSuchField") as refused:
        there.create(draft(rt))
    assert refused.value.permanent
    assert rt.all() == []


def test_redmine_says_which_statuses_it_has(started: Any) -> None:
    redmine = started("redmine")
    redmine.fresh()
    there = speak(redmine)
    number = there.create(draft(redmine))
    made = read(there, number)
    with pytest.raises(DeliveryError, match="'on holiday' is none of its issue_statuses: New, In Progress"):
        there.set_state(made, Wanted(state="on holiday"))
