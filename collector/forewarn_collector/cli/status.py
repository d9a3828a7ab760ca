"""``forewarn status``"""

import click
from rich import filesize

from forewarn_collector.api.views import Health
from forewarn_collector.cli.format import ABSENT, Times, count
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import heading, pairs, paragraph
from forewarn_collector.tickets.model import Allowance


@click.command("status")
@json_option
@pass_session
def status(session: Session, as_json: bool) -> None:
    """How the collector is: counters, addresses, troubles.

    Example: forewarn status
    """
    health = session.client.status()
    if as_json:
        print_json(health)
        return
    session.screen.print(pairs(rows(health, Times(health.now, session.utc), session.client.address.url)))
    if health.troubles:
        session.screen.print(heading("Troubles"))
        for trouble in health.troubles:
            session.screen.print(paragraph(trouble, style="red"))


def rows(health: Health, times: Times, api: str) -> list[tuple[str, str]]:
    """What is shown, as names and words."""
    behind = health.position - health.judged_position
    return [
        ("forewarn", f"{health.version}, up since {times.both(health.started_at)}"),
        ("collector's time", times.moment(health.now, seconds=True)),
        ("MQTT listener", health.mqtt or "off"),
        ("broker", health.broker or "none"),
        ("API", api),
        ("devices", f"{health.devices:,} known, {count(health.connections, 'connection')}"),
        (
            "reports",
            f"{health.stored:,} stored, {health.duplicates:,} sent twice and dropped, {health.queue:,} waiting",
        ),
        ("judge", "up to date" if behind <= 0 else f"{count(behind, 'row')} behind"),
        ("dead letters", f"{health.dead_letters:,}"),
        ("tickets", _tallied(health.tickets)),
        ("ticket budget", say_budget(health.budget, times)),
        ("deliveries", _tallied(health.deliveries)),
        ("journal", filesize.decimal(health.file_bytes)),
        ("troubles", f"{len(health.troubles)}, see below" if health.troubles else "none"),
    ]


def say_budget(budget: Allowance | None, times: Times) -> str:
    """``5 of 5 predictive tickets of a month used, 2 on the watch list; the next in 3 d``"""
    if budget is None:
        return ABSENT
    if budget.allowed is None:
        return f"none; {count(budget.used, 'predictive ticket')} within a month"
    said = f"{budget.used:,} of {count(budget.allowed, 'predictive ticket')} a month used"
    if budget.waiting:
        said += f", {budget.waiting:,} on the watch list"
    return said + (f"; the next {times.age(budget.next_free_at)}" if budget.next_free_at is not None else "")


def _tallied(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in counts.items()) or "none"
