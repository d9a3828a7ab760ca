"""The delivery loops on a real database: at least once, in order, and nobody waits for somebody else."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.state import delivery, open_state
from forewarn_collector.tickets import rows
from forewarn_collector.tickets.destination import Busy, DeliveryError, Parcel, Unreachable
from forewarn_collector.tickets.outbox import GONE, PARK_AFTER_SECONDS
from forewarn_collector.tickets.push import LONGEST_DELAY, PARK_AFTER_TRIES, Push, delay_after
from forewarn_collector.tickets.trial import STEP_SECONDS, run_trial


class Desk:
    """A destination that does what the test says: a ticket system of its own."""

    def __init__(self, name: str = "desk") -> None:
        self.name = name
        self.tried: list[Parcel] = []
        self.trouble: dict[int, Exception] = {}
        self.down = False
        self.asked = 0
        self.hold = threading.Event()
        self.hold.set()

    def send(self, parcel: Parcel) -> None:
        self.asked += 1
        self.hold.wait(30)
        self.tried.append(parcel)
        if self.down:
            raise Unreachable("ConnectError: nobody there")
        if parcel.ticket in self.trouble:
            raise self.trouble[parcel.ticket]

    def order(self) -> list[tuple[int, str]]:
        return [(parcel.ticket, parcel.event) for parcel in self.tried]


class House:
    def __init__(self, path: Path | Server) -> None:
        self.engine = open_state(path)
        self.now = 1_780_000_000.0
        self.pushes: list[Push] = []

    def push(self, *destinations: Desk) -> Push:
        found = Push(self.engine, destinations, lambda: self.now)
        found.start()
        self.pushes.append(found)
        return found

    def stop(self) -> None:
        for push in self.pushes:
            push.stop()
        self.pushes.clear()

    def owe(self, ticket: int, *events: str, to: tuple[str, ...] = ("desk",)) -> None:
        with self.engine.begin() as db:
            for event in events:
                rows.add_deliveries(db, to, ticket, event, f"{ticket}-{event}", "{}", self.now)

    def rows(self, **wanted: Any) -> list[Any]:
        query = sa.select(delivery).order_by(delivery.c.id)
        for name, value in wanted.items():
            query = query.where(delivery.c[name] == value)
        with self.engine.connect() as db:
            return list(db.execute(query).mappings())

    def states(self, **wanted: Any) -> list[str]:
        return [row["state"] for row in self.rows(**wanted)]


@pytest.fixture
def house(state_in: Path | Server) -> Iterator[House]:
    found = House(state_in)
    yield found
    found.stop()
    found.engine.dispose()


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_owed_is_sent_once_and_marked(house: House) -> None:
    desk = Desk()
    house.owe(1, "opened", "updated")
    house.owe(2, "opened")
    push = house.push(desk)
    wait_for(lambda: push.outbox.summary() == {"done": 3})
    assert sorted(desk.order()) == [(1, "opened"), (1, "updated"), (2, "opened")]
    for row in house.rows():
        assert (row["tries"], row["sent_at"], row["last_error"]) == (1, house.now, "")


def test_a_wake_sends_at_once(house: House) -> None:
    desk = Desk()
    push = house.push(desk)
    house.owe(1, "opened")
    push.wake()
    wait_for(lambda: bool(desk.tried), 0.45)


@pytest.mark.parametrize(("tries", "seconds"), [(0, 1), (1, 2), (2, 4), (9, 512), (10, 900), (1000, 900)])
def test_the_time_between_tries_doubles(tries: int, seconds: float) -> None:
    assert delay_after(tries) == seconds


def test_what_fails_is_tried_again_after_its_delay_and_not_before(house: House) -> None:
    desk = Desk()
    desk.trouble[1] = DeliveryError("HTTP 500: oh")
    house.owe(1, "opened")
    push = house.push(desk)
    for tries in (1, 2, 3):
        wait_for(lambda tries=tries: house.rows()[0]["tries"] == tries)
        (row,) = house.rows()
        assert (row["state"], row["last_error"]) == ("pending", "HTTP 500: oh")
        assert row["next_try_at"] == house.now + 2 ** (tries - 1)
        push.wake()
        house.now = row["next_try_at"]
        push.wake()
    assert len(desk.tried) >= 3
    desk.trouble.clear()
    house.now += 10
    push.wake()
    wait_for(lambda: house.states() == ["done"])
    assert house.rows()[0]["last_error"] == ""
    assert len({parcel.event_id for parcel in desk.tried}) == 1


def test_a_refusal_is_parked_with_its_reason_and_stops_nothing(house: House) -> None:
    desk = Desk()
    desk.trouble[1] = DeliveryError("HTTP 404: no such hook", permanent=True)
    house.owe(1, "opened")
    house.owe(2, "opened")
    push = house.push(desk)
    wait_for(lambda: house.states() == ["parked", "done"])
    first, _ = push.outbox.listing()
    assert (first["ticket"], first["state"], first["last_error"]) == (1, "parked", "HTTP 404: no such hook")
    assert "body" not in first
    assert push.outbox.summary() == {"parked": 1, "done": 1}


def test_deliveries_of_one_ticket_keep_their_order(house: House) -> None:
    desk = Desk()
    desk.trouble[1] = DeliveryError("HTTP 503: later")
    house.owe(1, "opened", "updated", "resolved")
    house.owe(2, "opened")
    push = house.push(desk)
    wait_for(lambda: house.states(ticket=2) == ["done"] and house.rows()[0]["tries"] == 1)
    assert (1, "updated") not in desk.order()
    desk.trouble.clear()
    house.now += 5
    push.wake()
    wait_for(lambda: push.outbox.summary() == {"done": 4})
    mine = [event for ticket, event in desk.order() if ticket == 1]
    assert mine == ["opened", "opened", "updated", "resolved"]


def test_a_destination_that_hangs_does_not_delay_another(house: House) -> None:
    stuck, quick = Desk("stuck"), Desk("quick")
    stuck.hold.clear()
    for ticket in range(20):
        house.owe(ticket, "opened", to=("stuck", "quick"))
    house.push(stuck, quick)
    wait_for(lambda: set(house.states(destination="quick")) == {"done"}, 5)
    assert stuck.tried == []
    stuck.hold.set()
    wait_for(lambda: set(house.states(destination="stuck")) == {"done"})


def test_while_nobody_answers_the_destination_pauses_and_then_drains(house: House) -> None:
    desk, other = Desk(), Desk("other")
    desk.down = True
    for ticket in range(300):
        house.owe(ticket, "opened", "resolved", to=("desk", "other"))
    push = house.push(desk, other)
    wait_for(lambda: set(house.states(destination="other")) == {"done"})
    wait_for(lambda: len(desk.tried) >= 2)
    assert set(desk.order()) == {(0, "opened")}, "one is tried, not all of them"
    assert set(house.states(destination="desk")) == {"pending"}
    desk.down = False
    wait_for(lambda: push.outbox.summary() == {"done": 1200})


def test_a_test_says_why_though_others_wait_for_who_does_not_answer(house: House) -> None:
    desk = Desk()
    desk.down = True
    house.owe(1, "opened")
    push = house.push(desk)
    wait_for(lambda: desk.tried)
    (step,) = run_trial(push.outbox, "desk", push.wake, house.now)
    assert step.error == "ConnectError: nobody there"
    assert step.seconds < STEP_SECONDS / 2
    assert push.outbox.summary() == {"pending": 1, "parked": 1}


def test_a_mistake_of_the_destination_itself_stops_nothing(house: House) -> None:
    desk = Desk()
    desk.trouble[1] = KeyError("oops")
    house.owe(1, "opened")
    house.owe(2, "opened")
    house.push(desk)
    wait_for(lambda: house.states() == ["pending", "done"])
    assert house.rows()[0]["last_error"] == "KeyError: 'oops'"


def test_what_is_refused_for_a_week_is_parked_and_a_long_weekend_is_not_enough(house: House) -> None:
    desk = Desk()
    desk.trouble[1] = DeliveryError("HTTP 500: oh")
    house.owe(1, "opened")
    with house.engine.begin() as db:
        db.execute(delivery.update().values(tries=PARK_AFTER_TRIES - 2))
    house.now += 4 * 86_400
    push = house.push(desk)
    wait_for(lambda: house.rows()[0]["tries"] == PARK_AFTER_TRIES - 1)
    assert house.states() == ["pending"]
    house.now += PARK_AFTER_SECONDS
    push.wake()
    wait_for(lambda: house.states() == ["parked"])


def test_a_clock_that_is_set_back_does_not_hold_deliveries_up(house: House) -> None:
    house.owe(1, "opened")
    house.now -= 300 * 86_400
    house.push(Desk())
    wait_for(lambda: house.states() == ["done"])
    assert LONGEST_DELAY < 300 * 86_400


def test_a_destination_that_is_no_longer_configured_and_comes_back(house: House) -> None:
    house.owe(1, "opened")
    house.push(Desk("other"))
    (row,) = house.rows()
    assert (row["state"], row["last_error"]) == ("parked", GONE)
    house.stop()
    house.push(Desk())
    wait_for(lambda: house.states() == ["done"])


def test_a_restart_gives_what_was_parked_another_chance(house: House) -> None:
    """A wrong token parks everything; whoever mends it restarts the collector."""
    desk = Desk()
    desk.trouble = {ticket: DeliveryError("HTTP 401: who?", permanent=True) for ticket in (1, 2)}
    house.owe(1, "opened", "updated")
    house.owe(2, "opened")
    house.push(desk)
    wait_for(lambda: house.states() == ["parked"] * 3)
    house.stop()
    mended = Desk()
    house.push(mended)
    wait_for(lambda: house.states() == ["done"] * 3)
    assert [event for ticket, event in mended.order() if ticket == 1] == ["opened", "updated"]


def test_the_old_does_not_follow_the_new(house: House) -> None:
    """``opened`` was refused and ``closed`` taken: to send ``opened`` now would open it again over there."""
    desk = Desk()
    desk.trouble[1] = DeliveryError("HTTP 400: bad", permanent=True)
    house.owe(1, "opened")
    push = house.push(desk)
    wait_for(lambda: house.states() == ["parked"])
    desk.trouble.clear()
    house.owe(1, "closed")
    push.wake()
    wait_for(lambda: house.states() == ["parked", "done"])
    house.stop()
    again = Desk()
    house.owe(2, "opened")
    house.push(again)
    wait_for(lambda: house.states() == ["parked", "done", "done"])
    assert again.order() == [(2, "opened")]


def test_the_end_does_not_wait_for_who_hangs(house: House) -> None:
    desk = Desk()
    desk.hold.clear()
    house.owe(1, "opened")
    house.push(desk)
    wait_for(lambda: desk.asked == 1)
    began = time.monotonic()
    house.stop()
    assert time.monotonic() - began < 8
    assert house.states() == ["pending"]
    desk.hold.set()
    wait_for(lambda: house.states() == ["done"])


# What is delivered cannot be written down; and how to end that.
NO_UPDATE = {
    "sqlite": (
        "CREATE TRIGGER no_update BEFORE UPDATE ON delivery BEGIN SELECT RAISE(ABORT, 'disk full'); END",
        "DROP TRIGGER no_update",
    ),
    "postgresql": (
        "ALTER TABLE delivery ADD CONSTRAINT no_update CHECK (state = 'pending') NOT VALID",
        "ALTER TABLE delivery DROP CONSTRAINT no_update",
    ),
}


def test_trouble_with_the_state_database_is_waited_for(house: House) -> None:
    desk = Desk()
    house.owe(1, "opened")
    house.push(desk)
    wait_for(lambda: house.states() == ["done"])
    refuse, again = NO_UPDATE[house.engine.dialect.name]
    with house.engine.begin() as db:
        db.exec_driver_sql(refuse)
    house.owe(2, "opened")
    wait_for(lambda: desk.order().count((2, "opened")) >= 2)
    with house.engine.begin() as db:
        db.exec_driver_sql(again)
    wait_for(lambda: house.states() == ["done", "done"])


def test_who_asks_us_to_be_slower_is_left_in_peace_that_long(house: House) -> None:
    desk, other = Desk(), Desk("other")
    desk.trouble[1] = Busy("HTTP 429: slower", 1.5)
    house.owe(1, "opened", to=("desk", "other"))
    house.owe(2, "opened", to=("desk", "other"))
    began = time.monotonic()
    push = house.push(desk, other)
    wait_for(lambda: house.states(destination="other") == ["done", "done"], 60)
    wait_for(lambda: len(desk.tried) == 1, 60)
    desk.trouble.clear()
    wait_for(lambda: push.outbox.summary() == {"done": 4}, 60)
    assert time.monotonic() - began >= 1.5
    assert desk.order() == [(1, "opened"), (1, "opened"), (2, "opened")]
