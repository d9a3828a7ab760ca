"""``forewarn deadletters`` and ``forewarn deliveries``"""

from typing import Any

import click
from rich.table import Table

from forewarn_collector.api.views import DeadLetters
from forewarn_collector.cli.format import ABSENT, Times
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, heading, paragraph, right, table
from forewarn_collector.cli.text import clean
from forewarn_collector.ingest.accept import REASONS

PAYLOAD_SHOWN = 160
limit_option = click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many to show."
)


def reasons(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return [reason for reason in REASONS if reason.startswith(incomplete)]


@click.command("deadletters")
@click.option("--reason", shell_complete=reasons, help="Only those of this reason: malformed-json, ...")
@limit_option
@json_option
@pass_session
def deadletters(session: Session, reason: str | None, limit: int, as_json: bool) -> None:
    """What could not be accepted, and why.

    Totals by reason, then the newest with the beginning of their payload.

    Example: forewarn deadletters --reason malformed-json
    """
    found = session.client.dead_letters(limit, reason)
    if as_json:
        print_json(found)
        return
    if not found.totals:
        click.echo("no dead letters: everything that came could be accepted")
        return
    session.screen.print(_totals(found))
    for letter in found.letters:
        sender = f"{letter.client or 'unknown client'} through the {letter.door}"
        session.screen.print(heading(f"{session.times.both(letter.received_at)}  {letter.reason}"))
        session.screen.print(paragraph(f"{sender}, topic {clean(letter.topic) or ABSENT}"))
        session.screen.print(paragraph(clean(letter.detail)))
        session.screen.print(paragraph(beginning(letter.payload), style="dim"))
    if not found.letters:
        click.echo(f"\nnone of reason {clean(reason or '')!r}")


def _totals(found: DeadLetters) -> Table:
    shown = table(fixed("reason"), right("total"))
    for reason, total in sorted(found.totals.items(), key=lambda item: -item[1]):
        shown.add_row(cell(reason), cell(f"{total:,}"))
    return shown


def beginning(payload: str) -> str:
    """The start of a payload in one harmless line."""
    if not payload:
        return "(no payload)"
    shown = clean(payload[:PAYLOAD_SHOWN])
    return shown if len(payload) <= PAYLOAD_SHOWN else f"{shown} ... ({len(payload):,} characters)"


@click.command("deliveries")
@limit_option
@json_option
@pass_session
def deliveries(session: Session, limit: int, as_json: bool) -> None:
    """What was sent to ticket systems, what waits, what is parked.

    Those that wait or are parked come first.

    Example: forewarn deliveries --limit 20
    """
    found = session.client.deliveries(limit)
    if as_json:
        print_json(found)
    elif not found:
        click.echo("no deliveries: no ticket has changed yet, or no destination is configured")
    else:
        session.screen.print(_deliveries(found, session.times))


def _deliveries(found: list[dict[str, Any]], times: Times) -> Table:
    shown = table(
        right("ticket"), folding("to", least=8), fixed("what"), fixed("state"), right("tries"), fixed("when"),
        folding("last error"),
    )  # fmt: skip
    for item in found:
        sent = item.get("sent_at")
        when = (
            times.age(sent)
            if sent
            else f"next {times.age(item['next_try_at'])}"
            if item["state"] == "pending"
            else ABSENT
        )
        words = (item["ticket"], item["destination"], item["event"], item["state"], item["tries"], when)
        shown.add_row(*map(cell, words), cell(item.get("last_error") or ABSENT))
    return shown
