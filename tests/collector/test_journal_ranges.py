"""Received sequence numbers: the ranges are the set, in any order and however often a number comes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn_collector.store.ranges import Ranges

NUMBERS = st.lists(st.integers(0, 40) | st.integers(0, 2**63 - 1), max_size=80)


def filled(numbers: list[int]) -> Ranges:
    ranges = Ranges()
    for number in numbers:
        ranges.add(number)
    return ranges


@given(NUMBERS)
def test_a_number_is_new_exactly_once(numbers: list[int]) -> None:
    ranges = Ranges()
    seen: set[int] = set()
    for number in numbers:
        assert ranges.add(number) == (number not in seen)
        seen.add(number)
        assert number in ranges


@given(NUMBERS, st.randoms())
def test_order_does_not_matter(numbers: list[int], random: object) -> None:
    shuffled = sorted(numbers, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert filled(numbers).pairs() == filled(shuffled).pairs()


@given(NUMBERS)
def test_ranges_hold_the_numbers_and_no_others_and_never_touch(numbers: list[int]) -> None:
    pairs = filled(numbers).pairs()
    assert sum(last - first + 1 for first, last in pairs) == len(set(numbers))
    assert all(any(first <= number <= last for first, last in pairs) for number in numbers)
    assert all(earlier[1] + 1 < later[0] for earlier, later in pairwise(pairs))


@given(NUMBERS)
def test_text_round_trip(numbers: list[int]) -> None:
    assert Ranges.parse(str(filled(numbers))).pairs() == filled(numbers).pairs()


@given(st.sets(st.integers(1, 60)))
def test_gaps_are_what_is_missing_below_the_greatest(numbers: set[int]) -> None:
    missing = {number for first, last in filled(sorted(numbers)).gaps() for number in range(first, last + 1)}
    assert missing == set(range(1, max(numbers, default=0))) - numbers


def test_the_text_is_compact() -> None:
    assert str(filled([*range(1, 501), *range(502, 601), 700])) == "1-500,502-600,700"


@pytest.mark.parametrize("text", ["5-1", "7-9,1-3", "1-x", "a"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Ranges.parse(text)
