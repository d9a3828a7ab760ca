"""Histories that are not as they should be: gaps, resets, swapped serial numbers, clock jumps, duplicated days.

Each is judged by all built-in rules, and gives what a careful engineer would say.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn_rules import Change, Engine, Kind, load_rules

RULES = load_rules()
START, HOUR, DAY = 1_700_006_400.0, 3600.0, 86_400.0
PENDING, REALLOCATED, UNCORRECT, CRC = "ata.197.raw", "ata.5.raw", "ata.187.raw", "ata.199.raw"
HEALTHY = {PENDING: 0.0, REALLOCATED: 0.0, UNCORRECT: 0.0, CRC: 0.0, "ata.198.raw": 0.0, "disk.passed": 1.0}
SLOTS = {"A": "/dev/sda", "B": "/dev/sdb"}


class Disks:
    """The disks of one server, a row a time, on an engine with all built-in rules."""

    def __init__(self) -> None:
        self.engine = Engine(RULES)
        self.slots = dict(SLOTS)
        self.changes: list[Change] = []

    def labels(self, key: tuple[str, str]) -> Mapping[str, str | float]:
        slot = self.slots.get(key[1], "/dev/sdz")
        return {"serial": key[1], "slot": slot, "model": "M", "disk_kind": "hdd", "chassis": "server"}

    def say(self, day: float, serial: str = "A", **values: float) -> list[Change]:
        """One report; attributes as ata_197=3."""
        named = {f"ata.{name[4:]}.raw" if name.startswith("ata_") else name: value for name, value in values.items()}
        columns = {name: [value] for name, value in (HEALTHY | named).items()}
        found = self.engine.observe(Kind.DISK, [("srv", serial)], self.labels, [START + day * DAY], columns)
        self.changes += found
        return found

    def raised(self, serial: str = "A") -> set[str]:
        return {found.rule for found in self.engine.levels(Kind.DISK, ("srv", serial)) if found.level != "none"}


@pytest.fixture
def disks() -> Disks:
    return Disks()


def test_a_gap_shows_what_grew_in_it_and_counts_no_time(disks: Disks) -> None:
    for day in range(5):
        disks.say(day, ata_5=40)
    assert disks.say(45, ata_5=40) == [], "a machine that was off for weeks and is as it was left"
    for day in range(46, 50):
        disks.say(day, ata_5=40)
    (change,) = [c for c in disks.say(90, ata_5=48) if c.rule == "ata-reallocated-growth"]
    assert (change.after, change.values["new"]) == ("watch", 8)
    for day in range(91, 100):
        disks.say(day, ata_5=48)
    disks.say(140, ata_5=48)  # forty days of nobody knows are not thirty quiet days
    assert "ata-reallocated-growth" in disks.raised()
    for day in range(141, 175):
        disks.say(day, ata_5=48)
    assert disks.raised() == set()


def test_a_day_without_a_value_is_no_zero(disks: Disks) -> None:
    for day in range(30):
        disks.say(day, ata_5=np.nan if day % 3 else 40, ata_197=np.nan if day % 2 else 0)
    assert disks.changes == []


def test_a_counter_that_is_set_back_is_no_growth_and_growth_after_it_is(disks: Disks) -> None:
    for day in range(5):
        disks.say(day, ata_199=4000, ata_187=12)
    before = list(disks.changes)
    for day in range(5, 10):
        disks.say(day, ata_199=0, ata_187=0)
    assert disks.changes == before, "a firmware update sets counters back"
    for day in range(10, 12):
        disks.say(day, ata_199=30, ata_187=2)
    assert {"crc-errors-growing", "ata-reported-uncorrect"} <= disks.raised()


def test_a_counter_that_is_set_back_does_not_end_what_it_had_raised(disks: Disks) -> None:
    for day in range(3):
        disks.say(day)
    disks.say(3, ata_187=9)
    assert "ata-reported-uncorrect" in disks.raised()
    for day in range(4, 30):
        disks.say(day, ata_187=0)
    assert "ata-reported-uncorrect" in disks.raised(), "that it counts from zero again repairs nothing"


def test_disks_that_swap_their_slots_keep_their_own_counts(disks: Disks) -> None:
    for day in range(5):
        disks.say(day, "A", ata_5=60)
        disks.say(day, "B")
    disks.slots = {"A": "/dev/sdb", "B": "/dev/sda"}
    for day in range(5, 15):
        disks.say(day, "A", ata_5=60)
        disks.say(day, "B")
    assert disks.changes == []


def test_a_new_serial_number_in_the_slot_starts_afresh(disks: Disks) -> None:
    for day in range(5):
        disks.say(day, "A")
    disks.slots = {"NEW": "/dev/sda"}
    for day in range(5, 9):
        disks.say(day, "NEW", ata_5=30)
    assert disks.changes == [], "thirty sectors that it brought along did not grow here"
    (change,) = [c for c in disks.say(9, "NEW", ata_5=31) if c.rule == "ata-reallocated-growth"]
    assert change.values["new"] == 1


def test_first_sight_of_a_failing_disk_in_the_slot_alerts(disks: Disks) -> None:
    disks.say(0, "A")
    disks.slots = {"NEW": "/dev/sda"}
    assert {change.rule for change in disks.say(1, "NEW", ata_5=900, ata_197=200)} >= {
        "ata-reallocated-growth",
        "ata-pending-sectors",
    }


@pytest.mark.parametrize("jump", [20.0, 400.0])
def test_a_clock_that_jumps_ahead_neither_raises_nor_clears(disks: Disks, jump: float) -> None:
    for day in range(3):
        disks.say(day, ata_5=40)
    disks.say(3, ata_5=45)
    for day in range(4, 8):
        disks.say(day, ata_5=45)
    before = list(disks.changes)
    assert disks.raised() == {"ata-reallocated-growth"}
    disks.say(8 + jump, ata_5=45)
    assert disks.changes == before, "the days that the clock skipped were not quiet days"
    for day in range(9, 14):  # set right again: what is older than the newest judged completes windows, no more
        disks.say(day, ata_5=45)
    assert disks.changes == before
    for day in range(9, 14):
        disks.say(day + jump, ata_5=46)
    assert disks.raised() == {"ata-reallocated-growth"}


def test_a_healthy_disk_stays_healthy_through_clock_jumps(disks: Disks) -> None:
    for day in (0, 1, 2, 500, 3, 4, 501, 502, 5, 503):
        disks.say(day, ata_5=16, ata_187=0, ata_199=90)
    assert disks.changes == []


STORY = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1, 9]), st.sampled_from([1.0, 1.0, 2.0, 30.0]), st.integers(0, 3)),
    min_size=3,
    max_size=40,
)


def told(story: Sequence[tuple[int, float, int]], twice: bool) -> list[Change]:
    disks, day, sectors = Disks(), 0.0, 0
    for more, wait, again in story:
        sectors, day = sectors + more, day + wait
        for _ in range(1 + (again if twice else 0)):
            disks.say(day, ata_5=sectors, ata_197=more)
    return disks.changes


@given(STORY)
@settings(max_examples=20, deadline=None)
def test_days_that_come_twice_change_nothing(story: list[tuple[int, float, int]]) -> None:
    assert told(story, twice=True) == told(story, twice=False)


def test_a_whole_week_that_comes_again_changes_nothing(disks: Disks) -> None:
    week = [(day, 40 + (3 if day >= 4 else 0)) for day in range(7)]
    for day, sectors in week:
        disks.say(day, ata_5=sectors)
    before = list(disks.changes)
    assert [change.after for change in before if change.rule == "ata-reallocated-growth"] == ["watch"]
    for day, sectors in week:
        disks.say(day, ata_5=sectors)
    assert disks.changes == before
    for day in range(7, 60):
        disks.say(day, ata_5=43)
    assert disks.raised() == set()
