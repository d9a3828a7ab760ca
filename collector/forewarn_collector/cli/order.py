"""``forewarn order ...``: what a device can be told, and what became of it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from forewarn_collector.api.order_views import Ask, OrderView
from forewarn_collector.cli.complete import device_names, disk_slots, order_ids
from forewarn_collector.cli.format import ABSENT, Times, count
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.person import login_name
from forewarn_collector.cli.session import Command, Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, table
from forewarn_collector.cli.text import clean
from forewarn_rules.durations import REMEDY, parse_duration

OPEN = ("waiting", "sent")
DONE = "done"
POLL_SECONDS = 0.3
SAID = {
    "waiting": "the device is not there; it is told when it comes",
    "sent": "on its way, not answered yet",
}


def seconds(_context: click.Context, _parameter: click.Parameter, value: str) -> float:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}: {REMEDY}") from None


def waiting_options(command: Command) -> Command:
    """What every command that sends something can be given."""
    for decorate in (
        click.argument("name", metavar="DEVICE", shell_complete=device_names),
        click.option("--wait/--no-wait", default=True, help="Wait for the answer; default yes."),
        click.option("--timeout", default="60s", callback=seconds, help="How long to wait; default 60s."),
        click.option(
            "--expires", default="15m", callback=seconds, help="The device does it no later than this; default 15m."
        ),
        click.option("--by", "actor", default=login_name, help="Who asks for it; default your login."),
    ):
        command = decorate(command)
    return command


@click.group("order", cls=Commands)
def order() -> None:
    """Tell a device to do something, and see what became of it.

    There are four such things, and no way to run anything else. Without --wait, or when the device is not there, the
    order waits until it expires; `forewarn order list` says what became of it.

    Example: forewarn order probe-now shop-07
    """


@order.command("probe-now")
@waiting_options
@json_option
@pass_session
def probe_now(session: Session, /, name: str, **options: Any) -> None:
    """Let the agent read everything now instead of at its next turn.

    Example: forewarn order probe-now shop-07
    """
    _tell(session, name, "probe-now", **options)


@order.command("self-test")
@waiting_options
@click.argument("disk", shell_complete=disk_slots)
@json_option
@pass_session
def self_test(session: Session, /, name: str, disk: str, **options: Any) -> None:
    """Start the short self-test of one disk; its result comes with the next SMART reports.

    DISK is a serial number or a slot. The agent refuses it while the disk sleeps or its array is being rebuilt.

    Example: forewarn order self-test shop-07 /dev/sda
    """
    _tell(session, name, "self-test", disk=disk, **options)


@order.command("resend")
@waiting_options
@json_option
@pass_session
def resend(session: Session, /, name: str, **options: Any) -> None:
    """Ask once more for reports that are missing, those too that the device said it does not have.

    The collector asks by itself for what is missing; this is for when somebody has brought an outbox back.

    Example: forewarn order resend shop-07
    """
    _tell(session, name, "resend", **options)


@order.command("support-bundle")
@waiting_options
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to put it; default DEVICE-support-ID.tar.gz."
)
@json_option
@pass_session
def support_bundle(session: Session, /, name: str, out: Path | None, **options: Any) -> None:
    """Fetch the agent's support bundle: its log, configuration and the state of its outbox, without secrets.

    Example: forewarn order support-bundle shop-07 --out bundle.tar.gz
    """

    def save(view: OrderView) -> str:
        path = out or Path(f"{name}-support-{view.id}.tar.gz")
        content = session.client.attachment(view.id)
        try:
            path.write_bytes(content)
        except OSError as error:
            raise click.ClickException(f"{path}: {error.strerror}; name another file with --out") from None
        return f"{path}: {count(len(content), 'byte')}"

    _tell(session, name, "support-bundle", save=save, **options)


@order.command("fetch")
@click.argument("order_id", metavar="ID", shell_complete=order_ids)
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@pass_session
def fetch(session: Session, order_id: str, out: Path, as_json: bool) -> None:
    """Save the support bundle of an order that was answered later.

    Example: forewarn order fetch 3f9c2a7b1d04 bundle.tar.gz
    """
    content = session.client.attachment(order_id)
    try:
        out.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}; name another file") from None
    if as_json:
        print_json({"file": str(out), "bytes": len(content)})
    else:
        click.echo(f"{out}: {count(len(content), 'byte')}")


@order.command("list")
@click.argument("name", metavar="[DEVICE]", required=False, shell_complete=device_names)
@click.option("--all", "automatic", is_flag=True, help="Also what the collector asks for by itself: missing reports.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, help="How many; default 50.")
@json_option
@pass_session
def listing(session: Session, name: str | None, automatic: bool, limit: int, as_json: bool) -> None:
    """What was asked of devices, the newest first, and what became of it.

    Example: forewarn order list shop-07
    """
    found = session.client.orders(name, automatic, limit)
    if as_json:
        print_json(found)
    elif found:
        session.screen.print(build_table(found, session.times))
    else:
        click.echo("nothing was ordered" + ("" if automatic else "; --all shows what the collector asked for itself"))


def build_table(orders: list[OrderView], times: Times) -> Table:
    shown = table(
        fixed("id"), folding("device", least=8), fixed("order"), fixed("state"), fixed("asked"), folding("what came"),
        gap=1,
    )  # fmt: skip
    for item in orders:
        what = item.text or SAID.get(item.state, ABSENT)
        asked = times.age(item.created_at).removesuffix(" ago")
        shown.add_row(*map(cell, (item.id, item.device, item.name, item.state, asked, what)))
    return shown


def _tell(
    session: Session,
    name: str,
    command: str,
    *,
    wait: bool,
    timeout: float,
    expires: float,
    actor: str,
    as_json: bool,
    disk: str = "",
    save: Callable[[OrderView], str] | None = None,
) -> None:
    ask = Ask(actor=actor, command=command, disk=disk, expires_seconds=expires)
    view = session.client.ask(name, ask)
    if wait:
        view = until_answered(session, view, timeout)
    saved = save(view) if save is not None and view.state == DONE else ""
    if as_json:
        print_json(view)
    else:
        click.echo(
            clean(f"{view.name} {view.device}: {view.state}, {view.text or SAID.get(view.state, '')}".strip(", "))
        )
        if saved:
            click.echo(clean(saved))
        elif view.state in OPEN:
            click.echo(f"order {view.id}: forewarn order list {view.device}")
    if wait and view.state != DONE:
        raise click.exceptions.Exit(1)


def until_answered(session: Session, view: OrderView, timeout: float) -> OrderView:
    """Ask until the order is answered or ended; at the end of the time, as it stands then."""
    deadline = time.monotonic() + timeout
    with session.busy(f"waiting for {view.device}"):
        while view.state in OPEN and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            view = session.client.order(view.id)
    return view
