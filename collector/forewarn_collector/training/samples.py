"""Drive-days as the model sees them: features, and how many days later the drive failed. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from forewarn_collector.backtest.history import DAY, NEVER, Floats, History, Integers
from forewarn_collector.backtest.stepping import labels_of
from forewarn_rules.risk import Feature
from forewarn_rules.scorer import FeatureWindows

Bits = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Samples:
    """Rows of hard disks. ``features`` is [feature, row]; ``lead`` days to the failure (NEVER: none is known),
    ``ahead`` days for which the drive is still seen after the row, ``weight`` how many drive-days the row stands for.

    ``days`` are dates, or power-on days where the history has no dates (``dated`` is False).
    """

    name: str
    dated: bool
    features: npt.NDArray[np.float32]
    days: Integers
    drives: Integers
    serials: npt.NDArray[np.str_]
    models: npt.NDArray[np.str_]
    lead: Integers
    ahead: Integers
    weight: Floats

    def take(self, rows: Bits | Integers) -> "Samples":
        return replace(
            self,
            features=self.features[:, rows],
            days=self.days[rows],
            drives=self.drives[rows],
            lead=self.lead[rows],
            ahead=self.ahead[rows],
            weight=self.weight[rows],
        )

    def failing(self, horizon: int) -> Bits:
        """Rows whose drive fails within the horizon, but not on that very day."""
        return (self.lead > 0) & (self.lead <= horizon)

    def settled(self, horizon: int) -> Bits:
        """Rows of which it is known whether the drive fails within the horizon; not those of the day it fails.

        Of a history with dates, its last days are left out for all drives: there, only failures would be known.
        """
        known = (self.lead > 0) & ((self.lead <= horizon) | (self.ahead >= horizon))
        return known & (self.days <= self.days.max(initial=0) - horizon) if self.dated else known

    def until(self, day: int) -> "Samples":
        """What was known on the eve of a day."""
        before = self.take(self.days < day)
        lead = np.where(before.lead >= day - before.days, NEVER, before.lead)
        return replace(before, lead=lead, ahead=np.minimum(before.ahead, day - 1 - before.days))

    def stretches(self, horizon: int) -> Integers:
        """A number for each row: rows share it that belong to one drive and either lead to its failure or lie in the
        same horizon's worth of days."""
        block = np.where(self.failing(horizon), -1, (self.days - self.days.min(initial=0)) // horizon)
        numbers: Integers = np.unique((self.drives << 20) + block, return_inverse=True)[1]
        return numbers

    @property
    def failures(self) -> int:
        return len(np.unique(self.drives[self.lead != NEVER]))


def gather(
    history: History, features: tuple[Feature, ...], name: str, dated: bool = True,
    progress: Callable[[int], None] = lambda _: None, share: float = 1.0, seed: int = 1,
) -> Samples:  # fmt: skip
    """The features of every drive-day of hard disks, from the same windows as live.

    ``share`` is that of the drives that are kept where they do not fail; each stands for those that are left out.
    """
    kinds = [labels_of(*drive)["disk_kind"] for drive in zip(history.serials, history.models, strict=True)]
    kept = np.array([kind == "hdd" for kind in kinds])
    fails = history.failed_on != NEVER
    kept &= fails | (np.random.default_rng(seed).random(len(fails)) < share)
    windows = FeatureWindows(features, len(history.serials))
    found = np.full((len(features), history.rows), np.nan, dtype=np.float32)
    for day, rows in history.rounds():
        mine = np.arange(rows.start, rows.stop)[kept[history.drives[rows]]]
        drives = history.drives[mine]
        metrics = {metric: history.metric(metric)[mine] for metric in windows.metrics if metric in history.metrics}
        found[:, mine] = windows.observe(drives, np.full(len(drives), day * DAY), metrics)
        progress(len(drives))
    last = np.zeros(len(history.serials), dtype=np.int64)
    np.maximum.at(last, history.drives, history.days)
    failed = history.failed_on[history.drives]
    lead = np.where(failed == NEVER, NEVER, failed - history.days)
    weight = np.where(fails, 1.0, 1.0 / share)[history.drives]
    samples = Samples(
        name, dated, found, history.days, history.drives, np.array(history.serials, dtype=np.str_),
        np.array(history.models, dtype=np.str_), lead, last[history.drives] - history.days, weight,
    )  # fmt: skip
    return samples.take(kept[history.drives] & ~np.isnan(found).all(axis=0))


def join(name: str, pieces: Iterable[Samples]) -> Samples:
    """Several samples of different drives as one."""
    found = list(pieces)
    counts = np.cumsum([0, *(len(piece.serials) for piece in found)])
    return Samples(
        name,
        all(piece.dated for piece in found),
        np.concatenate([piece.features for piece in found], axis=1),
        np.concatenate([piece.days for piece in found]),
        np.concatenate([piece.drives + start for piece, start in zip(found, counts[:-1].tolist(), strict=True)]),
        np.concatenate([piece.serials for piece in found]),
        np.concatenate([piece.models for piece in found]),
        np.concatenate([piece.lead for piece in found]),
        np.concatenate([piece.ahead for piece in found]),
        np.concatenate([piece.weight for piece in found]),
    )
