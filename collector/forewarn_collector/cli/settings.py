"""``forewarn settings show|set|unset``"""

from typing import Any

import click

from forewarn_collector.api.order_views import Change, SettingsView
from forewarn_collector.cli.complete import device_names, setting_keys
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.order import OPEN, seconds, until_answered
from forewarn_collector.cli.person import login_name
from forewarn_collector.cli.session import Command, Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, table
from forewarn_collector.cli.text import clean

name_argument = click.argument("name", metavar="DEVICE", shell_complete=device_names)
key_argument = click.argument("key", shell_complete=setting_keys)


def change_options(command: Command) -> Command:
    for decorate in (
        click.option("--wait/--no-wait", default=True, help="Wait for the device's answer; default yes."),
        click.option("--timeout", default="60s", callback=seconds, help="How long to wait; default 60s."),
        click.option("--by", "actor", default=login_name, help="Who sets it; default your login."),
    ):
        command = decorate(command)
    return command


@click.group("settings", cls=Commands)
def settings() -> None:
    """What a device's agent is set to from here: show it, set it, take it back.

    Known settings only, within bounds; what the machine's own configuration file sets stays as it is there.

    Example: forewarn settings set shop-07 smart_interval 1h
    """


@settings.command("show")
@name_argument
@json_option
@pass_session
def show(session: Session, name: str, as_json: bool) -> None:
    """What is wanted of a device's agent, whether it holds, and the reason where it does not.

    Example: forewarn settings show shop-07
    """
    _print(session, session.client.settings(name), as_json)


@settings.command("set")
@name_argument
@key_argument
@click.argument("value")
@change_options
@json_option
@pass_session
def set_(session: Session, /, name: str, key: str, value: str, **options: Any) -> None:
    """Set one thing: KEY and VALUE are written as in the agent's configuration file, lists with commas.

    Example: forewarn settings set shop-07 probes.network off
    """
    _change(session, name, key, value, **options)


@settings.command("unset")
@name_argument
@key_argument
@change_options
@json_option
@pass_session
def unset(session: Session, /, name: str, key: str, **options: Any) -> None:
    """Take one setting back: what the machine's own file or the agent's default says holds again.

    Example: forewarn settings unset shop-07 smart_interval
    """
    _change(session, name, key, None, **options)


def _change(
    session: Session, name: str, key: str, value: str | None, *, wait: bool, timeout: float, actor: str, as_json: bool
) -> None:
    view = session.client.change_settings(name, Change(actor=actor, settings={key: value}))
    if wait and view.order is not None:
        until_answered(session, view.order, timeout)
        view = session.client.settings(name)
    _print(session, view, as_json)
    refused = any(item.key == key and item.state == "refused" for item in view.settings)
    if wait and (refused or view.order is None or view.order.state != "done"):
        raise click.exceptions.Exit(1)


def _print(session: Session, view: SettingsView, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    if view.settings:
        shown = table(folding("setting"), folding("value"), fixed("state"), folding("by"), fixed("set"), folding("why"))
        for item in view.settings:
            words = (item.key, _value(item.value), item.state, item.actor, session.times.age(item.at), item.reason)
            shown.add_row(*map(cell, words))
        session.screen.print(shown)
    else:
        click.echo(clean(f"nothing is set on {view.device} from here"))
    if view.order is not None and view.order.state in OPEN:
        told = "is not there; it is told when it comes" if view.order.sent_at is None else "has not answered yet"
        click.echo(clean(f"{view.device} {told}"))


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g} s" if isinstance(value, int | float) else str(value)
