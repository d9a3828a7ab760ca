"""``forewarn devices``"""

from collections.abc import Iterable

import click
from rich.table import Table
from rich.text import Text

from forewarn_collector.api.views import DeviceLine
from forewarn_collector.cli.complete import customers
from forewarn_collector.cli.format import ABSENT, Times, count, quantity
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, right, table
from forewarn_rules import LEVELS

WIDE = 110


@click.command("devices")
@click.option("--customer", shell_complete=customers, help="Only devices of this customer.")
@json_option
@pass_session
def devices(session: Session, customer: str | None, as_json: bool) -> None:
    """Every device, the worst first.

    Disks whose health could not be read are counted apart ("1 + 2?" is one that was read and two that were not).

    Example: forewarn devices --customer Acme
    """
    lines = worst_first(line for line in session.client.devices() if customer in (None, line.customer))
    if as_json:
        print_json(lines)
    elif not lines:
        whom = "no device" if customer is None else f"no device of customer {customer!r}"
        click.echo(f"{whom} has reported yet")
    else:
        session.screen.print(build_table(lines, session.times, session.screen.width >= WIDE))


def worst_first(lines: Iterable[DeviceLine]) -> list[DeviceLine]:
    """By level, then open tickets, then those that are offline, then by name."""
    return sorted(
        lines, key=lambda line: (-LEVELS.index(line.level), -line.tickets, line.online is not False, line.name)
    )


def build_table(lines: list[DeviceLine], times: Times, wide: bool = False) -> Table:
    since = [fixed("online since")] if wide else []
    shown = table(
        folding("device", least=12), folding("customer, site"), fixed("heard"), *since, right("cpu"), right("mem"),
        folding("fullest"), right("hottest" if wide else "hot"), right("disks"), fixed("level"),
        right("tickets" if wide else "tk"),
    )  # fmt: skip
    for line in lines:
        online = [cell(times.moment(line.online_since) if line.online_since else ABSENT)] if wide else []
        shown.add_row(
            cell(line.name), cell(whose(line.customer, line.site)), heard(line, times), *online,
            cell(_percent(line.cpu_used_percent)), cell(_percent(line.memory_used_percent)), cell(_fullest(line)),
            cell(ABSENT if line.hottest_celsius is None else quantity(line.hottest_celsius, "celsius")),
            cell(disks(line)), cell(line.level), cell(line.tickets or ABSENT),
        )  # fmt: skip
    return shown


def whose(customer: str, site: str) -> str:
    return f"{customer}, {site}" if site else customer


def heard(line: DeviceLine, times: Times) -> Text:
    """When it was last heard; yellow when it is known to be offline."""
    style = "yellow" if line.online is False else ""
    return cell(
        f"off, {times.age(line.last_received)}" if line.online is False else times.age(line.last_received), style
    )


def disks(line: DeviceLine) -> str:
    """``2``, ``1 + 2?`` (two whose health could not be read), ``-`` for a machine that has none."""
    if not line.disks_unknown:
        return str(line.disks) if line.disks else ABSENT
    return f"{line.disks - line.disks_unknown} + {line.disks_unknown}?"


def describe_disks(line: DeviceLine) -> str:
    unknown = f", {line.disks_unknown} of them could not be read" if line.disks_unknown else ""
    return f"{count(line.disks, 'disk')}{unknown}" if line.disks else "none has reported"


def _percent(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.0f} %"


def _fullest(line: DeviceLine) -> str:
    if line.fullest_percent is None:
        return ABSENT
    return f"{line.fullest_percent:.0f} % {line.fullest_mount}"
