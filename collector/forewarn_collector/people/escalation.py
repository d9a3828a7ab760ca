"""Who is to be told about a ticket now, because nobody has taken it or a clock runs out. Pure."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from forewarn_collector.people.calendars import ALWAYS, reached
from forewarn_collector.people.clocks import TAKEN, Clock, Moment, clocks
from forewarn_collector.people.duty import StandIn
from forewarn_collector.people.lookup import People
from forewarn_collector.people.schema import BACKUP, ON_CALL, OWNER, PRIMARY, Escalation, Step
from forewarn_collector.tickets import life
from forewarn_collector.tickets.model import Ticket
from forewarn_rules.durations import parse_duration

AT_ONCE = Escalation(name="", steps=[Step(tell=[PRIMARY])])
"""Where nothing is said: who is responsible hears of it."""
SOON_SHARE = 0.25
"""A clock is about to run out when this share of its time is left."""
LATE_SECONDS = 86_400.0
"""What was due longer ago is not told any more: an escalation begun today does not ring for last month's tickets."""
LOOK_AGAIN_SECONDS = 60.0


class Reason(StrEnum):
    OPENED = "opened"
    ROSE = "rose"
    ESCALATED = "escalated"
    DUE = "due"


class Telling(NamedTuple):
    """``since`` and ``step`` name it: it happens once. ``engineers`` is empty when nobody is known; ``late``: it is not
    told, only noted."""

    since: float
    step: str
    reason: Reason
    engineers: tuple[str, ...]
    text: str
    late: bool = False


class Plan(NamedTuple):
    """``next_at``: nothing is due before, unless something is changed; None: nothing more."""

    now: list[Telling]
    next_at: float | None


class Situation(NamedTuple):
    """What is known of a ticket at a moment. ``taken``: the steps that were taken, by since when."""

    ticket: Ticket
    history: Sequence[Moment]
    people: People
    stand_ins: Sequence[StandIn]
    taken: dict[float, set[str]]
    now: float


class _Due(NamedTuple):
    """What is to be told at a time; ``roles`` are looked up when it is."""

    at: float
    since: float
    step: str
    reason: Reason
    roles: tuple[str, ...]
    text: str


def plan(about: Situation) -> Plan:
    """What is due now and was not done yet."""
    if about.ticket.state not in life.LIVE:
        return Plan([], None)
    left = [
        due
        for due in (*_steps(about), *_rises(about), *_clock_warnings(about))
        if due.step not in about.taken.get(due.since, ())
    ]
    later = [due.at for due in left if due.at > about.now]
    if about.people.targets(about.ticket.customer, about.ticket.site):
        later.append(about.now + LOOK_AGAIN_SECONDS)
    return Plan([_telling(due, about) for due in left if due.at <= about.now], min(later, default=None))


def engineers_of(role: str, about: Situation) -> tuple[str, ...]:
    """Who that is now. Without anybody responsible it is who is on call."""
    ticket, people = about.ticket, about.people
    said = people.responsible(ticket.customer, ticket.site, ticket.device)
    primary = said.primary or (ticket.engineer if ticket.customer not in people.customers else "")
    duty = people.on_call(ticket.customer, about.now, about.stand_ins)
    on_call = duty.engineer if duty else ""
    found = {
        PRIMARY: primary or on_call,
        BACKUP: said.backup,
        ON_CALL: on_call,
        OWNER: people.named(ticket.owner) or primary or on_call,
    }.get(role, role)
    return (found,) if found else ()


def is_soon(clock: Clock) -> bool:
    """Whether it is about to run out."""
    return clock.state == "running" and clock.left_seconds <= SOON_SHARE * clock.target_seconds


def _telling(due: _Due, about: Situation) -> Telling:
    who = tuple(dict.fromkeys(name for role in due.roles for name in engineers_of(role, about)))
    return Telling(due.since, due.step, due.reason, who, due.text, due.at < about.now - LATE_SECONDS)


def _steps(about: Situation) -> Iterator[_Due]:
    """Every step, while nobody has taken the ticket."""
    ticket, people = about.ticket, about.people
    if ticket.state != life.OPEN:
        return
    policy = people.escalation(ticket.customer) or AT_ONCE
    if ticket.severity not in policy.levels:
        policy = AT_ONCE
    since = _open_since(about.history, set(policy.levels))
    hours = ALWAYS if policy.around_the_clock else people.hours(ticket.customer, ticket.site)
    for round_, number, after, step in _rounds(policy):
        at = reached(hours, since, after)
        if at is None:
            return
        reason = Reason.ESCALATED if round_ or number else Reason.OPENED
        text = f"step {number + 1}{f' of round {round_ + 1}' if round_ else ''}: {' and '.join(step.tell)}"
        yield _Due(at, since, f"{round_}.{number}", reason, tuple(step.tell), text)


def _rounds(policy: Escalation) -> Iterator[tuple[int, int, float, Step]]:
    """(round, number, seconds since it is open, step)"""
    length = parse_duration(policy.steps[-1].after) + parse_duration(policy.repeat_after)
    for round_ in range(policy.repeat + 1):
        for number, step in enumerate(policy.steps):
            yield round_, number, round_ * length + parse_duration(step.after), step


def _rises(about: Situation) -> Iterator[_Due]:
    """A ticket that gets worse after somebody has taken it; before that, the steps see to it."""
    if about.ticket.state == life.OPEN:
        return
    for before, after in pairwise(about.history):
        if life.LEVELS.index(after.severity) > life.LEVELS.index(before.severity) and after.state in TAKEN:
            text = f"{before.severity} has become {after.severity}"
            yield _Due(after.at, after.at, "rose", Reason.ROSE, (OWNER,), text)


def _clock_warnings(about: Situation) -> Iterator[_Due]:
    ticket, begun = about.ticket, about.history[0].at
    for clock in clocks(about.history, about.people.targets(ticket.customer, ticket.site), about.now):
        if clock.state == "overdue" and clock.due_at is not None:
            text = f"time to {clock.kind} is over"
            yield _Due(clock.due_at, begun, f"{clock.kind} over", Reason.DUE, (OWNER, BACKUP), text)
        elif is_soon(clock):
            text = f"time to {clock.kind} is about to run out"
            yield _Due(about.now, begun, f"{clock.kind} soon", Reason.DUE, (OWNER,), text)


def _open_since(history: Sequence[Moment], levels: set[str]) -> float:
    """Since when it is open without a break, and of these severities."""
    found = history[-1].at
    for moment in reversed(history):
        if moment.state != life.OPEN or (moment.severity not in levels and history[-1].severity in levels):
            break
        found = moment.at
    return found
