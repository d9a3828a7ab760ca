"""``forewarn audit``"""

import json
from typing import Any

import click

from forewarn_collector.access.model import AuditEntry
from forewarn_collector.cli.format import ABSENT
from forewarn_collector.cli.series import When, WhenType, moment
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, table

PREFIX = "/api/v1"
EVERYTHING = 100_000


@click.command("audit")
@click.option("--since", type=WhenType(), help="Only from then on: 7d, 12h, or a date.")
@click.option("--user", "who", help="Only what this user did.")
@click.option("--limit", type=click.IntRange(1, EVERYTHING), default=100, show_default=True, help="How many to show.")
@json_option
@pass_session
def audit(session: Session, since: When | None, who: str | None, limit: int, as_json: bool) -> None:
    """Who changed what, from where, what it was before and after; the newest first.

    Example: forewarn audit --since 7d --user ann
    """
    wanted = {"since": None if since is None else moment(since, session.times), "user": who, "limit": limit}
    found = session.client.send(list[AuditEntry], "GET", "/audit", wanted=wanted)
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("nothing was changed")
        return
    shown = table(fixed("time"), folding("who", 8), folding("what", 24), folding("change", 16))
    for entry in found:
        refused = "" if entry.status < 400 else f" (refused, {entry.status})"
        what = entry.action.replace(PREFIX, "", 1) + refused
        who_and_where = f"{entry.who or ABSENT} {entry.address}"
        moved = change(entry.before, entry.after)
        shown.add_row(*map(cell, (session.times.moment(entry.at), who_and_where, what, moved)))
    session.screen.print(shown)


def change(before: Any, after: Any) -> str:
    """``state: open -> closed``; what stayed the same is left out."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return (
            "; ".join(_named(name, value) for name, value in after.items()) if isinstance(after, dict) else _say(after)
        )
    moved = [
        f"{name}: {_say(before.get(name))} -> {_say(value)}" if name in before else _named(name, value)
        for name, value in after.items()
        if before.get(name) != value and value not in (None, "")
    ]
    return "; ".join(moved)


def _named(name: str, value: Any) -> str:
    return f"{name}: {_say(value)}"


def _say(value: Any) -> str:
    if value is None or value == "":
        return ABSENT
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
