"""From the configured destinations to what sends and listens."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from forewarn_collector.config_destinations import DestinationEntry
from forewarn_collector.start import StartError, secret_of, secret_token
from forewarn_collector.tickets.destination import Destination
from forewarn_collector.tickets.systems.exchange import Exchange, Tickets
from forewarn_collector.tickets.systems.external import Links
from forewarn_collector.tickets.systems.interface import TicketSystem
from forewarn_collector.tickets.systems.kind import Kind, Setup
from forewarn_collector.tickets.systems.kinds import KINDS


class Planned(NamedTuple):
    """A destination whose secrets are read; ``made`` speaks to it. ``hook_secret``: None, no web-hooks are taken."""

    entry: DestinationEntry
    kind: Kind
    setup: Setup
    made: TicketSystem | Destination
    hook_secret: str | None


def plan(entry: DestinationEntry) -> Planned:
    """Raise StartError when a secret cannot be read or used."""
    kind = KINDS[entry.kind]
    setup = Setup(
        name=entry.name,
        url=entry.url or kind.url,
        token=secret_token(entry.token_file) if entry.token_file else None,
        secrets={name: secret_token(file) for name, file in entry.secret_files.items()},
        options={name: key.default for name, key in kind.options.items()} | entry.options,
        maps=entry.maps().over(kind.maps),
        requests_per_minute=entry.requests_per_minute,
    )
    make = kind.system or kind.sender
    assert make is not None
    try:
        made = make(setup)
    except ValueError as error:
        raise StartError(f"destination {entry.name}: {error}") from None
    hook_secret = secret_of(entry.hook_secret_file) if entry.hook_secret_file else None
    return Planned(entry, kind, setup, made, hook_secret)


class Destinations:
    """``senders`` take deliveries; ``exchanges`` are those of them whose tickets come back."""

    def __init__(
        self,
        planned: Sequence[Planned],
        links: Callable[[str], Links],
        tickets: Tickets,
        now: Callable[[], float],
    ) -> None:
        self.senders: list[Destination] = []
        self.exchanges: dict[str, Exchange] = {}
        for item in planned:
            name = item.entry.name
            if item.kind.system is not None:
                exchange = Exchange(name, item.made, item.setup.maps, links(name), tickets, now)  # type: ignore[arg-type]
                self.exchanges[name] = exchange
                self.senders.append(exchange)
            else:
                self.senders.append(item.made)  # type: ignore[arg-type]
