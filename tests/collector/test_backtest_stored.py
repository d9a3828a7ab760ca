"""A backtest of what the collector itself has stored."""

import json
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from msgspec import UNSET

from forewarn_collector.backtest.history import NEVER, History
from forewarn_collector.backtest.stepping import step
from forewarn_collector.backtest.stored import read_stored
from forewarn_collector.cli.main import forewarn
from forewarn_collector.ingest.shape import smart_point
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted
from forewarn_collector.store.state import open_state, ticket
from forewarn_rules import Engine, Kind, load_rules
from forewarn_wire import Attribute, Disk, Outcome, SmartReport

HOUR, DAY = 3600.0, 86_400.0
START = 20_600 * DAY
METRICS = set(Engine(load_rules()).metrics(Kind.DISK))


def report(device: str, serial: str, at: float, pending: float | None, slot: str = "/dev/sda") -> SmartReport:
    """One report; ``pending`` None: the disk could not be asked."""
    attributes = UNSET if pending is None else [Attribute(197, None, None, None, int(pending))]
    return SmartReport(
        device=device,
        boot="b" * 16,
        seq=int(at),
        sampled_at=at,
        disk=Disk(slot=slot, kind="unknown", serial=serial, model="ST4000"),
        outcome=Outcome.STANDBY if pending is None else Outcome.MEASURED,
        attributes=attributes,
    )


def store(data: Path, reports: Iterable[SmartReport]) -> None:
    open_state(data / "state.db").dispose()
    with Journal(data) as journal:
        journal.commit(
            [
                Accepted(one.device, one.boot, n, one.sampled_at, one.sampled_at, (smart_point(one),))
                for n, one in enumerate(sorted(reports, key=lambda one: one.sampled_at), 1)
            ]
        )


def close_ticket(data: Path, device: str, part: str, outcome: str, at: float, fault: str = "disk-failure") -> None:
    engine = open_state(data / "state.db")
    with engine.begin() as db:
        values = {column.name: "" for column in ticket.c if isinstance(column.type, sa.String) and not column.nullable}
        values |= {"device": device, "part_serial": part, "outcome": outcome, "fault": fault}
        times = dict.fromkeys(("opened_at", "recorded_at", "updated_at", "closed_at", "resolved_at"), at)
        db.execute(sa.insert(ticket).values(**values, **times))
    engine.dispose()


def days(device: str, serial: str, count: int, first: int = 0, pending: float = 0.0) -> list[SmartReport]:
    return [report(device, serial, START + day * DAY + HOUR, pending) for day in range(first, first + count)]


def ends(told: History) -> dict[str, int | None]:
    """The day on which each drive failed, counted from the start."""
    first = int(START // DAY)
    return {
        serial: None if end == NEVER else end - first
        for serial, end in zip(told.serials, told.failed_on.tolist(), strict=True)
    }


def test_closed_tickets_and_new_disks_in_the_slot_say_who_failed(tmp_path: Path) -> None:
    store(
        tmp_path,
        [
            *days("pc-1", "FAILED", 12),
            *days("pc-2", "SOUND", 20),
            *days("pc-3", "OUT", 9),
            *days("pc-3", "IN", 9, first=10),
            *days("pc-4", "MOVED", 5),
            *days("pc-4", "AFTER", 10, first=6),
            *days("pc-5", "MOVED", 10, first=6),
            *days("pc-6", "WRONG", 20),
            *days("pc-7", "CABLE", 20),
        ],
    )
    close_ticket(tmp_path, "pc-1", "FAILED", "failed", START + 15 * DAY)
    close_ticket(tmp_path, "pc-6", "WRONG", "false-alarm", START + 15 * DAY)
    close_ticket(tmp_path, "pc-7", "CABLE", "replaced-in-time", START + 15 * DAY, fault="cable")
    told = read_stored(tmp_path, METRICS)
    assert ends(told) == {
        "FAILED": 11,  # the last day on which it reported, not the day on which somebody closed the ticket
        "SOUND": None,
        "OUT": 8,
        "IN": None,
        "MOVED": None,  # another disk took its slot, and it lives on elsewhere
        "AFTER": None,
        "WRONG": None,
        "CABLE": None,
    }
    assert (told.drives == told.serials.index("MOVED")).sum() == 15


def test_days_after_the_failure_are_left_out(tmp_path: Path) -> None:
    store(tmp_path, days("pc-1", "A", 20))
    close_ticket(tmp_path, "pc-1", "A", "replaced-in-time", START + 10 * DAY)
    told = read_stored(tmp_path, METRICS)
    assert (told.rows, ends(told)) == (11, {"A": 10})


def test_of_several_reports_of_a_day_the_last_known_value_counts(tmp_path: Path) -> None:
    readings = [(1, 0.0), (5, 8.0), (20, None), (30, None), (50, 9.0)]
    store(tmp_path, [report("pc-1", "A", START + hour * HOUR, value) for hour, value in readings])
    told = read_stored(tmp_path, METRICS)
    assert (told.days - told.days[0]).tolist() == [0, 1, 2]
    np.testing.assert_array_equal(told.metric("ata.197.raw"), [8.0, math.nan, 9.0])
    assert [known["disk_kind"] for known in told.labels or ()] == ["unknown"]


def test_sealed_days_read_as_unsealed_ones(tmp_path: Path) -> None:
    reports = [report("pc-1", "A", START + day * DAY, float(8 * (day > 5))) for day in range(80)]
    for name, sealed in (("open", False), ("sealed", True)):
        (tmp_path / name).mkdir()
        store(tmp_path / name, reports)
        if sealed:
            with Journal(tmp_path / name) as journal:
                assert journal.seal(START + 400 * DAY, journal.reader().max_position()).rows
    first, second = (read_stored(tmp_path / name, METRICS) for name in ("open", "sealed"))
    np.testing.assert_array_equal(first.metric("ata.197.raw"), second.metric("ata.197.raw"))
    changes = step(first, load_rules(), None).changes
    assert [change.rule for change in changes if change.after == "warning"] == ["ata-pending-sectors"]
    assert changes == step(second, load_rules(), None).changes


def ask(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"}).invoke(forewarn, list(map(str, words)))


def test_as_it_is_typed(tmp_path: Path) -> None:
    store(tmp_path, [*days("pc-1", "A", 10), *days("pc-1", "A", 10, first=10, pending=8.0), *days("pc-2", "B", 40)])
    close_ticket(tmp_path, "pc-1", "A", "failed", START + 25 * DAY)
    before = {file.name: file.read_bytes() for file in tmp_path.glob("*.db")}
    result = ask("--data", tmp_path, "backtest", "--store", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["drives"], told["drive_days"], told["failing"]) == (2, 60, 1)
    (line,) = [line for line in told["methods"] if line["method"] == "ata-pending-sectors"]
    assert (line["outcome"]["found"], line["outcome"]["lead_p50"], line["outcome"]["found_with_signs"]) == (1, 9, 1)
    assert before == {file.name: file.read_bytes() for file in tmp_path.glob("*.db")}, "it only reads"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["backtest"], "name drive histories, or give --store"),
        (["backtest", "--store", "."], "and not both"),
        (["--data", "nowhere", "backtest", "--store"], "nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(words: list[str], says: str) -> None:
    result = ask(*words)
    assert result.exit_code in (1, 2)
    assert says in result.output
    assert "Traceback" not in result.output


def test_a_store_without_disks_says_so(tmp_path: Path) -> None:
    store(tmp_path, [])
    result = ask("--data", tmp_path, "backtest", "--store")
    assert result.exit_code == 1
    assert "no disk has reported yet" in result.output
