"""What a ticket system offers to forewarn: one file for each system, and nothing in it that decides.

Every method speaks to the system now and raises DeliveryError (or one of its kind) where that fails. States,
priorities, queues and users are in the system's own words or ids here; ``maps`` translates.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from forewarn_collector.tickets.model import Ticket


class Draft(NamedTuple):
    """A ticket as it is to be made there. ``key`` must be found again by ``find``; an empty word means: not said."""

    key: str
    title: str
    text: str
    state: str
    priority: str
    queue: str
    owner: str
    ticket: Ticket


class Remote(NamedTuple):
    """A ticket as it stands there now.

    ``ended``: nobody works on it any more. ``version`` is another one after every change. ``outcome``: one of
    forewarn's words, where the system has a field for it. ``changed_at``: Unix seconds by the system's clock;
    ``changed_by``: the login of who changed it last, where that is told.
    """

    id: str
    url: str
    key: str
    state: str
    owner: str
    ended: bool
    version: str
    changed_at: float
    outcome: str = ""
    changed_by: str = ""


class Wanted(NamedTuple):
    """What is to be changed of a ticket there; None leaves it as it is. ``outcome``: one of forewarn's words, given
    with a ``state`` that ends; systems that want a resolution or a closing note make it from that."""

    state: str | None = None
    priority: str | None = None
    owner: str | None = None
    outcome: str = ""


class Heard(NamedTuple):
    """A note that somebody wrote there. ``entry``: its id; ``ours``: it is known that we wrote it (our marks are found
    anyway)."""

    entry: str
    actor: str
    text: str
    public: bool
    ours: bool = False


class Hint(NamedTuple):
    """What a web-hook tells: the ticket ``id`` there was touched (or that of our ``key``), so look at it."""

    id: str = ""
    key: str = ""


class HookRequest(NamedTuple):
    """``headers``: names in lower case. ``secret``: what both sides know."""

    headers: Mapping[str, str]
    body: bytes
    secret: str


class HookRefused(Exception):
    """The request does not prove that it comes from the system, or is not what the system sends. The text says which,
    and repeats no secret."""


class TicketSystem(Protocol):
    """All methods may be called from two threads (sending and polling)."""

    def check(self) -> str:
        """Ask for something harmless; return who answered as whom: ``RT 5.0.3 as collector``."""
        ...

    def find(self, key: str) -> Remote | None:
        """The ticket of this key whatever its state, the oldest if there are several."""
        ...

    def create(self, draft: Draft) -> str:
        """Make it; return its id. It was looked for before; the reply may get lost after it was made."""
        ...

    def read(self, id_: str) -> Remote | None:
        """None: it was deleted there."""
        ...

    def note(self, remote: Remote, text: str, public: bool) -> None:
        """Add a note, for engineers alone or for the customer too. It must not change the ticket's state: where a
        public note would open an ended ticket again, write it for engineers."""
        ...

    def set_state(self, remote: Remote, wanted: Wanted) -> None:
        """Change what is not None. What came of it is asked with ``read`` afterwards."""
        ...

    def notes(self, id_: str, after: str) -> Sequence[Heard]:
        """Notes beyond the entry ``after`` (empty: all), the oldest first; also those that we wrote: a lost reply is
        found by them."""
        ...

    def poll(self, since: float) -> Sequence[Remote]:
        """Tickets that were changed at or after ``since`` (the system's clock), the oldest change first; those that
        are not ours may be among them. Systems that cannot tell return nothing and are asked ticket by ticket."""
        ...

    def parse_hook(self, request: HookRequest) -> Sequence[Hint]:
        """Check where a web-hook's request comes from and what it tells. Raise HookRefused. Asks nobody."""
        ...
