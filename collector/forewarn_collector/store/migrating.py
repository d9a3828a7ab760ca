"""All rows of one history store into another; broken off and called again, it sends only what is not there."""

import time
from collections.abc import Callable, Iterator
from itertools import islice

import msgspec

from forewarn_collector.store.external.halving import deliver
from forewarn_collector.store.external.interface import HistoryStore, Refused, Sample, Span

BATCH = 2_000
SEEN_SECONDS = 60.0
"""How long a store may take until what was written can be counted."""


class Moved(msgspec.Struct, frozen=True):
    """Of the series of one kind: rows in the one store, and in the other within the same times. ``short``: series of
    which the other one has fewer."""

    kind: str
    series: int
    source: int
    target: int
    short: int


class Migrated(msgspec.Struct, frozen=True):
    kinds: list[Moved]
    written: int
    """rows that were not there before"""
    refused: int
    reason: str
    """of the first one that was refused"""


def migrate(
    source: HistoryStore, target: HistoryStore, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Migrated:
    """``progress`` is told how many of how many series. Raise StoreError."""
    spans = source.spans()
    counts = [source.count(*span) for span in spans]
    refused: list[str] = []
    written = 0
    for done, (span, wanted) in enumerate(zip(spans, counts, strict=True)):
        progress(done, len(spans))
        if target.count(*span) < wanted:
            written += _copy(source, target, span, refused)
    there = _counted(target, spans, counts)
    progress(len(spans), len(spans))
    rows = list(zip(spans, counts, there, strict=True))
    kinds = [
        Moved(
            kind,
            len(mine),
            sum(wanted for _, wanted, _ in mine),
            sum(found for *_, found in mine),
            sum(1 for _, wanted, found in mine if found < wanted),
        )
        for kind in sorted({span.series.kind for span in spans})
        if (mine := [row for row in rows if row[0].series.kind == kind])
    ]
    return Migrated(kinds, written, len(refused), refused[0] if refused else "")


def _copy(source: HistoryStore, target: HistoryStore, span: Span, refused: list[str]) -> int:
    def note(sample: Sample, error: Refused) -> None:
        refused.append(f"{' '.join(filter(None, sample.series))}: {error}")

    written = 0
    for batch in _batches(source.rows(*span)):
        deliver(target, batch, note)
        written += len(batch)
    return written


def _batches(rows: Iterator[Sample]) -> Iterator[list[Sample]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _counted(target: HistoryStore, spans: list[Span], wanted: list[int]) -> list[int]:
    """What is written can be counted a moment later in some stores; what is missing then is missing."""
    deadline = time.monotonic() + SEEN_SECONDS
    counts = [target.count(*span) for span in spans]
    while any(found < least for found, least in zip(counts, wanted, strict=True)) and time.monotonic() < deadline:
        time.sleep(0.5)
        pairs = zip(spans, counts, wanted, strict=True)
        again = [found if found >= least else target.count(*span) for span, found, least in pairs]
        if again == counts and not target.flush_seconds:
            break
        counts = again
    return counts
