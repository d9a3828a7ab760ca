"""Which stretch of time one block covers, and the integer key of a block. Pure."""

_HOUR = 3_600_000
# Rollups join their block a few rows at a time: the longer it is, the better it packs and the oftener it is rewritten.
_PERIODS = {"load": 6 * _HOUR, "smart": 120 * _HOUR, "load.hour": 240 * _HOUR, "smart.hour": 720 * _HOUR}

_PERIOD_BITS = 20
LAYOUT_BITS = 22
_SERIES_BITS = 21
SERIES_SHIFT = _PERIOD_BITS + LAYOUT_BITS


def period_of(kind: str) -> int:
    """Length of a block in milliseconds. Long enough to pack well, short enough to read a day of load quickly."""
    return _PERIODS.get(kind, _PERIODS["smart"])


def block_key(series: int, period: int, layout: int) -> int:
    """Pack series, number of the period since 1970 and layout into one SQLite rowid, in this order of weight.

    Raise OverflowError for a number too large: 2 million series, 4 million layouts, 1 million periods.
    """
    if series >> _SERIES_BITS or period >> _PERIOD_BITS or layout >> LAYOUT_BITS:
        raise OverflowError(f"series {series}, period {period} or layout {layout} does not fit into a block key")
    return series << SERIES_SHIFT | period << LAYOUT_BITS | layout


def series_in(key: int) -> int:
    return key >> SERIES_SHIFT


def period_in(key: int) -> int:
    return key >> LAYOUT_BITS & (1 << _PERIOD_BITS) - 1


def layout_in(key: int) -> int:
    return key & (1 << LAYOUT_BITS) - 1


def key_range(series: int, first_period: int = 0, last_period: int = (1 << _PERIOD_BITS) - 1) -> tuple[int, int]:
    """The lowest and the highest key of a series' blocks from one period to another, both included."""
    return block_key(series, first_period, 0), block_key(series, last_period, (1 << LAYOUT_BITS) - 1)
