"""``forewarn series``"""

import csv
import io
from datetime import UTC, datetime

import click
from rich.table import Table

from forewarn_collector.api.views import SeriesData
from forewarn_collector.cli.complete import device_names, metric_names
from forewarn_collector.cli.format import Times, count, quantity
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, heading, right, table
from forewarn_collector.cli.text import clean
from forewarn_rules.durations import parse_duration

PLOT_HEIGHT = 18
When = float | datetime
"""Seconds before now, or a moment."""


class WhenType(click.ParamType[When]):
    """``90d``, ``12h`` (before now), or ``2026-11-23`` and ``2026-11-23T18:00`` (local unless it says otherwise)."""

    name = "when"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> When:
        if isinstance(value, int | float | datetime):
            return value
        try:
            return parse_duration(value)
        except ValueError:
            pass
        try:
            return datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a time before now (90d, 12h) nor a date (2026-11-23)", param, ctx)


@click.command("series")
@click.argument("device", shell_complete=device_names)
@click.argument("metric", shell_complete=metric_names)
@click.option("--part", help="Only this mount, sensor or disk (its serial number).")
@click.option("--since", type=WhenType(), default="7d", show_default=True, help="From when: 90d, or 2026-11-23.")
@click.option("--until", type=WhenType(), help="To when; default now.")
@click.option("--rows", type=click.IntRange(0), default=40, show_default=True, help="Rows of the table; 0 shows all.")
@click.option("--csv", "as_csv", is_flag=True, help="Every value as CSV.")
@click.option("--plot", "as_plot", is_flag=True, help="Draw it.")
@json_option
@pass_session
def series(
    session: Session,
    device: str,
    metric: str,
    part: str | None,
    since: When,
    until: When | None,
    rows: int,
    as_csv: bool,
    as_plot: bool,
    as_json: bool,
) -> None:
    """Stored values of one metric, as table, CSV, plot or JSON.

    What could not be measured is "?" in the table, empty in CSV, null in JSON and a gap in the plot: never zero.

    Example: forewarn series shop-07 filesystem.used_percent --part /data --since 90d --plot
    """
    if as_csv + as_plot + as_json > 1:
        raise click.UsageError("choose one of --csv, --plot and --json")
    times = session.times
    start, end = moment(since, times), moment(until, times) if until is not None else times.now
    if end <= start:
        raise click.UsageError(f"nothing lies between {times.moment(start)} and {times.moment(end)}")
    points = 2 * session.screen.width if as_plot else None
    found = session.client.series(device, metric, start, end, part=part, points=points, aggregate="mean")
    if as_json:
        print_json(found)
    elif as_csv:
        click.echo(to_csv(found, times), nl=False)
    elif not found:
        of_part = f" of {clean(part)}" if part else ""
        click.echo(f"no {clean(metric)}{of_part} on {clean(device)} from {times.moment(start)} to {times.moment(end)}")
    else:
        _show(session, found, times, rows, as_plot)


def moment(when: When, times: Times) -> float:
    """As Unix seconds. A date without a zone is of the zone that is shown."""
    if not isinstance(when, datetime):
        return times.now - when
    if when.tzinfo is None and times.utc:
        return when.replace(tzinfo=UTC).timestamp()
    return when.timestamp()


def _show(session: Session, found: list[SeriesData], times: Times, rows: int, as_plot: bool) -> None:
    for data in found:
        named = f"{data.metric} of {data.part}" if data.part else data.metric
        session.screen.print(heading(f"{named} on {data.device} ({data.unit or 'count'})"))
        if as_plot:
            from forewarn_collector.cli.plot import draw

            click.echo(draw(data, times, session.screen.width, PLOT_HEIGHT))
            note = f"{count(len(data.at), 'point')}; where values share one it is the mean of what was measured"
        else:
            session.screen.print(build_table(data, times, rows))
            unknown = sum(1 for value in data.values if value is None)
            hidden = f", the newest {rows} shown (--rows 0 shows all)" if 0 < rows < len(data.at) else ""
            note = f"{count(len(data.at), 'value')}, {unknown} could not be measured{hidden}"
        session.screen.print(cell(note, "dim"))


def build_table(data: SeriesData, times: Times, rows: int) -> Table:
    shown = table(fixed("time"), right("value"), fixed("age"))
    values = list(zip(data.at, data.values, strict=True))
    for at, value in values[-rows:] if rows else values:
        shown.add_row(cell(times.moment(at, seconds=True)), cell(quantity(value, data.unit)), cell(times.age(at)))
    return shown


def to_csv(found: list[SeriesData], times: Times) -> str:
    """A header and a line for each value; what could not be measured is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["device", "metric", "part", "unit", "time", "value"])
    for data in found:
        names = [clean(name) for name in (data.device, data.metric, data.part, data.unit)]
        for at, value in zip(data.at, data.values, strict=True):
            writer.writerow([*names, times.iso(at), "" if value is None else repr(value)])
    return text.getvalue()
