"""What every destination offers, and the error types they share."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from forewarn_collector.tickets.model import Ticket

# In the error of a delivery that must not be tried again by itself: nobody but a person can find out.
UNCERTAIN = "it is not known whether the ticket was made"


class Parcel(NamedTuple):
    """One delivery: what happened to which ticket. ``body``: the ticket as JSON at that moment."""

    id: int
    ticket: int
    destination: str
    event: str
    event_id: str
    body: str
    created_at: float
    tries: int


class DeliveryError(Exception):
    """It could not be delivered. ``permanent``: trying again cannot help (a refused body, a wrong address).
    ``retry_after``: seconds before which another try of this one is pointless."""

    def __init__(self, text: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.permanent = permanent
        self.retry_after = retry_after


class Unreachable(DeliveryError):
    """Nobody answered, or nobody who lets us in: nothing else can be delivered there now either."""


class Busy(DeliveryError):
    """We are asked to be slower: nothing is sent there before ``retry_after`` seconds."""

    retry_after: float

    def __init__(self, text: str, retry_after: float) -> None:
        super().__init__(text, retry_after=retry_after)


class Destination(Protocol):
    name: str

    def send(self, parcel: Parcel) -> None:
        """Deliver, or raise DeliveryError. May be called again for the same parcel: at least once."""
        ...


class Taken(NamedTuple):
    """``person`` has taken ``ticket`` up there, and what was said with that."""

    ticket: int
    person: str
    text: str


@runtime_checkable
class Forgetful(Protocol):
    """A destination that has to be told again and again what is open."""

    name: str

    def keep(self, tickets: Sequence[Ticket]) -> list[Taken]:
        """``tickets``: all that are open. Return who took up which. Raise DeliveryError."""
        ...
