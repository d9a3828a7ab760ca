"""``forewarn ticket show|ack|start|wait|note|resolve|close|reopen|open|rating-link``"""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from forewarn_collector.api.views import Act
from forewarn_collector.cli import ticket_page, ticket_service
from forewarn_collector.cli.address import ClientError
from forewarn_collector.cli.complete import ticket_numbers
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.person import login_name
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.text import clean
from forewarn_collector.language.catalogue import LANGUAGES
from forewarn_collector.language.explanation import Explanation
from forewarn_collector.tickets import life
from forewarn_collector.tickets.model import Ticket

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group("ticket", cls=Commands)
def ticket() -> None:
    """One ticket: look at it, or say what was done.

    Example: forewarn ticket show 12
    """


ticket.add_command(ticket_service.open_ticket)
ticket.add_command(ticket_service.rating_link)

number_argument = click.argument("number", type=click.IntRange(1), shell_complete=ticket_numbers)


def act_options(command: Command) -> Command:
    command = json_option(command)
    command = click.option("--by", "actor", default=login_name, help="Who did it; default your login.")(command)
    return number_argument(command)


text_option = click.option("--text", default="", help="A note beside it, for engineers.")


@ticket.command("show")
@number_argument
@click.option("--language", type=click.Choice(LANGUAGES), help="What, why, by when and what to do in this language.")
@json_option
@pass_session
def show(session: Session, number: int, language: str | None, as_json: bool) -> None:
    """All about one ticket: which part, whose, what will happen, the evidence, what to do, what was done.

    With --language it is what an engineer or a customer has to know, in words.

    Example: forewarn ticket show 12 --language zh
    """
    if language:
        said = session.client.send(Explanation, "GET", f"/tickets/{number}/explanation", wanted={"language": language})
        if as_json:
            print_json(said)
        else:
            for block in ticket_service.page(said):
                session.screen.print(block)
        return
    found = session.client.ticket(number)
    if as_json:
        print_json(found)
        return
    people, elsewhere = session.client.ticket_people(number), session.client.elsewhere(number)
    for block in ticket_page.page(found, session.times, _part(session, found), people, elsewhere):
        session.screen.print(block)


@ticket.command("ack")
@act_options
@text_option
@pass_session
def ack(session: Session, number: int, actor: str, text: str, as_json: bool) -> None:
    """Say that you have seen it and take it.

    Example: forewarn ticket ack 12
    """
    _act(session, number, "acknowledge", Act(actor=actor, text=text), as_json)


@ticket.command("start")
@act_options
@text_option
@pass_session
def start(session: Session, number: int, actor: str, text: str, as_json: bool) -> None:
    """Say that you work on it.

    Example: forewarn ticket start 12
    """
    _act(session, number, "start", Act(actor=actor, text=text), as_json)


@ticket.command("wait")
@act_options
@text_option
@click.option(
    "--for", "waiting_for", type=click.Choice(life.WAITING_FOR), required=True, help="On whom or what it waits."
)
@pass_session
def wait(session: Session, number: int, actor: str, text: str, waiting_for: str, as_json: bool) -> None:
    """Say that it waits for something.

    Example: forewarn ticket wait 12 --for part --text "comes on Friday"
    """
    _act(session, number, "wait", Act(actor=actor, text=text, waiting_for=waiting_for), as_json)


@ticket.command("note")
@act_options
@click.option("--text", help="What to note; asked for when you leave it out.")
@click.option(
    "--visibility", type=click.Choice(["internal", "customer"]), default="internal", show_default=True,
    help="Who may read it.",
)  # fmt: skip
@pass_session
def note(session: Session, number: int, actor: str, text: str | None, visibility: str, as_json: bool) -> None:
    """Add a note to the timeline.

    Example: forewarn ticket note 12 --text "customer is told"
    """
    text = text or _ask("--text", "Note", "what to note")
    _act(session, number, "note", Act(actor=actor, text=text, visibility=visibility), as_json)


@ticket.command("resolve")
@act_options
@text_option
@pass_session
def resolve(session: Session, number: int, actor: str, text: str, as_json: bool) -> None:
    """Say that the work is done; closing it then says what was found.

    Example: forewarn ticket resolve 12 --text "disk replaced"
    """
    _act(session, number, "resolve", Act(actor=actor, text=text), as_json)


@ticket.command("close")
@act_options
@text_option
@click.option(
    "--outcome", type=click.Choice(list(life.OUTCOMES)), help="What was found; asked for when you leave it out."
)
@pass_session
def close(session: Session, number: int, actor: str, text: str, outcome: str | None, as_json: bool) -> None:
    """Close it and say what was found: this is how the rules are scored.

    \b
    failed               the part failed before anything was done
    replaced-in-time     the part was replaced before it failed
    cleaned              the cause was removed: cleaned, freed, reconnected
    configuration        a setting was changed
    could-not-reproduce  looked at, nothing found
    false-alarm          there was no fault

    Example: forewarn ticket close 12 --outcome replaced-in-time
    """
    if outcome is None:
        for name, meaning in life.OUTCOMES.items():
            click.echo(f"{name:20} {meaning}", err=True)
        outcome = _ask("--outcome", "Outcome", f"one of {', '.join(life.OUTCOMES)}", click.Choice(list(life.OUTCOMES)))
    _act(session, number, "close", Act(actor=actor, text=text, outcome=outcome), as_json)


@ticket.command("reopen")
@act_options
@text_option
@pass_session
def reopen(session: Session, number: int, actor: str, text: str, as_json: bool) -> None:
    """Open it again: the work was not done after all.

    Example: forewarn ticket reopen 12 --text "the errors go on"
    """
    _act(session, number, "reopen", Act(actor=actor, text=text), as_json)


def _ask(option: str, prompt: str, what: str, type_: click.Choice[str] | None = None) -> str:
    """Ask who sits there; where nobody does, say which option is missing."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"give {option}: {what}")
    return str(click.prompt(prompt, type=type_, err=True, show_choices=False))


def _act(session: Session, number: int, action: str, act: Act, as_json: bool) -> None:
    changed = session.client.act(number, action, act)
    if as_json:
        print_json(changed)
    else:
        who = next((f", {entry.actor}" for entry in reversed(changed.timeline) if entry.kind != "evidence"), "")
        click.echo(clean(f"ticket {changed.number} ({changed.device}: {changed.title}) is {changed.state}{who}"))


def _part(session: Session, found: Ticket) -> dict[str, Any]:
    """What the device says about the disk of the ticket: slot, model, kind; empty when it is no disk or unknown."""
    try:
        all_series = session.client.device(found.device).series
    except ClientError:
        return {}
    disks = (
        item.facts.get("disk", {}) for item in all_series if item.kind == "smart" and item.part == found.part_serial
    )
    return next((disk for disk in disks if isinstance(disk, dict)), {})
