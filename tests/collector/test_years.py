"""Two years of a small fleet that changes all the time: the file keeps its size, and what is read is right."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from forewarn_collector.config_store import Keep
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.long_ago import read_long
from forewarn_collector.store.model import Accepted, Point
from forewarn_collector.store.state import open_state
from forewarn_collector.sweep import Sweep

HOUR, DAY = 3600.0, 86_400.0
START = 1_700_006_400.0
DAYS, AT_ONCE = 730, 10
ALL = 10**12
LOAD = tuple(f"field-{number}" for number in range(3))
SMART = tuple(f"attribute-{number}" for number in range(4))
# At a small scale: what is kept for 400 days and 5 years in life.
KEEP = Keep(load_days=10, smart_days=60, rollup_days=120, event_days=60, dead_letter_days=30)


def report(device: str, boot: str, seq: int, kind: str, part: str, at: float, fields: tuple[str, ...]) -> Accepted:
    values = tuple(value_at(device, at, column) for column in range(len(fields)))
    event = ("reboot", "", 1, "") if seq == 1 else None
    return Accepted(device, boot, seq, at, at + 1, (Point(device, kind, part, at, fields, values, b"{}"),), event=event)


def value_at(device: str, at: float, column: int) -> float:
    """Of no memory, so that it can be said again of any time."""
    return round((int(device[-1]) + 1) * 10 + column + 5 * math.sin(at / (HOUR * (7 + column))), 2)


def file_bytes(journal: Journal) -> int:
    """Without the write-ahead log, which is folded into it from time to time."""
    with journal.reader() as reader, reader.snapshot() as connection:
        return int(connection.execute("PRAGMA page_count").fetchone()[0]) * 4096


def test_the_file_keeps_its_size_over_two_years(tmp_path: Path) -> None:
    sizes: list[int] = []
    with Journal(tmp_path) as journal, journal.reader() as reader:
        sweep = Sweep(KEEP, journal, open_state(tmp_path / "state.db"), lambda _kind: 0.0, lambda: now)
        for first_day in range(0, DAYS, AT_ONCE):
            days = range(first_day, first_day + AT_ONCE)
            now = START + days.stop * DAY
            assert all(journal.commit([one for day in days for number in range(2) for one in reports(day, number)]))
            for _ in range(2):
                while journal.seal(now, ALL).more:
                    pass
            sweep.sweep(now)
            sizes.append(file_bytes(journal))
        end_of_first, second = sizes[len(sizes) // 2 - 1], sizes[len(sizes) // 2 :]
        print(f"{end_of_first} bytes after a year, {min(second)} to {max(second)} in the second")
        assert 0.94 * end_of_first <= min(second)
        assert max(second) <= 1.06 * end_of_first
        assert len(reader.series_of("pc-0")) <= 4, "disks that are long gone are forgotten"
        with reader.snapshot() as connection:
            (intakes,) = connection.execute("SELECT COUNT(*) FROM intake").fetchone()
        assert intakes <= 2 * (90 / AT_ONCE + 4)
        assert {row.name: row.reports for row in reader.devices()} == {f"pc-{n}": DAYS * 5 for n in range(2)}
        check(journal, now)


def reports(day: int, number: int) -> Iterator[Accepted]:
    """Of one day: the machine is started anew every ten days, and gets a new disk every 180."""
    device, boot, disk = f"pc-{number}", f"boot-{day // AT_ONCE}", f"disk-{(day + 60 * number) // 180}"
    for turn in range(4):
        at, seq = START + day * DAY + turn * 6 * HOUR, day % AT_ONCE * 5 + turn + 1
        yield report(device, boot, seq, "load", "", at, LOAD)
    yield report(device, boot, day % AT_ONCE * 5 + 5, "smart", disk, at + 1, SMART)


def check(journal: Journal, now: float) -> None:
    with journal.history() as history:
        times, values = read_long(history, "pc-1", "load", "", LOAD[2], 0.0, now, None, "last")
        assert now - 130 * DAY <= times[0] <= now - 115 * DAY
        assert np.array_equal(np.diff(times), np.full(len(times) - 1, 6 * HOUR))
        assert values.tolist() == [value_at("pc-1", at, 2) for at in times.tolist()]
        rows = history.read("pc-1", "load", "", [], 0.0, now)[0]
        assert now - 10.3 * DAY <= rows[0] <= now - 9.7 * DAY
