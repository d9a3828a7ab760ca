"""The clocks of a service level: from a ticket's history to when an answer and a remedy are due. Pure.

They start when the collector wrote the ticket down, not when the evidence was measured: nobody can answer what is not
known yet. A ticket that rises gets the shorter of what is left and what the higher severity promises from then on.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from forewarn_collector.people.calendars import ALWAYS, OpenHours, Span, counted, reached
from forewarn_collector.tickets import life

TAKEN = (life.ACKNOWLEDGED, life.IN_PROGRESS, life.WAITING)


class Moment(NamedTuple):
    """A line of a ticket's history: from ``at`` on it was in this state, with this severity."""

    at: float
    state: str
    severity: str


class Target(NamedTuple):
    """What is promised for a severity, in seconds."""

    respond: float
    resolve: float
    hours: OpenHours = ALWAYS


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """``kind``: respond or resolve. ``state``: running, paused (``due_at`` is null), overdue, met or missed.
    ``left_seconds`` of ``target_seconds``: open time that is left, negative beyond it; ``stopped_at``: when it was met
    or missed."""

    kind: str
    state: str
    due_at: float | None
    left_seconds: float
    target_seconds: float
    stopped_at: float | None = None


def clocks(history: Sequence[Moment], targets: dict[str, Target], now: float) -> list[Clock]:
    """``history``: in order of time, never empty; ``targets``: by severity. No target, no clock."""
    if not any(moment.severity in targets for moment in history):
        return []
    ended = [(moment, nxt) for moment, nxt in _with_end(history, now) if moment.state in life.ENDED]
    waited = [(moment, nxt) for moment, nxt in _with_end(history, now) if moment.state == life.WAITING]
    taken = next((moment.at for moment in history if moment.state in TAKEN), None)
    over = _ended_at(history)
    stops = (over if taken is None else taken, over)
    pauses = (_spans(ended), _spans(sorted([*ended, *waited])))
    return [
        _clock(kind, history, targets, stop, held, now)
        for kind, stop, held in zip(("respond", "resolve"), stops, pauses, strict=True)
    ]


def _clock(
    kind: str,
    history: Sequence[Moment],
    targets: dict[str, Target],
    stopped: float | None,
    pauses: Sequence[Span],
    now: float,
) -> Clock:
    until = now if stopped is None else stopped
    # Only a pause that lasts leaves open when it is due; what came after the stop does not count.
    held = [(start, end if end < now else float("inf")) for start, end in pauses if start < until]
    due, left = None, (float("inf"), 0.0)
    for start, target in _promises(history, targets, until):
        seconds = target.respond if kind == "respond" else target.resolve
        left = min(left, (seconds - counted(target.hours, start, until, _cut(held, until)), seconds))
        at = reached(target.hours, start, seconds, _cut(held, until) if stopped is not None else held)
        if at is not None:
            due = at if due is None else min(due, at)
    if stopped is not None:
        state = "missed" if due is not None and stopped > due else "met"
    elif due is not None and now > due:
        state = "overdue"
    elif held and held[-1][1] == float("inf"):
        state = "paused"
    else:
        state = "running"
    return Clock(kind=kind, state=state, due_at=due, left_seconds=left[0], target_seconds=left[1], stopped_at=stopped)


def _promises(history: Sequence[Moment], targets: dict[str, Target], until: float) -> list[tuple[float, Target]]:
    """(since when, what) for each severity that the ticket rose to while the clock ran."""
    found: list[tuple[float, Target]] = []
    seen: set[str] = set()
    for moment in history:
        if moment.severity in targets and moment.severity not in seen and (not found or moment.at <= until):
            found.append((moment.at, targets[moment.severity]))
        seen.add(moment.severity)
    return found


def _ended_at(history: Sequence[Moment]) -> float | None:
    """Closing what was resolved does not make it later."""
    found = None
    for moment in reversed(history):
        if moment.state not in life.ENDED:
            break
        found = moment.at
    return found


def _with_end(history: Sequence[Moment], now: float) -> list[tuple[Moment, float]]:
    ends = [*(moment.at for moment in history[1:]), max(now, history[-1].at)]
    return list(zip(history, ends, strict=True))


def _spans(moments: Sequence[tuple[Moment, float]]) -> list[Span]:
    """Stretches in order; those that touch become one."""
    found: list[Span] = []
    for moment, end in moments:
        if found and found[-1][1] >= moment.at:
            found[-1] = (found[-1][0], end)
        else:
            found.append((moment.at, end))
    return found


def _cut(spans: Sequence[Span], until: float) -> list[Span]:
    return [(start, min(end, until)) for start, end in spans]
