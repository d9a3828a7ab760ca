"""``forewarn ca init|show|rotate``: the authority's files, on the collector's own machine."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.session import Session, json_option, mask_files, pass_session, print_json
from forewarn_collector.identity.authority import Authority, AuthorityError, Issuer
from forewarn_collector.identity.bureau import DIRECTORY
from forewarn_collector.paths import default_data

T = TypeVar("T")


class IssuerView(msgspec.Struct, kw_only=True):
    """One trusted authority; Unix seconds. ``signs``: devices, or the collector's own certificate, or both."""

    number: int
    name: str
    fingerprint: str
    not_after: float
    signs: list[str]
    names: list[str]


name_option = click.option(
    "--name", "names", multiple=True, required=True,
    help="DNS name, domain or IP address that it may vouch for; repeat it for several.",
)  # fmt: skip


@click.group("ca", cls=Commands)
def ca() -> None:
    """forewarn's own certificate authority: make it, show it, replace it.

    Run it on the collector's machine as the collector's user; `forewarn up` with the section enrol makes one by itself.

    Example: forewarn ca show
    """


@ca.command("init")
@name_option
@json_option
@pass_session
def init(session: Session, names: tuple[str, ...], as_json: bool) -> None:
    """Make the authority. Its key stays in the data directory.

    Example: forewarn ca init --name collector.example.org
    """
    authority = _authority(session)
    _do(lambda: authority.create(names, time.time()))
    _show(authority, as_json)


@ca.command("show")
@json_option
@pass_session
def show(session: Session, as_json: bool) -> None:
    """Every trusted authority with its fingerprint, until when, and what it may vouch for.

    Example: forewarn ca show
    """
    _show(_authority(session), as_json)


@ca.command("rotate")
@click.option(
    "--name", "names", multiple=True, help="What the new one may vouch for; default the same as the one before."
)
@click.option("--drop-old", is_flag=True, help="Trust the old one no longer: every machine of it must enrol again.")
@json_option
@pass_session
def rotate(session: Session, names: tuple[str, ...], drop_old: bool, as_json: bool) -> None:
    """Make a new authority. Both are trusted until every machine has a certificate of the new one.

    With --drop-old after a leak: the old one is trusted no longer, at once.

    Example: forewarn ca rotate
    """
    authority = _authority(session)
    issuers, revoked = _do(authority.issuers), _do(authority.listed)
    if len(issuers) == 1 or not drop_old:
        _do(lambda: authority.rotate(names or issuers[-1].names, time.time()))
    if drop_old:
        old = [issuer.number for issuer in issuers[:-1] or issuers]
        _do(lambda: authority.retire(*old))
    if revoked is not None:
        _do(lambda: authority.write_crl(revoked, time.time()))
    _show(authority, as_json)


def _do(work: Callable[[], T]) -> T:
    try:
        return work()
    except AuthorityError as error:
        raise click.ClickException(str(error)) from None


def _authority(session: Session) -> Authority:
    mask_files(0o077)
    return Authority(Path(session.data or default_data()) / DIRECTORY)


def _show(authority: Authority, as_json: bool) -> None:
    issuers: list[Issuer] = _do(authority.issuers)
    views = [
        IssuerView(
            number=issuer.number,
            name=issuer.name,
            fingerprint=f"sha256:{issuer.fingerprint}",
            not_after=issuer.certificate.not_valid_after_utc.timestamp(),
            signs=[*(["devices"] if issuer is issuers[-1] else []), *(["collector"] if issuer is issuers[0] else [])],
            names=issuer.names,
        )
        for issuer in issuers
    ]
    if as_json:
        print_json(views)
        return
    for view in views:
        until = time.strftime("%Y-%m-%d", time.gmtime(view.not_after))
        click.echo(f"{view.name}, until {until}, signs {' and '.join(view.signs) or 'nothing any more'}")
        click.echo(f"  {view.fingerprint}")
        click.echo(f"  vouches for {', '.join(view.names)}")
