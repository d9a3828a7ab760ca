"""What a simulation says in words: while it goes, and at its end."""

from forewarn_collector.simulate.run import Told
from forewarn_collector.simulate.score import Result

FALSE_TICKETS_SHOWN = 10


def live(told: Told, pace: float) -> str:
    """One line while it goes."""
    words = [f"{pace:,.0f}/s, {told.sent:,} sent, {told.sent - told.acknowledged:,} on the way"]
    if told.p99 is not None:
        words.append(f"p99 {1000 * told.p99:.0f} ms")
    if told.behind > 1:
        words.append(f"{told.behind:.0f} s late")
    return ", ".join(words)


def describe(result: Result) -> str:
    """The result, lines of at most 80 columns."""
    lines = [
        f"{result.devices:,} devices ({result.agents} with an outbox of their own), seed {result.seed}:"
        f" {result.device_days:,.2f} days in {result.seconds:,.0f} s",
        f"{result.sent:,} reports, {result.reports_per_second:,.0f} a second; {result.acknowledged:,} acknowledged,"
        f" {result.stored:,} stored" + (f", {result.refused:,} refused" if result.refused else ""),
    ]
    if result.puback_p99_ms is not None:
        lines.append(
            f"PUBACK within {result.puback_p50_ms} ms (half), {result.puback_p99_ms} ms (99 %);"
            f" at worst {result.behind_seconds:.1f} s late"
        )
    if result.missing:
        lines.append(f"NOT STORED: {result.missing:,} reports")
    if result.kinds:
        lines += ["", f"{'planted fault':20} {'planted':>8} {'due':>5} {'found':>6} {'after':>9} {'ahead':>9}  missed"]
    for kind in result.kinds:
        after = "-" if kind.delay_hours is None else f"{kind.delay_hours:.1f} h"
        ahead = "-" if kind.lead_days is None else f"{kind.lead_days:.1f} d"
        counts = f"{kind.planted:>8} {kind.due:>5} {kind.found:>6}"
        lines.append(f"{kind.kind:20} {counts} {after:>9} {ahead:>9}  {len(kind.missed) or ''}")
    lines += [f"  missed: {kind.kind} of {device}" for kind in result.kinds for device in kind.missed]
    lines.append(f"{len(result.false_tickets)} found where nothing of the kind was planted")
    lines += [f"  {found}" for found in result.false_tickets[:FALSE_TICKETS_SHOWN]]
    return "\n".join(line.rstrip() for line in lines)
