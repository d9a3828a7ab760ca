"""The commands that give this machine its identity."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

if TYPE_CHECKING:
    from forewarn_agent.identity import Identity


def parse_fingerprint(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    from forewarn_agent.enrol_port import parse_fingerprint as parse

    try:
        return None if value is None else parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


enrol_option = click.option("--enrol", "enrol_url", metavar="URL", help="The collector's enrolment port.")
token_option = click.option("--token", help="What `forewarn enrol-token create` has printed.")
fingerprint_option = click.option(
    "--ca-fingerprint", callback=parse_fingerprint, help="The authority's, as printed with the token."
)


@click.command()
@enrol_option
@token_option
@fingerprint_option
@click.option("--device", help="Name of this machine; without it the host name, or one like it that is free.")
@click.option("--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="Configuration file.")
@click.option("--json", "as_json", is_flag=True, help="Print the identity as JSON.")
def enrol(
    enrol_url: str | None,
    token: str | None,
    ca_fingerprint: str | None,
    device: str | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Get this machine an identity from a collector. `install` does this and makes the agent a service."""
    from forewarn_agent.config import ConfigError, load_config
    from forewarn_agent.identity import directory_of

    try:
        config = load_config(config_path)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    wanted = device or (config.device if "device" in config.local else None)
    identity = take_identity(directory_of(config), enrol_url, token, ca_fingerprint, wanted)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(identity), indent=2))
        return
    until = time.strftime("%Y-%m-%d", time.gmtime(identity.not_after))
    click.echo(f"enrolled   {identity.device}, reports to {identity.server}, certificate until {until}, then renewed")


def take_identity(
    directory: Path, url: str | None, token: str | None, fingerprint: str | None, device: str | None
) -> "Identity":
    """Enrol, or raise ClickException with one line."""
    import socket

    from forewarn_agent.config_keys import device_name_of
    from forewarn_agent.enrol import Invitation
    from forewarn_agent.enrol import enrol as enrol_machine
    from forewarn_agent.identity import IdentityError
    from forewarn_agent.machine import read_marks
    from forewarn_agent.settings import Roots
    from forewarn_wire import device_name_problem

    if not (url and token and fingerprint):
        raise click.UsageError("--enrol, --token and --ca-fingerprint belong together: use the printed command")
    name = device or device_name_of(socket.gethostname())
    if problem := device_name_problem(name):
        raise click.UsageError(f"{problem}: give --device")
    invitation = Invitation(url, token, fingerprint, name, device is not None)
    try:
        return enrol_machine(directory, invitation, read_marks(Roots(Path("/proc"), Path("/sys"), Path("/"))))
    except IdentityError as error:
        raise click.ClickException(str(error)) from None


@click.command(hidden=True)
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def renew(directory: Path) -> None:
    """Renew the identity in DIRECTORY; the running agent starts this in time."""
    from forewarn_agent.enrol import renew as renew_machine
    from forewarn_agent.identity import IdentityError
    from forewarn_agent.machine import read_marks
    from forewarn_agent.settings import Roots

    try:
        renew_machine(directory, read_marks(Roots(Path("/proc"), Path("/sys"), Path("/"))))
    except IdentityError as error:
        click.echo(str(error))
        sys.exit(1)


COMMANDS = (enrol, renew)
