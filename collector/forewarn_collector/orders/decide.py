"""When an order is sent, sent again and given up, and what an answer makes of it. Pure."""

from typing import NamedTuple

from forewarn_collector.orders.model import Order, State
from forewarn_collector.store.model import Session
from forewarn_wire import Answer, ReplyReport

FIRST_AGAIN_SECONDS = 30.0
LONGEST_AGAIN_SECONDS = 900.0
# An answer waits in the device's outbox until the device is there again; it is taken whenever it comes.
GRACE_SECONDS = 30.0
STATE_OF_ANSWER = {
    Answer.DONE: State.DONE,
    Answer.REFUSED: State.REFUSED,
    Answer.FAILED: State.FAILED,
    Answer.EXPIRED: State.EXPIRED,
}


class Ended(NamedTuple):
    state: State
    text: str


def is_due(order: Order, session: Session | None, now: float) -> bool:
    """Send it to a device that is there: once in each of its sessions, and again when no answer comes for long."""
    if session is None or not session.online:
        return False
    if order.sent_at is None or order.sent_session != session.session:
        return True
    again = min(LONGEST_AGAIN_SECONDS, FIRST_AGAIN_SECONDS * 2.0 ** min(order.tries - 1, 10))
    return now >= order.sent_at + again


def expiry(order: Order, now: float) -> Ended | None:
    """Whether nobody waits for an answer any longer, and what is known of it then."""
    if order.expires_at is None:
        return None
    if order.sent_at is None:
        return Ended(State.EXPIRED, "the device was not there in time") if now > order.expires_at else None
    if now <= order.expires_at + GRACE_SECONDS:
        return None
    return Ended(State.EXPIRED, "sent and not answered in time: whether it was carried out is not known")


def by_the_clock_of(expires_at: float, session: Session) -> float:
    """The device judges by its own clock whether an order has expired."""
    return expires_at + session.clock_offset


def answered(reply: ReplyReport) -> Ended:
    return Ended(STATE_OF_ANSWER[reply.answer], reply.text)
