"""``forewarn report quality``"""

import csv
import io
from datetime import datetime

import click
import msgspec
from rich.table import Table

from forewarn_collector.cli.format import ABSENT
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, right, table
from forewarn_collector.tickets.quality import Quality, QualityReport
from forewarn_rules.durations import spell_duration

MONTH = "%Y-%m"


@click.group("report", cls=Commands)
def report() -> None:
    """Reports about the service.

    Example: forewarn report quality --month 2026-10
    """


@report.command("quality")
@click.option("--month", type=click.DateTime([MONTH]), required=True, help="Which month: 2026-10.")
@click.option("--zone", default="UTC", show_default=True, help="The time zone in which the month begins and ends.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
@json_option
@pass_session
def quality(session: Session, month: datetime, zone: str, as_csv: bool, as_json: bool) -> None:
    """How good the service of a month was: in all, for each customer and each engineer.

    \b
    opened     tickets opened in the month: found by us + reported by the customer
    ended      tickets that ended in it; all that follows is about those
    prevented  of real faults, those that we found and dealt with in time
    first fix  of real faults, those that did not come back
    to ack, to resolve  medians, from the opening on
    stars      the customers' ratings, and how many there are

    Example: forewarn report quality --month 2026-10 --csv
    """
    if as_csv and as_json:
        raise click.UsageError("choose one of --csv and --json")
    wanted = {"month": month.strftime(MONTH), "zone": zone}
    found = session.client.send(QualityReport, "GET", "/reports/quality", wanted=wanted)
    if as_json:
        print_json(found)
    elif as_csv:
        click.echo(to_csv(found), nl=False)
    else:
        session.screen.print(build_table(found))


def build_table(found: QualityReport) -> Table:
    shown = table(
        folding(found.month, least=8), right("opened"), right("ended"), right("prevented"), right("first fix"),
        right("to ack"), right("to resolve"), fixed("stars"), gap=1,
    )  # fmt: skip
    rows = [found.total, *found.customers, *found.engineers]
    for row in rows:
        opened = f"{row.opened} = {row.found_by_us} + {row.reported_by_customer}"
        stars = ABSENT if row.stars is None else f"{row.stars:.1f} ({row.ratings})"
        shown.add_row(
            *map(cell, (row.who, opened, row.ended, _share(row.prevented), _share(row.first_time_fix))),
            *map(cell, (_time(row.seconds_to_acknowledge), _time(row.seconds_to_resolve), stars)),
        )
    return shown


def _share(share: float | None) -> str:
    return ABSENT if share is None else f"{100 * share:.0f} %"


def _time(seconds: float | None) -> str:
    return ABSENT if seconds is None else spell_duration(seconds)


def to_csv(found: QualityReport) -> str:
    """A row for all, each customer and each engineer; what there is nothing to count from is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["month", "zone", "of", *Quality.__struct_fields__])
    groups = (("all", [found.total]), ("customer", found.customers), ("engineer", found.engineers))
    for of, rows in groups:
        for row in rows:
            writer.writerow([found.month, found.zone, of, *map(_plain, msgspec.structs.astuple(row))])
    return text.getvalue()


def _plain(value: object) -> object:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
        return f"'{value}"  # a spreadsheet would take a name for a formula
    return "" if value is None else value
