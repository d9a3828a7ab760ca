"""The commands that make ``forewarn-agent`` a service of the machine."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@contextmanager
def _plainly() -> Iterator[None]:
    """Errors as one line, and only for root and Linux."""
    from forewarn_agent.config import ConfigError
    from forewarn_agent.service.systemd import ServiceError

    if sys.platform != "linux":
        raise click.ClickException(f"not on {sys.platform}: only systemd on Linux is served")
    if os.geteuid() != 0:
        raise click.ClickException("needs root: run it with sudo")
    try:
        yield
    except (ServiceError, ConfigError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'service'}: {error.strerror or error}") from None


@click.command()
@click.option("--server", help="Where the collector listens: mqtts://host:8883.")
@click.option("--device", help="Name of this machine; without it the host name.")
@click.option("--password-file", type=_file, help="File with the device's password.")
@click.option("--ca", type=_file, help="Certificates that may vouch for the server.")
@click.option("--certificate", type=_file, help="This device's certificate.")
@click.option("--key", type=_file, help="The certificate's private key.")
@click.option("--token", hidden=True)
def install(
    server: str | None,
    device: str | None,
    password_file: Path | None,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
    token: str | None,
) -> None:
    """Run the agent as a service of this machine, from now on and after every start.

    The files named are copied to /etc/forewarn-agent. Without --server the configuration that is there is used.
    """
    if token is not None:
        raise click.ClickException(
            "--token: collectors enrol no devices yet: use --certificate and --key, or --password-file"
        )
    from forewarn_agent.service.install import Wishes
    from forewarn_agent.service.install import install as install_service
    from forewarn_agent.service.places import Places

    with _plainly():
        install_service(Places(), Wishes(server, device, password_file, ca, certificate, key), click.echo)


@click.command()
@click.option("--keep-data", is_flag=True, help="Leave the settings and what was not delivered yet.")
def uninstall(keep_data: bool) -> None:
    """Stop the service and remove it, its user and its data."""
    from forewarn_agent.service.install import uninstall as uninstall_service
    from forewarn_agent.service.places import Places

    with _plainly():
        uninstall_service(Places(), keep_data, click.echo)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON.")
def status(as_json: bool) -> None:
    """Say whether the service runs, what it delivered last and what waits. Exit code 3 when it is not active."""
    from forewarn_agent.service.places import Places
    from forewarn_agent.service.status import read_status, status_lines

    found = read_status(Places())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
    else:
        for line in status_lines(found, time.time()):
            click.echo(line)
    if found.state != "active":
        sys.exit(3)


@click.command()
@click.argument("source", metavar="FILE_OR_DIRECTORY", type=click.Path(path_type=Path, exists=True))
@click.option("--sha256", help="What the new executable's SHA-256 must be; else SHA256SUMS beside it says so.")
def upgrade(source: Path, sha256: str | None) -> None:
    """Switch to a new version, and back where it does not come up."""
    from forewarn_agent.service.places import Places
    from forewarn_agent.service.upgrade import upgrade as upgrade_service

    with _plainly():
        upgrade_service(Places(), source, sha256, click.echo)


@click.command(hidden=True)
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
def place(directory: Path) -> None:
    """Write this version's units and helper; ``upgrade`` asks a new version for them."""
    from forewarn_agent.service.program import place_files

    place_files(directory)


COMMANDS = (install, uninstall, status, upgrade, place)
