"""Questions about all devices at once are answered as one device after the other would be."""

import math
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forewarn_collector.store.earlier import Earlier
from forewarn_collector.store.fleetwide import Fleetwide
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Point

MIDNIGHT = 1_700_006_400.0
HOUR, DAY = 3600.0, 86_400.0
ALL = 10**12


def put(journal: Journal, device: str, at: float, kind: str = "load", part: str = "", **fields: float) -> None:
    named = {name.replace("_on_", "|"): value for name, value in fields.items()}
    point = Point(device, kind, part, at, tuple(named), tuple(named.values()), b"{}")
    journal.commit([Accepted(device, "b1", None, at, at, (point,))])


def seal_all(journal: Journal, now: float = MIDNIGHT + 900 * DAY) -> None:
    for _ in range(3):
        while journal.seal(now, ALL).more:
            pass


STEPS = st.lists(
    st.tuples(st.sampled_from(["d1", "d2", "d3"]), st.integers(0, 60), st.booleans()) | st.integers(0, 70), max_size=25
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_the_newest_rows_are_those_of_the_store(steps: list[tuple[str, int, bool] | int]) -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        Journal(Path(directory)) as journal,
        journal.history() as history,
        journal.reader() as reader,
    ):
        wide = Fleetwide(reader, history)
        for number, step in enumerate(steps):
            if isinstance(step, int):
                journal.seal(MIDNIGHT + step * HOUR, ALL)
            else:
                device, hour, more = step
                fields = {"cpu": float(number), "fan": 1.0} if more else {"cpu": float(number)}
                put(journal, device, MIDNIGHT + hour * HOUR, **fields)  # type: ignore[arg-type]
            found = {(row.device, row.part): row for row in wide.newest("load", 0.0)}
            latest = history.latest_all("load")
            assert found.keys() == latest.keys()
            for key, row in found.items():
                assert row.at == latest[key].at
                assert dict(zip(row.fields, row.values.tolist(), strict=True)) == latest[key].values


def test_what_every_series_said_at_an_earlier_time(journal: Journal) -> None:
    for hour in range(0, 72, 2):
        put(journal, "sealed", MIDNIGHT + hour * HOUR, used_on_a=float(hour), used_on_b=math.nan)
    seal_all(journal)
    put(journal, "young", MIDNIGHT + 47 * HOUR, used_on_a=5.0, cpu=3.0)
    put(journal, "too young", MIDNIGHT + 60 * HOUR, used_on_a=6.0)
    with journal.reader() as reader, journal.history() as history:
        wide, earlier = Fleetwide(reader, history), Earlier(reader)
        device = {row.series: row.device for row in wide.newest("load", 0.0)}

        def at(time: float) -> dict[tuple[str, str], float]:
            return {
                (device[series], part): value.value
                for (series, part), value in earlier.at("load", "used", time).items()
            }

        found = at(MIDNIGHT + 2 * DAY)
        assert math.isnan(found.pop(("sealed", "b")))
        assert found == {("sealed", "a"): 48.0, ("young", "a"): 5.0}
        assert earlier.at("load", "used", MIDNIGHT - DAY) == {}
        journal.drop_before("load", MIDNIGHT + 5 * DAY)
        assert at(MIDNIGHT + 2 * DAY)["sealed", "a"] == 48.0, "remembered"
        swept = at(MIDNIGHT + DAY + HOUR)
        assert swept["sealed", "a"] == 24.0, "of the last hour that was over"


def test_of_layouts_of_one_period_the_newest_value_counts(journal: Journal) -> None:
    put(journal, "d1", MIDNIGHT + 1 * HOUR, cpu=1.0)
    put(journal, "d1", MIDNIGHT + 2 * HOUR, fan=9.0, cpu=2.0)
    put(journal, "d1", MIDNIGHT + 3 * HOUR, cpu=3.0)
    put(journal, "d1", MIDNIGHT + 4 * HOUR, fan=9.0, cpu=4.0)
    put(journal, "d1", MIDNIGHT + 5 * HOUR, cpu=5.0)
    put(journal, "d1", MIDNIGHT + 40 * HOUR, cpu=6.0)
    seal_all(journal)
    with journal.reader() as reader:
        for hours, value in ((1, 1.0), (2, 2.0), (3.5, 3.0), (4, 4.0), (5.5, 5.0), (39, 5.0), (50, 6.0)):
            found = Earlier(reader).at("load", "cpu", MIDNIGHT + hours * HOUR)
            assert [one.value for one in found.values()] == [value], hours


def test_what_is_read_ahead_is_not_read_when_it_is_asked_for(journal: Journal) -> None:
    """Of any metric, from blocks, unsealed rows and rollups, in portions; a series that came since is read then."""
    for n in range(5):
        put(journal, f"swept {n}", MIDNIGHT - 40 * DAY, cpu=float(n), used_on_a=float(10 + n))
    seal_all(journal)
    journal.drop_before("load", MIDNIGHT - 30 * DAY)
    for n in range(5):
        put(journal, f"sealed {n}", MIDNIGHT - HOUR / 2, cpu=float(20 + n), used_on_a=float(30 + n))
        put(journal, f"sealed {n}", MIDNIGHT - 2 * HOUR, cpu=0.0, fan=float(40 + n))
    seal_all(journal)
    for n in range(5):
        put(journal, f"young {n}", MIDNIGHT - HOUR, cpu=float(50 + n), used_on_a=float(60 + n))
    with journal.reader() as reader:
        ahead, plain = Earlier(reader), Earlier(reader)
        portions = 0
        while ahead.read_ahead("load", MIDNIGHT, 4):
            portions += 1
        assert portions == 4
        metrics = {"cpu": 15, "used": 15, "fan": 5, "nonsense": 0}
        found = {metric: plain.at("load", metric, MIDNIGHT) for metric in metrics}
        assert {metric: len(values) for metric, values in found.items()} == metrics
        journal.drop_before("load", MIDNIGHT + DAY)
        put(journal, "came since", MIDNIGHT - HOUR, cpu=70.0)
        there = Earlier(reader).at("load", "cpu", MIDNIGHT)
        assert len(there.items() & found["cpu"].items()) == 10, "of those that were sealed the rows are gone"
        for metric, values in found.items():
            said = ahead.at("load", metric, MIDNIGHT)
            assert said.items() >= values.items()
            assert len(said) - len(values) == (metric == "cpu")


def test_what_is_kept_at_hand_keeps_up_by_itself(journal: Journal) -> None:
    put(journal, "d1", MIDNIGHT, cpu=1.0)
    with journal.reader() as reader, journal.history() as history:
        wide = Fleetwide(reader, history)
        wide.keep_up(0.0)
        put(journal, "d2", MIDNIGHT, cpu=2.0)
        wide.keep_up(1.0)
        put(journal, "d1", MIDNIGHT + 40 * HOUR, cpu=3.0)
        put(journal, "d1", MIDNIGHT + 20 * HOUR, cpu=0.0)
        wide.keep_up(9000.0)
        cells = list(wide.latest("load", "cpu", 9000.0))
        assert sorted((row.device, float(row.values[column])) for row, column, _ in cells) == [("d1", 3.0), ("d2", 2.0)]


def test_a_disk_is_known_by_its_part(journal: Journal) -> None:
    put(journal, "d1", MIDNIGHT, "smart", "disk-a", hours=1.0)
    put(journal, "d1", MIDNIGHT, "smart", "disk-b", hours=2.0)
    with journal.reader() as reader, journal.history() as history:
        rows = Fleetwide(reader, history).newest("smart", 0.0)
        assert sorted((row.part, row.values.tolist()) for row in rows) == [("disk-a", [1.0]), ("disk-b", [2.0])]
