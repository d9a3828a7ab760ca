"""Reports in, tickets out: the judge on a real journal, a real state.db and the built-in rules."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers.judging import DAY, MINUTE, NAME, START, House, birth, load, pending_sectors, smart, unread

from forewarn_rules import Kind
from forewarn_wire import (
    LoadReport,
    Outcome,
)


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
