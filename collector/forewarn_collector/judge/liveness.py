"""Who has not been heard, as the engine observes it. Pure."""

import math
from collections.abc import Sequence

import numpy as np

from forewarn_collector.judge.presence import Presence, silent_seconds
from forewarn_collector.judge.rounds import Batch
from forewarn_collector.store.about import Contact
from forewarn_rules import Kind

CLOCK_TOLD_SECONDS = 3600.0
# Two machines that are on at different hours of the day are noticed once a day.
CLONE_TOLD_SECONDS = 86_400.0


def liveness_batch(devices: Sequence[Contact], now: float, presence: Presence, clocks: bool) -> Batch:
    """A device is not silent for the time in which nobody listened. ``clocks``: whether what was told of the devices'
    clocks says anything; it does not where time is only played."""
    silent = [silent_seconds(row.last_received, now, presence) for row in devices]
    offsets = [_offset(row, now) if clocks else math.nan for row in devices]
    metrics = {
        "device.silent_seconds": np.array(silent),
        "device.clock_offset_seconds": np.array(offsets),
        "device.identity_shared": np.array([float(_is_shared(row, now)) for row in devices]),
    }
    return Batch(Kind.LIVENESS, [(row.name, "") for row in devices], np.full(len(devices), now), metrics)


def _offset(row: Contact, now: float) -> float:
    """Unknown where it was not told lately."""
    if row.clock_offset is None or row.clock_at is None or now - row.clock_at >= CLOCK_TOLD_SECONDS:
        return math.nan
    return row.clock_offset


def _is_shared(row: Contact, now: float) -> bool:
    return row.cloned_at is not None and now - row.cloned_at < CLONE_TOLD_SECONDS
