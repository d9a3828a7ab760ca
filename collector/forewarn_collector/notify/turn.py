"""What a channel does next with what waits for it. Pure: values in, decisions out."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from forewarn_collector.notify import words
from forewarn_collector.notify.decide import Action, Decision, decide
from forewarn_collector.notify.gather import Form, Guard, Ready, gather
from forewarn_collector.notify.model import Contact, Kind, Notification, Waiting, Window
from forewarn_collector.notify.senders.sender import Message


class Outgoing(NamedTuple):
    """One message and the notifications that it tells."""

    message: Message
    items: tuple[Notification, ...]

    @property
    def ids(self) -> list[int]:
        return [item.id for item in self.items]


class Turn(NamedTuple):
    """``changes``: what becomes of those that are not sent now."""

    outgoing: list[Outgoing]
    changes: list[tuple[int, Decision]]


NOT_THEIRS = "this engineer is not reached here any more"


def next_turn(
    waiting: Sequence[Waiting],
    channel: str,
    contact_of: Callable[[str], Contact | None],
    windows: Sequence[Window],
    sent: Iterable[tuple[str, float]],
    guard: Guard,
    now: float,
) -> Turn:
    """``sent``: (engineer, when) of the messages of the last minute here. What is urgent goes first."""
    outgoing: list[Outgoing] = []
    changes: list[tuple[int, Decision]] = []
    times = list(sent)
    ready: dict[Contact, list[tuple[Notification, bool]]] = {}
    for item, subject, told_before in waiting:
        contact = contact_of(item.engineer)
        if contact is None or channel not in contact.channels + contact.urgent_channels:
            changes.append((item.id, Decision(Action.DROP, NOT_THEIRS)))
            continue
        about = (Kind(item.kind), item.urgent, item.created_at, subject)
        found = decide(*about, contact, windows, told_before, now)
        if found.action in (Action.SEND, Action.DIGEST):
            ready.setdefault(contact, []).append((item, found.action is Action.DIGEST))
        else:
            changes.append((item.id, found))
    for contact, items in ready.items():
        to_gather = [
            Ready(item.id, item.created_at, digest=digest, alone=item.kind == Kind.TEST) for item, digest in items
        ]
        gathered = gather(to_gather, [at for engineer, at in times if engineer == contact.engineer], guard, now)
        changes += [(number, Decision(Action.HOLD, gathered.reason, gathered.until)) for number in gathered.waiting]
        known = {item.id: item for item, _ in items}
        outgoing += [
            _outgoing(batch.form, tuple(known[number] for number in batch.ids), contact) for batch in gathered.batches
        ]
    outgoing.sort(key=lambda one: (not any(item.urgent for item in one.items), one.items[0].id))
    return Turn(outgoing, changes)


def _outgoing(form: Form, items: tuple[Notification, ...], contact: Contact) -> Outgoing:
    if form is Form.SINGLE:
        (item,) = items
        title, body = item.title, item.body
    else:
        title, body = (words.storm if form is Form.STORM else words.digest)(items, contact.language)
    return Outgoing(Message(title, body, contact.mobile), items)
