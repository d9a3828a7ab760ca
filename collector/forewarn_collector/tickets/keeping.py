"""What the judge wants kept in the database: values by name, and what the engine must know again of each component."""

from collections.abc import Iterable

import sqlalchemy as sa

from forewarn_collector.store.state import component, meta

Snapshot = tuple[str, tuple[str, str], bytes]
"""(kind, (device, part), what the engine wrote)."""

_FORGET = component.delete().where(
    component.c.kind == sa.bindparam("of_kind"),
    component.c.device == sa.bindparam("of_device"),
    component.c.part == sa.bindparam("of_part"),
)
_KEEP = component.insert().values(
    kind=sa.bindparam("of_kind"),
    device=sa.bindparam("of_device"),
    part=sa.bindparam("of_part"),
    snapshot=sa.bindparam("snapshot"),
)


def value(db: sa.Connection, key: str) -> str | None:
    found: str | None = db.execute(sa.select(meta.c.value).where(meta.c.key == key)).scalar()
    return found


def put_value(db: sa.Connection, key: str, value: str) -> None:
    if db.execute(meta.update().where(meta.c.key == key).values(value=value)).rowcount == 0:
        db.execute(meta.insert().values(key=key, value=value))


def snapshots(db: sa.Connection) -> list[Snapshot]:
    return [(kind, (device, part), data) for kind, device, part, data in db.execute(sa.select(component))]


def put_snapshots(db: sa.Connection, snapshots: Iterable[tuple[str, tuple[str, str], bytes | None]]) -> None:
    """(kind, (device, part), what the engine wrote); None forgets the component. A step may write thousands."""
    rows = [
        {"of_kind": kind, "of_device": device, "of_part": part, "snapshot": data}
        for kind, (device, part), data in snapshots
    ]
    if rows:
        db.execute(_FORGET, rows)
    if kept := [row for row in rows if row["snapshot"] is not None]:
        db.execute(_KEEP, kept)
