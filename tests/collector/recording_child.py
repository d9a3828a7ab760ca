"""Records step after step until it is killed: each opens a ticket for its own disk and resolves the one before."""

import sys
from pathlib import Path

from forewarn_collector.directory import Whose
from forewarn_collector.store.state import open_state
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change, Kind


def change(disk: int, before: str, after: str, at: float) -> tuple[Change, Part]:
    part = Part("shop-07", "MB-1", f"S{disk}", Whose("Acme"))
    said = Change(
        rule="pending", title="pending", kind=Kind.DISK, key=("shop-07", f"S{disk}"), labels={}, at=at, before=before,
        after=after, text=f"{before} -> {after}", why="", do=(), calm_when=(), values={}, forecast=None,
        fault="disk-failure", queue="storage", status="stable",
    )  # fmt: skip
    return said, part


def main() -> None:
    desk = Desk(open_state(Path(sys.argv[1])), ["desk", "archive"], lambda: 1e9)
    position = desk.judged_position()
    print("begins", flush=True)
    while True:
        position += 1
        changes = [change(position, "none", "warning", float(position))]
        snapshots = [("disk", ("shop-07", f"S{position}"), b"%d" % position)]
        if position > 1:
            changes.append(change(position - 1, "warning", "none", float(position)))
            snapshots.append(("disk", ("shop-07", f"S{position - 1}"), None))
        desk.record(position, changes, snapshots)


main()
