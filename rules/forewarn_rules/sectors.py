"""Counts of sectors as drives mean them, from what drives report. Pure.

Drives with physical sectors of 4 KiB that emulate 512 bytes mostly count the latter: one bad sector is 8, and all their
counts are multiples of 8 (of ST3000DM001, every one in Drive Stats; of ST4000DM000, 98 %). A pending count that was
taken down too often goes below zero and shows as 65528 or thereabouts.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from forewarn_rules.verdicts import Floats

PENDING = ("ata.197.raw", "ata.198.raw")
COUNTS = ("ata.5.raw", *PENDING)
_EMULATED = 8
_BELOW_ZERO = (0xFF00, 0xFFFF)
"""Sixteen bits, as the counter overflows; no drive of Drive Stats has been seen to count up to there in these steps."""


def physical_sectors(metrics: Sequence[Sequence[str]], windows: Sequence[int], features: npt.ArrayLike) -> Floats:
    """Features [feature, row] with counts in physical sectors, and none pending where the count is below zero.

    ``metrics`` and ``windows`` are those of each feature (window 0: the value itself). Only what a row holds decides:
    a drive is taken as emulating when all its counts and their growth are multiples of 8.
    """
    found = np.array(features, dtype=np.float64)
    counts = np.array([{*names} <= {*COUNTS} for names in metrics], dtype=np.bool_)
    pending = np.array([{*names} <= {*PENDING} for names in metrics], dtype=np.bool_)
    for place in np.flatnonzero(pending & (np.array(windows) == 0)).tolist():
        below = (found[place] >= _BELOW_ZERO[0]) & (found[place] <= _BELOW_ZERO[1])
        where = np.ix_(pending, below)
        found[where] = np.where(np.isnan(found[where]), np.nan, 0.0)
    loud = np.flatnonzero((np.nan_to_num(found[counts]) > 0).any(axis=0))
    emulating = loud[(np.nan_to_num(found[np.ix_(counts, loud)]) % _EMULATED == 0).all(axis=0)]
    found[np.ix_(counts, emulating)] /= _EMULATED
    return found
