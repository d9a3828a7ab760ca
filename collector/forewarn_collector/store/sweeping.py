"""Sweeping: what is older than it is to be kept goes, a little at a time, beside the intake.

Sealed rows go by whole periods, so what is left of a period is always all of it; see `rolling` for late rows. What is
remembered between commits of series and boots is void afterwards, which a turn of its own tells the intake.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice

from forewarn_collector.store.database import transaction
from forewarn_collector.store.periods import SERIES_SHIFT, block_key, period_of
from forewarn_collector.store.place import Connection, Place
from forewarn_collector.store.sealing import count

_AT_ONCE = 200

_MARK = """
    INSERT INTO swept (kind, before) VALUES (?, ?)
    ON CONFLICT (kind) DO UPDATE SET before = excluded.before WHERE swept.before < excluded.before"""
# What an earlier version sealed stays until it is rolled up.
_OLD_BLOCKS = f"""
    SELECT block.key, block.rows FROM series JOIN block
        ON block.key >= series.id << {SERIES_SHIFT} AND block.key < (series.id << {SERIES_SHIFT}) + ?
    WHERE series.kind = ? AND series.unrolled IS NULL"""  # noqa: S608 - a constant of ours
_OLD_EVENTS = "SELECT id FROM event WHERE at < ?"
_OLD_LETTERS = "SELECT id FROM dead_letter WHERE received < ?"
# Of a boot that another one followed long ago nothing comes any more; the newest of a device stays.
_OLD_BOOTS = """
    SELECT id FROM intake WHERE last_received < ? AND EXISTS (
        SELECT 1 FROM intake AS newer WHERE newer.device = intake.device
        AND newer.first_received > intake.last_received AND newer.first_received < ?)"""
_DROP_BOOT = "DELETE FROM intake WHERE id = ? AND last_received < ? RETURNING device, boot, reports"
_KEEP_COUNT = "UPDATE device SET reports_before = reports_before + ? WHERE name = ?"
_DROP_GAPS = "DELETE FROM gap WHERE device = ? AND boot = ?"
# The newest number stays in use, or it would be given a second time.
_EMPTY_SERIES = f"""
    SELECT id FROM series WHERE id < (SELECT MAX(id) FROM series)
    AND NOT EXISTS (SELECT 1 FROM head WHERE series = series.id)
    AND NOT EXISTS (SELECT 1 FROM block WHERE key >= series.id << {SERIES_SHIFT}
        AND key < (series.id + 1) << {SERIES_SHIFT})
    AND NOT EXISTS (SELECT 1 FROM series AS rolled WHERE rolled.device = series.device
        AND rolled.kind = series.kind || '.hour' AND rolled.part = series.part)"""  # noqa: S608
_DROP_SERIES = "DELETE FROM series WHERE id = ? AND NOT EXISTS (SELECT 1 FROM head WHERE series = ?)"


class Sweeper:
    """Thread-safe; sealing waits meanwhile, the intake only for short transactions. Times are Unix seconds; every
    method says how many rows went."""

    def __init__(
        self,
        place: Place,
        alone: Callable[[], AbstractContextManager[Connection]],
        writing: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._place = place
        self._alone = alone
        self._writing = writing

    def drop_before(self, kind: str, time: float) -> int:
        """Sealed rows of a kind, in periods that ended before ``time``; of kind "event" the events, too.

        Rows in the head stay until they are sealed.
        """
        before = max(0, round(time * 1000))
        first_kept = before // period_of(kind)
        with self._alone() as connection:
            with self._writing(), transaction(connection):
                connection.execute(_MARK, (kind, first_kept * period_of(kind)))
            dropped = self._delete(connection, "event", _OLD_EVENTS, before) if kind == "event" else 0
            old = connection.execute(_OLD_BLOCKS, (block_key(0, first_kept, 0), kind)).fetchall()
            for turn in _in_turns(old):
                with self._writing(), transaction(connection):
                    connection.executemany("DELETE FROM block WHERE key = ?", [(key,) for key, _ in turn])
                    count(connection, -sum(rows for _, rows in turn), -len(turn))
        return dropped + sum(int(rows) for _, rows in old)

    def drop_dead_letters(self, time: float) -> int:
        """Those that came before; how many there were of each reason stays known."""
        with self._alone() as connection:
            return self._delete(connection, "dead_letter", _OLD_LETTERS, round(time * 1000))

    def drop_boots(self, time: float) -> int:
        """What is known of boots (their sequence numbers and gaps) that were followed by another before ``time``."""
        before = round(time * 1000)
        dropped = 0
        with self._alone() as connection:
            old = connection.execute(_OLD_BOOTS, (before, before)).fetchall()
            for turn in _in_turns(old):
                with self._writing(), transaction(connection):
                    for (id_,) in turn:
                        found = connection.execute(_DROP_BOOT, (id_, before)).fetchone()
                        if found is not None:
                            device, boot, reports = found
                            connection.execute(_KEEP_COUNT, (reports, device))
                            connection.execute(_DROP_GAPS, (device, boot))
                            dropped += 1
                    self._place.take_turn(connection)
        return dropped

    def drop_empty_series(self) -> int:
        """Series of which no row is left, nor a rollup."""
        dropped = 0
        with self._alone() as connection:
            empty = connection.execute(_EMPTY_SERIES).fetchall()
            for turn in _in_turns(empty):
                with self._writing(), transaction(connection):
                    dropped += sum(connection.execute(_DROP_SERIES, (id_, id_)).rowcount for (id_,) in turn)
                    self._place.take_turn(connection)
        return dropped

    def _delete(self, connection: Connection, table: str, query: str, before: int) -> int:
        old = connection.execute(query, (before,)).fetchall()
        for turn in _in_turns(old):
            with self._writing(), transaction(connection):
                connection.executemany(f"DELETE FROM {table} WHERE id = ?", turn)  # noqa: S608 - a table of ours
        return len(old)


def _in_turns(rows: Sequence[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
    feed = iter(rows)
    while turn := list(islice(feed, _AT_ONCE)):
        yield turn
