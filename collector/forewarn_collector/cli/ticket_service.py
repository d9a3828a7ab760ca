"""``forewarn ticket open|rating-link``, and a ticket in words of a language."""

from collections.abc import Iterator

import click
from rich.console import RenderableType
from rich.text import Text

from forewarn_collector.api.routes.service import By, NewTicket, RatingLink
from forewarn_collector.cli.complete import device_names
from forewarn_collector.cli.person import login_name
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import heading, paragraph
from forewarn_collector.cli.text import clean
from forewarn_collector.language.explanation import Explanation
from forewarn_collector.tickets.life import TICKET_LEVELS
from forewarn_collector.tickets.model import Ticket
from forewarn_rules import FAULTS

CREATED = 201


@click.command("open")
@click.argument("device", shell_complete=device_names)
@click.option("--title", required=True, help="What is wrong, in one line.")
@click.option("--text", default="", help="More about it, for engineers and the customer.")
@click.option("--reported-by-customer", is_flag=True, help="The customer saw it before we did.")
@click.option(
    "--severity", type=click.Choice(TICKET_LEVELS), default="warning", show_default=True, help="How bad it is."
)
@click.option("--fault", type=click.Choice(list(FAULTS)), default="other", show_default=True, help="Its fault class.")
@click.option("--by", "actor", default=login_name, help="Who opens it; default your login.")
@json_option
@pass_session
def open_ticket(
    session: Session,
    device: str,
    title: str,
    text: str,
    reported_by_customer: bool,
    severity: str,
    fault: str,
    actor: str,
    as_json: bool,
) -> None:
    """Open a ticket for a fault that no rule found.

    Where a ticket of the same fault class is open for the device, it gets a note instead.

    Example: forewarn ticket open acme-12-till1 --reported-by-customer --title "Receipts are not printed"
    """
    wanted = NewTicket(
        actor=actor, device=device, title=title, text=text, severity=severity, fault=fault,
        reported_by_customer=reported_by_customer,
    )  # fmt: skip
    found = session.client.send(Ticket, "POST", "/tickets", wanted, code=CREATED)
    if as_json:
        print_json(found)
    else:
        click.echo(clean(f"ticket {found.number} ({found.device}: {found.title}) is {found.state}"))


@click.command("rating-link")
@click.argument("number", type=click.IntRange(1))
@click.option("--by", "actor", default=login_name, help="Who makes it; default your login.")
@json_option
@pass_session
def rating_link(session: Session, number: int, actor: str, as_json: bool) -> None:
    """A link by which the customer rates an ended ticket, once.

    An earlier link of the ticket is void then.

    Example: forewarn ticket rating-link 12
    """
    link = session.client.send(RatingLink, "POST", f"/tickets/{number}/rating-link", By(actor=actor), code=CREATED)
    if as_json:
        print_json(link)
    else:
        click.echo(clean(link.url))
        click.echo(f"serves once, until {session.times.moment(link.expires_at)}", err=True)


def page(said: Explanation) -> Iterator[RenderableType]:
    """A ticket in words. Pure."""
    yield Text(clean(said.title), style="bold")
    for section in said.sections:
        yield heading(section.heading)
        several = len(section.lines) > 1
        for place, line in enumerate(section.lines, 1):
            yield paragraph(f"{place}. {line}" if several else line)
