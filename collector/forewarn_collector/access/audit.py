"""The audit log: who changed what, from where, and what it was before. Rows are added and never touched again."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from forewarn_collector.access.model import AuditEntry
from forewarn_collector.access.tables import audit
from forewarn_collector.store.state import reading

HIDDEN = "(hidden)"
SECRET_WORDS = ("password", "token", "secret", "key", "code", "current", "credential")


class Audit:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reading = reading(engine)

    def add(self, entry: AuditEntry) -> None:
        row = {name: getattr(entry, name) for name in AuditEntry.__struct_fields__}
        row |= {name: _written(row[name]) for name in ("before", "after")}
        with self._engine.begin() as db:
            db.execute(audit.insert().values(**row))

    def entries(self, since: float, who: str | None, limit: int) -> list[AuditEntry]:
        """The newest first."""
        query = sa.select(audit).where(audit.c.at >= since).order_by(audit.c.id.desc()).limit(limit)
        if who is not None:
            query = query.where(audit.c.who == who)
        with self._reading.connect() as db:
            return [_entry(row) for row in db.execute(query).mappings()]


def without_secrets(value: Any) -> Any:
    """The same with everything hidden that goes by the name of a secret, however deep."""
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if any(word in str(key).lower() for word in SECRET_WORDS) else without_secrets(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_secrets(inner) for inner in value]
    return value


def _written(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _entry(row: sa.RowMapping) -> AuditEntry:
    values = {name: row[name] for name in AuditEntry.__struct_fields__}
    values |= {name: None if values[name] is None else json.loads(values[name]) for name in ("before", "after")}
    return AuditEntry(**values)
