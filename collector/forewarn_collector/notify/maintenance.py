"""Maintenance windows: opened ahead or at once, ended by their time or by hand."""

from collections.abc import Callable

import sqlalchemy as sa

from forewarn_collector.notify import rows
from forewarn_collector.notify.model import NotifyError, NoWindow, Window
from forewarn_collector.store.state import reading

LONGEST_SECONDS = 31 * 86_400.0
"""Whoever forgets a window is told within a month."""


class Maintenance:
    """``changed`` is called after a change, for what waits to be looked at again."""

    def __init__(self, engine: sa.Engine, now: Callable[[], float], changed: Callable[[], None]) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._now = now
        self._changed = changed

    def add(
        self,
        *,
        customer: str = "",
        site: str = "",
        device: str = "",
        starts_at: float | None = None,
        ends_at: float,
        reason: str = "",
        actor: str,
    ) -> Window:
        """Raise NotifyError for a window that would cover nothing or everything."""
        now = self._now()
        start = now if starts_at is None else starts_at
        if problem := window_problem(customer, site, device, start, ends_at, now):
            raise NotifyError(problem)
        with self._engine.begin() as db:
            number = rows.add_window(
                db, customer=customer, site=site, device=device, starts_at=start, ends_at=ends_at, reason=reason,
                actor=actor, created_at=now,
            )  # fmt: skip
            found = rows.window(db, number)
        assert found is not None
        return found

    def windows(self, with_past: bool = False) -> list[Window]:
        """Those that are open or to come, in the order of their beginnings."""
        now = self._now()
        with self._reading.connect() as db:
            if with_past:
                return rows.windows(db, 0.0)
            return [window for window in rows.windows(db, now) if window.ended_at is None]

    def end(self, number: int, actor: str) -> Window:
        """End it now: what it held back is told if it still holds. Raise NoWindow, NotifyError."""
        now = self._now()
        with self._engine.begin() as db:
            window = rows.window(db, number)
            if window is None:
                raise NoWindow(f"there is no maintenance window {number}; `forewarn maintenance list` lists them")
            if window.ended_at is not None or window.ends_at <= now:
                raise NotifyError(f"maintenance window {number} is over already")
            rows.end_window(db, number, actor, now)
            rows.look_again(db, now)
            ended = rows.window(db, number)
        self._changed()
        assert ended is not None
        return ended


def window_problem(customer: str, site: str, device: str, starts_at: float, ends_at: float, now: float) -> str | None:
    """What is wrong with a window that somebody wants, with the remedy. Pure."""
    if not customer and not device:
        return "say for which customer (and site), or for which device"
    if ends_at <= now:
        return "it would be over already; give an end that lies ahead"
    if ends_at <= starts_at:
        return "it would end before it begins"
    if ends_at - max(starts_at, now) > LONGEST_SECONDS:
        return "it would last longer than 31 days; make it shorter, and another one when it is over"
    return None
