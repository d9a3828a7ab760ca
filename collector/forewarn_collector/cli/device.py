"""``forewarn device NAME``"""

import click

from forewarn_collector.api.views import DeviceView
from forewarn_collector.cli import device_page
from forewarn_collector.cli.client import Client
from forewarn_collector.cli.complete import device_names
from forewarn_collector.cli.format import bucketed, sparkline
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json

DAYS = 7
BAR_COUNT = 21


@click.command("device")
@click.argument("name", shell_complete=device_names)
@json_option
@pass_session
def device(session: Session, name: str, as_json: bool) -> None:
    """One device: parts, last values, verdicts, what is unknown.

    The small bars are the last seven days, a gap is a time without a measured value.

    Example: forewarn device shop-07
    """
    view = session.client.device(name)
    if as_json:
        print_json(view)
        return
    courses = read_courses(session.client, view, session.times.now)
    for block in device_page.page(view, session.times, courses):
        session.screen.print(block)


def read_courses(client: Client, view: DeviceView, now: float) -> device_page.Courses:
    """Bars of the last days for the metrics that the page shows, by (metric, part)."""
    start = now - DAYS * 86_400
    found: device_page.Courses = {}
    for metric in device_page.metrics_of(view):
        for data in client.series(view.line.name, metric, start, now, points=BAR_COUNT * 8, aggregate="max"):
            bars = bucketed(data.at, data.values, start, now, BAR_COUNT)
            found[metric, data.part] = sparkline(bars, *device_page.scale(data.unit, bars))
    return found
