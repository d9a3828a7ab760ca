"""``forewarn enrol-token create|list|revoke``"""

from typing import Any

import click

from forewarn_collector.api.identity_views import LONGEST_SECONDS, NewToken
from forewarn_collector.cli.complete import customers
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.person import login_name
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, right, table
from forewarn_collector.cli.text import clean
from forewarn_rules.durations import parse_duration


class Duration(click.ParamType):  # type: ignore[type-arg]
    """``7d``, ``12h``: seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            self.fail(f"{error}; write 12h or 7d", param, ctx)
        if not 0 < seconds <= LONGEST_SECONDS:
            self.fail("must be more than nothing and at most 366d", param, ctx)
        return seconds


@click.group("enrol-token", cls=Commands)
def enrol_token() -> None:
    """Tokens by which machines get their identity: make one, list them, revoke one.

    Example: forewarn enrol-token create --customer Acme --site "Store 12" --ttl 7d --uses 50
    """


@enrol_token.command("create")
@click.option("--customer", required=True, shell_complete=customers, help="Whose the machines are.")
@click.option("--site", default="", help="Where they stand.")
@click.option("--ttl", type=Duration(), default="7d", show_default=True, help="For how long it opens.")
@click.option("--uses", type=click.IntRange(1, 100_000), default=1, show_default=True, help="For how many machines.")
@click.option("--by", "actor", default=login_name, help="Who makes it; default your login.")
@json_option
@pass_session
def create(session: Session, customer: str, site: str, ttl: float, uses: int, actor: str, as_json: bool) -> None:
    """Make a token and print the command for a machine. The token is shown this once and kept nowhere.

    Example: forewarn enrol-token create --customer Acme --site "Store 12" --ttl 7d --uses 50
    """
    made = session.client.create_enrol_token(
        NewToken(customer=customer, site=site, ttl_seconds=ttl, uses=uses, actor=actor)
    )
    if as_json:
        print_json(made)
        return
    view = made.view
    place = f"{view.customer}, {view.site}" if view.site else view.customer
    many = "1 machine" if view.uses == 1 else f"{view.uses} machines"
    click.echo(clean(f"token {view.id} for {place}: {many}, until {session.times.both(view.expires_at)}"))
    click.echo(f"\nLinux:\n  {clean(made.linux)}\n\nWindows, as administrator:\n  {clean(made.windows)}")


@enrol_token.command("list")
@json_option
@pass_session
def list_(session: Session, as_json: bool) -> None:
    """Every token, the newest first: whose, how often it was used, until when it opens.

    Example: forewarn enrol-token list
    """
    views = session.client.enrol_tokens()
    if as_json:
        print_json(views)
        return
    if not views:
        click.echo("no token was ever made")
        return
    shown = table(
        right("token"), fixed("state"), folding("customer, site"), right("used"), fixed("until"), folding("by")
    )
    for view in views:
        place = ", ".join(filter(None, (view.customer, view.site)))
        used = f"{view.used}/{view.uses}"
        until = session.times.moment(view.expires_at)
        shown.add_row(*map(cell, (view.id, view.state, place, used, until, view.created_by)))
    session.screen.print(shown)


@enrol_token.command("revoke")
@click.argument("number", type=click.IntRange(1))
@json_option
@pass_session
def revoke(session: Session, number: int, as_json: bool) -> None:
    """Enrol nobody with it any more. What was enrolled with it stays: see `forewarn device revoke`.

    Example: forewarn enrol-token revoke 4
    """
    done = session.client.revoke_enrol_token(number)
    if as_json:
        print_json(done)
        return
    click.echo(clean(f"token {done.id} ({done.customer}) opens nothing any more; it was used {done.used} times"))
