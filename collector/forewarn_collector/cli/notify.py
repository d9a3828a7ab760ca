"""``forewarn notify test|log``"""

import time

import click

from forewarn_collector.api.notify_views import TellTest
from forewarn_collector.cli.complete import engineers
from forewarn_collector.cli.format import ABSENT, Times
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.order import seconds
from forewarn_collector.cli.person import login_name
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, right, table
from forewarn_collector.cli.text import clean
from forewarn_collector.notify.model import Notification, State

ASK_AGAIN_SECONDS = 0.5
EVERYTHING = 100_000


@click.group("notify", cls=Commands)
def notify() -> None:
    """Who was told what on which phone; try whether an engineer is reached.

    Example: forewarn notify test "Li Wei"
    """


@notify.command("test")
@click.argument("engineer", shell_complete=engineers)
@click.option("--timeout", default="60s", callback=seconds, help="How long to wait for each channel; default 60s.")
@click.option("--by", "actor", default=login_name, help="Who tries it; default your login.")
@json_option
@pass_session
def test(session: Session, engineer: str, timeout: float, actor: str, as_json: bool) -> None:
    """Send a test to an engineer on every channel, at any hour, and say what each channel answered.

    Exit code 1 when one of them did not take it.

    Example: forewarn notify test "Li Wei"
    """
    body = TellTest(engineer=engineer, actor=actor)
    made = session.client.send(list[Notification], "POST", "/notifications/test", body)
    with session.busy(f"waiting for {clean(engineer)}'s channels"):
        found = _until_told(session, made, timeout)
    if as_json:
        print_json(found)
    else:
        for item in found:
            click.echo(clean(f"{item.channel or engineer}: {_became(item)}"))
    if any(item.state != State.SENT for item in found):
        raise click.exceptions.Exit(1)


def _until_told(session: Session, made: list[Notification], timeout: float) -> list[Notification]:
    """The same when nothing of them waits any longer, or at the end of the time."""
    ids = {item.id for item in made}
    deadline = time.monotonic() + timeout
    found = made
    while any(item.state == State.WAITING for item in found) and time.monotonic() < deadline:
        time.sleep(ASK_AGAIN_SECONDS)
        wanted = {"engineer": made[0].engineer, "limit": EVERYTHING}
        log = session.client.send(list[Notification], "GET", "/notifications", wanted=wanted)
        found = [item for item in reversed(log) if item.id in ids]
    return found


def _became(item: Notification) -> str:
    if item.state == State.SENT:
        return "taken"
    if item.state == State.WAITING:
        return f"not taken yet: {item.last_error or 'it waits for its turn'}"
    return f"not taken: {item.last_error}"


@notify.command("log")
@click.option("--engineer", shell_complete=engineers, help="Only what this engineer was told.")
@click.option("--ticket", type=click.IntRange(1), help="Only about this ticket.")
@click.option("--state", type=click.Choice([str(state) for state in State]), help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, EVERYTHING), default=50, show_default=True, help="How many to show.")
@json_option
@pass_session
def log(
    session: Session, engineer: str | None, ticket: int | None, state: str | None, limit: int, as_json: bool
) -> None:
    """Who was told what, what waits and why, what could not be told; the newest first.

    Example: forewarn notify log --engineer "Li Wei" --state parked
    """
    wanted = {"engineer": engineer, "ticket": ticket, "state": state, "limit": limit}
    found = session.client.send(list[Notification], "GET", "/notifications", wanted=wanted)
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("nobody was told anything")
        return
    shown = table(
        right("id"), right("ticket"), folding("who", 8), folding("on", 6), fixed("what"), fixed("state"),
        fixed("when"), folding("why", 12),
    )  # fmt: skip
    for item in found:
        words = (item.id, item.ticket or ABSENT, item.engineer or ABSENT, item.channel or ABSENT, item.kind, item.state)
        shown.add_row(*map(cell, (*words, _when(item, session.times), _why(item))))
    session.screen.print(shown)


def _when(item: Notification, times: Times) -> str:
    if item.sent_at is not None:
        return times.age(item.sent_at)
    if item.state == State.WAITING:
        return times.age(max(item.not_before, item.next_try_at))
    return times.age(item.created_at)


def _why(item: Notification) -> str:
    if item.told_with is not None:
        return f"told with {item.told_with}"
    return item.last_error or item.reason or ABSENT
