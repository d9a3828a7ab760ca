"""The command ``forewarn-agent``."""

import sys
from pathlib import Path

import click
import msgspec

from forewarn_agent import cli_enrol, cli_service
from forewarn_agent.config import ConfigError, load_config
from forewarn_agent.machine import agent_version
from forewarn_agent.settings import Config


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(agent_version(), prog_name="forewarn-agent")
def main() -> None:
    """Report this machine's disks, temperatures and load to a forewarn collector."""


_config_option = click.option(
    "--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="Configuration file (YAML)."
)


@main.command()
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Configuration file (YAML).",
)
def run(config_path: Path) -> None:
    """Run until SIGTERM or SIGINT."""
    from forewarn_agent.running import CannotRunError
    from forewarn_agent.running import run as run_agent

    try:
        run_agent(_load(config_path))
    except CannotRunError as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.argument("name", required=False)
@_config_option
@click.option("--json", "as_json", is_flag=True, help="Print the readings as JSON.")
def probe(name: str | None, config_path: Path | None, as_json: bool) -> None:
    """Print one reading of every probe that is on, or of NAME alone."""
    from forewarn_agent.assemble import assemble
    from forewarn_agent.disks import REMEMBERED_NAME
    from forewarn_agent.gather import read_load
    from forewarn_agent.probes import PROBES
    from forewarn_agent.remembered import Remembered
    from forewarn_agent.table import align, load_rows, smart_rows

    config = _load(config_path)
    known = [each.name for each in PROBES]
    if name is not None and name not in known:
        raise click.ClickException(f"{name}: no such probe: known are {', '.join(known)}")
    names = config.probes if name is None else frozenset({name})
    remembered = Remembered(config.data / REMEMBERED_NAME, writable=False)
    surroundings = assemble(config, remembered, keeps_log=False).surroundings
    load = read_load(names, surroundings) if names - {"smart"} else None
    smart = surroundings.read_disks() if "smart" in names else []
    if as_json:
        # A reading by hand is no stored report: it has no boot and no number.
        unsent = {"device": config.device, "boot": "", "seq": 0}
        document = {
            "load": msgspec.structs.replace(load, **unsent) if load else None,
            "smart": [msgspec.structs.replace(report, **unsent) for report in smart],
        }
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))
        return
    rows = load_rows(load) if load else []
    for report in smart:
        rows += smart_rows(report)
    if "smart" in names and not smart:
        rows.append(("smart", "", "not-here", "no disk is to be seen"))
    click.echo(align(rows))


@main.command()
@_config_option
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def doctor(config_path: Path | None, as_json: bool) -> None:
    """Say what works on this machine, what does not, and what to do. Exit code 1 when there is a problem."""
    from forewarn_agent.doctor import Check, examine

    try:
        checks = examine(load_config(config_path), str(config_path or "defaults"))
    except ConfigError as error:
        checks = [
            Check("problem", "config", f"{config_path}: {problem.subject}", problem.remedy)
            for problem in error.problems
        ]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(checks), indent=2))
    else:
        for check in checks:
            click.echo(str(check))
    if any(check.state == "problem" for check in checks):
        sys.exit(1)


@main.command(hidden=True)
@click.argument("smartctl")
def hint(smartctl: str) -> None:
    """Print the disks that pySMART finds; the agent asks itself for them in a process of its own."""
    from forewarn_agent.pysmart_hint import list_devices

    click.echo(msgspec.json.encode(list_devices(smartctl)))


def _load(path: Path | None) -> Config:
    try:
        return load_config(path)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


for _command in (*cli_enrol.COMMANDS, *cli_service.COMMANDS):
    main.add_command(_command)
