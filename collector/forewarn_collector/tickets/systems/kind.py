"""What the configuration must say for one kind of destination, and how the destination is made from it."""

from collections.abc import Callable, Mapping

import msgspec

from forewarn_collector.tickets.destination import Destination
from forewarn_collector.tickets.systems.interface import TicketSystem
from forewarn_collector.tickets.systems.maps import Maps


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """One destination as it is configured. ``token`` and ``secrets`` are read from their files; ``maps`` has the usual
    words below the configured ones; ``options`` holds what the kind asks for."""

    name: str
    url: str
    token: str | None = None
    secrets: Mapping[str, str] = {}
    options: Mapping[str, str] = {}
    maps: Maps = Maps()
    requests_per_minute: int | None = None
    timeout: float = 10.0


class Key(msgspec.Struct, frozen=True):
    """An option or a secret of a kind."""

    meaning: str
    example: str
    needed: bool = False
    default: str = ""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Either a ``system``, with tickets that come back, or a ``sender``, which is only told.

    ``url``: where everybody's instance is; empty: each has its own. ``credential``: what the
    ``token_file`` holds; empty: nothing is asked for. ``proof``: how far it was tried: ``real server``, ``documented
    format`` or ``untried``.
    """

    summary: str
    proof: str
    system: Callable[[Setup], TicketSystem] | None = None
    sender: Callable[[Setup], Destination] | None = None
    url: str = ""
    url_example: str = ""
    schemes: tuple[str, ...] = ("https", "http")
    credential: str = ""
    credential_needed: bool = False
    options: Mapping[str, Key] = {}
    secrets: Mapping[str, Key] = {}
    maps: Maps = Maps()
    hooks: str = ""
    """How the system tells of changes; empty: it cannot, or is not listened to."""
    polls: bool = False
