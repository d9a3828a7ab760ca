"""Where the forwarding stands, kept in the state: written down before anything is given up because of it."""

import hashlib
import json

import sqlalchemy as sa

from forewarn_collector.store.forwarding.progress import Progress
from forewarn_collector.store.state import meta, reading


class Bookmark:
    """Of one store: another one is sent everything that the journal still has. Raise SQLAlchemy's errors."""

    def __init__(self, engine: sa.Engine, store: str) -> None:
        self._engine = engine
        self._key = f"history {hashlib.sha256(store.encode()).hexdigest()[:32]}"

    def read(self) -> Progress:
        with reading(self._engine).begin() as db:
            text = db.execute(sa.select(meta.c.value).where(meta.c.key == self._key)).scalar()
        return Progress(*json.loads(text)) if text else Progress()

    def write(self, progress: Progress) -> None:
        text = json.dumps(progress)
        with self._engine.begin() as db:
            changed = db.execute(sa.update(meta).where(meta.c.key == self._key).values(value=text))
            if not changed.rowcount:
                db.execute(sa.insert(meta).values(key=self._key, value=text))
