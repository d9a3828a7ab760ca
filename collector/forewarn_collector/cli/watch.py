"""``forewarn watch``, ``forewarn watch open``"""

import click
from rich.table import Table

from forewarn_collector.api.views import Act
from forewarn_collector.cli.devices import whose
from forewarn_collector.cli.format import ABSENT, Times
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.person import login_name
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.status import say_budget
from forewarn_collector.cli.tables import cell, fixed, folding, paragraph, right, table
from forewarn_collector.cli.text import clean
from forewarn_collector.cli.ticket import text_option
from forewarn_collector.tickets.model import Watched

WIDE = 120


@click.group("watch", cls=Commands, invoke_without_command=True)
@json_option
@pass_session
@click.pass_context
def watch(context: click.Context, session: Session, as_json: bool) -> None:
    """Predictions that the ticket budget holds back, the most urgent first.

    The first of them becomes a ticket as soon as the budget has room; none is needed for facts and for what is
    critical.

    Example: forewarn watch
    """
    if context.invoked_subcommand is not None:
        return
    found = session.client.watch_list()
    if as_json:
        print_json(found)
        return
    if found.items:
        session.screen.print(build_table(found.items, session.times, session.screen.width >= WIDE))
        for reason in sorted({item.reason for item in found.items}):
            click.echo(clean(f"not tickets, because: {reason}"))
    else:
        click.echo("nothing waits")
    session.screen.print(paragraph(f"budget: {say_budget(found.budget, session.times)}", indent=0))


@watch.command("open")
@click.argument("number", type=click.IntRange(1))
@text_option
@click.option("--by", "actor", default=login_name, help="Who did it; default your login.")
@json_option
@pass_session
def open_one(session: Session, number: int, text: str, actor: str, as_json: bool) -> None:
    """Make a ticket of a prediction that waits, whatever the budget says. NUMBER is its number on the watch list.

    Example: forewarn watch open 3
    """
    ticket = session.client.open_watched(number, Act(actor=actor, text=text))
    if as_json:
        print_json(ticket)
    else:
        click.echo(clean(f"ticket {ticket.number}: {ticket.title}, {ticket.device}, {ticket.state}"))


def build_table(items: list[Watched], times: Times, wide: bool = False) -> Table:
    places = [folding("customer, site", least=6)] if wide else []
    shown = table(
        right("rank"), right("no."), fixed("level"), folding("device", least=8), folding("part", least=8), *places,
        folding("what", least=12), right("likely"), right("since"), gap=1,
    )  # fmt: skip
    for rank, item in enumerate(items, 1):
        likely = ABSENT if item.probability is None else f"{item.probability:.0%}"
        place = [cell(whose(item.customer, item.site))] if wide else []
        shown.add_row(
            cell(rank), cell(item.number), cell(item.level), cell(item.device), cell(item.part_serial or ABSENT),
            *place, cell(item.title), cell(likely), cell(times.age(item.since).removesuffix(" ago")),
        )  # fmt: skip
    return shown
