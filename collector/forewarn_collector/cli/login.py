"""``forewarn login|logout|whoami``"""

import os
import sys
from pathlib import Path

import click

from forewarn_collector.api.access_views import LoggedIn, WhoAmI
from forewarn_collector.api.access_views import Login as LoginBody
from forewarn_collector.cli import logins
from forewarn_collector.cli.address import Address, ClientError, checked_url
from forewarn_collector.cli.client import Client
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.text import clean


@click.command("login")
@click.argument("url")
@click.option("--user", help="Your user name; asked for when you leave it out.")
@click.option("--ca", type=click.Path(path_type=Path, dir_okay=False), help="The authority of its certificate, PEM.")
@click.option("--password-file", type=click.Path(path_type=Path, dir_okay=False), help="Read the password from here.")
@json_option
def login(url: str, user: str | None, ca: Path | None, password_file: Path | None, as_json: bool) -> None:
    """Log in to a collector: every later command asks it, until you log out.

    The token goes to your keyring (pip install 'forewarn[keyring]'), or to a file that only you may read.

    Example: forewarn login https://forewarn.example.org
    """
    url = checked_url(url)
    user = user or str(click.prompt("User", err=True)) if password_file is None else user
    if not user:
        raise click.UsageError("--password-file needs --user")
    password = read_password(password_file, "Password", again=False)
    authority = None if ca is None else str(ca.absolute())
    with Client.at(Address(url, "", Path("-"), authority=authority)) as client:
        given = client.send(LoggedIn, "POST", "/login", LoginBody(user=user, password=password))
    try:
        kept = logins.keep(logins.Login(url=url, user=given.user, ca=authority), given.token)
    except logins.LoginError as error:
        raise ClientError(str(error)) from None
    if as_json:
        print_json({"url": url, "user": given.user, "expires_at": given.expires_at, "kept_in": kept})
    else:
        click.echo(clean(f"logged in at {url} as {given.user}; the token is kept in {_said(kept)}"))


def _said(kept: str) -> str:
    return "your keyring" if kept == "keyring" else kept


def read_password(file: Path | None, prompt: str, again: bool) -> str:
    """From a file, or from who sits there. It is never an argument: those can be seen by everybody on the machine."""
    if file is None:
        if not sys.stdin.isatty():
            raise click.UsageError("give --password-file: nobody sits here who could be asked")
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=again, err=True))
    try:
        if os.name == "posix" and file.stat().st_mode & 0o007:
            raise ClientError(f"{file} may be read by everybody; chmod 600 {file}")
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ClientError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ClientError(f"{file} is not text; it holds the password and nothing else") from None


@click.command("logout")
@click.argument("url", required=False)
@json_option
def logout(url: str | None, as_json: bool) -> None:
    """Forget a login and revoke its token; without URL the current one.

    Example: forewarn logout
    """
    try:
        found = logins.load().find(None if url is None else checked_url(url))
        if found is None:
            raise ClientError("you are not logged in" + (f" at {clean(url)}" if url else ""))
        revoked = _revoke(found)
        logins.forget(found)
    except logins.LoginError as error:
        raise ClientError(str(error)) from None
    if as_json:
        print_json({"url": found.url, "user": found.user, "revoked": revoked})
        return
    more = "" if revoked else "; its token could not be revoked there, it ends by itself within 30 days"
    click.echo(clean(f"logged out at {found.url}{more}"))


def _revoke(login: logins.Login) -> bool:
    token = logins.token_of(login)
    if token is None:
        return False
    try:
        with Client.at(Address(login.url, token, logins.place(), authority=login.ca)) as client:
            client.send(WhoAmI, "POST", "/logout")
    except ClientError:
        return False
    return True


@click.command("whoami")
@json_option
@pass_session
def whoami(session: Session, as_json: bool) -> None:
    """Which collector is asked, and as whom.

    Example: forewarn whoami
    """
    found = session.client.whoami()
    url = session.client.address.url
    if as_json:
        print_json({"url": url, "user": found.name, "role": found.role, "customer": found.customer,
                    "local": found.local})  # fmt: skip
        return
    of = f" of {found.customer}" if found.customer else ""
    how = ", by the token of its data directory" if found.local else ""
    click.echo(clean(f"{found.name}, {found.role}{of}, at {url}{how}"))
