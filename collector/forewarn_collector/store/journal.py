"""The intake journal: what was committed here may be acknowledged, because it survives the end of the process."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from forewarn_collector.store.database import as_place, explained, transaction
from forewarn_collector.store.history import History
from forewarn_collector.store.intake import Intake
from forewarn_collector.store.model import Accepted, DeadLetter, SealResult
from forewarn_collector.store.place import Place
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.sealing import Sealer
from forewarn_collector.store.sweeping import Sweeper

__all__ = ["Journal", "Reader"]


class Journal:
    """The writer of ``<directory>/journal.db``, and makes both if they are not there; or one of several writers of a
    journal in another ``place``.

    While it is open, a second Journal on the same directory is refused with StoreError. Threads: `commit`, `seal`,
    `drop_before` and `close` may be called from any thread; commits come from one writer thread, sealing may run in
    another one (it holds the write lock only for short transactions, never while it packs). Readers are made with
    `reader`, one for each thread that reads much; another process makes its own ``Reader(place)``. Without ``rollups``
    what is sealed is not rolled up.
    """

    def __init__(self, place: Path | Place, rollups: bool = True) -> None:
        self.place = as_place(place)
        self._taken = self.place.lock()
        try:
            self._connection = self.place.writer()
        except BaseException:
            self._taken.close()
            raise
        self._write_lock = threading.Lock()
        self._intake = Intake(self._connection)
        self._turn = 0
        self._sealer = Sealer(self.place, self.writing, rollups)
        self.sweeper = Sweeper(self.place, self._sealer.alone, self.writing)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def commit(self, accepted: Sequence[Accepted], dead: Sequence[DeadLetter] = ()) -> list[bool]:
        """Store a batch in one durable transaction; say of each message whether it was stored.

        False: a duplicate by (device, boot, seq), or the will of an older session. Both may be acknowledged. A point
        with the series and the time of an earlier one replaces it. On StoreError (disk full, damaged file, a time
        that `model.time_problem` refuses) nothing of the batch is stored, and the next commit starts afresh.
        """
        with self.writing():
            try:
                with transaction(self._connection):
                    self._take_turn()
                    stored = self._intake.write(accepted, dead)
                    self.place.note_rows(self._connection)
                return stored
            except BaseException:
                self._intake.forget()
                raise

    def _take_turn(self) -> None:
        """What is remembered between commits is good as long as nobody else commits, and so are the tables."""
        turn = self.place.take_turn(self._connection)
        if turn != self._turn + 1:
            self.place.check_version(self._connection)
            self._intake.doubt()
        self._turn = turn

    def seal(self, now: float, judged_position: int, batch_limit: int = 200) -> SealResult:
        """Pack rows that are older than their series' newest period into blocks: see `sealing.Sealer.seal`."""
        return self._sealer.seal(now, judged_position, batch_limit)

    def drop_before(self, kind: str, time: float) -> int:
        """Delete history: see `sweeping.Sweeper.drop_before`."""
        return self.sweeper.drop_before(kind, time)

    def reader(self) -> Reader:
        return Reader(self.place)

    def history(self) -> History:
        """A history that may also seal and drop, on a reader of its own."""
        return History(self.reader(), self._sealer, self.sweeper)

    def close(self) -> None:
        """Close it. SQLite then folds the write-ahead log into it, unless a reader is still open."""
        with self.writing():
            self._sealer.close()
            self._connection.close()
            self._taken.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The turn to write. SQLite has one writer at a time; waiting here is fair and immediate, its own is not."""
        with self._write_lock, explained(self.place.name):
            yield
