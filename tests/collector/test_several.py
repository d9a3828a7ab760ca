"""Who takes which share of the fleet, and what holds when collectors come, go and lose their session."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from servers.postgresql import Database, PostgreSQL

from forewarn_collector.several.claims import Claims
from forewarn_collector.several.fair import decide
from forewarn_collector.several.members import Member
from forewarn_collector.several.shift import Shift
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.postgres import Postgres
from forewarn_collector.store.postgres_tables import SHARES

EVERYTHING = list(range(SHARES))
PATIENCE = 60.0


def test_the_only_collector_takes_everything() -> None:
    assert decide([], []) == (EVERYTHING, [])


def test_whoever_joins_gets_what_is_too_much_for_the_others() -> None:
    assert decide(EVERYTHING, [[]]) == ([], EVERYTHING[8:])
    assert decide([], [EVERYTHING[:8]]) == (EVERYTHING[8:], [])


def test_what_others_hold_is_left_alone_and_a_fair_share_is_enough() -> None:
    step = decide([0, 1], [[2, 3], [4]])
    assert step == ([5, 6, 7, 8], [])


def test_who_lacks_some_of_an_even_part_comes_first() -> None:
    six, five, four = EVERYTHING[:6], EVERYTHING[6:11], EVERYTHING[11:15]
    assert decide(six, [EVERYTHING[6:12], EVERYTHING[12:]]) == ([], [5])
    assert decide(EVERYTHING[6:12], [six, EVERYTHING[12:]]) == ([], [])
    assert decide(four, [six, five]) == ([15], [])
    assert decide(five, [six, four]) == ([], [])
    assert decide(six, [five, [*four, 15]]) == ([], [])


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("collectors", [1, 2, 3, 5, 7, 16, 20])
def test_it_ends_with_everything_judged_once_and_evenly_however_they_begin(collectors: int, at_once: bool) -> None:
    """One after the other, or all by the same look at the others: the lock then decides who gets a share."""
    rng = random.Random(collectors)
    for _ in range(50):
        held: list[list[int]] = [[] for _ in range(collectors)]
        for share in EVERYTHING:
            if (holder := rng.randrange(collectors + 1)) < collectors:
                held[holder].append(share)
        for _ in range(2 * SHARES):
            looked = [list(shares) for shares in held]
            for mine in rng.sample(range(collectors), collectors):
                seen = looked if at_once else held
                step = decide(seen[mine], [other for n, other in enumerate(seen) if n != mine])
                taken = {share for shares in held for share in shares}
                held[mine] = [share for share in held[mine] if share not in step.give]
                held[mine] += [share for share in step.take if share not in taken]
        assert sorted(share for shares in held for share in shares) == EVERYTHING
        assert max(map(len, held)) - min(map(len, held)) <= 1
        for mine, shares in enumerate(held):
            assert decide(shares, [other for n, other in enumerate(held) if n != mine]) == ([], [])


class Collector:
    """Its claims, and what it believes to hold."""

    def __init__(self, database: Database, name: str) -> None:
        place = Postgres(database.url, database.password)
        self.held: set[int] = set()
        self.claims = Claims(place.second_writer, lambda: Member(name=name, address="", version="1", since=time.time()))

    def start(self) -> "Collector":
        self.claims.start(self.held.add, self.held.difference_update)
        return self


@pytest.fixture
def make(database: Database) -> Iterator[Callable[[str], Collector]]:
    made: list[Collector] = []
    Journal(Postgres(database.url, database.password)).close()

    def start(name: str) -> Collector:
        made.append(Collector(database, name).start())
        return made[-1]

    yield start
    for collector in made:
        collector.claims.stop()


def test_shares_move_when_one_comes_and_when_one_goes(make: Callable[[str], Collector], wait_for: Any) -> None:
    one = make("a")
    wait_for(lambda: one.held == set(EVERYTHING) and one.claims.runs(), PATIENCE)
    other = make("b")
    wait_for(lambda: len(one.held) == len(other.held) == SHARES // 2, PATIENCE)
    assert one.held.isdisjoint(other.held)
    assert not other.claims.runs()
    wait_for(lambda: [(m.name, m.runner) for m in other.claims.members] == [("a", True), ("b", False)], PATIENCE)
    one.claims.stop()
    assert not one.held
    assert not one.claims.runs()
    wait_for(lambda: other.held == set(EVERYTHING) and other.claims.runs(), PATIENCE)


def test_whoever_loses_its_session_lets_go_of_everything(
    make: Callable[[str], Collector], database: Database, wait_for: Any
) -> None:
    one = make("a")
    wait_for(lambda: one.held == set(EVERYTHING), PATIENCE)
    (pid,) = database.run("SELECT pid FROM forewarn_journal.collector WHERE name = 'a'")[0]
    let_go: list[set[int]] = []
    one.claims._given = lambda shares: (let_go.append(set(shares)), one.held.difference_update(shares))[1]
    database.run(f"SELECT pg_terminate_backend({pid})")
    wait_for(lambda: let_go == [set(EVERYTHING)], PATIENCE)
    wait_for(lambda: one.held == set(EVERYTHING) and one.claims.runs() and one.claims.trouble is None, PATIENCE)


def test_nobody_holds_anything_while_the_server_is_away(postgresql: PostgreSQL, wait_for: Any) -> None:
    database = postgresql.fresh()
    Journal(Postgres(database.url, database.password)).close()
    one = Collector(database, "a").start()
    try:
        wait_for(lambda: one.held == set(EVERYTHING) and one.claims.runs(), PATIENCE)
        postgresql.kill()
        wait_for(lambda: not one.held and not one.claims.runs() and one.claims.trouble is not None, PATIENCE)
        assert "it is tried again" in str(one.claims.trouble)
    finally:
        postgresql.start()
    wait_for(lambda: one.held == set(EVERYTHING) and one.claims.runs() and one.claims.trouble is None, PATIENCE)
    one.claims.stop()


def test_two_collectors_of_one_name(make: Callable[[str], Collector], wait_for: Any) -> None:
    one, other = make("a"), None
    wait_for(lambda: one.held == set(EVERYTHING), PATIENCE)
    other = make("a")
    wait_for(lambda: other.claims.trouble is not None, PATIENCE)
    assert "another collector is called a; give one of them another store.journal.name" in str(other.claims.trouble)
    assert (len(one.held), len(other.held)) == (SHARES, 0)


def test_who_cannot_work_with_the_tables_any_more_gives_up_everything_for_good(
    database: Database, wait_for: Any
) -> None:
    place = Postgres(database.url, database.password)
    Journal(place).close()
    held: set[int] = set()
    ended: list[bool] = []
    claims = Claims(
        place.second_writer, lambda: Member(name="a", address="", version="1", since=1.0), place.check_version
    )
    claims.start(held.add, held.difference_update, lambda: ended.append(not held))
    wait_for(lambda: held == set(EVERYTHING) and claims.runs(), PATIENCE)
    database.run("UPDATE forewarn_journal.about SET version = 99, oldest = 99")
    wait_for(lambda: claims.trouble is not None, PATIENCE)
    assert ended == [True]
    assert not claims.runs()
    assert "takes no more work" in str(claims.trouble)
    assert "written by a newer forewarn (schema version 99); update this one" in str(claims.trouble)
    claims._thread.join(PATIENCE)
    assert not claims._thread.is_alive()


class Work:
    def __init__(self) -> None:
        self.said: list[str] = []

    def start(self) -> None:
        self.said.append("start")

    def stop(self) -> None:
        self.said.append("stop")


def test_what_is_scheduled_follows_the_claim(wait_for: Any) -> None:
    work, turn = Work(), [False]
    shift = Shift([work], lambda: turn[0])
    shift.start()
    turn[0] = True
    wait_for(lambda: work.said == ["start"], PATIENCE)
    turn[0] = False
    wait_for(lambda: work.said == ["start", "stop"], PATIENCE)
    turn[0] = True
    wait_for(lambda: work.said == ["start", "stop", "start"], PATIENCE)
    shift.stop()
    assert work.said == ["start", "stop", "start", "stop"]
