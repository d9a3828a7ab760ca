"""Missing reports: asked for, stored once, judged at their own time; what nobody has any more is shown with times."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from forewarn_collector.cli.main import forewarn
from forewarn_collector.config import Api, Config, Listen
from forewarn_collector.orders import gaps
from forewarn_collector.orders.gaps import NEW, after_order, after_reply, subtract, union, wanted
from forewarn_collector.orders.model import Asked

DEVICE = "shop-07"
PATIENCE = 60.0
NOW = 1_795_000_000.0


def reports(running: Any) -> int:
    row = running.reader.device(DEVICE)
    return row.reports if row else 0


def sequences(outbox: Path) -> set[tuple[str, int]]:
    """What the agent has ever made, while it keeps all of it."""
    with closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True)) as database:
        return set(database.execute("SELECT boot, seq FROM reports"))


def stored_times(running: Any) -> list[float]:
    with running.collector.journal.history() as history:
        times, _ = history.read(DEVICE, "load", "", ["cpu.used_percent"], 0, 1e12)
    return [float(time) for time in times]


def look_soon(running: Any) -> None:
    """A missing report need not be missing for long before it is asked for."""
    running.collector.dispatch.recovery.settle_seconds = 1.0
    running.collector.dispatch._gaps_at = 0.0


@pytest.mark.only_files
def test_a_journal_of_an_older_copy_gets_back_what_it_lacks(
    make_running: Callable[..., Any], make_agent: Callable[..., Any], wait_for: Callable[..., Any], tmp_path: Path
) -> None:
    first = make_running()
    port = first.port
    agent = make_agent(port)
    wait_for(lambda: reports(first) >= 3, PATIENCE)
    first.stop()
    shutil.copytree(first.data, tmp_path / "older")
    config = Config(listen=Listen(port=port), api=Api(port=0))
    second = make_running(config, tmp_path / "data")
    before = reports(second)
    wait_for(lambda: reports(second) >= before + 4, PATIENCE)
    second.stop()
    shutil.copy(second.data / "state.db", tmp_path / "older" / "state.db")

    third = make_running(config, tmp_path / "older")
    look_soon(third)
    wait_for(lambda: third.reader.gaps(DEVICE), PATIENCE)
    (gap,) = third.reader.gaps(DEVICE)
    assert gap.after is not None
    assert gap.before is not None
    assert gap.after < gap.before
    wait_for(lambda: not third.reader.gaps(DEVICE), PATIENCE)
    agent.stop()
    wait_for(lambda: reports(third) >= len(sequences(agent.data / "outbox.db")), PATIENCE)
    made = sequences(agent.data / "outbox.db")
    assert reports(third) == len(made) == third.reader.counts().reports
    times = stored_times(third)
    assert times == sorted(set(times)), "each at its own time, once"

    def ordered() -> list[tuple[str, str]]:
        return [(order.state, order.actor) for order in third.collector.orders.listing(DEVICE, True, 10)]

    wait_for(lambda: ordered() == [("done", "forewarn")], PATIENCE)
    assert third.collector.orders.listing(DEVICE, False, 10) == []


@pytest.mark.both_stores
def test_what_nobody_has_any_more_is_shown_with_its_times(
    make_running: Callable[..., Any], make_agent: Callable[..., Any], wait_for: Callable[..., Any]
) -> None:
    running = make_running()
    agent = make_agent(running.port)
    wait_for(lambda: reports(running) >= 3, PATIENCE)
    agent.stop()
    with closing(sqlite3.connect(agent.data / "outbox.db")) as database, database:
        database.execute("UPDATE meta SET value = value + 15 WHERE key = 'next_seq'")
    agent.start()
    look_soon(running)

    def page() -> Any:
        return json.loads(
            CliRunner().invoke(forewarn, ["--data", str(running.data), "device", DEVICE, "--json"]).stdout
        )

    wait_for(lambda: [gap["state"] for gap in page()["gaps"]] == ["lost"], PATIENCE)
    (gap,) = page()["gaps"]
    assert (gap["reports"], gap["lost"]) == (15, 15)
    assert gap["after"] < gap["before"]
    text = " ".join(
        CliRunner().invoke(forewarn, ["--data", str(running.data), "--utc", "device", DEVICE]).stdout.split()
    )
    assert "(15 reports)" in text
    assert "missing 20" in text
    assert "the device does not have them either" in text
    orders = running.collector.orders
    assert [order.coming for order in orders.listing(DEVICE, True, 10)] == [0], "asked once"


@pytest.mark.both_stores
def test_a_gap_of_a_device_that_is_away_is_not_asked_for(
    make_running: Callable[..., Any],
    make_device: Callable[..., Any],
    load_payload: Callable[..., bytes],
    status_payload: Callable[..., bytes],
) -> None:
    running = make_running()
    device = make_device(running.port, DEVICE)
    device.connect()
    for seq in (1, 4):
        assert device.publish(f"forewarn/v1/{DEVICE}/up/load", load_payload(DEVICE, seq)).reason_code == 0
    assert device.publish(f"forewarn/v1/{DEVICE}/up/status", status_payload(state="offline")).reason_code == 0
    dispatch = running.collector.dispatch
    dispatch.stop()
    dispatch.recovery.settle_seconds = 0.0
    dispatch._gaps_at = 0.0
    dispatch.turn(running.reader)
    assert running.collector.orders.listing(None, True, 10) == []
    assert device.publish(f"forewarn/v1/{DEVICE}/up/status", status_payload()).reason_code == 0
    for _ in range(3):
        dispatch._gaps_at = 0.0
        dispatch.turn(running.reader)
    (order,) = running.collector.orders.listing(None, True, 10)
    assert (order.name, order.asked, order.state) == ("resend", 2, "waiting"), "once; and it does not listen"


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)))
def test_ranges_are_sets(ones: set[int], others: set[int]) -> None:
    def ranges(numbers: set[int]) -> list[tuple[int, int]]:
        return list(union([(number, number) for number in numbers], []))

    def numbers(found: Any) -> set[int]:
        return {number for first, last in found for number in range(first, last + 1)}

    assert numbers(ranges(ones)) == ones
    assert numbers(subtract(ranges(ones), ranges(others))) == ones - others
    assert numbers(union(ranges(ones), ranges(others))) == ones | others


def test_an_order_is_bounded() -> None:
    assert wanted([(1, 10**9)], NEW, NOW) == [(10**9 - gaps.REPORTS + 1, 10**9)]
    assert wanted([(1, 10), (20, 10**4), (10**5, 10**5)], NEW, NOW) == [
        (10**4 - gaps.REPORTS + 2, 10**4),
        (10**5, 10**5),
    ]
    assert len(wanted([(2 * n, 2 * n) for n in range(1, 500)], NEW, NOW)) == gaps.RANGES
    assert wanted([(1, 9)], Asked(1, NOW + 1, 1, ()), NOW) == []
    assert wanted([(1, 9)], Asked(1, NOW, 1, ((1, 3), (9, 9))), NOW) == [(4, 8)]


def test_what_does_not_come_is_asked_for_later_and_later_and_then_given_up() -> None:
    known, now, waits = NEW, NOW, []
    while wanted([(5, 9)], known, now):
        known = after_order(known, 5, now)
        known = after_reply(known, [(5, 9)], [(5, 9)], now)
        waits.append(known.next_at - now)
        now = known.next_at
    assert waits[:5] == [120, 480, 1920, 7680, 30720]
    assert len(waits) == gaps.MOST_TRIES
    assert known.lost == ((5, 9),)


def test_a_device_that_is_new_here_is_not_asked_for_its_whole_past() -> None:
    missing, known, orders = [(1, 500_000)], NEW, 0
    while asked := wanted(missing, known, NOW):
        orders += 1
        known = after_reply(after_order(known, asked[-1][1], NOW), asked, [], NOW)
    assert (orders, known.lost) == (1, ((1, 500_000),))


def test_a_long_gap_is_fetched_piece_by_piece_and_never_given_up_on_the_way() -> None:
    known, head = NEW, 1
    for _ in range(50):
        known = after_order(known, head, NOW)
        known = after_reply(known, [(head, head + 1999)], [(head, head + 1999)], NOW)
        assert known.lost == ()
        assert known.next_at == NOW + gaps.FIRST_AGAIN_SECONDS
        head += 2000


@pytest.mark.parametrize(
    ("coming", "lost", "next_at"),
    [([], ((1, 9),), NOW), ([(4, 6)], ((1, 3), (7, 9)), NOW + gaps.FIRST_AGAIN_SECONDS)],
)
def test_what_the_device_does_not_have_is_lost(coming: Any, lost: Any, next_at: float) -> None:
    known = after_reply(after_order(NEW, 1, NOW), [(1, 9)], coming, NOW)
    assert (known.lost, known.next_at) == (lost, next_at)
