"""From the configured destinations to what sends and listens, and what can be asked of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from forewarn_collector.config_destinations import DestinationEntry
from forewarn_collector.start import StartError, secret_token
from forewarn_collector.tickets.destination import Destination, Forgetful
from forewarn_collector.tickets.systems.exchange import SETTLE_SECONDS, Exchange, Tickets
from forewarn_collector.tickets.systems.external import Link, Links
from forewarn_collector.tickets.systems.interface import HookRequest, TicketSystem
from forewarn_collector.tickets.systems.keeping import Keeping
from forewarn_collector.tickets.systems.kind import Kind, Setup
from forewarn_collector.tickets.systems.kinds import KINDS
from forewarn_collector.tickets.systems.listening import Listening


class Planned(NamedTuple):
    """A destination whose secrets are read; ``made`` speaks to it. ``hook_secret``: None, no web-hooks are taken."""

    entry: DestinationEntry
    kind: Kind
    setup: Setup
    made: TicketSystem | Destination
    hook_secret: str | None


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """How one destination is listened to: what is asked for, when it last answered, what troubles that."""

    name: str
    kind: str
    address: str
    polled_at: float | None
    hooks: bool
    trouble: str


def plan(entry: DestinationEntry, known: Callable[[Setup], Setup] = lambda setup: setup) -> Planned:
    """``known`` adds what is known elsewhere. Raise StartError when a secret cannot be read or used."""
    kind = KINDS[entry.kind]
    configured = Setup(
        name=entry.name,
        url=entry.url or kind.url,
        token=secret_token(entry.token_file) if entry.token_file else None,
        secrets={name: secret_token(file) for name, file in entry.secret_files.items()},
        options={name: key.default for name, key in kind.options.items()} | entry.options,
        maps=entry.maps().over(kind.maps),
        requests_per_minute=entry.requests_per_minute,
    )
    setup = known(configured)
    make = kind.system or kind.sender
    assert make is not None
    try:
        made = make(setup)
    except ValueError as error:
        raise StartError(f"destination {entry.name}: {error}") from None
    hook_secret = secret_token(entry.hook_secret_file) if entry.hook_secret_file else None
    return Planned(entry, kind, setup, made, hook_secret)


class Destinations:
    """``senders`` take deliveries; ``exchanges`` are those of them whose tickets come back: they are listened to."""

    def __init__(
        self,
        planned: Sequence[Planned],
        links: Callable[[str], Links],
        tickets: Tickets,
        now: Callable[[], float],
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._planned = planned
        self._tickets = tickets
        self.senders: list[Destination] = []
        self._links = {item.entry.name: links(item.entry.name) for item in planned}
        self.exchanges: dict[str, Exchange] = {}
        self._keeping: dict[str, Keeping] = {}
        self._listening: dict[str, Listening] = {}
        for item in planned:
            name = item.entry.name
            if item.kind.system is not None:
                system: TicketSystem = item.made  # type: ignore[assignment]
                exchange = Exchange(name, system, item.setup.maps, self._links[name], tickets, now, settle_seconds)
                self._listening[name] = Listening(exchange, item.entry.poll_seconds, item.kind.polls, now)
                self.exchanges[name] = exchange
                self.senders.append(exchange)
                continue
            sender: Destination = item.made  # type: ignore[assignment]
            self.senders.append(sender)
            if isinstance(sender, Forgetful):
                self._keeping[name] = Keeping(sender, tickets, item.entry.poll_seconds)

    def start(self) -> None:
        for listening in self._listening.values():
            listening.start()
        for keeping in self._keeping.values():
            keeping.start()

    def stop(self) -> None:
        for listening in self._listening.values():
            listening.stop()
        for keeping in self._keeping.values():
            keeping.stop()
        for listening in self._listening.values():
            listening.join()

    def hook(self, name: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Take a web-hook; False: nothing is listened to there. Raise HookRefused."""
        item = next((item for item in self._planned if item.entry.name == name), None)
        listening = self._listening.get(name)
        if item is None or listening is None or item.hook_secret is None:
            return False
        system: TicketSystem = item.made  # type: ignore[assignment]
        listening.hear(system.parse_hook(HookRequest(headers, body, item.hook_secret)))
        return True

    def elsewhere(self, ticket: int) -> list[tuple[str, Link]]:
        """Where else the ticket stands: the destination's name and the link to it. Raise NoTicket."""
        self._tickets.ticket(ticket)
        found = [(name, links.of_ticket(ticket)) for name, links in self._links.items()]
        return [(name, link) for name, link in found if link is not None and link.remote]

    def heard(self) -> list[Heard]:
        return [self._heard(item) for item in self._planned]

    def _heard(self, item: Planned) -> Heard:
        name = item.entry.name
        watch = self._links[name].watch()
        url = urlsplit(item.setup.url)
        return Heard(
            name=name,
            kind=item.entry.kind,
            # An address may have a password in it, and a path that is one.
            address=f"{url.scheme}://{url.hostname}" + (f":{url.port}" if url.port else ""),
            polled_at=watch.polled_at or None if watch else None,
            hooks=item.hook_secret is not None,
            trouble=watch.trouble if watch else self._keeping[name].trouble if name in self._keeping else "",
        )
