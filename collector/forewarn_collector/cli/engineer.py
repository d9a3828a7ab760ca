"""``forewarn engineer`` and ``forewarn assign``"""

from urllib.parse import quote

import click
from rich.table import Table

from forewarn_collector.api.people_views import Assign, EngineerView, TicketView
from forewarn_collector.cli.clock_words import colour, due, urgency
from forewarn_collector.cli.complete import engineers, ticket_numbers
from forewarn_collector.cli.devices import whose
from forewarn_collector.cli.format import Times, count
from forewarn_collector.cli.person import login_name
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, right, table
from forewarn_collector.cli.text import clean
from forewarn_collector.tickets.model import Ticket


@click.command("engineer")
@click.argument("name", shell_complete=engineers)
@json_option
@pass_session
def engineer(session: Session, name: str, as_json: bool) -> None:
    """An engineer's open work, what runs out soonest first.

    Work is what the engineer took or was given, and what nobody has taken that is the engineer's by the directory.

    Example: forewarn engineer "Li Wei"
    """
    found = session.client.send(EngineerView, "GET", f"/engineers/{quote(name, safe='')}")
    if as_json:
        print_json(found)
        return
    for line in _heading(found):
        click.echo(clean(line))
    if found.tickets:
        session.screen.print(build_table(found.tickets, session.times))


@click.command("assign")
@click.argument("number", type=click.IntRange(1), shell_complete=ticket_numbers)
@click.argument("engineer", shell_complete=engineers)
@click.option("--text", default="", help="A note beside it, for engineers.")
@click.option("--by", "actor", default=login_name, help="Who does it; default your login.")
@json_option
@pass_session
def assign(session: Session, number: int, engineer: str, text: str, actor: str, as_json: bool) -> None:
    """Give a ticket to an engineer of the directory, who is told; it is not acknowledged by that.

    Example: forewarn assign 12 "Ann Smith"
    """
    body = Assign(engineer=engineer, actor=actor, text=text)
    changed = session.client.send(Ticket, "POST", f"/tickets/{number}/assign", body)
    if as_json:
        print_json(changed)
    else:
        click.echo(clean(f"ticket {changed.number} ({changed.device}: {changed.title}) is {changed.owner}'s"))


def build_table(tickets: list[TicketView], times: Times) -> Table:
    shown = table(
        right("no."), fixed("level"), fixed("state"), fixed("clock"), fixed("due"), folding("customer, site", least=8),
        folding("device", least=8), folding("what", least=10), gap=1,
    )  # fmt: skip
    for ticket in sorted(tickets, key=urgency):
        clock, when = due(ticket.clocks, times)
        shown.add_row(
            cell(ticket.number), cell(ticket.severity), cell(ticket.state), cell(clock),
            cell(when, colour(ticket.clocks)), cell(whose(ticket.customer, ticket.site)), cell(ticket.device),
            cell(ticket.title),
        )  # fmt: skip
    return shown


def _heading(found: EngineerView) -> list[str]:
    reached = ", ".join(part for part in (found.mobile, found.mail) if part)
    duty = f"on call: {', '.join(found.on_call)}" if found.on_call else "not on call"
    known = "" if found.known else "; not in the directory"
    soon = sum(colour(one.clocks) != "" for one in found.tickets)
    work = count(len(found.tickets), "open ticket") if found.tickets else "no open work"
    run_out = f", {count(soon, 'clock')} about to run out or over" if soon else ""
    return [f"{found.name}{f' ({reached})' if reached else ''}: {duty}{known}", f"{work}{run_out}"]
