"""``forewarn tickets``"""

from collections.abc import Sequence

import click
from rich.table import Column, Table

from forewarn_collector.api.people_views import TicketView
from forewarn_collector.cli.clock_words import colour, due
from forewarn_collector.cli.complete import customers, device_names
from forewarn_collector.cli.devices import whose
from forewarn_collector.cli.format import ABSENT, Times
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, right, table
from forewarn_collector.tickets import life

WIDE = 120


@click.command("tickets")
@click.option("--state", type=click.Choice([*life.STATES, "all"]), help="Only these; default those that are not ended.")
@click.option("--customer", shell_complete=customers, help="Only of this customer.")
@click.option("--device", shell_complete=device_names, help="Only about this device.")
@json_option
@pass_session
def tickets(session: Session, state: str | None, customer: str | None, device: str | None, as_json: bool) -> None:
    """Tickets, the worst first.

    Without --state those that are not ended: open, acknowledged, in progress and waiting.

    Example: forewarn tickets --customer Acme --state all
    """
    found = session.client.tickets(state=state, customer=customer, device=device)
    if as_json:
        print_json(found)
    elif not found:
        click.echo("no such tickets" if state or customer or device else "no open tickets")
    else:
        session.screen.print(build_table(found, session.times, session.screen.width >= WIDE))


def build_table(found: Sequence[TicketView], times: Times, wide: bool = False) -> Table:
    """With clocks where something is promised; then a narrow table says when they run out in place of the age."""
    promised = [fixed("due")] if any(ticket.clocks for ticket in found) else []
    if wide:
        shown = table(*_columns(), fixed("age"), *promised, folding("engineer"), fixed("opened"))
    else:
        shown = table(*_columns(), *(promised or [fixed("age")]), gap=1)
    for ticket in found:
        age = times.age(ticket.opened_at)
        row = [
            cell(ticket.number), cell(ticket.severity), cell(ticket.state), cell(ticket.device),
            cell(whose(ticket.customer, ticket.site)), cell(ticket.title),
        ]  # fmt: skip
        if wide or not promised:
            row.append(cell(age if wide else age.removesuffix(" ago")))
        if promised:
            row.append(cell(due(ticket.clocks, times)[1], colour(ticket.clocks)))
        if wide:
            row += [cell(ticket.owner or ticket.engineer or ABSENT), cell(times.moment(ticket.opened_at))]
        shown.add_row(*row)
    return shown


def _columns() -> list[Column]:
    return [
        right("no."), fixed("level"), fixed("state"), folding("device", least=8), folding("customer, site", least=6),
        folding("what", least=10),
    ]  # fmt: skip
