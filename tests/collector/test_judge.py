"""Reports in, tickets out: the judge on a real journal, a real state.db and the built-in rules."""

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn_collector.clock import Clock
from forewarn_collector.directory import Directory, Entry, Whose
from forewarn_collector.ingest.accept import Publish, accept
from forewarn_collector.judge.judge import Judge
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted
from forewarn_collector.store.state import component, open_state, verdict
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.model import Ticket
from forewarn_rules import Engine, Kind, load_rules
from forewarn_wire import (
    Attribute,
    Disk,
    Filesystem,
    Inventory,
    LoadReport,
    Message,
    Outcome,
    SmartReport,
    StatusReport,
    encode,
    up_topic,
)

RULES = load_rules()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
START = 1_780_012_800.0
NAME = "shop-07"
DISK = Disk(slot="/dev/sda", kind="unknown", serial="S3Z1", model="ST4000", capacity_bytes=4 * 10**12)
OTHER = Disk(slot="/dev/sdb", kind="unknown", serial="S3Z2", model="ST4000")
DIRECTORY = Directory([Entry(Whose("Acme", "Store 12", "Li Wei"), ("shop-*",))])
KINDS = {StatusReport: "status", LoadReport: "load", SmartReport: "smart"}


class HandClock(Clock):
    """A machine's clock that the test moves: time passes, or it is set, or the machine sleeps."""

    def __init__(self, now: float = START) -> None:
        self.time, self.uptime = now, 0.0

    def now(self) -> float:
        return self.time

    def awake(self) -> float:
        return self.uptime

    def pass_(self, seconds: float) -> None:
        self.time += seconds
        self.uptime += seconds


class House:
    """Journal, state and judge in one directory, as the collector wires them, without its threads and doors."""

    def __init__(self, data: Path, clock: HandClock | None = None) -> None:
        self.data = data
        self.clock = clock or HandClock()
        self.seq = 0
        self.open()

    def open(self) -> None:
        self.journal = Journal(self.data)
        self.state = open_state(self.data / "state.db")
        self.desk = Desk(self.state, ["desk"], self.clock.now)
        self.judge = Judge(lambda: Engine(RULES), self.journal.reader, self.desk, DIRECTORY, self.clock)

    def close(self) -> None:
        self.judge.close()
        self.state.dispose()
        self.journal.close()

    def restart(self, away: float = 0.0) -> None:
        self.close()
        self.clock.time += away
        self.clock.uptime = 0.0
        self.open()

    def store(self, *messages: Message) -> None:
        """As the front door does; a report gets the next number, and comes when it was made unless it is later."""
        taken = []
        for message in messages:
            if not isinstance(message, StatusReport):
                self.seq += 1
                message.seq = self.seq
            topic = up_topic(message.device, KINDS[type(message)])
            received_at = max(self.clock.now(), message.sampled_at)
            found = accept(Publish("listener", message.device, topic, encode(message), received_at))
            assert isinstance(found, Accepted), found
            taken.append(found)
        self.journal.commit(taken)

    def run(self) -> None:
        while self.judge.step():
            pass

    def say(self, *messages: Message) -> None:
        self.store(*messages)
        self.run()

    def tick(self) -> None:
        self.judge.tick()

    def tickets(self) -> list[Ticket]:
        return [self.desk.ticket(found.number) for found in reversed(self.desk.tickets())]

    def verdicts(self) -> list[tuple[Any, ...]]:
        columns = verdict.c.at, verdict.c.rule, verdict.c.part, verdict.c.before, verdict.c.after, verdict.c.text
        with self.state.connect() as db:
            return [tuple(row) for row in db.execute(sa.select(*columns).order_by(verdict.c.id))]

    def levels(self, rule: str) -> list[tuple[float, str]]:
        """(days since the start, level) of each verdict of a rule."""
        return [((at - START) / DAY, after) for at, name, _, _, after, _ in self.verdicts() if name == rule]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    yield found
    found.close()


def smart(day: float, pending: int | None = 0, *, disk: Disk = DISK, passed: bool | None = True) -> SmartReport:
    attributes = [Attribute(5, 100, 100, 10, 0), Attribute(197, 100, 100, 0, pending)]
    return SmartReport(
        device=NAME, boot="b1", seq=0, sampled_at=START + day * DAY, disk=disk, outcome=Outcome.MEASURED,
        passed=passed, attributes=attributes,
    )  # fmt: skip


def unread(day: float, outcome: Outcome, disk: Disk = DISK) -> SmartReport:
    return SmartReport(device=NAME, boot="b1", seq=0, sampled_at=START + day * DAY, disk=disk, outcome=outcome)


def load(day: float, used: float | None, device: str = NAME) -> LoadReport:
    filesystems = [Filesystem(mount="/data", fstype="ext4", used_percent=used)]
    return LoadReport(device=device, boot="b1", seq=0, sampled_at=START + day * DAY, filesystems=filesystems)


def birth(device: str = NAME, serial: str | None = "MB-1") -> StatusReport:
    inventory = Inventory(hostname=device, serial=serial, chassis="server")
    return StatusReport(
        device=device, boot="b1", seq=1, sampled_at=START, state="online", session=1, inventory=inventory
    )


def pending_sectors() -> list[SmartReport]:
    """Sixty days of a disk: healthy, failing, asleep now and then, and well again after its sectors were rewritten."""
    rising = {10: 2, 11: 9, 12: 9, 13: 20, 14: 110, 15: 110}
    asleep = {3: Outcome.STANDBY, 9: Outcome.STANDBY, 12: Outcome.NO_ACCESS, 20: Outcome.STANDBY}
    return [unread(day, asleep[day]) if day in asleep else smart(day, rising.get(day, 0)) for day in range(60)]


def test_reports_in_ticket_out(house: House) -> None:
    house.store(birth())
    for report in pending_sectors():
        house.say(report)
    (found,) = house.tickets()
    assert (found.customer, found.site, found.engineer) == ("Acme", "Store 12", "Li Wei")
    assert (found.device, found.device_serial, found.part_serial) == (NAME, "MB-1", "S3Z1")
    assert (found.fault, found.severity, found.state) == ("disk-failure", "critical", "resolved")
    assert (found.probability, found.within_seconds) == (0.12, 30 * DAY)
    assert found.title == "Sectors cannot be read and wait"
    assert found.explanation["what"].startswith("Disk /dev/sda (ST4000, serial S3Z1) on shop-07 has 110 pending")
    assert house.levels("ata-pending-sectors") == [(10, "warning"), (14, "critical"), (25, "warning"), (48, "none")]
    assert found.opened_at == START + 10 * DAY


@pytest.mark.parametrize("judged", [True, False], ids=["after it was judged", "between commit and judging"])
@pytest.mark.parametrize("sealed", [False, True], ids=["in the head", "sealed"])
def test_a_kill_after_each_of_sixty_reports_changes_nothing(tmp_path: Path, judged: bool, sealed: bool) -> None:
    story = pending_sectors()
    house = House(tmp_path / "never-stopped")
    house.store(birth())
    for n, report in enumerate(story):
        house.store(report)
        if not judged:
            shutil.copytree(house.data, tmp_path / f"killed-{n}")
        house.run()
        if sealed:
            house.journal.seal(report.sampled_at, house.judge.position)
        if judged:
            shutil.copytree(house.data, tmp_path / f"killed-{n}")
    expected = house.tickets(), house.verdicts()
    assert expected[0]
    house.close()
    for n in range(len(story)):
        again = House(tmp_path / f"killed-{n}")
        again.seq = n + 1
        again.say(*story[n + 1 :])
        assert (again.tickets(), again.verdicts()) == expected, f"killed after report {n}"
        again.close()


def test_a_restart_after_every_report_changes_nothing(tmp_path: Path) -> None:
    found = []
    for restarts in (False, True):
        house = House(tmp_path / str(restarts))
        house.store(birth())
        for report in pending_sectors():
            house.say(report)
            if restarts:
                house.restart()
        found.append((house.tickets(), house.verdicts(), house.desk.snapshots()))
        house.close()
    assert found[0] == found[1]


STEPS = st.tuples(
    st.sampled_from([DAY, DAY, DAY, DAY / 2, 6 * DAY, 40 * DAY, -1.5 * DAY]),  # the last: a report that comes late
    st.sampled_from(["same", "same", "same", "more", "much more", "well", "null", "asleep", "failed"]),
    st.sampled_from(["go on", "go on", "restart", "restart before judging", "seal"]),
)


@given(st.lists(STEPS, min_size=5, max_size=60))
@settings(max_examples=25, deadline=None)
def test_restarts_anywhere_in_any_story_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[float, str, str]]
) -> None:
    found = []
    for restarts in (False, True):
        house = House(tmp_path_factory.mktemp("house"))
        at, pending = START, 0
        for n, (wait, what, then) in enumerate(steps):
            at = max(at + wait, START) + n  # a report of the same time would replace the earlier one
            pending = {"more": pending + 1, "much more": pending + 40, "well": 0}.get(what, pending)
            report = smart((at - START) / DAY, None if what == "null" else pending, passed=what != "failed")
            if what == "asleep":
                report = unread((at - START) / DAY, Outcome.STANDBY)
            house.store(report)
            if restarts and then == "restart before judging":
                house.restart()
            house.run()
            if restarts and then == "restart":
                house.restart()
            if restarts and then == "seal":
                house.journal.seal(at + 30 * DAY, house.judge.position)
        found.append((house.tickets(), house.verdicts()))
        house.close()
    assert found[0] == found[1]


def test_the_first_report_after_a_restart_may_be_an_unknown_one(house: House) -> None:
    for day in range(5):
        house.say(smart(day, 0))
    house.restart()
    house.say(unread(5, Outcome.STANDBY))
    house.say(smart(6, 3))
    assert house.levels("ata-pending-sectors") == [(6, "warning")]


def test_a_machine_that_was_off_for_half_a_year_is_compared_with_how_it_was_left(house: House) -> None:
    house.say(smart(0, 0), smart(1, 0))
    house.journal.seal(START + 180 * DAY, house.judge.position)
    house.restart()
    house.say(smart(180, 3))
    assert house.levels("ata-pending-sectors") == [(180, "warning")]


def test_the_windows_of_file_systems_are_filled_again(tmp_path: Path) -> None:
    """The forecast needs a day of history: 92 %, and full in ten hours."""
    found = []
    for restart in (False, True):
        house = House(tmp_path / str(restart))
        house.say(*[load(hour / 24, 70 + 0.9 * hour) for hour in range(25)])
        house.say(load(1.02, None))
        if restart:
            house.restart()
            house.say(LoadReport(device=NAME, boot="b1", seq=0, sampled_at=START + 1.03 * DAY))
        for step in range(8):
            house.say(load(1.04 + step * 5 * MINUTE / DAY, 92.0))
        found.append(house.verdicts())
        house.close()
    assert found[0] == found[1]
    assert "critical" in {after for *_, after, _ in found[0]}


def test_a_fault_that_came_and_went_while_offline_leaves_its_mark(house: House) -> None:
    """A week is sent at once when the machine is back. Every report is judged at its own time."""
    house.clock.pass_(70 * DAY)
    house.say(*pending_sectors())
    (found,) = house.tickets()
    assert house.levels("ata-pending-sectors") == [(10, "warning"), (14, "critical"), (25, "warning"), (48, "none")]
    assert (found.state, found.opened_at, found.resolved_at) == ("resolved", START + 10 * DAY, START + 48 * DAY)
    assert found.recorded_at == START + 70 * DAY
    assert [entry.at for entry in found.timeline] == sorted(entry.at for entry in found.timeline)


@pytest.mark.parametrize("outcome", [Outcome.STANDBY, Outcome.NO_ACCESS, Outcome.TIMEOUT, Outcome.UNREADABLE])
def test_unknown_neither_raises_nor_clears(house: House, outcome: Outcome) -> None:
    for day in range(60):
        house.say(unread(day, outcome))
    assert house.verdicts() == []
    house.say(smart(60, 500, passed=False))
    raised = house.verdicts()
    assert {after for *_, after, _ in raised} == {"critical"}
    for day in range(61, 160):
        house.say(unread(day, outcome))
    assert house.verdicts() == raised
    assert [found.state for found in house.tickets()] == ["open"]


def test_null_is_unknown_and_not_zero(house: House) -> None:
    house.say(smart(0, 5), smart(1, 9))
    for day in range(2, 60):
        house.say(smart(day, None, passed=None))
    assert house.levels("ata-pending-sectors") == [(1, "warning")]


def test_first_sight_of_a_failing_disk_alerts(house: House) -> None:
    house.say(smart(0, 40, passed=False))
    assert {(rule, after) for _, rule, _, _, after, _ in house.verdicts()} == {
        ("ata-pending-sectors", "warning"), ("drive-reports-failed", "critical")
    }  # fmt: skip
    (found,) = house.tickets()
    assert (found.severity, len(found.evidence)) == ("critical", 2)


def test_a_device_s_clock_that_ran_ahead_only_delays(house: House) -> None:
    """Half a day ahead, then set right: what is not newer waits, and the first report that is newer is judged."""
    house.say(smart(0, 0), smart(1, 0), smart(2.5, 0))
    house.say(smart(2, 3))
    assert house.verdicts() == []
    house.say(smart(3, 3))
    assert house.levels("ata-pending-sectors") == [(3, "warning")]


def test_the_serial_number_that_is_learned_late_opens_no_second_ticket(house: House) -> None:
    house.say(smart(0, 40))
    house.store(birth())
    house.restart()
    house.say(smart(1, 400))
    (found,) = house.tickets()
    assert (found.device_serial, found.severity) == (NAME, "critical")


def test_what_stands_is_said_in_full_after_a_restart(house: House) -> None:
    house.say(smart(0, 40))
    before = house.judge.standing(Kind.DISK, (NAME, "S3Z1"))
    house.restart()
    house.run()
    (after,) = house.judge.standing(Kind.DISK, (NAME, "S3Z1"))
    assert "serial S3Z1" in after.text
    assert after.text in {standing.text for standing in before}


# Silence: at receipt time, and only while somebody listened.


def silence(house: House) -> list[str]:
    return [after for _, rule, _, _, after, _ in house.verdicts() if rule == "device-silent"]


def listen(house: House, seconds: float) -> None:
    """Time passes with a tick every quarter of an hour."""
    for _ in range(int(seconds / 900)):
        house.clock.pass_(900)
        house.tick()


def test_a_silent_device_is_noticed_and_heard_again(house: House) -> None:
    house.store(birth())
    house.say(load(0, 10))
    house.tick()
    listen(house, DAY - 900)
    assert silence(house) == []
    listen(house, 900)
    assert silence(house) == ["warning"]
    listen(house, 6 * DAY)
    assert silence(house) == ["warning", "critical"]
    house.say(load(7, 10))
    listen(house, 900)
    assert silence(house) == ["warning", "critical", "none"]
    (found,) = house.tickets()
    assert (found.fault, found.part_serial, found.state) == ("device-silent", "", "resolved")


def test_the_time_in_which_the_collector_was_down_is_nobody_s_silence(house: House) -> None:
    house.say(load(0, 10))
    house.tick()
    listen(house, 12 * HOUR)
    house.restart(away=10 * DAY)
    house.tick()
    listen(house, 11 * HOUR)
    assert silence(house) == []
    listen(house, HOUR)
    assert silence(house) == ["warning"]


def test_a_collector_that_restarts_every_night_notices_silence_too(house: House) -> None:
    house.say(load(0, 10))
    for _ in range(3):
        house.tick()
        listen(house, 8 * HOUR)
        house.restart(away=16 * HOUR)
    house.tick()
    assert silence(house) == ["warning"]


def test_a_restart_is_no_sign_of_life(house: House) -> None:
    house.say(load(0, 10))
    house.tick()
    listen(house, 2 * DAY)
    house.restart(away=HOUR)
    house.tick()
    listen(house, HOUR)
    assert silence(house) == ["warning"]
    assert [found.state for found in house.tickets()] == ["open"]


@pytest.mark.parametrize("jump", [3 * DAY, 400 * DAY], ids=["the machine slept", "the clock was set"])
def test_a_clock_that_jumps_forward_makes_nobody_silent(house: House, jump: float) -> None:
    house.say(load(0, 10))
    house.tick()
    listen(house, HOUR)
    house.clock.time += jump
    house.tick()
    listen(house, 22 * HOUR)
    assert silence(house) == []
    listen(house, 2 * HOUR)
    assert silence(house) == ["warning"]


def test_a_clock_that_is_set_back_makes_nobody_silent_and_nobody_heard(house: House) -> None:
    house.say(load(0, 10))
    house.tick()
    listen(house, 2 * DAY)
    house.clock.time -= DAY
    house.tick()
    listen(house, DAY + HOUR)
    assert silence(house) == ["warning"]


def test_a_busy_hour_of_the_judge_is_no_absence(house: House) -> None:
    house.say(load(0, 10))
    house.tick()
    house.clock.pass_(DAY + HOUR)
    house.tick()
    assert silence(house) == ["warning"]


# Trouble.


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
    assert silence(house) == ["warning"]


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
        with contextlib.suppress(IndexError):
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
