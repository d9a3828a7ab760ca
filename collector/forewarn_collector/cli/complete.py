"""What the shell completes from the running collector; nothing at all when none runs."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from forewarn_collector.cli.address import ClientError

if TYPE_CHECKING:
    from forewarn_collector.cli.client import Client

PATIENCE_SECONDS = 2.0


def device_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    try:
        with _client(context) as client:
            found = [(line.name, _whose(line.customer, line.site)) for line in client.devices()]
    except ClientError:
        return []
    return _items(found, incomplete)


def part_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Parts of the device that was named before."""
    try:
        with _client(context) as client:
            found = [(view.part or "machine", view.slot) for view in client.baseline(context.params["name"])]
    except (ClientError, KeyError):
        return []
    return _items(found, incomplete)


def order_ids(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    try:
        with _client(context) as client:
            found = [
                (order.id, f"{order.name} {order.device}, {order.state}") for order in client.orders(None, False, 100)
            ]
    except ClientError:
        return []
    return _items(found, incomplete)


def setting_keys(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from forewarn_collector.orders.settings import KNOWN

    return _items(((key, "") for key in KNOWN), incomplete)


def disk_slots(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Disks of the device that was named before."""
    try:
        with _client(context) as client:
            series = client.device(context.params["name"]).series
    except (ClientError, KeyError):
        return []
    return _items(((one.part, "") for one in series if one.kind == "smart"), incomplete)


def customers(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    try:
        with _client(context) as client:
            found = sorted({line.customer for line in client.devices()})
    except ClientError:
        return []
    return _items(((name, "") for name in found), incomplete)


def window_numbers(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from forewarn_collector.notify.model import Window

    try:
        with _client(context) as client:
            found = client.send(list[Window], "GET", "/maintenance")
    except ClientError:
        return []
    return _items(((str(window.number), window.reason) for window in found), incomplete)


def ticket_numbers(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    try:
        with _client(context) as client:
            found = [(str(ticket.number), f"{ticket.device}: {ticket.title}") for ticket in client.tickets()]
    except ClientError:
        return []
    return _items(found, incomplete)


def engineers(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _of_directory(context, "engineers", incomplete)


def schedules(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _of_directory(context, "on_call", incomplete)


def _of_directory(context: click.Context, section: str, incomplete: str) -> list[CompletionItem]:
    try:
        with _client(context) as client:
            found = client.get("/directory")["document"].get(section, [])
    except (ClientError, KeyError):
        return []
    return _items(((one["name"], "") for one in found), incomplete)


def destination_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    try:
        with _client(context) as client:
            found = [(view.name, view.kind) for view in client.destinations()]
    except ClientError:
        return []
    return _items(found, incomplete)


def metric_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from forewarn_rules import METRICS

    return _items(((name, metric.description) for name, metric in METRICS.items()), incomplete)


def rule_ids(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from forewarn_rules import RuleFileErrors, load_rules

    try:
        found = [(rule.id, rule.title) for rule in load_rules()]
    except RuleFileErrors:
        return []
    return _items(found, incomplete)


def _client(context: click.Context) -> "Client":
    from forewarn_collector.cli.client import Client

    given = context.find_root().params
    return Client.connect(given.get("data"), given.get("server"), given.get("token_file"), PATIENCE_SECONDS)


def _items(found: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    """A word that a shell would have to be careful with is not offered: the first line break would end it."""
    from forewarn_collector.cli.text import clean

    return [
        CompletionItem(word, help=clean(text) or None)
        for word, text in found
        if word.startswith(incomplete) and word == clean(word)
    ]


def _whose(customer: str, site: str) -> str:
    return f"{customer}, {site}" if site else customer
