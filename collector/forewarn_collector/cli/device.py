"""``forewarn device NAME|show|revoke|reinstate``"""

import click
from click.shell_completion import CompletionItem

from forewarn_collector.api.identity_views import Revoke
from forewarn_collector.api.views import DeviceView
from forewarn_collector.cli import device_page
from forewarn_collector.cli.client import Client
from forewarn_collector.cli.complete import device_names
from forewarn_collector.cli.format import bucketed, sparkline
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.text import clean

DAYS = 7
BAR_COUNT = 21

name_argument = click.argument("name", shell_complete=device_names)


class DeviceGroup(Commands):
    """What is no command is a device to show: ``forewarn device shop-07``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["show", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return [*super().shell_complete(ctx, incomplete), *device_names(ctx, self.get_params(ctx)[0], incomplete)]


@click.group("device", cls=DeviceGroup)
def device() -> None:
    """One device: parts, last values, verdicts, what is unknown; or take its identity away.

    Example: forewarn device shop-07
    """


@device.command("show")
@name_argument
@json_option
@pass_session
def show(session: Session, name: str, as_json: bool) -> None:
    """All about one device; "show" is needed only for a device that is named like a command.

    The small bars are the last seven days, a gap is a time without a measured value.

    Example: forewarn device show shop-07
    """
    view = session.client.device(name)
    if as_json:
        print_json(view)
        return
    courses = read_courses(session.client, view, session.times.now)
    for block in device_page.page(view, session.times, courses):
        session.screen.print(block)


@device.command("revoke")
@name_argument
@click.option("--reason", required=True, help="Why; it is kept and shown to whoever tries to connect as the device.")
@json_option
@pass_session
def revoke(session: Session, name: str, reason: str, as_json: bool) -> None:
    """Take a device's identity away, at once: its connection ends, and nothing of it is taken any more.

    Example: forewarn device revoke shop-07 --reason "stolen"
    """
    done = session.client.revoke(name, Revoke(reason=reason))
    if as_json:
        print_json(done)
        return
    click.echo(clean(f"revoked {done.device}: {done.reason}"))
    for trouble in session.client.status().troubles:
        click.echo(clean(f"note: {trouble}"))


@device.command("reinstate")
@name_argument
@json_option
@pass_session
def reinstate(session: Session, name: str, as_json: bool) -> None:
    """Let a revoked device come back. One that was enrolled here must be enrolled again: its certificates stay revoked.

    Example: forewarn device reinstate shop-07
    """
    done = session.client.reinstate(name)
    if as_json:
        print_json(done)
        return
    click.echo(clean(f"{done.device} may come back" + ("; enrol it again" if done.enrolled_at is not None else "")))


def read_courses(client: Client, view: DeviceView, now: float) -> device_page.Courses:
    """Bars of the last days for the metrics that the page shows, by (metric, part)."""
    start = now - DAYS * 86_400
    found: device_page.Courses = {}
    for metric in device_page.metrics_of(view):
        for data in client.series(view.line.name, metric, start, now, points=BAR_COUNT * 8, aggregate="max"):
            bars = bucketed(data.at, data.values, start, now, BAR_COUNT)
            found[metric, data.part] = sparkline(bars, *device_page.scale(data.unit, bars))
    return found
