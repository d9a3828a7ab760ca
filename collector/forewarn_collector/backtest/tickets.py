"""Changes of level as the tickets that they open and close. Pure."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from forewarn_collector.backtest.history import DAY, NEVER, Floats, History, Integers
from forewarn_rules import LEVELS, Change

OPENS = LEVELS.index("warning")
QUIET_DAYS = 30
RISK = "model-risk"


class Ticket(msgspec.Struct, kw_only=True):
    """One ticket on one drive. Days count from 1970-01-01; ``closed`` is None while it stands.

    ``rule`` opened it, ``level`` is the highest it reached, ``probability`` that of the forecast at the opening,
    ``kind`` prediction or fact.
    """

    drive: int
    fault: str
    rule: str
    level: str
    opened: int
    closed: int | None = None
    probability: float | None = None
    kind: str = "prediction"


def open_tickets(changes: Iterable[Change], history: History, by_rule: bool = False) -> list[Ticket]:
    """One ticket per drive and fault that stands while any rule of the fault is at warning or critical, as live; or,
    ``by_rule``, one per drive and rule."""
    number = {serial: n for n, serial in enumerate(history.serials)}
    found: list[Ticket] = []
    standing: dict[tuple[int, str], tuple[Ticket, set[str]]] = {}
    for change in changes:
        if change.status == "experimental":
            continue
        drive, day = number[change.key[1]], int(change.at // DAY)
        place = (drive, change.rule if by_rule else change.fault)
        level = LEVELS.index(change.after)
        if level >= OPENS:
            if place not in standing:
                probability = change.forecast.probability if change.forecast else None
                ticket = Ticket(
                    drive=drive,
                    fault=change.fault,
                    rule=change.rule,
                    level=change.after,
                    opened=day,
                    probability=probability,
                    kind=change.ticket_kind,
                )
                standing[place] = ticket, set()
                found.append(ticket)
            ticket, rules = standing[place]
            rules.add(change.rule)
            ticket.level = LEVELS[max(level, LEVELS.index(ticket.level))]
        elif place in standing:
            ticket, rules = standing[place]
            rules.discard(change.rule)
            if not rules:
                ticket.closed = day
                del standing[place]
    return found


def risk_tickets(
    history: History, scores: Floats, flagged: npt.NDArray[np.bool_], quiet_days: int = QUIET_DAYS
) -> list[Ticket]:
    """Tickets of a score: open when a drive's row is flagged, closed when none was for so many days.

    Ordered by drive.
    """
    above = np.flatnonzero(flagged)
    order = above[np.lexsort((history.days[above], history.drives[above]))]
    drives, days = history.drives[order], history.days[order]
    found: list[Ticket] = []
    for drive, day, row in zip(drives.tolist(), days.tolist(), order.tolist(), strict=True):
        last = found[-1] if found else None
        if last is not None and last.drive == drive and last.closed is not None and day <= last.closed:
            last.closed = day + quiet_days
            continue
        found.append(
            Ticket(
                drive=drive,
                fault="disk-failure",
                rule=RISK,
                level="warning",
                opened=day,
                closed=day + quiet_days,
                probability=float(scores[row]),
            )
        )
    last_seen = np.full(len(history.serials), -1, dtype=np.int64)
    np.maximum.at(last_seen, history.drives, history.days)
    for ticket in found:
        if ticket.closed is not None and ticket.closed > last_seen[ticket.drive]:
            ticket.closed = None
    return found


def intervals(tickets: Sequence[Ticket]) -> tuple[Integers, Integers, Integers]:
    """Drives, days opened and days closed (NEVER while it stands) as columns."""
    drives = np.array([ticket.drive for ticket in tickets], dtype=np.int64)
    opened = np.array([ticket.opened for ticket in tickets], dtype=np.int64)
    closed = np.array([NEVER if t.closed is None else t.closed for t in tickets], dtype=np.int64)
    return drives, opened, closed


def reopened(tickets: Iterable[Ticket]) -> int:
    """Tickets on a drive and fault that had one before."""
    seen = [(ticket.drive, ticket.fault) for ticket in tickets]
    return len(seen) - len(set(seen))
