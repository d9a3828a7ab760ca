"""Two versions of forewarn at one PostgreSQL: collectors are upgraded one after the other while devices report.

The next version is the package as it is now with what a release may add: a column in the journal, one in the state
that it fills, and its number. Its first start brings the tables up to date under the older collectors.
"""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from servers.collectors import NAMES, Fleet, House, everything_once
from servers.postgresql import Database

import forewarn_collector
from forewarn_collector.store.postgres_tables import SHARES, share_of
from forewarn_collector.version import version

pytestmark = [pytest.mark.slow, pytest.mark.server]

SEED, DEVICES, LONG = 20261127, 60, 3600.0
PATIENCE = 120.0
NEXT = "99.0.0"
ADDED = {
    "version.py": f"\n\ndef version() -> str:\n    return '{NEXT}'\n",
    "store/postgres_tables.py": """
MIGRATIONS += ((1, "ALTER TABLE series ADD COLUMN colour TEXT NOT NULL DEFAULT 'none'"),)
VERSION = len(MIGRATIONS)
""",
    "store/state.py": """
ticket.append_column(Column("colour", Text, nullable=False, default="red", server_default="none"))
""",
    "store/state_schema.py": """
STEPS = [
    *STEPS,
    Step(lambda db: db.exec_driver_sql("ALTER TABLE ticket ADD COLUMN colour TEXT NOT NULL DEFAULT 'none'"), 1),
]
""",
}


INCOMPATIBLE = {"store/state_schema.py": "\nSTEPS[-1] = STEPS[-1]._replace(oldest=1 + len(STEPS))\n"}
"""What makes of it a version that older ones cannot work beside."""


def add(code: Path, added: dict[str, str]) -> None:
    for name, text in added.items():
        with (code / "forewarn_collector" / name).open("a", encoding="utf-8") as module:
            module.write(text)


@pytest.fixture
def next_version(tmp_path: Path) -> Path:
    """Where its code is."""
    code = tmp_path / "next"
    shutil.copytree(Path(forewarn_collector.__file__).parent, code / "forewarn_collector")
    add(code, ADDED)
    return code


@pytest.fixture
def house(
    tmp_path: Path, database: Database, group: str, make_mosquitto: Callable[..., Any], wait_for: Callable[..., Any]
) -> Iterator[House]:
    broker = make_mosquitto("max_queued_messages 0\nmax_inflight_messages 100\nlog_type error\n")
    house = House(tmp_path, database, broker.port, group)
    for name in NAMES:
        house.start(name)
    wait_for(lambda: house.complete, PATIENCE)
    house.apply(NAMES[0])
    yield house
    house.stop()


class Member(NamedTuple):
    version: str
    shares: list[int]


def members(house: House, name: str) -> dict[str, Member]:
    """Every collector, as one of them says."""
    command = [sys.executable, "-m", "forewarn_collector", "--data", str(house.data(name)), "status", "--json"]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {one["name"]: Member(one["version"], one["shares"]) for one in said["collectors"]}


class Upgrade:
    """What happens while versions change."""

    def __init__(self, house: House, wait_for: Callable[..., Any]) -> None:
        self.fleet = Fleet(random.Random(SEED), DEVICES, LONG, load_seconds=1.0, smart_seconds=2.0)
        self.fleet.fails_at = {}
        self._house = house
        self._wait_for = wait_for

    def run(self, name: str, code: Path | None) -> None:
        """Replace a collector by one of this version."""
        self._house.end(name)
        self._house.start(name, code)

    def all_work(self, shown: dict[str, str]) -> None:
        """Return once these versions work side by side and every device was heard of."""
        self._wait_for(lambda: self._house.complete, PATIENCE)
        before = dict(self.fleet.made)
        self._wait_for(
            lambda: all(self.fleet.made[device] > before.get(device, 0) for device in self.fleet.devices), PATIENCE
        )
        self._members = self._wait_for(self._agreed, PATIENCE)
        assert {name: member.version for name, member in self._members.items()} == shown

    def a_disk_fails_at_each(self) -> dict[str, str]:
        """One of a device that it judges; by the collector's name."""
        failing = {}
        for name, member in self._members.items():
            good = (device for device in self.fleet.devices if device not in self.fleet.fails_at)
            failing[name] = next(device for device in good if share_of(device) in member.shares)
            self.fleet.fails_at[failing[name]] = 0.0
        return failing

    def _agreed(self) -> dict[str, Member] | None:
        """What every one of them says, once they say the same and the shares are fairly divided."""
        first, *others = (members(self._house, name) for name in NAMES)
        shares = [len(member.shares) for member in first.values()]
        divided = len(shares) == len(NAMES) and sum(shares) == SHARES and max(shares) - min(shares) <= 1
        return first if divided and all(other == first for other in others) else None


def test_old_and_new_side_by_side(
    house: House, database: Database, next_version: Path, wait_for: Callable[..., Any]
) -> None:
    upgrade = Upgrade(house, wait_for)
    first, second, third = NAMES
    colours: dict[str, str] = {}
    shown = dict.fromkeys(NAMES, version())
    try:
        upgrade.fleet.start(house.broker)
        upgrade.all_work(shown)
        upgrade.a_disk_fails_at_each()
        upgrade.run(first, next_version)
        upgrade.all_work(shown | {first: NEXT})
        failing = upgrade.a_disk_fails_at_each()
        colours = {failing[first]: "red", failing[second]: "none", failing[third]: "none"}
        wait_for(lambda: found(database).keys() >= colours.keys(), PATIENCE)
        upgrade.run(second, next_version)
        upgrade.all_work(shown | {first: NEXT, second: NEXT})
        upgrade.a_disk_fails_at_each()
        upgrade.run(first, None)  # who changed their mind goes on with the tables of the newer one
        upgrade.all_work(shown | {second: NEXT})
        upgrade.a_disk_fails_at_each()
        wait_for(lambda: found(database).keys() >= upgrade.fleet.fails_at.keys(), PATIENCE)
    finally:
        upgrade.fleet.ended.set()
    upgrade.fleet.join()
    print(f"\n{version()} and {NEXT} side by side:", everything_once(upgrade.fleet, database, wait_for))
    assert found(database).items() >= colours.items()
    refused(house, database, first, "UPDATE forewarn_journal.about SET version = 99, oldest = 99")
    database.run("UPDATE forewarn_journal.about SET oldest = 1")
    refused(house, database, third, "UPDATE forewarn_state.meta SET value = '99' WHERE key = 'schema_oldest'")
    house.check_logs()


def test_old_ones_stop_when_a_newer_one_changes_what_they_know(
    tmp_path: Path, database: Database, group: str, next_version: Path, make_mosquitto: Callable[..., Any],
    wait_for: Callable[..., Any],
) -> None:  # fmt: skip
    """Nothing is lost: the newer one goes on with all of it."""
    add(next_version, INCOMPATIBLE)
    broker = make_mosquitto("max_queued_messages 0\nmax_inflight_messages 100\nlog_type error\n")
    old, new = NAMES[:2]
    house = House(tmp_path, database, broker.port, group, (old, new))
    fleet = Fleet(random.Random(SEED), DEVICES // 2, LONG, load_seconds=1.0, smart_seconds=2.0)
    failing, fleet.fails_at = list(fleet.fails_at), {}
    try:
        for name in (old, new):
            house.start(name)
        wait_for(lambda: house.complete, PATIENCE)
        house.apply(old)
        fleet.start(broker.port)
        wait_for(lambda: sum(fleet.made.values()) > 2 * DEVICES, PATIENCE)
        house.end(new)
        house.start(new, next_version)
        wait_for(lambda: (house.data(new) / "api.json").exists() and house.runner == new, PATIENCE)
        assert house.troubles(old)
        said = [line for line in house.said(old).splitlines() if "this collector takes no more work" in line]
        assert len(said) == 1
        assert "written by a newer forewarn" in said[0]
        assert "update" in said[0]
        wait_for(lambda: len(house.status(new)["collectors"][0]["shares"]) == SHARES, PATIENCE)
        assert [one["name"] for one in house.status(new)["collectors"]] == [new]
        # The broker does not give it reports any more, which nobody would see before it is updated.
        before = dict(fleet.made)
        wait_for(lambda: all(fleet.made[device] > before[device] for device in fleet.devices), PATIENCE)
        fleet.fails_at = dict.fromkeys(failing, 0.0)
        wait_for(lambda: found(database).keys() >= set(failing), PATIENCE)
        house.end(old)
        house.start(old, next_version)
        wait_for(lambda: house.complete, PATIENCE)
        assert not house.troubles(old)
    finally:
        fleet.ended.set()
    try:
        fleet.join()
        print(f"\n{version()} was stopped by {NEXT}:", everything_once(fleet, database, wait_for))
    finally:
        house.stop()
    house.check_logs()


def found(database: Database) -> dict[str, str]:
    """The devices that have tickets, and what the column that was added says there."""
    return dict(database.run("SELECT device, colour FROM forewarn_state.ticket"))


def refused(house: House, database: Database, name: str, change: str) -> None:
    """A start beside tables with which this version cannot work is one clear line."""
    house.end(name)
    database.run(change)
    command = [sys.executable, "-m", "forewarn_collector", "--data", str(house.data(name)), "up"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: PostgreSQL at 127.0.0.1")
    assert "written by a newer forewarn" in line
    assert "update" in line
