"""The life of a ticket, as pure decisions: which action leads where, and what a change of level means for it."""

from collections.abc import Iterable
from dataclasses import dataclass

OPEN, ACKNOWLEDGED, IN_PROGRESS, WAITING = "open", "acknowledged", "in progress", "waiting"
RESOLVED, CLOSED, FALSE_ALARM = "resolved", "closed", "false alarm"
STATES = (OPEN, ACKNOWLEDGED, IN_PROGRESS, WAITING, RESOLVED, CLOSED, FALSE_ALARM)
LIVE = (OPEN, ACKNOWLEDGED, IN_PROGRESS, WAITING)
ENDED = (RESOLVED, CLOSED, FALSE_ALARM)

# What an engineer may say was found. The first two say that the prediction was right.
OUTCOMES = {
    "failed": "the part failed before anything was done",
    "replaced-in-time": "the part was replaced before it failed",
    "cleaned": "the cause was removed: cleaned, freed, reconnected",
    "configuration": "a setting was changed",
    "could-not-reproduce": "looked at, nothing found",
    "false-alarm": "there was no fault",
}
CONDITION_CLEARED = "condition-cleared"
# The fault is real, known and lived with until it grows: it says nothing about the prediction.
ACCEPTED = "accepted-as-known"
# What comes after these is new, however late it comes: what was accepted is not raised again by the rules themselves.
NOT_BY_HAND = (CONDITION_CLEARED, ACCEPTED)
# Faults of the part itself: replacing it is what was asked for.
OF_THE_PART = ("disk-failure", "disk-wear")
# On whom or what it waits; a ticket system that waits may not say.
WAITING_FOR = ("customer", "part", "vendor")
# Who found the fault of a ticket.
US, CUSTOMER = "us", "customer"

LEVELS = ("none", "watch", "warning", "critical")
TICKET_LEVELS = ("warning", "critical")

_ACTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "acknowledge": ((OPEN,), ACKNOWLEDGED),
    "start": ((OPEN, ACKNOWLEDGED, WAITING), IN_PROGRESS),
    "wait": ((OPEN, ACKNOWLEDGED, IN_PROGRESS), WAITING),
    "resolve": (LIVE, RESOLVED),
    "close": ((*LIVE, RESOLVED), CLOSED),
    "reopen": (ENDED, OPEN),
}
ACTIONS = tuple(_ACTIONS)


class TicketError(ValueError):
    """An action that this ticket does not allow now; the text says why and what is possible."""


class NoTicket(TicketError):
    """There is no ticket of this number."""


def no_such_ticket(number: int) -> NoTicket:
    return NoTicket(f"there is no ticket {number}")


def next_state(state: str, action: str, outcome: str | None = None, waiting_for: str = "") -> str:
    """Given a state and an action, return the new state. Raise TicketError when the action does not fit."""
    if action not in _ACTIONS:
        raise TicketError(f"{action!r} is not an action; choose one of {', '.join(ACTIONS)}")
    allowed, target = _ACTIONS[action]
    if state not in allowed:
        possible = [name for name, (states, _) in _ACTIONS.items() if state in states]
        raise TicketError(f"cannot {action} a ticket that is {state}; possible now: {', '.join(possible)}")
    if action != "close" and outcome is not None:
        raise TicketError(f"{action} takes no outcome; say it when you close the ticket")
    if action == "wait" and waiting_for not in ("", *WAITING_FOR):
        raise TicketError(f"{waiting_for!r} is nothing to wait for; choose one of {', '.join(WAITING_FOR)}")
    if action == "close":
        if outcome not in OUTCOMES:
            raise TicketError(f"outcome {outcome!r} is unknown; choose one of {', '.join(OUTCOMES)}")
        if outcome == "false-alarm":
            return FALSE_ALARM
    return target


def outcome_of_replacement(fault: str, evidence: Iterable[tuple[str, str]]) -> str:
    """What replacing the part says about the prediction. ``evidence``: (component, level) of each rule behind it.

    A part that had been gone from its machine for long was not replaced in time. A bad cable or a hot bay was not
    shown to be anybody's fault by a new disk.
    """
    if fault not in OF_THE_PART:
        return CONDITION_CLEARED
    gone = any(component.startswith("presence:") and level in TICKET_LEVELS for component, level in evidence)
    return "failed" if gone else "replaced-in-time"


def is_likelier(probability: float | None, known: float | None) -> bool:
    """Whether new evidence of the same severity gives the ticket its forecast."""
    return probability is not None and (known is None or probability > known)


def worst(levels: Iterable[str]) -> str:
    return max(levels, key=LEVELS.index, default="none")


@dataclass(frozen=True)
class Step:
    """What a change of level does to the ticket of its key, and why."""

    action: str  # create | reopen | add | rise | ease | resolve | nothing; join | lead: what roots makes of create
    reason: str


def on_change(
    live: bool,
    recent: bool,
    severity: str,
    others: Iterable[str],
    before: str,
    after: str,
    status: str,
    known: str = "none",
) -> Step:
    """Decide. ``live`` and ``severity`` describe the ticket of the key, ``others`` the levels of its other evidence;
    ``recent``: there is none, but one that ended lately and is to be opened again; ``known``: the severity of a ticket
    that an engineer ended after this was measured.

    A ticket never lowers its severity by itself and is resolved only when every rule behind it is calm. An engineer's
    word stands: neither a calm rule nor late evidence of what the engineer knew changes an ended ticket.
    """
    if status != "stable":
        return Step("nothing", f"the rule is {status}: it judges but opens no ticket")
    if after in TICKET_LEVELS:
        if live:
            if LEVELS.index(after) > LEVELS.index(severity):
                return Step("rise", f"{after} is above {severity}")
            return Step("add", "new evidence for the open ticket")
        if LEVELS.index(after) <= LEVELS.index(known):
            return Step("nothing", f"an engineer ended a {known} ticket after this was measured")
        if recent:
            return Step("reopen", f"{after} again, soon after it ended")
        return Step("create", f"{after} and no ticket is open for this fault")
    if not live or before not in TICKET_LEVELS:
        return Step("nothing", "no open ticket rests on this rule")
    if worst(others) in TICKET_LEVELS:
        return Step("ease", "calm, but other evidence stands")
    return Step("resolve", "every rule behind the ticket is calm")
