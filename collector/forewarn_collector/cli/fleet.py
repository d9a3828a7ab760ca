"""``forewarn top``, ``forewarn latest``, ``forewarn verdicts``"""

from typing import Any

import click

from forewarn_collector.api.fleet_views import LatestValue, Top, VerdictLine
from forewarn_collector.cli.complete import customers, metric_names
from forewarn_collector.cli.devices import whose
from forewarn_collector.cli.format import ABSENT, Times, count, quantity
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, right, table
from forewarn_collector.cli.text import clean
from forewarn_rules.durations import parse_duration
from forewarn_rules.metrics import find_metric


class Window(click.ParamType[float]):
    """``7d``, at least a day."""

    name = "window"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            seconds = parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds < 86_400:
            self.fail(f"{value!r} is less than a day", param, ctx)
        return seconds


@click.command("top")
@click.argument("metric", shell_complete=metric_names)
@click.option("--window", type=Window(), default="7d", show_default=True, help="Growth since when: 7d, 30d, 52w.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many.")
@json_option
@pass_session
def top(session: Session, metric: str, window: float, limit: int, as_json: bool) -> None:
    """Where a metric grew most, of all devices.

    The newest value is compared with that at the beginning of the day before which the window lies (UTC), from rollups
    where reports are gone. What could not be measured then or now is not compared.

    Example: forewarn top ata.5.raw --window 7d --limit 20
    """
    found = session.client.top(metric, window, limit)
    if as_json:
        print_json(found)
        return
    times = session.times
    if found.grown:
        session.screen.print(_table_of_top(found, times))
    since = f"since {times.moment(found.since)}"
    click.echo(f"{count(found.compared, 'value')} compared {since}; of {found.unknown} more nothing is known of then")


@click.command("latest")
@click.argument("metric", shell_complete=metric_names)
@json_option
@pass_session
def latest(session: Session, metric: str, as_json: bool) -> None:
    """The newest value of a metric on every device, the greatest first.

    Example: forewarn latest filesystem.used_percent
    """
    found = session.client.latest(metric)
    if as_json:
        print_json(found)
    elif not found:
        click.echo(f"no device has reported {clean(metric)}")
    else:
        session.screen.print(_table_of_latest(found, metric, session.times))


@click.command("verdicts")
@click.option("--customer", shell_complete=customers, help="Only devices of this customer.")
@json_option
@pass_session
def verdicts(session: Session, customer: str | None, as_json: bool) -> None:
    """Every part of every device on which a rule speaks, the worst first.

    Example: forewarn verdicts --customer Acme
    """
    found = [line for line in session.client.verdicts() if customer in (None, line.customer)]
    if as_json:
        print_json(found)
    elif not found:
        click.echo("no rule speaks of any device")
    else:
        session.screen.print(_table_of_verdicts(found))


def _table_of_top(found: Top, times: Times) -> Any:
    shown = table(
        right("growth"), right("now"), right("before"), folding("device"), folding("part"), folding("customer"),
        fixed("age"), gap=1,
    )  # fmt: skip
    for one in found.grown:
        growth = one.growth or 0.0  # not -0
        shown.add_row(
            cell(quantity(growth, found.unit)), cell(quantity(one.value, found.unit)),
            cell(quantity(one.before, found.unit)), cell(one.device), cell(one.part or ABSENT),
            cell(one.customer or ABSENT), cell(times.age(one.at).removesuffix(" ago")),
        )  # fmt: skip
    return shown


def _table_of_latest(found: list[LatestValue], metric: str, times: Times) -> Any:
    known = find_metric(metric)
    unit = known.unit if known else ""
    shown = table(right("value"), folding("device"), folding("part"), fixed("age"))
    for one in sorted(found, key=lambda one: (one.value is None, -(one.value or 0.0), one.device)):
        shown.add_row(
            cell(quantity(one.value, unit)), cell(one.device), cell(one.part or ABSENT), cell(times.age(one.at))
        )
    return shown


def _table_of_verdicts(found: list[VerdictLine]) -> Any:
    shown = table(fixed("level"), folding("device"), fixed("what"), folding("part"), folding("customer, site"))
    for line in found:
        shown.add_row(
            cell(line.level), cell(line.device), cell(line.kind), cell(line.part or ABSENT),
            cell(whose(line.customer, line.site)),
        )  # fmt: skip
    return shown
