"""``forewarn on-call`` and ``forewarn shift override|remove``"""

from datetime import datetime
from zoneinfo import ZoneInfo

import click

from forewarn_collector.api.people_views import NewOverride, OnCallView, OverrideView
from forewarn_collector.cli.complete import engineers, schedules
from forewarn_collector.cli.format import ABSENT
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.person import login_name
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, right, table
from forewarn_collector.cli.text import clean
from forewarn_rules.durations import REMEDY, parse_duration

FORM = "%Y-%m-%d %H:%M"


@click.command("on-call")
@click.option("--at", "moment", metavar="TIME", help='Then instead of now: "2026-12-24 18:00", in your local time.')
@json_option
@pass_session
def on_call(session: Session, moment: str | None, as_json: bool) -> None:
    """Who is on call, and who comes next.

    Example: forewarn on-call --at "2026-12-24 18:00"
    """
    at = None if moment is None else _local(moment)
    found = session.client.send(list[OnCallView], "GET", "/on-call", wanted={"at": at})
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("no schedule: add on_call to the directory (docs/directory.md)")
        return
    times = session.times
    shown = table(folding("schedule"), fixed("from"), fixed("until"), folding("engineer", least=10), folding("why"))
    for schedule in found:
        for place, turn in enumerate(schedule.turns):
            since = ("now" if at is None else times.moment(at)) if place == 0 else times.moment(turn.since)
            shown.add_row(
                cell(schedule.schedule if place == 0 else ""), cell(since),
                cell(ABSENT if turn.until is None else times.moment(turn.until)),
                cell(turn.engineer or "nobody", "" if turn.engineer else "red"), cell(turn.why),
            )  # fmt: skip
    session.screen.print(shown)
    overrides = [one for schedule in found for one in schedule.overrides]
    if overrides:
        made = table(right("override"), folding("schedule"), fixed("from"), fixed("until"), folding("engineer"))
        for one in overrides:
            made.add_row(
                cell(one.number), cell(one.schedule), cell(times.moment(one.start)), cell(times.moment(one.end)),
                cell(one.engineer),
            )  # fmt: skip
        click.echo()
        session.screen.print(made)


@click.group("shift", cls=Commands)
def shift() -> None:
    """Shifts: let somebody else be on call for a while.

    Example: forewarn shift override "Ann Smith" --for 12h
    """


@shift.command("override")
@click.argument("engineer", shell_complete=engineers)
@click.option(
    "--start", metavar="TIME", help='From when on, in the schedule\'s time zone: "2026-11-05 18:00"; default now.'
)
@click.option("--end", metavar="TIME", help="Until when, likewise.")
@click.option("--for", "length", metavar="DURATION", help="How long, in place of --end: 12h, 2d.")
@click.option("--schedule", default="", shell_complete=schedules, help="Which; default the directory's first.")
@click.option("--by", "actor", default=login_name, help="Who does it; default your login.")
@json_option
@pass_session
def override(
    session: Session, engineer: str, start: str | None, end: str | None, length: str | None, schedule: str, actor: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Let an engineer be on call instead of whoever it would be.

    Example: forewarn shift override "Ann Smith" --start "2026-11-05 18:00" --end "2026-11-06 09:00"
    """
    if (end is None) == (length is None):
        raise click.UsageError("give --end or --for")
    zone = _zone(session, schedule)
    begins = session.times.now if start is None else _moment(start, "--start", zone)
    ends = _moment(end, "--end", zone) if end is not None else begins + _seconds(length or "")
    if ends <= begins:
        raise click.UsageError("it ends before it begins; mind --start and --end")
    body = NewOverride(engineer=engineer, start=begins, end=ends, actor=actor, schedule=schedule)
    made = session.client.send(OverrideView, "POST", "/on-call/overrides", body)
    if as_json:
        print_json(made)
    else:
        until = session.times.moment(made.end)
        click.echo(clean(f"override {made.number}: {made.engineer} is on call for {made.schedule} until {until}"))


@shift.command("remove")
@click.argument("number", type=click.IntRange(1))
@json_option
@pass_session
def remove(session: Session, number: int, as_json: bool) -> None:
    """Take an override back: the shifts count again. `forewarn on-call` has its number.

    Example: forewarn shift remove 3
    """
    gone = session.client.send(OverrideView, "DELETE", f"/on-call/overrides/{number}")
    if as_json:
        print_json(gone)
    else:
        click.echo(clean(f"override {gone.number} of {gone.schedule} ({gone.engineer}) is taken back"))


def _zone(session: Session, schedule: str) -> ZoneInfo | None:
    """That of the schedule; None when there is none: the collector says which it knows."""
    found = session.client.send(list[OnCallView], "GET", "/on-call")
    zone = next((one.time_zone for one in found if schedule in ("", one.schedule)), None)
    return None if zone is None else ZoneInfo(zone)


def _local(text: str) -> float:
    return _moment(text, "--at", None)


def _moment(text: str, option: str, zone: ZoneInfo | None) -> float:
    """``zone`` None is the one of this machine."""
    try:
        wall = datetime.strptime(text, FORM)  # noqa: DTZ007 - the zone is added below
    except ValueError:
        raise click.BadParameter(f'{text!r} is not a time; write "2026-11-05 18:00"', param_hint=option) from None
    return (wall.astimezone() if zone is None else wall.replace(tzinfo=zone)).timestamp()


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}; {REMEDY}", param_hint="--for") from None
