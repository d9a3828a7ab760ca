"""Tells a destination that forgets, again and again, what is open, and hears who has taken it up."""

from forewarn_collector.repeat import Repeat
from forewarn_collector.tickets import life
from forewarn_collector.tickets.destination import Forgetful
from forewarn_collector.tickets.systems.exchange import Tickets
from forewarn_collector.tickets.systems.wording import actor_at

EVERYTHING = 100_000


class Keeping:
    """``seconds``: between two tellings."""

    def __init__(self, destination: Forgetful, tickets: Tickets, seconds: float) -> None:
        self._destination = destination
        self._tickets = tickets
        self._loop = Repeat(f"keep {destination.name}", seconds, self.keep)

    @property
    def trouble(self) -> str:
        return self._loop.trouble or ""

    def start(self) -> None:
        self._loop.start()

    def stop(self) -> None:
        self._loop.stop()

    def keep(self) -> None:
        found = self._tickets.tickets(states=life.LIVE, limit=EVERYTHING)
        untouched = {ticket.number for ticket in found if ticket.state == life.OPEN}
        for taken in self._destination.keep(found):
            if taken.ticket in untouched:
                actor = actor_at(taken.person, self._destination.name)
                self._tickets.act(taken.ticket, "acknowledge", actor, text=taken.text, owner=taken.person)
