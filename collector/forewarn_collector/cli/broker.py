"""``forewarn broker config mosquitto``: a broker's configuration, on the collector's own machine."""

import time
from pathlib import Path

import click
import msgspec

from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.session import Session, json_option, mask_files, pass_session, print_json
from forewarn_collector.identity.authority import Authority, AuthorityError
from forewarn_collector.identity.broker_directory import CERTIFICATES, PASSWORDS, LaidOut, Taken, lay_out
from forewarn_collector.identity.bureau import DIRECTORY
from forewarn_collector.paths import default_data


class LaidOutView(msgspec.Struct, kw_only=True):
    """``written`` and ``missing`` are names of files in ``directory``; ``next`` says what to do, in order."""

    directory: str
    written: list[str]
    missing: list[str]
    next: list[str]


@click.group("broker", cls=Commands)
def broker() -> None:
    """A broker as the front door: write its configuration.

    Example: forewarn broker config mosquitto --out /etc/mosquitto/forewarn
    """


@broker.group("config", cls=Commands)
def config() -> None:
    """Write the configuration of a broker.

    Example: forewarn broker config mosquitto --out /etc/mosquitto/forewarn
    """


@config.command("mosquitto")
@click.option(
    "--out", "directory", required=True, type=click.Path(path_type=Path, file_okay=False),
    help="Directory to write to, where Mosquitto will read it; nothing in it is overwritten.",
)  # fmt: skip
@json_option
@pass_session
def mosquitto(session: Session, directory: Path, as_json: bool) -> None:
    """Mosquitto 2 with TLS, a certificate for each device, and rights that keep devices apart.

    With forewarn's own authority on this machine its certificates and revocations come along.

    Example: forewarn broker config mosquitto --out /etc/mosquitto/forewarn
    """
    mask_files(0o027)
    try:
        laid_out = lay_out(directory, Authority(Path(session.data or default_data()) / DIRECTORY), time.time())
    except (Taken, AuthorityError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or directory}: {error.strerror}") from None
    steps = next_steps(laid_out)
    if as_json:
        print_json(
            LaidOutView(
                directory=str(laid_out.directory), written=laid_out.written, missing=laid_out.missing, next=steps
            )
        )
        return
    click.echo(f"{laid_out.directory}: wrote {', '.join(laid_out.written)}")
    click.echo("next:")
    for number, step in enumerate(steps, 1):
        click.echo(f"{number}. {step}")


def next_steps(laid_out: LaidOut) -> list[str]:
    directory = laid_out.directory
    steps = []
    if certificates := [name for name in CERTIFICATES if name in laid_out.missing]:
        steps.append(
            f"put {', '.join(certificates)} of your authority there; or make forewarn's own (forewarn ca init), remove"
            f" {directory} and write it again"
        )
    if PASSWORDS in laid_out.missing:
        steps.append(f"choose the collector's password: mosquitto_passwd -c {directory / PASSWORDS} collector")
    return [
        *steps,
        f"let Mosquitto read it: chgrp -R mosquitto {directory} && chmod -R g+rX {directory}",
        f"name it in /etc/mosquitto/mosquitto.conf: include_dir {directory}",
        "start it: systemctl restart mosquitto",
        "point the collector there in collector.yaml, with the password in a file:"
        f" broker: {{url: 'mqtt://127.0.0.1:1883', username: collector, password_file: FILE, files: {directory}}}",
    ]
