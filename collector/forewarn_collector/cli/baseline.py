"""``forewarn baseline show|accept``"""

import sys
from collections.abc import Sequence

import click

from forewarn_collector.api.views import Accept, BaselineView, CounterView
from forewarn_collector.cli.complete import device_names, part_names
from forewarn_collector.cli.format import count
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.person import login_name
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, folding, heading, paragraph, right, table
from forewarn_collector.cli.text import clean

name_argument = click.argument("name", metavar="DEVICE", shell_complete=device_names)
part_argument = click.argument("part", metavar="[PART]", required=False, shell_complete=part_names)


@click.group("baseline", cls=Commands)
def baseline() -> None:
    """What counters count from: show it, or accept an old fault as known.

    Example: forewarn baseline accept shop-07 /dev/sda
    """


@baseline.command("show")
@name_argument
@part_argument
@json_option
@pass_session
def show(session: Session, name: str, part: str | None, as_json: bool) -> None:
    """What each counter showed first, what was accepted of it, by whom and when, and how far it has grown since.

    PART is a serial number or its beginning, a slot, an array, a memory module, or "machine".

    Example: forewarn baseline show shop-07
    """
    views = session.client.baseline(name, part)
    if as_json:
        print_json(views)
        return
    _print(session, views)
    if not any(view.counters for view in views):
        click.echo("no counter was ever measured")


@baseline.command("accept")
@name_argument
@part_argument
@click.option("--note", default="", help="Why; it is kept, and noted in the tickets that this closes.")
@click.option("--by", "actor", default=login_name, help="Who accepts it; default your login.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def accept(session: Session, name: str, part: str | None, note: str, actor: str, yes: bool, as_json: bool) -> None:
    """Take what the counters show now as known: nothing is raised by them until they grow.

    Without PART all parts of the device are meant. What rests on no counter (a drive that reports FAILED) stays.

    Example: forewarn baseline accept shop-07 /dev/sda --note "known since 2024, spare disk"
    """
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("give --yes: nobody is here to be asked")
        _print(session, session.client.baseline(name, part))
        click.confirm("Accept all of this as known?", abort=True, err=True)
    done = session.client.accept(name, Accept(actor=actor, part=part, note=note))
    if as_json:
        print_json(done)
        return
    for view in done.baselines:
        known = [f"{counter.metric} {counter.accepted:.10g}" for counter in view.counters if counter.accepted]
        shown = ", ".join(known) or f"{count(len(view.counters), 'counter')}, all zero"
        click.echo(clean(f"accepted {_title(view)}: {shown}"))
    for end in done.ended:
        click.echo(clean(f"ended {end.rule}: {end.before} -> {end.after} ({end.part or 'machine'})"))
    if not done.ended:
        click.echo("no level rested on it")


def _print(session: Session, views: Sequence[BaselineView]) -> None:
    for view in views:
        session.screen.print(heading(_title(view)))
        if view.accepted_by is not None and view.accepted_at is not None:
            said = f"accepted by {view.accepted_by}, {session.times.both(view.accepted_at)}"
            session.screen.print(paragraph(said + (f": {view.note}" if view.note else "")))
        shown = table(
            folding("counter"), right("first"), right("seen"), right("accepted"), right("now"), right("growth")
        )
        for counter in view.counters:
            shown.add_row(*map(cell, _row(session, counter)))
        session.screen.print(shown)


def _row(session: Session, counter: CounterView) -> tuple[str, ...]:
    accepted = "-" if counter.accepted is None else f"{counter.accepted:.10g}"
    values = (accepted, f"{counter.newest:.10g}", f"{counter.growth:+.10g}")
    return counter.metric, f"{counter.first:.10g}", session.times.age(counter.first_at), *values


def _title(view: BaselineView) -> str:
    return f"{view.slot} {view.part}".strip() if view.part else f"{view.device} (machine)"
