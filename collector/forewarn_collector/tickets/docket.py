"""Which devices a judge judges, and under which words it keeps how far it has come."""

from typing import NamedTuple

import sqlalchemy as sa

from forewarn_collector.store.model import StoreError
from forewarn_collector.store.postgres_tables import share_of
from forewarn_collector.tickets import keeping


class Overtaken(StoreError):
    """Another collector judges these devices now; nothing was recorded."""


class Docket(NamedTuple):
    """``share``: of the fleet; None is all of it, by the only judge there is. ``term`` stands in the database for as
    long as this judge may record: whoever takes the share writes its own."""

    share: int | None = None
    term: str = ""

    def holds(self, device: str) -> bool:
        return self.share is None or share_of(device) == self.share

    def word(self, word: str) -> str:
        return word if self.share is None else f"{word} of share {self.share}"

    def take(self, db: sa.Connection) -> None:
        keeping.put_value(db, self.word("judge"), self.term)

    def check(self, db: sa.Connection) -> None:
        """Raise Overtaken, which undoes the transaction."""
        if self.share is not None and keeping.value(db, self.word("judge")) != self.term:
            raise Overtaken(f"another collector judges share {self.share} of the fleet now; nothing was recorded")


EVERYTHING = Docket()
