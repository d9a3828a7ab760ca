"""What other programs and simple rankings would have said, on the same drive-days. Pure.

Limits: smartd(8), default directives -C 197 -U 198; Backblaze's five, "What SMART stats tell us about hard drives"
(2016); Scrutiny's failing buckets, ``ata_attribute_metadata.go`` (a critical attribute fails from 10 % a year on,
another from 20 % on); growth of 5, 187 or 197 within 7 days.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from forewarn_collector.backtest.history import DAY, Floats, History
from forewarn_rules.windows import Window

BACKBLAZE_FIVE = (5, 187, 188, 197, 198)
GROWING = (5, 187, 197)
_SCRUTINY: dict[str, tuple[tuple[float, float], ...]] = {
    "ata.5.raw": ((16, np.inf),),
    "ata.10.raw": ((0, np.inf),),
    "ata.187.raw": ((0, np.inf),),
    "ata.188.raw": ((100, np.inf),),
    "ata.189.raw": ((30, np.inf),),
    "ata.196.raw": ((11, 17), (27, np.inf)),
    "ata.197.raw": ((0, np.inf),),
    "ata.198.raw": ((0, np.inf),),
}
"""Values above the first and up to the second number of a pair fail."""

METRICS = frozenset({*_SCRUTINY, *(f"ata.{number}.raw" for number in (*BACKBLAZE_FIVE, *GROWING))})
_GROWTH_WINDOW_DAYS = 7


class Baseline(NamedTuple):
    """``scores`` per row. A rule's are 0 or 1; a ranking's are cut at each budget."""

    name: str
    ranks: bool
    scores: Floats


def baselines(history: History, seed: int = 1) -> Iterator[Baseline]:
    """One after the other, so that not all lie in memory at once."""
    pending = _known(history, 197) + _known(history, 198)
    yield Baseline("smartd: 197 or 198 > 0", False, _flags(pending > 0))
    five = sum((_known(history, number) for number in BACKBLAZE_FIVE), np.zeros(history.rows))
    yield Baseline("Backblaze: any of 5, 187, 188, 197, 198 > 0", False, _flags(five > 0))
    yield Baseline("Scrutiny's failing buckets", False, _scrutiny(history))
    yield Baseline("5, 187 or 197 grew within 7 days", False, _grew(history))
    yield Baseline("rank by 197 + 198", True, pending)
    chance = np.random.default_rng(seed).random(len(history.serials))
    yield Baseline("random ranking", True, chance[history.drives])


def _known(history: History, number: int) -> Floats:
    known: Floats = np.nan_to_num(history.metric(f"ata.{number}.raw"), nan=0.0)
    return known


def _flags(flagged: "np.typing.NDArray[np.bool_]") -> Floats:
    return flagged.astype(np.float64)


def _scrutiny(history: History) -> Floats:
    failing = np.zeros(history.rows, dtype=np.bool_)
    for name, buckets in _SCRUTINY.items():
        values = history.metric(name)
        for above, to in buckets:
            failing |= (values > above) & (values <= to)
    return _flags(failing)


def _grew(history: History) -> Floats:
    values = np.stack([history.metric(f"ata.{number}.raw") for number in GROWING])
    window = Window(len(GROWING), DAY, _GROWTH_WINDOW_DAYS, {"growth"})
    window.reserve(len(history.serials))
    grew = np.zeros(history.rows)
    for day, rows in history.rounds():
        drives = history.drives[rows]
        window.insert(drives, np.full(len(drives), day * DAY), values[:, rows])
        grew[rows] = (values[:, rows] > window.floor(drives)).any(axis=0)
    return grew
