"""``forewarn destination list|test|retry``"""

import sys
from urllib.parse import quote

import click

from forewarn_collector.api.destination_views import Retried, Retry
from forewarn_collector.cli.client import Client
from forewarn_collector.cli.complete import destination_names
from forewarn_collector.cli.format import ABSENT
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, paragraph, right, table
from forewarn_collector.cli.text import clean
from forewarn_collector.tickets.trial import STEP_SECONDS, Step

# Two steps, and what the network takes.
TEST_SECONDS = 2 * STEP_SECONDS + 30.0


name_argument = click.argument("name", shell_complete=destination_names)


@click.group("destination", cls=Commands)
def destination() -> None:
    """Ticket systems and whoever else is told: list them, try one, send again what is parked.

    Example: forewarn destination list
    """


@destination.command("list")
@json_option
@pass_session
def list_(session: Session, as_json: bool) -> None:
    """Every destination: what waits, what is parked, when it last took something and when it was last heard.

    Example: forewarn destination list
    """
    found = session.client.destinations()
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("no destinations: add them below destinations: in the configuration")
        return
    shown = table(
        fixed("name"), fixed("kind"), folding("address", least=12), right("waits"), right("parked"), fixed("sent"),
        fixed("heard"),
    )  # fmt: skip
    for item in found:
        words = (item.name, item.kind, item.address, item.waiting, item.parked)
        ages = (session.times.age(at) if at else ABSENT for at in (item.sent_at, item.polled_at))
        shown.add_row(*map(cell, words), *map(cell, ages))
    session.screen.print(shown)
    for item in found:
        if item.trouble:
            session.screen.print(paragraph(f"{item.name}: {item.trouble}", style="red"))


@destination.command("test")
@name_argument
@json_option
@pass_session
def test(session: Session, name: str, as_json: bool) -> None:
    """Open a ticket of nobody there and close it again, the whole way that real ones go.

    Ends with 1 when that fails, and says at which step and why.

    Example: forewarn destination test rt
    """
    with Client.at(session.client.address, TEST_SECONDS) as client:
        steps = client.send(list[Step], "POST", f"/destinations/{quote(name, safe='')}/test")
    if as_json:
        print_json(steps)
    for step in steps if not as_json else ():
        click.echo(f"{step.event}: {clean(step.error) or f'done in {step.seconds:.1f} s'}")
    if any(step.error for step in steps):
        sys.exit(1)


@destination.command("retry")
@name_argument
@click.option("--ticket", type=click.IntRange(1), help="Only the deliveries of this ticket.")
@json_option
@pass_session
def retry(session: Session, name: str, ticket: int | None, as_json: bool) -> None:
    """Send again what is parked, when what it was parked for is mended.

    Example: forewarn destination retry rt --ticket 12
    """
    done = session.client.send(Retried, "POST", f"/destinations/{quote(name, safe='')}/retry", Retry(ticket=ticket))
    if as_json:
        print_json(done)
    else:
        click.echo(f"{done.deliveries} get another chance; `forewarn deliveries` says what becomes of them")
