"""Which ticket there is which ticket here, and what both sides last agreed on."""

import msgspec
import sqlalchemy as sa
from sqlalchemy import Column, Float, Index, Table, Text

from forewarn_collector.store.columns import Integer, String
from forewarn_collector.store.state import metadata, reading
from forewarn_collector.tickets.life import LIVE

ticket_external = Table(
    "ticket_external",
    metadata,
    Column("destination", String(100), primary_key=True),
    Column("ticket", Integer, primary_key=True, autoincrement=False),
    # Empty: it was asked for at begun_at, and whether it was made is not known.
    Column("remote", String(200), nullable=False),
    Column("url", Text, nullable=False),
    Column("begun_at", Float, nullable=False),
    Column("our_state", String(20), nullable=False),
    Column("their_state", String(200), nullable=False),
    Column("our_owner", String(200), nullable=False),
    Column("their_owner", String(200), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("told", Integer, nullable=False),
    Column("entry", String(100), nullable=False),
    Column("version", String(200), nullable=False),
    Column("seen_at", Float, nullable=False),
    Index("ticket_external_remote", "destination", "remote"),
)

# How far each destination was listened to.
destination_watch = Table(
    "destination_watch",
    metadata,
    Column("destination", String(100), primary_key=True),
    Column("polled_to", Float, nullable=False),
    Column("polled_at", Float, nullable=False),
    Column("trouble", Text, nullable=False),
)


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket here (``ticket``) and there (``remote``, its id).

    The states, owners and the severity are those of the last agreement; an empty state: there was none yet. ``told``:
    how many entries of our timeline stand there. ``entry``, ``version``: up to where theirs was taken in.
    """

    ticket: int
    remote: str = ""
    url: str = ""
    begun_at: float
    our_state: str = ""
    their_state: str = ""
    our_owner: str = ""
    their_owner: str = ""
    severity: str = ""
    told: int = 0
    entry: str = ""
    version: str = ""
    seen_at: float = 0.0


class Watch(msgspec.Struct, frozen=True):
    """``polled_to``: by the clock over there; ``polled_at``: by ours, the last time that it answered."""

    polled_to: float
    polled_at: float
    trouble: str


class Links:
    """The links of one destination."""

    def __init__(self, engine: sa.Engine, destination: str) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._destination = destination

    def of_ticket(self, ticket: int) -> Link | None:
        return self._one(ticket_external.c.ticket == ticket)

    def of_remote(self, remote: str) -> Link | None:
        return self._one(ticket_external.c.remote == remote)

    def live(self) -> list[str]:
        """The ids there of tickets that are open here."""
        mine = (ticket_external.c.destination == self._destination, ticket_external.c.remote != "")
        query = sa.select(ticket_external.c.remote).where(*mine, ticket_external.c.our_state.in_(LIVE))
        with self._reading.connect() as db:
            return list(db.execute(query).scalars())

    def put(self, link: Link) -> None:
        values = msgspec.structs.asdict(link)
        ticket = values.pop("ticket")
        same = (ticket_external.c.destination == self._destination, ticket_external.c.ticket == ticket)
        with self._engine.begin() as db:
            if db.execute(ticket_external.update().where(*same).values(**values)).rowcount == 0:
                db.execute(ticket_external.insert().values(destination=self._destination, ticket=ticket, **values))

    def remove(self, ticket: int) -> None:
        same = (ticket_external.c.destination == self._destination, ticket_external.c.ticket == ticket)
        with self._engine.begin() as db:
            db.execute(ticket_external.delete().where(*same))

    def watch(self) -> Watch | None:
        query = sa.select(destination_watch).where(destination_watch.c.destination == self._destination)
        with self._reading.connect() as db:
            row = db.execute(query).mappings().first()
        return Watch(row["polled_to"], row["polled_at"], row["trouble"]) if row else None

    def put_watch(self, watch: Watch) -> None:
        values = msgspec.structs.asdict(watch)
        same = destination_watch.c.destination == self._destination
        with self._engine.begin() as db:
            if db.execute(destination_watch.update().where(same).values(**values)).rowcount == 0:
                db.execute(destination_watch.insert().values(destination=self._destination, **values))

    def _one(self, wanted: sa.ColumnElement[bool]) -> Link | None:
        query = sa.select(ticket_external).where(ticket_external.c.destination == self._destination, wanted)
        with self._reading.connect() as db:
            row = db.execute(query).mappings().first()
        return Link(**{name: row[name] for name in Link.__struct_fields__}) if row else None
