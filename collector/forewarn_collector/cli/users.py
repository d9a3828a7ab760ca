"""``forewarn user ...`` and ``forewarn token ...``"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import click

from forewarn_collector.access.caller import Role
from forewarn_collector.access.model import Token, User
from forewarn_collector.api.access_views import LinkView, LoggedIn, NewToken, NewUser, SetPassword, SetRole
from forewarn_collector.cli.format import ABSENT
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.login import read_password
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, table
from forewarn_collector.cli.text import clean
from forewarn_rules.durations import parse_duration

Command = TypeVar("Command", bound=Callable[..., Any])

name_argument = click.argument("name", metavar="NAME")


def role_options(command: Command) -> Command:
    command = click.option("--customer", help="Whose devices and tickets a customer sees.")(command)
    roles = click.Choice([str(role) for role in Role])
    return click.option("--role", type=roles, required=True, help="What the user may.")(command)


@click.group("user", cls=Commands)
def user() -> None:
    """Users: who may come in, and as what.

    \b
    customer  sees the own devices and tickets, without internal notes
    engineer  sees everything, works on tickets
    admin     makes users and tokens, reads the audit log

    Example: forewarn user add ann --role engineer
    """


@user.command("add")
@name_argument
@role_options
@json_option
@pass_session
def add(session: Session, name: str, role: str, customer: str | None, as_json: bool) -> None:
    """Add a user and print a one-time link at which the password is set.

    Example: forewarn user add ann --role engineer
    """
    body = NewUser(name=name, role=Role(role), customer=customer)
    made = session.client.send(User, "POST", "/users", body, code=201)
    given = _link(session, made.name)
    if as_json:
        print_json({"user": made, "link": given})
    else:
        click.echo(clean(f"{made.name} is {made.role}{_of(made)}"))
        _say_link(session, made.name, given)


@user.command("list")
@json_option
@pass_session
def list_users(session: Session, as_json: bool) -> None:
    """Every user, with role and whether a password is set.

    Example: forewarn user list
    """
    found = session.client.send(list[User], "GET", "/users")
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("no users yet; the first administrator's link is printed when the collector starts")
        return
    shown = table(folding("user"), fixed("role"), folding("customer"), fixed("password"), fixed("state"))
    for one in found:
        state = "disabled" if one.disabled_at is not None else "active"
        password = "set" if one.password else "none"
        shown.add_row(*map(cell, (one.name, one.role, one.customer or ABSENT, password, state)))
    session.screen.print(shown)


@user.command("link")
@name_argument
@json_option
@pass_session
def link(session: Session, name: str, as_json: bool) -> None:
    """Print a new one-time link at which the user sets a password; an earlier one no longer works.

    Example: forewarn user link ann
    """
    given = _link(session, name)
    if as_json:
        print_json({"user": name, "link": given})
    else:
        _say_link(session, name, given)


@user.command("role")
@name_argument
@role_options
@json_option
@pass_session
def set_role(session: Session, name: str, role: str, customer: str | None, as_json: bool) -> None:
    """Give a user another role; it holds at once.

    Example: forewarn user role ann --role admin
    """
    _change(session, name, "role", as_json, SetRole(role=Role(role), customer=customer))


@user.command("disable")
@name_argument
@json_option
@pass_session
def disable(session: Session, name: str, as_json: bool) -> None:
    """Keep a user out: no login and no token works any more.

    Example: forewarn user disable ann
    """
    _change(session, name, "disable", as_json)


@user.command("enable")
@name_argument
@json_option
@pass_session
def enable(session: Session, name: str, as_json: bool) -> None:
    """Let a disabled user in again; API tokens work again, logins do not.

    Example: forewarn user enable ann
    """
    _change(session, name, "enable", as_json)


@user.command("password")
@name_argument
@click.option("--password-file", type=click.Path(path_type=Path, dir_okay=False), help="Read the new one from here.")
@click.option("--current-file", type=click.Path(path_type=Path, dir_okay=False), help="Read your own one from here.")
@json_option
@pass_session
def password(session: Session, name: str, password_file: Path | None, current_file: Path | None, as_json: bool) -> None:
    """Set a password: your own, or as administrator somebody else's. Logins of the user end.

    Example: forewarn user password ann
    """
    me = session.client.whoami()
    own = me.name == name and not me.local
    current = read_password(current_file, "Current password", again=False) if own else None
    body = SetPassword(password=read_password(password_file, "New password", again=True), current=current)
    _change(session, name, "password", as_json, body)


def _change(session: Session, name: str, what: str, as_json: bool, body: SetRole | SetPassword | None = None) -> None:
    changed = session.client.send(User, "POST", f"/users/{quote(name, safe='')}/{what}", body)
    if as_json:
        print_json(changed)
    elif what == "password":
        click.echo(clean(f"the password of {changed.name} is set; log in anew"))
    else:
        state = "disabled" if changed.disabled_at is not None else f"{changed.role}{_of(changed)}"
        click.echo(clean(f"{changed.name} is {state}"))


def _of(one: User) -> str:
    return f" of {one.customer}" if one.customer else ""


def _link(session: Session, name: str) -> LinkView:
    return session.client.send(LinkView, "POST", f"/users/{quote(name, safe='')}/link", code=201)


def _say_link(session: Session, name: str, given: LinkView) -> None:
    click.echo(clean(f"give this to {name}, it works once, within a day:"))
    click.echo(clean(given.url))


class Lifetime(click.ParamType[int]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return round(parse_duration(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group("token", cls=Commands)
def token() -> None:
    """API tokens: for programs, which may what their user may.

    Example: forewarn token create --note "status page"
    """


@token.command("create")
@click.option("--user", "of", help="Whose it is; default your own.")
@click.option("--note", default="", help="What it is for.")
@click.option("--ttl", type=Lifetime(), default="365d", show_default=True, help="How long it is good for: 90d, 12h.")
@json_option
@pass_session
def create(session: Session, of: str | None, note: str, ttl: int, as_json: bool) -> None:
    """Make a token and show it: this is the only time, only its hash is kept.

    Example: forewarn token create --user status-page --ttl 90d > token
    """
    given = session.client.send(LoggedIn, "POST", "/tokens", NewToken(user=of, note=note, seconds=ttl), code=201)
    if as_json:
        print_json(given)
        return
    assert given.expires_at is not None
    until = session.times.moment(given.expires_at)
    click.echo(clean(f"token {given.id} of {given.user}, good until {until}; it is not shown again:"), err=True)
    click.echo(given.token)


@token.command("list")
@json_option
@pass_session
def list_tokens(session: Session, as_json: bool) -> None:
    """Your tokens, as administrator everybody's: whose, what for, until when. Never the secret.

    Example: forewarn token list
    """
    found = session.client.send(list[Token], "GET", "/tokens")
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("no tokens")
        return
    shown = table(fixed("token"), folding("user"), fixed("kind"), folding("note"), folding("state"))
    for one in found:
        shown.add_row(*map(cell, (one.id, one.user, one.kind, one.note or ABSENT, _state(session, one))))
    session.screen.print(shown)


def _state(session: Session, one: Token) -> str:
    if one.revoked_at is not None:
        return f"revoked {session.times.moment(one.revoked_at)}"
    if one.expires_at is None:
        return "good until revoked"
    return f"{'good until' if one.expires_at > session.times.now else 'expired'} {session.times.moment(one.expires_at)}"


@token.command("revoke")
@click.argument("token_id", metavar="TOKEN")
@json_option
@pass_session
def revoke(session: Session, token_id: str, as_json: bool) -> None:
    """Make a token useless, at once. TOKEN is its id from the list, not the secret.

    Example: forewarn token revoke 8c9bab782673
    """
    gone = session.client.send(Token, "POST", f"/tokens/{quote(token_id, safe='')}/revoke")
    if as_json:
        print_json(gone)
    else:
        click.echo(clean(f"token {gone.id} of {gone.user} is revoked"))
