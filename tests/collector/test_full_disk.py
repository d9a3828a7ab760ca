"""A whole collector whose disk is full, read-only or damaged: it says so, loses nothing acknowledged, and goes on."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from servers.agents import Sending
from servers.small_disk import fill, remount, small_disk

from forewarn_collector.store.model import StoreError
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.state import open_state, open_state_to_read, ticket
from forewarn_wire import Cpu, Disk, LoadReport, Outcome, SmartReport

Wait = Callable[..., Any]
DEVICES, REPORTS = 5, 40
DISK = Disk(slot="/dev/sda", kind="hdd", serial="FULL-1", model="Example 1000")


@pytest.fixture(name="small_disk")
def data_directory(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "data", 8) as directory:
        yield directory


def load(number: int, seq: int) -> LoadReport:
    at = time.time() - 3600 + seq
    return LoadReport(
        device=f"shop-{number:02}", boot="b1", seq=seq, sampled_at=at, cpu=Cpu(used_percent=float(seq % 100))
    )


def failing(seq: int) -> SmartReport:
    return SmartReport(
        device="shop-00", boot="b1", seq=seq, sampled_at=time.time(), disk=DISK, outcome=Outcome.MEASURED, passed=False
    )


def reports(data: Path) -> int:
    with Reader(data) as reader:
        return reader.counts().reports


def tickets(data: Path) -> list[str]:
    engine = open_state_to_read(data / "state.db")
    with engine.connect() as connection:
        found = [row.part_serial for row in connection.execute(sa.select(ticket.c.part_serial))]
    engine.dispose()
    return found


@pytest.mark.parametrize("killed", [False, True], ids=["goes on", "is killed in the meantime"])
def test_a_full_disk_acknowledges_nothing_and_loses_nothing(
    small_disk: Path, make_collector: Callable[..., Any], wait_for: Wait, killed: bool
) -> None:
    collector = make_collector()
    before = [load(number, seq) for number in range(DEVICES) for seq in range(1, REPORTS + 1)]
    Sending(collector.mqtt_port, *before).finish()
    filling = fill(small_disk)
    later = [load(number, seq) for number in range(DEVICES) for seq in range(REPORTS + 1, 20 * REPORTS)]
    sending = Sending(collector.mqtt_port, *later, failing(20 * REPORTS))

    def waits() -> bool:
        assert collector.process.poll() is None, collector.process.poll()
        return "intake waits: " in collector.said()

    wait_for(waits, 60)
    assert "nothing of this was stored" in collector.said()
    if killed:
        collector.kill()
        with pytest.raises(AssertionError, match="the collector ended"):
            collector.start()
        assert str(small_disk) in collector.said().splitlines()[-1]
        assert "space" in collector.said().splitlines()[-1]
    acknowledged = sending.stored
    assert acknowledged < len(later)
    filling.unlink()
    if killed:
        collector.start()
    sending.finish()
    assert reports(small_disk) == len(before) + len(later) + 1
    wait_for(lambda: tickets(small_disk), 60)
    assert tickets(small_disk) == [DISK.serial]
    assert "Traceback" not in collector.said()


def test_a_full_disk_at_the_first_start_is_one_clear_line(small_disk: Path, collector_process: Any) -> None:
    fill(small_disk)
    collector = collector_process(small_disk)
    with pytest.raises(AssertionError, match="the collector ended"):
        collector.start()
    said = f"Error: {small_disk}/journal.lock: No space left on device; free some space there\n"
    assert collector.said() == said


def test_a_start_that_fails_half_way_ends(tmp_path: Path, collector_process: Any) -> None:
    """Its threads must not keep a process that takes no report."""
    collector = collector_process(tmp_path / "data")
    (tmp_path / "data" / "api.new").mkdir(parents=True)
    with pytest.raises(AssertionError, match="the collector ended"):
        collector.start()
    assert collector.said().splitlines()[-1].startswith("Error: ")


def test_a_read_only_directory_is_one_clear_line(small_disk: Path, make_collector: Callable[..., Any]) -> None:
    collector = make_collector()
    collector.stop()
    remount(small_disk, "ro")
    with pytest.raises(AssertionError, match="the collector ended"):
        collector.start()
    assert collector.said().splitlines()[-1] == (
        f"Error: {small_disk}: Read-only file system; name a directory that this user may write"
    )
    remount(small_disk, "rw")
    collector.start()


def test_a_state_file_on_a_full_disk_is_not_called_damaged(small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(StoreError, match=r"state\.db: .*(free some space|check the space)"):
        open_state(small_disk / "state.db")


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite_last_page(path: Path) -> None:
    """No start of a collector would come by there."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 4096)
        file.write(b"\xff" * 4096)


@pytest.mark.parametrize("damage", [truncate, overwrite_last_page])
def test_a_damaged_state_file_is_named_with_a_remedy(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "state.db"
    engine = open_state(path)
    row = dict.fromkeys(("customer", "device_serial", "part_serial", "fault", "device", "site", "engineer"), "x")
    row |= dict.fromkeys(("queue", "state", "severity", "title", "explanation"), "y" * 50)
    with engine.begin() as connection:
        times = dict.fromkeys(("opened_at", "recorded_at", "updated_at"), 1.0)
        connection.execute(ticket.insert(), [row | times] * 300)
    engine.dispose()
    damage(path)
    with pytest.raises(StoreError, match=r"restore .*state\.db from a backup or move it away"):
        open_state(path)
    path.rename(tmp_path / "state.damaged")
    open_state(path).dispose()
