"""What a rule makes of one component, as it is printed. Pure."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from forewarn_collector.api.views import Explained
from forewarn_collector.cli.format import UNKNOWN, Times, quantity
from forewarn_collector.cli.tables import STYLES, cell, fixed, folding, heading, paragraph, table
from forewarn_collector.cli.text import clean
from forewarn_rules import Account, LevelAccount, Sign, Timer, Weighed
from forewarn_rules.durations import spell_duration, write_duration
from forewarn_rules.wording import say_value

ENDLESS = "never"


def page(explained: Explained, times: Times) -> Iterator[RenderableType]:
    yield Text(clean(f"{explained.rule} on {explained.device}: {explained.title}"), style="bold")
    for account in explained.accounts:
        yield from _account(account, times)


def _account(account: Account, times: Times) -> Iterator[RenderableType]:
    name = f"{account.kind} {account.part}".strip()
    title = heading(f"{name}: ")
    title.append("does not apply" if account.why_not else account.level, STYLES.get(account.level, ""))
    yield title
    if account.why_not:
        yield paragraph(account.why_not)
    if account.note:
        yield paragraph(account.note)
    if not account.levels:
        return
    if account.seen_at is not None:
        yield paragraph(f"last report {times.both(account.seen_at)}")
    signals = table(fixed("  signal"), fixed("now"), folding("", least=20))
    for sign in account.signals:
        signals.add_row(cell(f"  {sign.name}"), cell(_value(sign)), cell(sign.why))
    yield signals
    for level in account.levels:
        yield from _level(level, times)


def _value(sign: Sign) -> str:
    if not sign.known:
        return UNKNOWN
    if sign.value is None:
        return ENDLESS
    said = quantity(sign.value, sign.unit)
    return say_value(sign.value, sign.unit) if said.endswith(sign.unit) else said


def _level(level: LevelAccount, times: Times) -> Iterator[RenderableType]:
    state = "not raised"
    if level.raised:
        state = "raised" if level.since is None else f"raised since {times.both(level.since)}"
    yield paragraph(f"{level.name}: {state}", style=STYLES.get(level.name, "") if level.raised else "bold")
    for verb, weighed, seconds in (
        ("raises", level.raises, level.for_seconds),
        ("clears", level.clears, level.hold_seconds),
    ):
        lasting = f" (for {write_duration(seconds)})" if seconds else ""
        yield paragraph(f"{verb} when{lasting}:", indent=4)
        yield from _weighed(weighed, 6)
    if level.timer is not None:
        yield paragraph(say_timer(level.timer, times), indent=4)
    elif level.raised:
        yield paragraph("held until the second condition is true", indent=4)
    for change in level.changes_when:
        yield paragraph(f"would {'clear' if level.raised else 'raise'} with {change}", indent=4)


def _weighed(weighed: Weighed, indent: int) -> Iterator[RenderableType]:
    why = f": {weighed.why}" if weighed.why else ""
    yield paragraph(f"{weighed.verdict:<7} {weighed.text}{why}", indent=indent)
    for part in weighed.parts:
        yield from _weighed(part, indent + 2)


def say_timer(timer: Timer, times: Times) -> str:
    """``raise pending since 2026-11-23 19:14 (20 min of 30 min): raises 2026-11-23 19:44 (in 10 min)``"""
    done = f"{spell_duration(timer.done_seconds)} of {spell_duration(timer.of_seconds)}"
    said = f"{timer.turns} pending since {times.moment(timer.since)} ({done})"
    if timer.ends_at is None:
        return f"{timer.turns} was pending for {done}; the clock stands while it is unknown"
    return f"{said}: {timer.turns}s {times.both(timer.ends_at)} if it stays so"
