"""What customers say of a ticket: a link that serves once, one to five stars and a comment."""

import hashlib
import hmac
from collections.abc import Callable

import msgspec
import sqlalchemy as sa

from forewarn_collector.access.secret import new_secret, read_secret
from forewarn_collector.store.state import reading
from forewarn_collector.tickets import life, rows
from forewarn_collector.tickets.announce import Announcer
from forewarn_collector.tickets.model import Entry, Ticket
from forewarn_collector.tickets.tables import rating, rating_link

LONGEST_COMMENT = 2_000
STARS = range(1, 6)


class NoLink(Exception):
    """The link leads nowhere (any more)."""


class RatingError(ValueError):
    """A rating that cannot be taken; the text says why."""


class Link(msgspec.Struct, frozen=True):
    """``code`` is shown once, here. Times are Unix seconds."""

    ticket: int
    code: str
    expires_at: float


class Ratings:
    """``seconds``: how long a link serves."""

    def __init__(self, engine: sa.Engine, announcer: Announcer, now: Callable[[], float], seconds: float) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._announcer = announcer
        self._now = now
        self._seconds = seconds

    def make_link(self, number: int, actor: str) -> Link:
        """A link for an ended ticket; an earlier one is void then. Raise TicketError."""
        secret, now = new_secret(), self._now()
        with self._engine.begin() as db:
            ticket = rows.existing(db, number)
            if ticket.state not in life.ENDED:
                raise life.TicketError(f"ticket {number} is {ticket.state}: a customer rates what was done, so end it")
            if db.execute(sa.select(rating.c.id).where(rating.c.ticket == number)).first() is not None:
                raise life.TicketError(f"ticket {number} was rated already")
            unused = rating_link.update().where(rating_link.c.ticket == number, rating_link.c.used_at.is_(None))
            db.execute(unused.values(expires_at=now))
            db.execute(
                rating_link.insert().values(
                    id=secret.id, hash=_hash(secret.part), ticket=number, created_at=now, expires_at=now + self._seconds
                )
            )
            rows.add_entry(db, number, Entry(now, actor, "note", "internal", "made a link for the customer's rating"))
        return Link(number, secret.text(), now + self._seconds)

    def about(self, code: str) -> Ticket:
        """What is to be rated. Raise NoLink."""
        with self._reading.connect() as db:
            return rows.existing(db, self._open(db, code)[1])

    def rate(self, code: str, stars: int, comment: str) -> Ticket:
        """Raise NoLink; RatingError when it is no rating."""
        if stars not in STARS:
            raise RatingError("choose one to five stars")
        if len(comment) > LONGEST_COMMENT:
            raise RatingError(f"the comment is longer than {LONGEST_COMMENT:,} characters")
        now = self._now()
        with self._engine.begin() as db:
            id_, number = self._open(db, code)
            mine = rating_link.update().where(rating_link.c.id == id_, rating_link.c.used_at.is_(None))
            if db.execute(mine.values(used_at=now)).rowcount == 0:
                raise NoLink("it was used already")
            db.execute(rating.insert().values(ticket=number, stars=stars, comment=comment.strip(), at=now))
            said = f"rated {stars} of {STARS[-1]}" + (f": {comment.strip()}" if comment.strip() else "")
            rows.add_entry(db, number, Entry(now, "customer", "rating", "customer", said))
            rows.update(db, number, updated_at=now)
            self._announcer.tell(db, number, "updated", now)
            return rows.existing(db, number)

    def _open(self, db: sa.Connection, code: str) -> tuple[str, int]:
        secret = read_secret(code)
        query = sa.select(rating_link).where(rating_link.c.id == (secret.id if secret else ""))
        row = db.execute(query).first()
        if secret is None or row is None or not hmac.compare_digest(row.hash, _hash(secret.part)):
            raise NoLink("there is no such link")
        if row.used_at is not None:
            raise NoLink("it was used already")
        if row.expires_at <= self._now():
            raise NoLink("its time is over, or a newer one was made")
        return row.id, row.ticket


def _hash(secret: str) -> str:
    """256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
