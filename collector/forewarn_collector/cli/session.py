"""What every command shares: which collector, which clock, how an answer is printed."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec
from click.core import ParameterSource

from forewarn_collector.cli.text import clean_json

if TYPE_CHECKING:
    from rich.console import Console

    from forewarn_collector.cli.client import Client
    from forewarn_collector.cli.format import Times

Command = TypeVar("Command", bound=Callable[..., Any])

# Rich, httpx and what they bring are imported when they are used: help and usage errors answer at once without them.


class Session:
    """The options of the group, and the collector that they name (asked only when a command needs it)."""

    def __init__(
        self, data: Path | None = None, server: str | None = None, token_file: Path | None = None, utc: bool = False
    ) -> None:
        self.data = data
        self.server = server
        self.token_file = token_file
        self.utc = utc

    @cached_property
    def client(self) -> "Client":
        from forewarn_collector.cli.client import Client

        if self.server is None and self.token_file is not None:
            raise click.UsageError("--token-file is for --server: without it the data directory holds the token")
        client = Client.connect(self.data, self.server, self.token_file)
        click.get_current_context().find_root().call_on_close(client.close)
        return client

    @cached_property
    def times(self) -> "Times":
        """Ages count from the collector's clock."""
        from forewarn_collector.cli.format import Times

        return Times(self.client.whoami().now, self.utc)

    @cached_property
    def screen(self) -> "Console":
        """Prints text as it is: nothing that a device says is taken for markup."""
        from rich.console import Console

        return Console(markup=False, highlight=False, emoji=False)

    def busy(self, text: str) -> AbstractContextManager[object]:
        """Show on a terminal that something is waited for."""
        from rich.console import Console

        return Console(stderr=True, markup=False).status(text)


pass_session = click.make_pass_decorator(Session, ensure=True)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON document.")(command)


def typed_before(name: str) -> Any:
    """An option of the group for a command that starts a collector: what was typed before the command's own name, or
    None. The environment names the collector that is asked, not one that is to be started."""
    root = click.get_current_context().find_root()
    return root.params[name] if root.get_parameter_source(name) is ParameterSource.COMMANDLINE else None


def print_json(answer: Any) -> None:
    document = msgspec.json.format(msgspec.json.encode(answer), indent=2).decode("utf-8")
    click.echo(clean_json(document))


def mask_files(mask: int) -> None:
    """What the running command makes lacks these rights; whoever runs it within a process keeps the mask of its own."""
    click.get_current_context().call_on_close(partial(os.umask, os.umask(mask)))
