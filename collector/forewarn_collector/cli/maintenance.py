"""``forewarn maintenance add|list|end``"""

from datetime import datetime

import click

from forewarn_collector.api.notify_views import EndWindow, NewWindow
from forewarn_collector.cli.complete import customers, device_names, window_numbers
from forewarn_collector.cli.enrol_token import Duration
from forewarn_collector.cli.format import ABSENT, count
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.person import login_name
from forewarn_collector.cli.series import moment
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, right, table
from forewarn_collector.cli.text import clean
from forewarn_collector.notify.model import Window

DATES = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"]


@click.group("maintenance", cls=Commands)
def maintenance() -> None:
    """Maintenance windows: nobody is told until they are over.

    They are for a customer, one of its sites, or a device. Tickets are opened all the same; what is still open at the
    end of the window is told then.

    Example: forewarn maintenance add --customer Acme --site "Store 12" --for 2h --reason "new switches"
    """


@maintenance.command("add")
@click.option("--customer", default="", shell_complete=customers, help="Whose devices.")
@click.option("--site", default="", help="Only those of this site.")
@click.option("--device", default="", shell_complete=device_names, help="Only this device.")
@click.option("--from", "start", type=click.DateTime(DATES), help="When it begins: 2026-11-27T22:00; default now.")
@click.option("--until", "end", type=click.DateTime(DATES), help="When it ends; or say how long.")
@click.option("--for", "length", type=Duration(), help="How long: 2h, 3d.")
@click.option("--reason", default="", help="Why; it is shown.")
@click.option("--by", "actor", default=login_name, help="Who says so; default your login.")
@json_option
@pass_session
def add(
    session: Session,
    customer: str,
    site: str,
    device: str,
    start: datetime | None,
    end: datetime | None,
    length: float | None,
    reason: str,
    actor: str,
    as_json: bool,
) -> None:
    """Hold back what would be told about a customer, one of its sites, or a device.

    Example: forewarn maintenance add --device shop-07 --from 2026-11-27T22:00 --for 2h --reason "new disk"
    """
    if (end is None) == (length is None):
        raise click.UsageError("say either --until or --for")
    starts_at = None if start is None else moment(start, session.times)
    if end is not None:
        ends_at = moment(end, session.times)
    else:
        ends_at = (session.times.now if starts_at is None else starts_at) + (length or 0.0)
    body = NewWindow(
        customer=customer, site=site, device=device, starts_at=starts_at, ends_at=ends_at, reason=reason, actor=actor
    )
    window = session.client.send(Window, "POST", "/maintenance", body)
    if as_json:
        print_json(window)
        return
    click.echo(clean(f"maintenance {window.number}: nobody is told about {place(window)} {_stretch(session, window)}"))
    click.echo(f"{count(_covered(session, window), 'device')} of those that have reported so far")


@maintenance.command("list")
@click.option("--all", "past", is_flag=True, help="Those that are over, too.")
@json_option
@pass_session
def list_(session: Session, past: bool, as_json: bool) -> None:
    """Windows that are open or to come.

    Example: forewarn maintenance list
    """
    wanted = {"past": "true"} if past else None
    found = session.client.send(list[Window], "GET", "/maintenance", wanted=wanted)
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("no maintenance window is open or to come")
        return
    shown = table(
        right("no"), fixed("state"), folding("for", 10), fixed("from"), fixed("until"), folding("by", 6),
        folding("reason", 8),
    )  # fmt: skip
    for window in found:
        until = window.ends_at if window.ended_at is None else window.ended_at
        times = (session.times.moment(window.starts_at), session.times.moment(until))
        words = (window.number, _state(window, session.times.now), place(window), *times, window.actor)
        shown.add_row(*map(cell, words), cell(window.reason or ABSENT))
    session.screen.print(shown)


@maintenance.command("end")
@click.argument("number", type=click.IntRange(1), shell_complete=window_numbers)
@click.option("--by", "actor", default=login_name, help="Who says so; default your login.")
@json_option
@pass_session
def end(session: Session, number: int, actor: str, as_json: bool) -> None:
    """End a window before its time; what it held back and is still open is told now.

    Example: forewarn maintenance end 3
    """
    window = session.client.send(Window, "POST", f"/maintenance/{number}/end", EndWindow(actor=actor))
    if as_json:
        print_json(window)
        return
    click.echo(clean(f"maintenance {window.number} is over: people are told about {place(window)} again"))


def place(window: Window) -> str:
    """``Acme, Store 12``"""
    return ", ".join(part for part in (window.customer, window.site, window.device) if part)


def _covered(session: Session, window: Window) -> int:
    """How many devices: none is most often a name that was mistyped."""
    wanted = (window.customer, window.site, window.device)
    return sum(
        all(name in ("", found) for name, found in zip(wanted, (line.customer, line.site, line.name), strict=True))
        for line in session.client.devices()
    )


def _stretch(session: Session, window: Window) -> str:
    return f"from {session.times.moment(window.starts_at)} to {session.times.moment(window.ends_at)}"


def _state(window: Window, now: float) -> str:
    if window.ended_at is not None:
        return "ended"
    if window.ends_at <= now:
        return "over"
    return "open" if window.starts_at <= now else "to come"
