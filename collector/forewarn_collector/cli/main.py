"""``forewarn``: what an engineer types. Commands are imported when they are used, so that help answers at once."""

import importlib
import sys
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import click

from forewarn_collector.cli.session import Session

HERE = "forewarn_collector.cli"


class Lazy(NamedTuple):
    """Where a command is defined, and how its help begins."""

    module: str
    summary: str


FAMILIES: dict[str, dict[str, Lazy]] = {
    "The collector": {
        "up": Lazy("up", "Start the collector: MQTT front door, judge, tickets and API."),
        "status": Lazy("status", "How the collector is: counters, addresses, troubles."),
        "ca": Lazy("ca", "forewarn's own certificate authority: make it, show it, replace it."),
        "broker": Lazy("broker", "A broker as the front door: write its configuration."),
        "backup": Lazy(
            "keeping",
            "Write all that the collector knows to FILE, while it runs: reports, tickets, users, authorities"
            " with their keys.",
        ),
        "restore": Lazy(
            "keeping",
            "Put a backup back into the data directory, which must be empty; nothing is changed when FILE is"
            " not whole.",
        ),
        "store": Lazy("keeping", "What is stored: look through it, move it, or copy history into another store."),
        "deadletters": Lazy("traffic", "What could not be accepted, and why."),
        "destination": Lazy(
            "destination", "Ticket systems and whoever else is told: list them, try one, send again what is parked."
        ),
        "deliveries": Lazy("traffic", "What was sent to ticket systems, what waits, what is parked."),
    },
    "Devices": {
        "devices": Lazy("devices", "Every device, the worst first."),
        "device": Lazy(
            "device", "One device: parts, last values, verdicts, what is unknown; or take its identity away."
        ),
        "enrol-token": Lazy(
            "enrol_token", "Tokens by which machines get their identity: make one, list them, revoke one."
        ),
        "baseline": Lazy("baseline", "What counters count from: show it, or accept an old fault as known."),
        "order": Lazy("order", "Tell a device to do something, and see what became of it."),
        "settings": Lazy("settings", "What a device's agent is set to from here: show it, set it, take it back."),
        "series": Lazy("series", "Stored values of one metric, as table, CSV, plot or JSON."),
        "latest": Lazy("fleet", "The newest value of a metric on every device, the greatest first."),
        "top": Lazy("fleet", "Where a metric grew most, of all devices."),
        "verdicts": Lazy("fleet", "Every part of every device on which a rule speaks, the worst first."),
        "metrics": Lazy("metrics", "Every quantity that can be asked for and that rules read."),
    },
    "Tickets": {
        "tickets": Lazy("tickets", "Tickets, the worst first."),
        "watch": Lazy("watch", "Predictions that the ticket budget holds back, the most urgent first."),
        "ticket": Lazy("ticket", "One ticket: look at it, or say what was done."),
        "report": Lazy("report", "Reports about the service."),
    },
    "People and duty": {
        "engineer": Lazy("engineer", "An engineer's open work, what runs out soonest first."),
        "assign": Lazy(
            "engineer", "Give a ticket to an engineer of the directory, who is told; it is not acknowledged by that."
        ),
        "on-call": Lazy("on_call", "Who is on call, and who comes next."),
        "shift": Lazy("on_call", "Shifts: let somebody else be on call for a while."),
        "directory": Lazy(
            "directory", "Customers, sites, engineers, duty and service levels: apply a file, look at what counts."
        ),
    },
    "Phones": {
        "notify": Lazy("notify", "Who was told what on which phone; try whether an engineer is reached."),
        "maintenance": Lazy("maintenance", "Maintenance windows: nobody is told until they are over."),
    },
    "Rules": {
        "rules": Lazy("rules", "The rules: list, check, test, explain."),
        "backtest": Lazy(
            "backtest",
            "Step the rules and the risk model through drive histories and count what they would have found.",
        ),
        "model": Lazy("model", "The risk model: train one, look at one."),
    },
    "Who may come in": {
        "login": Lazy("login", "Log in to a collector: every later command asks it, until you log out."),
        "logout": Lazy("login", "Forget a login and revoke its token; without URL the current one."),
        "whoami": Lazy("login", "Which collector is asked, and as whom."),
        "user": Lazy("users", "Users: who may come in, and as what."),
        "token": Lazy("users", "API tokens: for programs, which may what their user may."),
        "audit": Lazy("audit", "Who changed what, from where, what it was before and after; the newest first."),
    },
    "Trying it out": {
        "demo": Lazy(
            "demo", "Play a simulated fleet of three customers at many days a minute and watch the tickets open."
        ),
        "simulate": Lazy(
            "simulate",
            "Let a made-up fleet report over MQTT, and compare what was found with what was planted.",
        ),
        "replay": Lazy(
            "replay",
            "Send drive histories (Backblaze Drive Stats, daily CSV or parquet) as virtual agents"
            " and see what is predicted.",
        ),
    },
    "This command line": {
        "completion": Lazy("completion", "Print the completion script of a shell."),
    },
}


class LazyGroup(click.Group):
    """Commands by family. A family's heading and the first sentences are known without importing anything."""

    def __init__(self, *given: Any, families: dict[str, dict[str, Lazy]], **more: Any) -> None:
        super().__init__(*given, **more)
        self.families = families
        self.lazy = {name: lazy for family in families.values() for name, lazy in family.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        lazy = self.lazy.get(cmd_name)
        if lazy is None:
            return None
        try:
            module = importlib.import_module(f"{HERE}.{lazy.module}")
        except ModuleNotFoundError as error:
            if error.name == f"{HERE}.{lazy.module}":
                raise click.ClickException(f"{cmd_name} is not part of this installation") from None
            raise click.ClickException(
                f"{error.name} is missing; install everything with: pip install 'forewarn[collector]'"
            ) from None
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Click's own hint at what was meant knows only commands that are imported."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            alike = get_close_matches(args[0], self.lazy, n=1)
            if not alike:
                raise
            raise click.UsageError(f"{error.message} Did you mean {alike[0]!r}?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does it, but without importing every command for its first sentence."""
        for family, commands in self.families.items():
            with formatter.section(family):
                formatter.write_dl([(name, lazy.summary) for name, lazy in commands.items()], col_max=13)


@click.group(
    cls=LazyGroup, families=FAMILIES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(version("forewarn"), "-V", "--version", message="%(prog)s %(version)s")
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), envvar="FOREWARN_DATA", show_envvar=True,
    help="Data directory of the collector to speak to.",
)  # fmt: skip
@click.option(
    "--server", metavar="URL", envvar="FOREWARN_SERVER", show_envvar=True,
    help="Speak to the collector at this address instead.",
)  # fmt: skip
@click.option(
    "--token-file", type=click.Path(path_type=Path, dir_okay=False), envvar="FOREWARN_TOKEN_FILE", show_envvar=True,
    help="File that holds the token for --server; without it a login is used.",
)  # fmt: skip
@click.option("--utc", is_flag=True, help="Show times in UTC instead of local time.")
@click.pass_context
def forewarn(context: click.Context, data: Path | None, server: str | None, token_file: Path | None, utc: bool) -> None:
    """Tells which device is about to break, why, when, and what to do.

    Asked is the collector at --server, on --data, where you are logged in, or on the default data directory.

    Example: forewarn devices
    """
    context.obj = Session(data, server, token_file, utc)


def main() -> None:
    # A terminal that cannot show a character gets an escape instead of an exception.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    forewarn(prog_name="forewarn")
