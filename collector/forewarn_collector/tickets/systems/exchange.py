"""One ticket system: what stands here is brought there, and what was done there is taken in.

A delivery is only an occasion, like a poll's find or a web-hook: each time both sides are read and what differs from
their last agreement is settled, so that nothing depends on an order, and anything may be done twice.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Unpack

import msgspec
from msgspec.structs import replace

from forewarn_collector.tickets.actions import How
from forewarn_collector.tickets.destination import Busy, DeliveryError, Parcel, Unreachable
from forewarn_collector.tickets.life import ENDED, TicketError
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.systems import wording
from forewarn_collector.tickets.systems.external import Link, Links
from forewarn_collector.tickets.systems.interface import Draft, Heard, Hint, Remote, TicketSystem, Wanted
from forewarn_collector.tickets.systems.maps import Maps
from forewarn_collector.tickets.systems.merge import Merge, Sides, merge_owners, merge_states, way_to

log = logging.getLogger(__name__)

# A ticket whose making was not answered may appear this much later.
SETTLE_SECONDS = 15.0
LOCKS = 64


class Tickets(Protocol):
    """The desk, as far as those in the ticket system can reach it."""

    def ticket(self, number: int) -> Ticket: ...

    def tickets(self, **wanted: Any) -> list[Ticket]: ...

    def act(self, number: int, action: str, actor: str, **how: Unpack[How]) -> Ticket: ...

    def note(self, number: int, actor: str, text: str, visibility: str = "internal") -> Ticket: ...

    def assign(self, number: int, owner: str, actor: str) -> Ticket: ...


class Exchange:
    """A destination (``send``) whose tickets come back (``look``). ``now``: Unix seconds."""

    def __init__(
        self,
        name: str,
        system: TicketSystem,
        maps: Maps,
        links: Links,
        tickets: Tickets,
        now: Callable[[], float],
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self.name = name
        self.system = system
        self.links = links
        self._maps = maps
        self._tickets = tickets
        self._now = now
        self._settle_seconds = settle_seconds
        self._locks = [threading.Lock() for _ in range(LOCKS)]

    def send(self, parcel: Parcel) -> None:
        with self._lock(parcel.ticket):
            ticket = self._current(parcel)
            link, remote = self._there(ticket)
            self._settle(ticket, link, remote, ours=parcel.ticket >= 0)

    def look(self, hint: Hint) -> bool:
        """Take in what was done to a ticket there; return whether it is one of ours."""
        link = self.links.of_remote(hint.id) if hint.id else None
        if link is None and hint.key:
            found = self.system.find(hint.key)
            link = self.links.of_remote(found.id) if found else None
        if link is None or link.ticket < 0:
            return False
        with self._lock(link.ticket):
            link = self.links.of_ticket(link.ticket) or link
            remote = self._read(link)
            if remote.version != link.version:
                self._settle(self._tickets.ticket(link.ticket), link, remote, ours=True)
        return True

    def _current(self, parcel: Parcel) -> Ticket:
        """As it is now: a delivery that waited long does not undo what came after it. One of a test is its body."""
        if parcel.ticket >= 0:
            return self._tickets.ticket(parcel.ticket)
        return msgspec.json.decode(parcel.body, type=Ticket)

    def _there(self, ticket: Ticket) -> tuple[Link, Remote]:
        """The ticket there: known, found or new."""
        link = self.links.of_ticket(ticket.number)
        if link is not None and link.remote:
            return link, self._read(link)
        now = self._now()
        if link is not None and 0 <= (waited := now - link.begun_at) < self._settle_seconds:
            left = self._settle_seconds - waited
            raise DeliveryError("whether it was made there is not known yet; it is looked for", retry_after=left)
        key = wording.dedup_key(ticket)
        remote = self.system.find(key)
        if remote is None:
            return self._make(ticket, key, now)
        told = link.told if link else len(ticket.timeline)
        link = Link(ticket=ticket.number, remote=remote.id, url=remote.url, begun_at=now, told=told)
        self.links.put(link)
        return link, self._read(link)

    def _make(self, ticket: Ticket, key: str, now: float) -> tuple[Link, Remote]:
        # Written down before it is asked for: neither a lost reply nor a kill leads to a second one.
        link = Link(ticket=ticket.number, begun_at=now, told=len(ticket.timeline))
        self.links.put(link)
        try:
            made = self.system.create(self._draft(ticket, key))
        except DeliveryError as error:
            if error.permanent or isinstance(error, Unreachable | Busy):
                self.links.remove(ticket.number)
                raise
            raise DeliveryError(str(error), retry_after=self._settle_seconds) from None
        link = replace(link, remote=made, severity=ticket.severity, our_owner=ticket.owner)
        self.links.put(link)
        remote = self._read(link)
        if remote.key and remote.key != key:
            raise DeliveryError(f"{made} was made but does not show the key {key}: is its field there?", permanent=True)
        # What a system makes of a new ticket is nobody's word, and there is nothing in it that we did not write.
        link = replace(link, their_state=remote.state, their_owner=remote.owner, version=remote.version)
        return link, remote

    def _draft(self, ticket: Ticket, key: str) -> Draft:
        return Draft(
            key=key,
            title=wording.title(ticket),
            text=wording.description(ticket),
            state=self._maps.state(ticket.state),
            priority=self._maps.priority(ticket.severity),
            queue=self._maps.queue(ticket.queue),
            owner=self._maps.login(ticket.owner or ticket.engineer),
            ticket=ticket,
        )

    def _read(self, link: Link) -> Remote:
        remote = self.system.read(link.remote)
        if remote is None:
            raise DeliveryError(f"{link.remote} was deleted there", permanent=True)
        return remote

    def _settle(self, ticket: Ticket, link: Link, before: Remote, ours: bool) -> None:
        """``before``: as it stands there. ``ours``: the ticket is one of the desk's, so what was done there can be
        taken in."""
        heard = self.system.notes(before.id, link.entry) if before.version != link.version else ()
        if ours:
            ticket = self._take_notes(ticket, heard)
            ticket = self._take_words(ticket, link, before)
        told = self._tell_notes(ticket, link, before, heard)
        entry = heard[-1].entry if heard else link.entry
        link = replace(link, told=len(ticket.timeline), entry=entry, url=before.url)
        if told:
            self.links.put(link)
        wanted = self._wanted(ticket, link, before)
        if wanted != Wanted():
            self.system.set_state(before, wanted)
            wanted = self._taken(wanted, before, self._read(link))
        # What somebody does there while we write is not in ``before``, so the next look takes it in.
        self.links.put(
            replace(
                link,
                our_state=ticket.state,
                their_state=before.state if wanted.state is None else wanted.state,
                our_owner=ticket.owner,
                their_owner=before.owner if wanted.owner is None else wanted.owner,
                severity=ticket.severity,
                version=before.version,
                seen_at=self._now(),
            )
        )

    def _take_notes(self, ticket: Ticket, heard: Sequence[Heard]) -> Ticket:
        for note in heard:
            if note.ours or wording.is_ours(note.text):
                continue
            actor = wording.actor_at(self._maps.person(note.actor), self.name)
            # Taken in and not yet written down when the collector was killed.
            if not any((entry.actor, entry.text) == (actor, note.text) for entry in ticket.timeline):
                visibility = "customer" if note.public else "internal"
                ticket = self._tickets.note(ticket.number, actor, note.text, visibility)
        return ticket

    def _take_words(self, ticket: Ticket, link: Link, remote: Remote) -> Ticket:
        """Their owner and state, where they are followed."""
        person = self._maps.person(remote.changed_by or remote.owner)
        actor = wording.actor_at(person or "somebody", self.name)
        if self._owners(ticket, link, remote).action == "take" and ticket.state not in ENDED:
            owner = self._maps.person(remote.owner)
            ticket = ticket if owner == ticket.owner else self._tickets.assign(ticket.number, owner, actor)
        return self._follow(ticket, remote, actor) if self._states(ticket, link, remote).action == "take" else ticket

    def _follow(self, ticket: Ticket, remote: Remote, actor: str) -> Ticket:
        """To their state, in two actions where a ticket has to be opened again first."""
        for _ in range(2):
            way = way_to(ticket.state, remote.state, remote.ended, remote.outcome, self._maps)
            if way is None:
                break
            try:
                ticket = self._tickets.act(ticket.number, way.action, actor, outcome=way.outcome, owner=ticket.owner)
            except TicketError as error:
                log.warning("%s says %s of ticket %d: %s", self.name, remote.state, ticket.number, error)
                break
        return ticket

    def _tell_notes(self, ticket: Ticket, link: Link, remote: Remote, heard: Sequence[Heard]) -> bool:
        """What is new here, unless it stands there since a try whose reply was lost. Return whether there was any."""
        there = [note.text for note in heard]
        new = wording.notes(ticket, link.told, self.name)
        for note in new:
            if wording.told_by(there, ticket.number, note.public) < len(ticket.timeline):
                self.system.note(remote, note.text, note.public)
        return bool(new)

    def _wanted(self, ticket: Ticket, link: Link, remote: Remote) -> Wanted:
        """What has to be changed there."""
        state = self._maps.state(ticket.state) if self._states(ticket, link, remote).action == "write" else None
        priority = self._maps.priority(ticket.severity)
        return Wanted(
            state=state,
            priority=priority if priority and link.severity not in ("", ticket.severity) else None,
            owner=self._maps.login(ticket.owner) if self._owners(ticket, link, remote).action == "write" else None,
            outcome=ticket.outcome or "" if state is not None and ticket.state in ENDED else "",
        )

    def _states(self, ticket: Ticket, link: Link, remote: Remote) -> Merge:
        base, now = Sides(link.our_state, link.their_state), Sides(ticket.state, remote.state)
        return merge_states(base, now, remote.ended, self._maps)

    def _owners(self, ticket: Ticket, link: Link, remote: Remote) -> Merge:
        base, now = Sides(link.our_owner, link.their_owner), Sides(ticket.owner, remote.owner)
        return merge_owners(base, now, self._maps)

    def _taken(self, wanted: Wanted, before: Remote, after: Remote) -> Wanted:
        """What the system made of it: it may answer that all is well and do nothing."""
        if wanted.state is not None and after.state == before.state != wanted.state:
            raise DeliveryError(
                f"it stays {after.state} though {wanted.state} was set; see states of {self.name}", permanent=True
            )
        return wanted._replace(owner=None) if after.owner == before.owner else wanted

    def _lock(self, ticket: int) -> threading.Lock:
        return self._locks[ticket % LOCKS]
