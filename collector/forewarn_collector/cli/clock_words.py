"""The clocks of a service level in words. Pure."""

from collections.abc import Sequence

from forewarn_collector.api.people_views import TicketView
from forewarn_collector.cli.format import ABSENT, Times
from forewarn_collector.people.clocks import Clock
from forewarn_collector.people.escalation import is_soon
from forewarn_rules.durations import spell_duration

RUNNING = ("running", "overdue", "paused")


def due(clocks: Sequence[Clock], times: Times) -> tuple[str, str]:
    """(respond or resolve, ``in 20 min``, ``3 h ago`` or ``paused``) of the clock that counts now; both ``-`` without
    one."""
    clock = _counting(clocks)
    if clock is None:
        return ABSENT, ABSENT
    return clock.kind, "paused" if clock.due_at is None else times.age(clock.due_at)


def sentence(clock: Clock, times: Times) -> str:
    """``due 2026-11-23 19:14 (in 20 min)``"""
    if clock.state in ("met", "missed"):
        at = f" {times.moment(clock.stopped_at)}" if clock.stopped_at is not None else ""
        return f"{clock.state}{at}"
    if clock.due_at is None:
        return f"paused, {spell_duration(max(0.0, clock.left_seconds))} left of {spell_duration(clock.target_seconds)}"
    over = "over since" if clock.state == "overdue" else "due"
    return f"{over} {times.both(clock.due_at)}"


def colour(clocks: Sequence[Clock]) -> str:
    """The colour of a clock: red when it is over, yellow when it soon is; "" otherwise."""
    clock = _counting(clocks)
    if clock is None or clock.state == "paused":
        return ""
    return "red" if clock.state == "overdue" else "yellow" if is_soon(clock) else ""


def urgency(ticket: TicketView) -> tuple[float, int]:
    """To put first what runs out first; what is paused or has no clock comes last."""
    clock = _counting(ticket.clocks)
    at = float("inf") if clock is None or clock.due_at is None else clock.due_at
    return at, ticket.number


def _counting(clocks: Sequence[Clock]) -> Clock | None:
    return next((clock for clock in clocks if clock.state in RUNNING), None)
