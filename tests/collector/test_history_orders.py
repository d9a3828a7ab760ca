"""However reports arrive and whenever it is sealed: what is read is what was sent, and the last word wins."""

import math
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forewarn_collector.store.history import History
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Point

HOUR = 3600.0
START = 1_700_006_400.0
LAYOUTS = [(), ("cpu",), ("memory", "cpu"), ("cpu", "memory", "fan")]
FIELDS = ("cpu", "fan", "memory")
DEVICES = ("dev-1", "dev-2")
SILENCE = START + 1000 * HOUR

VALUES = st.sampled_from([math.nan, 0.0, -0.0, 1.5, 99.9, 1e17]) | st.floats(allow_infinity=False)


class Sent(NamedTuple):
    device: str
    hours: float
    fields: tuple[str, ...]
    values: tuple[float, ...]


class Seal(NamedTuple):
    hours: float
    judged_share: float
    limit: int


@st.composite
def reports(draw: st.DrawFn) -> Sent:
    fields = draw(st.sampled_from(LAYOUTS))
    hours = draw(st.integers(0, 60)) / 2
    return Sent(draw(st.sampled_from(DEVICES)), hours, fields, tuple(draw(VALUES) for _ in fields))


STEPS = st.lists(
    st.lists(reports(), min_size=1, max_size=12)
    | st.builds(Seal, st.integers(0, 60).map(float), st.floats(0, 1), st.integers(1, 5)),
    max_size=14,
)


def check(history: History, model: dict[str, dict[float, dict[str, float]]]) -> None:
    for device, rows in model.items():
        times, columns = history.read(device, "load", "", FIELDS, 0, math.inf)
        assert list(times) == sorted(rows)
        for field in FIELDS:
            expected = np.array([rows[time].get(field, math.nan) for time in sorted(rows)])
            assert np.array_equal(columns[field], expected, equal_nan=True)
        latest = history.latest(device, "load")
        assert (latest and latest.at) == max(rows, default=None)
        if latest is not None:
            expected_values = rows[latest.at]
            assert latest.values.keys() == expected_values.keys()
            assert np.array_equal([*latest.values.values()], [*expected_values.values()], equal_nan=True)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_read_is_the_model(steps: list[list[Sent] | Seal]) -> None:
    model: dict[str, dict[float, dict[str, float]]] = {device: {} for device in DEVICES}
    seq = 0
    with (
        tempfile.TemporaryDirectory() as directory,
        Journal(Path(directory), rollups=False) as journal,
        journal.history() as history,
    ):
        for step in steps:
            if isinstance(step, Seal):
                with journal.reader() as reader:
                    judged = round(reader.max_position() * step.judged_share)
                    unjudged = [row.position for row in reader.rows_after(judged, 10_000)]
                    history.seal(START + step.hours * HOUR, judged, step.limit)
                    assert [row.position for row in reader.rows_after(judged, 10_000)] == unjudged
                check(history, model)
                continue
            batch = []
            for sent in step:
                seq += 1
                at = START + sent.hours * HOUR
                point = Point(sent.device, "load", "", at, sent.fields, sent.values, b"{}")
                batch.append(Accepted(sent.device, "b1", seq, at, at, (point,)))
                model[sent.device][at] = dict(zip(sent.fields, sent.values, strict=True))
            assert all(journal.commit(batch))
        check(history, model)
        while history.seal(SILENCE, seq, 3).more:
            pass
        check(history, model)
        stats = history.stats()
        assert stats.head_rows == 0
        assert stats.sealed_rows == sum(map(len, model.values()))
        with journal.reader() as reader, reader.snapshot() as connection:
            assert connection.execute("SELECT COUNT(*), IFNULL(SUM(rows), 0) FROM block").fetchone() == (
                stats.blocks,
                stats.sealed_rows,
            )


def test_sealing_beside_commits_loses_nothing(tmp_path: Path) -> None:
    """A writer thread goes on, also backwards in time, while another seals all it may."""
    with Journal(tmp_path) as journal, journal.history() as history:
        done = threading.Event()
        failures: list[BaseException] = []

        def keep_sealing() -> None:
            try:
                while not done.is_set():
                    journal.seal(SILENCE, 10**12, 2)
            except BaseException as failure:
                failures.append(failure)

        sealing = threading.Thread(target=keep_sealing)
        sealing.start()
        rng = np.random.default_rng(7)
        order = rng.permutation(4000)
        for start in range(0, 4000, 40):
            batch = []
            for number in order[start : start + 40].tolist():
                at = START + number * 60
                for seq in (2 * number + 1, 2 * number + 2):  # twice the same time: the second one counts
                    point = Point("dev-1", "load", "", at, ("cpu",), (float(seq),), b"{}")
                    batch.append(Accepted("dev-1", "b1", seq, at, at, (point,)))
            assert all(journal.commit(batch))
        done.set()
        sealing.join(60)
        assert not failures
        times, columns = history.read("dev-1", "load", "", ["cpu"], 0, math.inf)
        assert list(times) == [START + number * 60 for number in range(4000)]
        assert list(columns["cpu"]) == [2.0 * number + 2 for number in range(4000)]
