"""What the judge wants kept in the database: values by name, and what the engine must know again of each component."""

import sqlalchemy as sa

from forewarn_collector.store.state import component, meta

Snapshot = tuple[str, tuple[str, str], bytes]
"""(kind, (device, part), what the engine wrote)."""


def value(db: sa.Connection, key: str) -> str | None:
    found: str | None = db.execute(sa.select(meta.c.value).where(meta.c.key == key)).scalar()
    return found


def put_value(db: sa.Connection, key: str, value: str) -> None:
    if db.execute(meta.update().where(meta.c.key == key).values(value=value)).rowcount == 0:
        db.execute(meta.insert().values(key=key, value=value))


def snapshots(db: sa.Connection) -> list[Snapshot]:
    return [(kind, (device, part), data) for kind, device, part, data in db.execute(sa.select(component))]


def put_snapshot(db: sa.Connection, kind: str, device: str, part: str, data: bytes | None) -> None:
    """``data``: None forgets the component."""
    same = sa.and_(component.c.kind == kind, component.c.device == device, component.c.part == part)
    if data is None:
        db.execute(component.delete().where(same))
    elif db.execute(component.update().where(same).values(snapshot=data)).rowcount == 0:
        db.execute(component.insert().values(kind=kind, device=device, part=part, snapshot=data))
