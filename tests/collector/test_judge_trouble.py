"""Trouble with the databases, and rows that cannot be judged: nothing is lost, and nothing is judged twice."""

import contextlib
import sqlite3
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from servers.judging import (
    DAY,
    NAME,
    OTHER,
    START,
    House,
    load,
    pending_sectors,
    smart,
)

from forewarn_collector.store.state import component
from forewarn_wire import (
    Disk,
)

FULL = "CREATE TRIGGER full BEFORE INSERT ON {} BEGIN SELECT RAISE(ABORT, 'disk full'); END"


def break_(house: House, table: str) -> None:
    with house.state.begin() as db:
        db.exec_driver_sql(FULL.format(table))


def repair(house: House) -> None:
    with house.state.begin() as db:
        db.exec_driver_sql("DROP TRIGGER full")


@pytest.mark.parametrize("table", ["verdict", "ticket", "timeline", "delivery"])
def test_what_could_not_be_recorded_is_judged_again(house: House, table: str) -> None:
    """Nothing is lost, and nothing comes twice."""
    house.say(*pending_sectors()[:8])
    house.store(*pending_sectors()[8:])
    break_(house, table)
    for _ in range(3):
        with pytest.raises(sa.exc.IntegrityError, match="disk full"):
            house.judge.step()
    repair(house)
    house.run()
    assert house.levels("ata-pending-sectors") == [(10, "warning"), (14, "critical"), (25, "warning"), (48, "none")]
    assert len(house.tickets()) == 1
    assert house.judge.skipped == 0


def test_a_silence_that_could_not_be_recorded_is_judged_again(house: House) -> None:
    house.say(load(0, 10))
    house.tick()
    house.clock.pass_(2 * DAY)
    break_(house, "verdict")
    with pytest.raises(sa.exc.IntegrityError, match="disk full"):
        house.tick()
    repair(house)
    house.tick()
    assert [after for _, after in house.levels("device-silent")] == ["warning"]


def test_a_journal_that_cannot_be_read_for_a_while_is_waited_for(house: House) -> None:
    house.say(smart(0, 0), smart(1, 0))
    house.store(smart(2, 3))
    path = house.data / "journal.db"
    house.judge.close()
    path.rename(path.with_suffix(".away"))
    for _ in range(2):
        with pytest.raises(Exception, match="there is no journal here"):
            house.judge.step()
    path.with_suffix(".away").rename(path)
    house.run()
    assert house.levels("ata-pending-sectors") == [(2, "warning")]


def test_a_question_that_met_trouble_at_the_beginning_leaves_nothing_half_begun(house: House) -> None:
    house.say(*pending_sectors())
    found = house.levels("ata-pending-sectors")
    house.restart()
    with house.state.begin() as db:
        db.exec_driver_sql("ALTER TABLE meta RENAME TO away")
    with pytest.raises(sa.exc.OperationalError, match="no such table"):
        house.judge.account(house.judge.rules["ata-pending-sectors"], (NAME, "S3Z1"))
    with house.state.begin() as db:
        db.exec_driver_sql("ALTER TABLE away RENAME TO meta")
    house.run()
    assert len(found) > 1
    assert house.levels("ata-pending-sectors") == found


def test_a_thread_that_met_trouble_says_so_and_goes_on(house: House) -> None:
    break_(house, "verdict")
    house.judge.start()
    try:
        house.store(smart(0, 40))
        house.judge.wake()
        wait_for(lambda: house.judge.trouble is not None)
        assert "disk full" in str(house.judge.trouble)
        repair(house)
        wait_for(lambda: bool(house.tickets()))
        wait_for(lambda: house.judge.trouble is None)
    finally:
        house.judge.stop()
    assert len(house.tickets()) == 1


def test_a_row_that_cannot_be_judged_is_passed_over_alone(house: House) -> None:
    house.store(*[smart(day, 0) for day in range(30)], smart(30, 40), smart(31, 40, disk=OTHER))
    with sqlite3.connect(house.data / "journal.db") as other:
        other.execute("UPDATE head SET vals = x'0000000000000000' WHERE position = 17")
    for _ in range(20):
        with contextlib.suppress(ValueError):
            house.run()
            break
    assert house.judge.skipped == 1
    assert house.judge.position == 32
    assert [found.part_serial for found in house.tickets()] == ["S3Z1", "S3Z2"]


def test_trouble_with_silence_passes_over_no_row(house: House) -> None:
    house.say(load(0, 10))
    house.store(smart(0, 40))
    house.tick()
    house.clock.pass_(2 * DAY)
    break_(house, "verdict")
    for _ in range(8):
        with pytest.raises(sa.exc.IntegrityError):
            house.tick()
    repair(house)
    house.run()
    assert house.judge.skipped == 0
    assert [found.part_serial for found in house.tickets()] == ["S3Z1"]


def test_a_damaged_block_costs_its_own_disk_its_windows_and_nobody_else_anything(house: House) -> None:
    house.say(*[smart(day, 0) for day in range(20)], *[smart(day, 0, disk=OTHER) for day in range(20)])
    house.journal.seal(START + 60 * DAY, house.judge.position)
    with sqlite3.connect(house.data / "journal.db") as other:
        other.execute("UPDATE block SET body = x'00' WHERE key = (SELECT MIN(key) FROM block)")
    house.restart()
    house.say(smart(20, 2), smart(20, 2, disk=OTHER))
    assert [found.part_serial for found in house.tickets()] == ["S3Z2"]
    house.say(smart(21, 20))
    assert [found.part_serial for found in house.tickets()] == ["S3Z2", "S3Z1"]


def test_a_new_journal_beside_an_old_state_is_judged_from_its_beginning(house: House) -> None:
    """As our own advice for a damaged journal has it: move it away and start anew."""
    house.say(*[smart(day, 0) for day in range(30)])
    house.close()
    for path in house.data.glob("journal.db*"):
        path.unlink()
    house.open()
    house.say(smart(40, 40))
    assert house.levels("ata-pending-sectors") == [(40, "warning")]
    assert house.desk.judged_position() == 1


def test_what_was_recorded_and_cannot_be_read_costs_one_component_its_timers(house: House) -> None:
    house.say(smart(0, 40), smart(0, 40, disk=OTHER))
    with house.state.begin() as db:
        db.execute(component.update().where(component.c.part == "S3Z1").values(snapshot=b"garbage"))
        db.execute(component.insert().values(kind="toaster", device=NAME, part="", snapshot=b"{}"))
    house.restart()
    house.say(smart(1, 400), smart(1, 400, disk=OTHER))
    assert [(found.part_serial, found.severity) for found in house.tickets()] == [
        ("S3Z1", "critical"), ("S3Z2", "critical")
    ]  # fmt: skip


def test_more_new_series_than_a_step_takes(house: House) -> None:
    house.store(*[smart(0, 40, disk=Disk(slot=f"/dev/{n}", kind="unknown", serial=f"S{n}")) for n in range(450)])
    house.run()
    assert house.judge.position == 450
    assert len(house.tickets()) == 450


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
