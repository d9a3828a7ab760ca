"""Which notifications are told in one message, and which still wait for others. Pure; for one engineer on one channel.

Nobody reads a hundred messages. The first few of a minute go out one by one; more than that become one message with
their count, and as long as it goes on there is one a minute.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

MINUTE = 60.0


class Guard(NamedTuple):
    """``gather_seconds``: how long a message waits for others. ``storm_after``: messages within a minute that are told
    one by one."""

    gather_seconds: float = 5.0
    storm_after: int = 5


class Ready(NamedTuple):
    """A notification that may be sent as far as it is concerned. ``alone``: it is never told with others."""

    id: int
    created_at: float
    digest: bool = False
    alone: bool = False


class Form(StrEnum):
    SINGLE = "single"
    STORM = "storm"
    DIGEST = "digest"


class Batch(NamedTuple):
    """One message."""

    form: Form
    ids: tuple[int, ...]


class Gathered(NamedTuple):
    """``waiting``: those to look at again at ``until``, for this reason."""

    batches: list[Batch]
    waiting: tuple[int, ...] = ()
    until: float = 0.0
    reason: str = ""


def gather(ready: Sequence[Ready], sent: Sequence[float], guard: Guard, now: float) -> Gathered:
    """``sent``: when messages went out to this engineer here."""
    batches = [Batch(Form.SINGLE, (item.id,)) for item in ready if item.alone]
    if digest := tuple(item.id for item in ready if item.digest):
        batches.append(Batch(Form.DIGEST, digest))
    rest = [item for item in ready if not item.alone and not item.digest]
    if not rest:
        return Gathered(batches)
    ids = tuple(item.id for item in rest)
    complete_at = min(item.created_at for item in rest) + guard.gather_seconds
    if now < complete_at <= now + guard.gather_seconds:
        return Gathered(batches, ids, complete_at, "others to be told with")
    lately = [at for at in sent if now - MINUTE < at <= now]
    if len(rest) + len(lately) <= guard.storm_after:
        return Gathered([*batches, *(Batch(Form.SINGLE, (number,)) for number in ids)])
    if lately:
        return Gathered(batches, ids, min(lately) + MINUTE, "the end of a minute with many messages")
    return Gathered([*batches, Batch(Form.STORM, ids)])
