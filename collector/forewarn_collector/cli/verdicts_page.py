"""What the page of a device says about verdicts: what rules speak of, and what they cannot decide. Pure."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from forewarn_collector.api.views import DeviceView, StandingView
from forewarn_collector.cli.format import Times, count
from forewarn_collector.cli.tables import cell, folding, heading, paragraph, table
from forewarn_collector.cli.text import clean
from forewarn_rules import Kind


def verdict_blocks(view: DeviceView, times: Times) -> Iterator[RenderableType]:
    raised = [standing for standing in view.standing if standing.level != "none"]
    undecided = [standing for standing in view.standing if standing.unknown]
    calm = sum(1 for standing in view.standing if standing.level == "none" and not standing.unknown)
    yield heading("Verdicts")
    for item in raised:
        since = "" if item.since is None else f", {times.age(item.since)}"
        yield Text.assemble(cell(item.level), f"  {clean(item.rule)}  {clean(item.part or item.kind)}{since}")
        yield paragraph(item.text)
    yield cell(f"{count(calm, 'rule verdict')} calm" if view.standing else "no rule has judged this device yet")
    if undecided:
        yield heading("Undecided, with the values that they miss")
        shown = table(folding("part", least=8), folding("rules"))
        unread = _unread_disks(view)
        for part in dict.fromkeys(item.part or item.kind for item in undecided):
            of_part = [item for item in undecided if (item.part or item.kind) == part]
            shown.add_row(cell(part), cell("; ".join(_missing(of_part, unread.get(part)))))
        yield shown


def _unread_disks(view: DeviceView) -> dict[str, str]:
    """Why a disk could not be read, by its name; without those that could."""
    outcomes = ((disk.part, str(disk.facts.get("outcome", "unknown"))) for disk in view.series if disk.kind == "smart")
    return {part: outcome for part, outcome in outcomes if outcome != "measured"}


def _missing(undecided: list[StandingView], why_unread: str | None) -> Iterator[str]:
    """Rules with what they miss. A disk that could not be read is one reason for all that look at its values."""
    of_disk = [item for item in undecided if why_unread is not None and item.kind == Kind.DISK]
    if of_disk:
        yield f"{count(len(of_disk), 'rule')} of its SMART values, which could not be read: {why_unread}"
    yield from (f"{item.rule}: {', '.join(item.unknown)}" for item in undecided if item not in of_disk)
