"""What every destination offers, and the one error type they share."""

from typing import NamedTuple, Protocol


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
    """It could not be delivered. ``permanent``: trying again cannot help (a refused body, a wrong address)."""

    def __init__(self, text: str, *, permanent: bool = False) -> None:
        super().__init__(text)
        self.permanent = permanent


class Unreachable(DeliveryError):
    """Nobody answered: nothing else can be delivered there now either."""


class Destination(Protocol):
    name: str

    def send(self, parcel: Parcel) -> None:
        """Deliver, or raise DeliveryError. May be called again for the same parcel: at least once."""
        ...
