"""A value as a line through others, fitted so that a tenth of wild points hardly moves it. Pure."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

HUBER = 1.345
"""In spreads: points beyond it pull no harder than one that lies there (Huber 1964: 95 % efficient on normal noise)."""
SCALED_MAD = 1.4826
"""The median absolute deviation times this is the standard deviation, where values are normally distributed."""
_ROUNDS = 50
_NOTHING = 1e-9


class Line(NamedTuple):
    """``slopes[k]`` per unit of the k-th explaining quantity; ``spread`` of the points about the line, scaled MAD."""

    start: float
    slopes: Floats
    spread: float


def robust_line(explaining: Floats, values: Floats) -> Line:
    """Fit ``values`` [point] by ``explaining`` [quantity, point]: Huber's estimate by weighted least squares.

    A quantity that does not move explains nothing: its slope is 0. Everything is finite.
    """
    centre = explaining.mean(axis=1, keepdims=True)
    table = np.vstack([np.ones(explaining.shape[1]), explaining - centre]).T
    weights = np.ones(len(values))
    for _ in range(_ROUNDS):
        root = np.sqrt(weights)
        found = np.linalg.lstsq(table * root[:, np.newaxis], values * root, rcond=None)[0]
        off = values - table @ found
        spread = SCALED_MAD * float(np.median(np.abs(off)))
        far = np.abs(off) / max(HUBER * spread, _NOTHING)
        before, weights = weights, 1.0 / np.maximum(far, 1.0)
        if np.abs(weights - before).max() < 1e-6:
            break
    slopes = found[1:]
    return Line(float(found[0] - slopes @ centre[:, 0]), slopes, spread)
