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

    Disks whose health could not be read are counted apart ("1+2?" is one that was read and two that were not).

    Example: forewarn devices --customer Acme
    """
    lines = worst_first(session.client.devices(customer))
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
    return _wide_table(lines, times) if wide else _narrow_table(lines, times)


def _wide_table(lines: list[DeviceLine], times: Times) -> Table:
    shown = table(
        folding("device"), folding("customer, site"), fixed("heard"), fixed("online since"), right("cpu"),
        right("memory"), folding("fullest"), right("hottest"), right("disks"), fixed("level"), right("tickets"),
    )  # fmt: skip
    for line in lines:
        shown.add_row(
            cell(line.name), cell(whose(line.customer, line.site)), heard(line, times.age(line.last_received)),
            cell(ABSENT if line.online_since is None else times.moment(line.online_since)),
            cell(_with_unit(line.cpu_used_percent, "percent")), cell(_with_unit(line.memory_used_percent, "percent")),
            cell(_fullest(line, " %")), cell(_with_unit(line.hottest_celsius, "celsius")),
            cell(disks(line)), cell(line.level), cell(line.tickets or ABSENT),
        )  # fmt: skip
    return shown


def _narrow_table(lines: list[DeviceLine], times: Times) -> Table:
    """Fits 80 columns: the units are in the header, and ages say only how long."""
    shown = table(
        folding("device", least=10), folding("customer, site", least=6), fixed("heard"), right("cpu%"), right("mem%"),
        folding("fullest%", least=6), right("°C"), right("disks"), fixed("level"), right("tk"), gap=1,
    )  # fmt: skip
    for line in lines:
        shown.add_row(
            cell(line.name), cell(whose(line.customer, line.site)),
            heard(line, times.age(line.last_received).removesuffix(" ago")),
            cell(_bare(line.cpu_used_percent)), cell(_bare(line.memory_used_percent)), cell(_fullest(line, "")),
            cell(_bare(line.hottest_celsius)), cell(disks(line)), cell(line.level), cell(line.tickets or ABSENT),
        )  # fmt: skip
    return shown


def whose(customer: str, site: str) -> str:
    return f"{customer}, {site}" if site else customer


def heard(line: DeviceLine, age: str) -> Text:
    """When it was last heard; yellow when it is known to be offline."""
    return cell(f"off, {age}", "yellow") if line.online is False else cell(age)


def disks(line: DeviceLine) -> str:
    """``2``, ``1+2?`` (two whose health could not be read), ``-`` for a machine that has none."""
    if not line.disks_unknown:
        return str(line.disks) if line.disks else ABSENT
    return f"{line.disks - line.disks_unknown}+{line.disks_unknown}?"


def describe_disks(line: DeviceLine) -> str:
    unknown = f", {line.disks_unknown} of them could not be read" if line.disks_unknown else ""
    return f"{count(line.disks, 'disk')}{unknown}" if line.disks else "none has reported"


def _with_unit(value: float | None, unit: str) -> str:
    return ABSENT if value is None else quantity(round(value), unit)


def _bare(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.0f}"


def _fullest(line: DeviceLine, unit: str) -> str:
    return ABSENT if line.fullest_percent is None else f"{line.fullest_percent:.0f}{unit} {line.fullest_mount}"
