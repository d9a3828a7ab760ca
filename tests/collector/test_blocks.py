"""The block codec gives back the very same numbers, whatever they are."""

import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn_collector.store import blocks
from forewarn_collector.store.model import Floats

FLOATS = st.one_of(
    st.floats(allow_infinity=False, width=64),
    st.integers(-(2**63), 2**63).map(float),
    st.integers(-100_000, 100_000).map(lambda number: number / 10),
    st.integers(-100_000, 100_000).map(lambda number: number / 1000),
    st.sampled_from([math.nan, 0.0, -0.0, 5e-324, 2.0**53 + 2, 1.7976931348623157e308, -1e300, 2.0**62, -(2.0**62)]),
)
RELEASED = (
    "010403140f55080102201b80a0abfef9628e787aeeeeee36363603530000bc050a0ac8019bcac0c0"
    "700d88d580f805107303b11e100b327030d8393834000084ac23f9"
)
TIMES = st.integers(-(2**62), 2**62) | st.integers(1_700_000_000_000, 1_700_100_000_000)


@st.composite
def tables(draw: st.DrawFn) -> tuple[blocks.Times, list[Floats]]:
    rows = draw(st.integers(0, 40))
    times = np.array(draw(st.lists(TIMES, min_size=rows, max_size=rows)), np.int64)
    kinds = st.one_of(
        st.lists(FLOATS, min_size=rows, max_size=rows),
        FLOATS.map(lambda value: [value] * rows),
        st.lists(st.sampled_from([math.nan, 36.5]), min_size=rows, max_size=rows),
    )
    return times, [np.array(draw(kinds), np.float64) for _ in range(draw(st.integers(0, 5)))]


def same_bits(left: Floats, right: Floats) -> bool:
    """Equal to the last bit, so -0.0 is not 0.0; all nan are one."""
    measured = ~np.isnan(left)
    return bool(
        left.dtype == right.dtype == np.float64
        and np.array_equal(measured, ~np.isnan(right))
        and np.array_equal(left[measured].view(np.int64), right[measured].view(np.int64))
    )


@given(tables())
def test_round_trip_is_exact(table: tuple[blocks.Times, list[Floats]]) -> None:
    times, columns = table
    decoded_times, decoded = blocks.decode(blocks.encode(times, columns))
    assert np.array_equal(decoded_times, times)
    assert decoded_times.dtype == np.int64
    assert len(decoded) == len(columns)
    assert all(same_bits(before, after) for before, after in zip(columns, decoded, strict=True))


@given(tables(), st.data())
def test_wanted_columns_are_the_same_as_in_the_whole(
    table: tuple[blocks.Times, list[Floats]], data: st.DataObject
) -> None:
    times, columns = table
    wanted = data.draw(st.lists(st.sampled_from(range(len(columns))))) if columns else []
    _, decoded = blocks.decode(blocks.encode(times, columns), wanted)
    assert len(decoded) == len(wanted)
    assert all(same_bits(columns[index], values) for index, values in zip(wanted, decoded, strict=True))


def test_an_unwanted_column_is_not_decoded() -> None:
    """Damage one column under a valid checksum: only who asks for it notices."""
    noise = np.random.default_rng(1).integers(0, 2**16, 300).astype(np.float64)
    trend = np.arange(300.0) ** 2
    block = bytearray(blocks.encode(np.arange(300), [trend, noise])[:-4])
    block[-200:] = b"\xff" * 200
    damaged = bytes(block) + zlib.crc32(block).to_bytes(4, "little")
    _, (decoded,) = blocks.decode(damaged, [0])
    assert np.array_equal(decoded, trend)
    try:
        _, (other,) = blocks.decode(damaged, [1])
    except zlib.error:
        return
    assert not np.array_equal(other, noise)


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinite_values_are_refused(value: float) -> None:
    with pytest.raises(blocks.BlockError, match="infinite"):
        blocks.encode(np.arange(2), [np.array([1.0, value])])


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(blocks.BlockError, match="unequal"):
        blocks.encode(np.arange(2), [np.zeros(3)])


@given(tables(), st.data())
def test_damage_is_noticed(table: tuple[blocks.Times, list[Floats]], data: st.DataObject) -> None:
    block = bytearray(blocks.encode(*table))
    index = data.draw(st.integers(0, len(block) - 1))
    block[index] ^= data.draw(st.integers(1, 255))
    with pytest.raises(blocks.BlockError):
        blocks.decode(bytes(block))


@pytest.mark.parametrize("block", [b"", b"\x01", b"\x02abcdef", b"\x01\x00\x00\x00\x00"])
def test_what_is_not_a_block_is_refused(block: bytes) -> None:
    with pytest.raises(blocks.BlockError):
        blocks.decode(block)


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(IndexError, match="column 1 of 1"):
        blocks.decode(blocks.encode(np.arange(3), [np.zeros(3)]), [1])


def test_a_block_written_by_the_first_version_is_read_for_ever() -> None:
    """Bytes that version 1 wrote: an update of the collector must read them as they are."""
    times = np.array([1700000000000, 1700001800007, 1700003600003, 1700005400000], np.int64)
    columns = [np.array([35.0, 35.5, math.nan, 36.0]), np.full(4, 100.0), np.array([1e-9, 2.0, 3.0, -0.0])]
    written = bytes.fromhex(RELEASED)
    decoded_times, decoded = blocks.decode(written)
    assert np.array_equal(decoded_times, times)
    assert all(same_bits(before, after) for before, after in zip(columns, decoded, strict=True))


def test_steady_counters_take_next_to_nothing() -> None:
    rows = 240
    rising = np.arange(rows, dtype=np.float64) * 60 + 5000
    block = blocks.encode(np.arange(rows) * 1_800_000, [rising, np.zeros(rows), np.full(rows, 99.5)])
    assert len(block) < 80
