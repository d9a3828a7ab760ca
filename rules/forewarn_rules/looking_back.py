"""Which signals look back through which window: those of one shape share one."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from forewarn_rules.rule import Signal
from forewarn_rules.still import StillWindow
from forewarn_rules.tracks import Rows
from forewarn_rules.windows import KEEPS, Window

OVER_WINDOW = tuple(KEEPS)
"""Takes that need a window."""
FORECASTS = ("hours_until", "crossing")
"""Those of them that look ahead: they reach for a value."""


class Shape(NamedTuple):
    """``still``: those of growth have windows of their own, because most counters stand still."""

    width: float
    bins: int
    still: bool


def shape_of(signal: Signal) -> Shape:
    return Shape(signal.bin, signal.bins, signal.take == "growth")


def windows_of(signals: Iterable[Signal], place: Mapping[str, int]) -> dict[Shape, tuple[Window, Rows]]:
    """One window for each shape, and the metrics that any signal of that shape takes, ascending by their ``place``."""
    shapes: dict[Shape, list[Signal]] = {}
    for signal in signals:
        if signal.take in OVER_WINDOW:
            shapes.setdefault(shape_of(signal), []).append(signal)
    found: dict[Shape, tuple[Window, Rows]] = {}
    for shape, served in shapes.items():
        metrics = np.array(sorted({place[signal.metric] for signal in served}), dtype=np.intp)
        size = len(metrics), shape.width, shape.bins
        found[shape] = StillWindow(*size) if shape.still else Window(*size, {signal.take for signal in served}), metrics
    return found
