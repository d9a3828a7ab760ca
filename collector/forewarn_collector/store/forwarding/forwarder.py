"""The thread that sends what the journal has to a history store, and tells how much of it the store has for good."""

import logging
import time
from collections.abc import Callable, Sequence

from forewarn_collector.ingest.rate import Rate
from forewarn_collector.store.external.halving import deliver
from forewarn_collector.store.external.interface import (
    HistoryStore,
    Refused,
    Sample,
    SeriesName,
    TooSlow,
    Unavailable,
)
from forewarn_collector.store.external.lines import lines_of
from forewarn_collector.store.forwarding.bookmark import Bookmark
from forewarn_collector.store.forwarding.progress import Progress, Taken, met
from forewarn_collector.store.forwarding.view import ForwardingView
from forewarn_collector.store.model import DeadLetter, Row, StoreError
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.state import database_trouble
from forewarn_collector.worker import Worker
from forewarn_wire import CANARY

log = logging.getLogger(__name__)

BATCH = 2_000
"""Rows that are sent at once at most, and how many are in memory."""
SMALLEST_BATCH = 50
"""Also how many more a batch has than the one before it, after a store was sent less at once."""
IDLE_SECONDS = 1.0
CHECK_SECONDS = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
TOO_OLD_SECONDS = 3600.0
"""For how long it is a trouble that the store left something out."""
SERIES_REMEMBERED = 100_000


class Forwarder(Worker):
    """``judged``: the position up to which rows may be sent. ``park`` keeps a dead letter durably.

    A row is sent at least once; the store has it once, because it is idempotent by series and time.
    """

    def __init__(
        self,
        store: HistoryStore,
        bookmark: Bookmark,
        reader: Callable[[], Reader],
        judged: Callable[[], int],
        park: Callable[[Sequence[DeadLetter]], object],
        now: Callable[[], float],
    ) -> None:
        super().__init__("history store")
        self._store = store
        self._bookmark = bookmark
        self._reader = reader()
        self._judged = judged
        self._park = park
        self._now = now
        self._progress = self._begin()
        self._taken = Taken()
        self._series: dict[int, SeriesName] = {}
        self._batch = BATCH
        self._rate = Rate(time.monotonic())
        self._seen: float | None = None
        self._left_out: int | None = None
        self._too_old_at: float | None = None
        self._again = self._parked = self._too_old = 0
        self._trouble = ""

    @property
    def safe(self) -> int:
        """Rows up to this position may be sealed: the store has them for good."""
        return self._progress.safe

    @property
    def trouble(self) -> str | None:
        if self._trouble:
            return self._trouble
        if self._too_old_at is not None and time.monotonic() - self._too_old_at < TOO_OLD_SECONDS:
            return f"{self._store.name} leaves out what is older than it keeps: set its retention to years"
        return None

    def view(self) -> ForwardingView:
        progress = self._progress
        waiting = self._reader.rows_after(progress.sent, 1)
        return ForwardingView(
            store=self._store.name,
            unsent=max(0, self._reader.max_position() - progress.sent) if waiting else 0,
            unsent_seconds=max(0.0, self._now() - waiting[0].received_at) if waiting else None,
            unsafe=progress.sent - progress.safe,
            rate=self._rate.per_second(time.monotonic()),
            again=self._again,
            parked=self._parked,
            too_old=self._too_old,
            trouble=self.trouble or "",
        )

    def start(self) -> None:
        """Also again after a stop: another collector may have sent meanwhile."""
        self.join()
        self._progress = self._begin()
        self._taken.forget()
        self._seen = None
        super().start()

    def close(self) -> None:
        """Once it has ended."""
        self._reader.close()
        self._store.close()

    def step(self) -> bool:
        """Send one batch; True when there is more at once. Raise Unavailable and whatever the databases raise."""
        now = time.monotonic()
        if self._seen is None or now - self._seen >= CHECK_SECONDS:
            self._look()
        judged = self._judged()
        rows = [row for row in self._reader.rows_after(self._progress.sent, self._batch) if row.position <= judged]
        progress = self._progress
        full = len(rows) == self._batch
        if rows:
            self._send(rows)
            progress = progress._replace(sent=rows[-1].position)
        progress = progress._replace(safe=self._written_down(progress))
        if progress != self._progress:
            self._keep(progress)
        return full

    def _begin(self) -> Progress:
        progress, newest = self._bookmark.read(), self._reader.max_position()
        if progress.sent > newest:
            log.warning("the journal ends at row %d though %d were sent: it is another one", newest, progress.sent)
            return Progress()
        return progress

    def _look(self) -> None:
        """See that the store is there, and whether it was started anew."""
        seen = time.monotonic()
        condition = self._store.check()
        progress = met(self._progress, condition.started)
        if progress != self._progress:
            if again := self._progress.sent - progress.sent:
                log.warning("%s was started anew: %d rows are sent again", self._store.name, again)
                self._again += again
            self._taken.forget()
            self._keep(progress)
            self._left_out = None
        if self._left_out is not None and condition.left_out > self._left_out:
            self._note_too_old(condition.left_out - self._left_out)
        self._left_out = condition.left_out
        if self._seen is None and progress.sent > progress.safe:
            self._taken.note(progress.sent, seen)
        self._seen = seen

    def _send(self, rows: list[Row]) -> None:
        letters: list[DeadLetter] = []

        def park(sample: Sample, error: Refused) -> None:
            self._blame(sample, error)
            letters.append(_letter(sample, str(error), self._now()))

        samples = [sample for row in rows if (sample := self._sample(row)) is not None]
        try:
            too_old = deliver(self._store, samples, park)
        except TooSlow:  # what never gets there in time would be sent again for ever
            self._batch = max(SMALLEST_BATCH, len(rows) // 2)
            raise
        self._batch = min(BATCH, self._batch + SMALLEST_BATCH)
        if too_old:
            self._note_too_old(too_old)
        if letters:
            self._park(letters)
            self._parked += len(letters)
        self._taken.note(rows[-1].position, time.monotonic())
        self._rate.note(len(rows), time.monotonic())

    def _blame(self, sample: Sample, error: Refused) -> None:
        """A store that refuses whatever it is sent is the one at fault. Raise Unavailable then."""
        innocent = Sample(SeriesName(CANARY, "check", ""), round(self._now() * 1000), (), ())
        try:
            self._store.write([innocent])
        except Refused:
            raise Unavailable(f"{self._store.name} takes no rows at all: {error}") from None
        log.error("%s refuses a row of %s, which is kept as a dead letter: %s", self._store.name, sample.series, error)

    def _written_down(self, progress: Progress) -> int:
        if self._store.flush_seconds == 0:
            self._taken.forget()
            return progress.sent
        assert self._seen is not None
        return self._taken.written_down(self._seen, self._store.flush_seconds) or progress.safe

    def _keep(self, progress: Progress) -> None:
        self._bookmark.write(progress)
        self._progress = progress

    def _sample(self, row: Row) -> Sample | None:
        """None: the collector's own canary."""
        name = self._series.get(row.series)
        if name is None:
            series = self._reader.series(row.series)
            assert series is not None
            if len(self._series) >= SERIES_REMEMBERED:
                self._series.clear()
            name = self._series[row.series] = SeriesName(series.device, series.kind, series.part)
        if name.device == CANARY:
            return None
        return Sample(name, round(row.at * 1000), row.fields, row.values.tolist())

    def _note_too_old(self, values: int) -> None:
        self._too_old += values
        self._too_old_at = time.monotonic()

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                more = self.step()
                wait = 0.0 if more else IDLE_SECONDS
                pause, self._trouble = FIRST_PAUSE, ""
            except Exception as error:
                if self._stopping.is_set():
                    return
                self._say_trouble(error)
                self._seen = None
                wait, pause = pause, min(2 * pause, LONGEST_PAUSE)
            if wait:
                self._wake.wait(wait)
                self._wake.clear()

    def _say_trouble(self, error: Exception) -> None:
        known = str(error) if isinstance(error, StoreError) else database_trouble(error)
        text = f"history store: {known or f'{type(error).__name__}: {error}'}"
        if text != self._trouble:
            log.error("%s", text, exc_info=known is None)
        self._trouble = text


def _letter(sample: Sample, reason: str, now: float) -> DeadLetter:
    try:
        payload = "\n".join(lines_of(sample))
    except (IndexError, ValueError):
        payload = repr(sample)
    where = "/".join(sample.series[1:])
    return DeadLetter(now, "history", sample.series.device, where, "refused-by-history-store", reason, payload.encode())
