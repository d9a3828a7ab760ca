"""Rows to a store that takes all of a batch or says that it does not take one of them."""

from collections.abc import Callable, Sequence

from forewarn_collector.store.external.interface import HistoryStore, Refused, Sample


def deliver(store: HistoryStore, samples: Sequence[Sample], refused: Callable[[Sample, Refused], None]) -> int:
    """Write them; halving finds those that the store does not take, and the others do not wait for them. Return how
    many were too old for it. Raise Unavailable, and what ``refused`` raises."""
    if not samples:
        return 0
    try:
        return store.write(samples)
    except Refused as error:
        if len(samples) == 1:
            refused(samples[0], error)
            return 0
    half = len(samples) // 2
    return deliver(store, samples[:half], refused) + deliver(store, samples[half:], refused)
