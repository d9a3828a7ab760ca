"""What the collector saw of a simulated fleet, against what was planted in it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

import msgspec

from forewarn_collector.simulate.faults import KINDS, Planted
from forewarn_collector.simulate.fleet import Fleet
from forewarn_collector.tickets.model import Ticket, Watched

DAY, HOUR = 86_400.0, 3_600.0


class Finding(NamedTuple):
    """A ticket, or a prediction on the watch list. ``devices``: all that share its root cause."""

    devices: frozenset[str]
    fault: str
    at: float
    what: str


class KindResult(msgspec.Struct, kw_only=True):
    """Of one kind of fault. ``due``: how many had to be found by the end of the run. ``found``: how many were, also
    those that were not due yet. ``delay_hours``: median from when it began, or the simulation did, to the ticket;
    ``lead_days``: median from the ticket to when the part is of no use. ``missed``: the devices where one was due and
    is not there."""

    kind: str
    planted: int
    due: int
    found: int
    delay_hours: float | None
    lead_days: float | None
    missed: list[str]


class Result(msgspec.Struct, kw_only=True):
    """``stored``: reports of this run that the collector has; ``missing``: those that were made and it has not.
    ``false_tickets``: what was found where nothing of that kind was planted."""

    seed: int
    devices: int
    agents: int
    device_days: float
    seconds: float
    sent: int
    acknowledged: int
    refused: int
    stored: int
    missing: int
    reports_per_second: float
    puback_p50_ms: float | None
    puback_p99_ms: float | None
    behind_seconds: float
    kinds: list[KindResult]
    false_tickets: list[str]

    @property
    def complete(self) -> bool:
        """Every report is stored, and every fault that was due is found."""
        return not self.missing and not self.refused and not any(kind.missed for kind in self.kinds)


def findings(tickets: Iterable[Ticket], watched: Iterable[Watched]) -> list[Finding]:
    found = [
        Finding(frozenset((t.device, *(member.device for member in t.members))), t.fault, t.opened_at, f"#{t.number}")
        for t in tickets
    ]
    return found + [Finding(frozenset((w.device,)), w.fault, w.since, "watch list") for w in watched]


def judge_kinds(fleet: Fleet, found: Sequence[Finding], ended_at: float) -> list[KindResult]:
    """By kind, those of which something was planted. ``ended_at``: device time."""
    planted: dict[str, list[Planted]] = {}
    for fault in fleet.planted:
        planted.setdefault(fault.kind, []).append(fault)
    return [_judge_kind(name, planted[name], found, fleet.start, ended_at) for name in KINDS if name in planted]


def _judge_kind(
    name: str, planted: Sequence[Planted], found: Sequence[Finding], start: float, ended_at: float
) -> KindResult:
    says = KINDS[name].says
    first: dict[str, float] = {}
    for finding in found:
        if finding.fault in says:
            for device in finding.devices:
                first[device] = min(finding.at, first.get(device, finding.at))
    seen = [(fault, first[fault.device]) for fault in planted if fault.device in first]
    leads = [(fault.ends_at - at) / DAY for fault, at in seen if fault.ends_at is not None]
    delays = [(at - max(start, fault.begins_at)) / HOUR for fault, at in seen]
    due = [fault.device for fault in planted if fault.due_at <= ended_at]
    return KindResult(
        kind=name,
        planted=len(planted),
        due=len(due),
        found=len(seen),
        delay_hours=round(median(delays), 2) if delays else None,
        lead_days=round(median(leads), 2) if leads else None,
        missed=[device for device in due if device not in first],
    )


def false_tickets(fleet: Fleet, found: Sequence[Finding]) -> list[str]:
    """What was said of devices of the fleet that nothing planted there explains."""
    says = {fault.device: KINDS[fault.kind].says for fault in fleet.planted}
    ours = {device.name for device in fleet.devices}
    return [
        f"{device}: {finding.fault} ({finding.what})"
        for finding in found
        for device in sorted(finding.devices)
        if device in ours and finding.fault not in says.get(device, ())
    ]


def missing_reports(made: Mapping[str, int], before: Mapping[str, int], after: Mapping[str, int]) -> tuple[int, int]:
    """How many of the reports of each device the collector has stored in the meantime, and how many it lacks."""
    grown = {device: max(0, after.get(device, 0) - before.get(device, 0)) for device in made}
    return sum(grown.values()), sum(max(0, count - grown[device]) for device, count in made.items())
