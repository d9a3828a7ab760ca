"""What was measured, however long ago: from the journal, and from the history store what the journal has no longer."""

from collections.abc import Sequence

import numpy as np

from forewarn_collector.store.external.interface import HistoryStore
from forewarn_collector.store.history import History, Table, in_order
from forewarn_collector.store.model import Floats, Latest, milliseconds
from forewarn_collector.store.sampling import Aggregate, thin_out


class FarHistory:
    """For those who look far back at single series; judge and fleet pages look at the journal alone. Without a store
    it is the journal's history. Threads: as `History`. Raise StoreError, Unavailable where the store does not answer:
    half a history would look like a whole one."""

    def __init__(self, near: History, store: HistoryStore | None) -> None:
        self._near = near
        self._store = store

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
        """As `History.read`."""
        since = self._near.complete_from(device, kind, part) if self._store else None
        if self._store is None or (since is not None and since <= start):
            return self._near.read(device, kind, part, fields, start, end, max_points, aggregate)
        until = end if since is None else min(end, since)
        far = self._store.read(device, kind, part, fields, start, until)
        near = self._near.read(device, kind, part, fields, start, end)
        # Of what both have, the journal's is the newer.
        times, columns = in_order([_table(far, fields), _table(near, fields)], len(fields))
        if max_points is not None:
            times, columns = thin_out(times, columns, milliseconds(start), milliseconds(end), max_points, aggregate)
        return times / 1000, dict(zip(fields, columns, strict=True))

    def latest(self, device: str, kind: str, part: str = "") -> Latest | None:
        """As `History.latest`."""
        newest = self._near.latest(device, kind, part)
        if newest is None and self._store is not None:
            return self._store.latest(device, kind, part)
        return newest


def _table(found: tuple[Floats, dict[str, Floats]], fields: Sequence[str]) -> Table:
    times, columns = found
    return np.round(times * 1000).astype(np.int64), [columns[field] for field in fields]
