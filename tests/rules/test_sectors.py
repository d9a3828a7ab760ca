"""Sector counts of drives that count in eighths of a sector, and pending counts below zero."""

import msgspec
import numpy as np

from forewarn_rules.risk import shipped_model
from forewarn_rules.sectors import physical_sectors

METRICS = (("ata.5.raw",), ("ata.5.raw",), ("ata.187.raw",), ("ata.197.raw", "ata.198.raw"), ("ata.197.raw",))
WINDOWS = (0, 7, 0, 0, 7)


def counted(*row: float) -> list[float]:
    found: list[float] = physical_sectors(METRICS, WINDOWS, np.array(row)[:, np.newaxis])[:, 0].tolist()
    return found


def test_a_drive_that_counts_in_eights_counts_physical_sectors() -> None:
    assert counted(1504, 8, 3, 16, 0) == [188, 1, 3, 2, 0]


def test_one_count_that_is_no_multiple_tells_that_it_counts_single_sectors() -> None:
    assert counted(1504, 8, 3, 15, 0) == [1504, 8, 3, 15, 0]
    assert counted(1504, 1, 3, 16, 0) == [1504, 1, 3, 16, 0]


def test_a_pending_count_below_zero_is_none() -> None:
    assert counted(104, 0, 0, 65528, 65528) == [13, 0, 0, 0, 0]
    assert counted(65528, 0, 0, 3, 1) == [65528, 0, 0, 3, 1]
    assert counted(0, 0, 0, 65536, 0) == [0, 0, 0, 8192, 0]


def test_unknown_stays_unknown() -> None:
    found = counted(16, np.nan, np.nan, 65528, np.nan)
    assert found[0] == 2
    assert found[3] == 0
    assert np.isnan([found[1], found[2], found[4]]).all()


def test_a_model_says_whether_it_counts_so() -> None:
    shipped = shipped_model("hdd")
    assert shipped is not None
    features = np.zeros((len(shipped.features), 2))
    features[[n for n, f in enumerate(shipped.features) if "ata.197.raw" in f.metrics]] = [8, 1]
    physical = msgspec.structs.replace(shipped, physical_sectors=True)
    eight, one = physical.evaluate(features).probability
    assert eight == one
    as_reported = msgspec.structs.replace(shipped, physical_sectors=False)
    eight, one = as_reported.evaluate(features).probability
    assert eight > one
