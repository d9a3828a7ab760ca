"""What every history store can do: the embedded one, InfluxDB, VictoriaMetrics.

A store keeps numbers by series and time. Facts, devices, events in words and what waits to be judged stay in the
journal, which stands in front of every store.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from forewarn_collector.store.model import Floats, Latest, StoreError
from forewarn_collector.store.sampling import Aggregate


class Unavailable(StoreError):
    """The store cannot do it now; it is worth another try. The text names the store and, where known, the remedy."""


class TooSlow(Unavailable):
    """The rows did not get there, or no answer came, in the time that is allowed: perhaps they are too many."""


class Refused(StoreError):
    """The store does not take these rows, whenever they are sent."""


class SeriesName(NamedTuple):
    """What is measured of one part of one device."""

    device: str
    kind: str
    part: str


class Sample(NamedTuple):
    """One row: one report's numbers for one series."""

    series: SeriesName
    at: int
    """Unix milliseconds"""
    fields: tuple[str, ...]
    values: Sequence[float]
    """nan: could not be measured; a field that is not among ``fields`` was not there to measure"""


class Span(NamedTuple):
    """A series and the times of its oldest and newest row, Unix milliseconds."""

    series: SeriesName
    first: int
    last: int


class Condition(NamedTuple):
    """What a store that is well says of itself."""

    version: str
    started: str
    """changes whenever the store was started anew; "" where what it took is durable and nobody has to know"""
    left_out: int = 0
    """rows since its start that it took and did not keep"""


class HistoryStore(Protocol):
    """Threads: any, each call on its own. Every method raises Unavailable when the store does not answer as it should.

    Times of rows are kept to the millisecond. Writing is idempotent by (series, time).
    """

    name: str
    """for people; holds no secret"""
    flush_seconds: float
    """how long what was taken may be lost when the store is killed; 0: it is durable once it is taken"""

    def check(self) -> Condition:
        """Is it there, is it what it should be, and since when."""

    def write(self, samples: Sequence[Sample]) -> int:
        """Return how many rows were too old for what the store keeps. Raise Refused when it takes one of them never:
        then nobody knows which of them are stored."""

    def read(
        self,
        device: str,
        kind: str,
        part: str,
        fields: Sequence[str],
        start: float,
        end: float,
        max_points: int | None = None,
        aggregate: Aggregate = "last",
    ) -> tuple[Floats, dict[str, Floats]]:
        """As `history.History.read`."""

    def latest(self, device: str, kind: str, part: str = "") -> Latest | None:
        """As `history.History.latest`; ``received_at`` is None."""

    def spans(self) -> list[Span]:
        """Every series that has rows, by name."""

    def rows(self, series: SeriesName, first: int, last: int) -> Iterator[Sample]:
        """Whole rows with first <= time <= last (milliseconds), in time order; fields in any order."""

    def count(self, series: SeriesName, first: int, last: int) -> int:
        """How many rows there are."""

    def close(self) -> None: ...
