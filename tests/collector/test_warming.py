"""How many rows one step of the judge takes when windows are to be filled."""

import numpy as np
import pytest

from forewarn_collector.judge.warming import SERIES_FILLED_PER_STEP, Warming
from forewarn_collector.store.model import Row
from forewarn_rules import Engine, load_rules

MANY = 3 * SERIES_FILLED_PER_STEP


@pytest.fixture
def warming() -> Warming:
    return Warming(Engine(load_rules()), ())


def rows_of(*series: int) -> list[Row]:
    return [
        Row(position, one, 60.0, 60.0, ("cpu.used_percent",), np.array([1.0]).tobytes())
        for position, one in enumerate(series, 1)
    ]


def test_a_step_fills_the_windows_of_so_many_series(warming: Warming) -> None:
    warming.begin_anew(newest=MANY)
    rows = rows_of(*range(1, MANY + 1))
    assert warming.portion(rows) == rows[:SERIES_FILLED_PER_STEP]


def test_rows_of_few_series_are_taken_at_once(warming: Warming) -> None:
    warming.begin_anew(newest=MANY)
    rows = rows_of(*[1, 2, 3] * MANY)
    assert warming.portion(rows) == rows


def test_devices_that_appear_after_the_start_have_nothing_to_fill(warming: Warming) -> None:
    warming.begin_anew(newest=5)
    rows = rows_of(*range(6, MANY + 1))
    assert warming.portion(rows) == rows
