"""The commands that make ``forewarn-agent`` a service of the machine."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from forewarn_agent.cli_enrol import enrol_option, fingerprint_option, take_identity, token_option

# As sys.platform names them.
_PLATFORMS = {"linux": "linux", "macos": "darwin", "windows": "win32"}
_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@contextmanager
def _plainly(needs_root: bool = True) -> Iterator[None]:
    """Errors as one line; on Windows the service manager says who is an administrator."""
    from forewarn_agent.config import ConfigError
    from forewarn_agent.service.systemd import ServiceError

    if needs_root and sys.platform != "win32" and os.geteuid() != 0:
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
@click.option("--root", type=click.Path(path_type=Path, file_okay=False), help="Only lay out files, below DIRECTORY.")
@click.option("--platform", type=click.Choice(list(_PLATFORMS)), help="With --root: whose files; else this machine's.")
@enrol_option
@token_option
@fingerprint_option
def install(
    server: str | None,
    device: str | None,
    password_file: Path | None,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
    root: Path | None,
    platform: str | None,
    enrol_url: str | None,
    token: str | None,
    ca_fingerprint: str | None,
) -> None:
    """Make the agent a service: it runs now and after every start.

    With --enrol the collector says who this machine is and where it reports. The files named are copied to where the
    settings are. Without --server and --enrol the configuration that is there is used.
    """
    from forewarn_agent.identity import DIRECTORY
    from forewarn_agent.service.install import Wishes
    from forewarn_agent.service.install import install as install_service
    from forewarn_agent.service.manager import manager_of

    if platform and not root:
        raise click.UsageError("--platform is for files that are laid out below --root")
    enrolling = enrol_url or token or ca_fingerprint
    if enrolling and (root or certificate or key or ca or password_file):
        raise click.UsageError("--enrol is for this machine, and brings keys and certificates: leave the others out")
    with _plainly(needs_root=root is None):
        manager = manager_of(_PLATFORMS[platform] if platform else sys.platform, root)
        if enrolling:
            manager.check()
            identity = take_identity(manager.places.data / DIRECTORY, enrol_url, token, ca_fingerprint, device)
            click.echo(f"enrolled   {identity.device}")
            server, device = server or identity.server, identity.device
        wishes = Wishes(server, device, password_file, ca, certificate, key)
        install_service(manager, wishes, click.echo, only_files=root is not None)


@click.command()
@click.option("--keep-data", is_flag=True, help="Leave the settings and what was not delivered yet.")
def uninstall(keep_data: bool) -> None:
    """Stop the service and remove it, its user and its data."""
    from forewarn_agent.service.install import uninstall as uninstall_service
    from forewarn_agent.service.manager import manager_of

    with _plainly():
        uninstall_service(manager_of(), keep_data, click.echo)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON.")
def status(as_json: bool) -> None:
    """Say whether the service runs, what it delivered and what waits. Exit code 3 when it is not active."""
    from forewarn_agent.service.manager import manager_of
    from forewarn_agent.service.status import read_status, status_lines

    with _plainly(needs_root=False):
        found = read_status(manager_of())
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

    if sys.platform != "linux":
        raise click.ClickException(f"not on {sys.platform} yet: uninstall --keep-data, then install the new version")
    with _plainly():
        upgrade_service(Places(), source, sha256, click.echo)


@click.command(hidden=True)
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
def place(directory: Path) -> None:
    """Write this version's units and helper; ``upgrade`` asks a new version for them."""
    from forewarn_agent.service.program import place_files

    place_files(directory)


@click.command(hidden=True)
@click.argument("name", type=click.Choice(["forewarn-agent", "forewarn-smartctl"]))
def serve(name: str) -> None:
    """What Windows starts as the service NAME."""
    if sys.platform == "win32":
        from forewarn_agent.service.windows_service import serve_as

        with _plainly():
            serve_as(name)
    else:
        raise click.ClickException("only Windows starts services so")


COMMANDS = (install, uninstall, status, upgrade, place, serve)
