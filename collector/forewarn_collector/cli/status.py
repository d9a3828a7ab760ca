"""``forewarn status``"""

import click
from rich import filesize

from forewarn_collector.api.views import Health
from forewarn_collector.cli.format import ABSENT, Times, count
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import heading, pairs, paragraph
from forewarn_collector.selfcheck.model import CanaryView, PingView
from forewarn_collector.several.members import SHARES, Member
from forewarn_collector.store.forwarding.view import ForwardingView
from forewarn_collector.tickets.model import Allowance


@click.command("status")
@json_option
@pass_session
def status(session: Session, as_json: bool) -> None:
    """How the collector is: counters, addresses, troubles.

    Example: forewarn status
    """
    health = session.client.status()
    if as_json:
        print_json(health)
        return
    session.screen.print(pairs(rows(health, Times(health.now, session.utc), session.client.address.url)))
    if health.collectors:
        session.screen.print(heading("Collectors"))
        session.screen.print(pairs([(one.name, say_member(one, health)) for one in health.collectors]))
    if health.troubles:
        session.screen.print(heading("Troubles"))
        for trouble in health.troubles:
            session.screen.print(paragraph(trouble, style="red"))


def rows(health: Health, times: Times, api: str) -> list[tuple[str, str]]:
    """What is shown, as names and words."""
    behind = health.position - health.judged_position
    return [
        ("forewarn", f"{health.version}, up since {times.both(health.started_at)}"),
        ("collector's time", times.moment(health.now, seconds=True)),
        ("MQTT listener", health.mqtt or "off"),
        ("broker", (health.broker or "none") + _dropped(health.broker_dropped)),
        ("API", api),
        ("devices", f"{health.devices:,} known, {count(health.connections, 'connection')}"),
        (
            "reports",
            f"{health.stored:,} stored, {health.duplicates:,} sent twice and dropped",
        ),
        ("intake", f"{health.intake_rate:.1f} a second in the last minute, {health.queue:,} waiting"),
        ("judge", "up to date" if behind <= 0 else f"{count(behind, 'row')} behind{_age(health.unjudged_seconds)}"),
        ("dead letters", f"{health.dead_letters:,}"),
        ("tickets", _tallied(health.tickets)),
        ("ticket budget", say_budget(health.budget, times)),
        ("deliveries", _tallied(health.deliveries) + _age(health.unsent_seconds)),
        ("phones", _tallied(health.notifications) + _age(health.untold_seconds)),
        *((f"canary, {canary.door}", say_canary(canary, times)) for canary in health.canaries),
        ("ping", say_ping(health.ping, times)),
        *([("history store", say_forwarding(health.history))] if health.history else []),
        ("journal", filesize.decimal(health.file_bytes)),
        ("troubles", f"{len(health.troubles)}, see below" if health.troubles else "none"),
    ]


def say_budget(budget: Allowance | None, times: Times) -> str:
    """``5 of 5 predictive tickets of a month used, 2 on the watch list; the next in 3 d``"""
    if budget is None:
        return ABSENT
    if budget.allowed is None:
        return f"none; {count(budget.used, 'predictive ticket')} within a month"
    said = f"{budget.used:,} of {count(budget.allowed, 'predictive ticket')} a month used"
    if budget.waiting:
        said += f", {budget.waiting:,} on the watch list"
    return said + (f"; the next {times.age(budget.next_free_at)}" if budget.next_free_at is not None else "")


def say_forwarding(history: ForwardingView) -> str:
    """``influxdb://...: 12,345 rows wait, the oldest for 61 s; 830 rows a second, about 15 s to go``"""
    if not history.unsent:
        said = f"up to date, {history.rate:,.1f} rows a second"
    else:
        said = f"{count(history.unsent, 'row')} wait{_age(history.unsent_seconds)}; {history.rate:,.1f} rows a second"
        if history.rate >= 1 and not history.trouble:
            said += f", about {history.unsent / history.rate:,.0f} s to go"
    counted = ((history.parked, "parked"), (history.too_old, "too old for it"))
    return f"{history.store}: {said}" + "".join(f", {number:,} {word}" for number, word in counted if number)


def say_canary(canary: CanaryView, times: Times) -> str:
    """``stored after 12 ms, judged after 85 ms, 14 s ago``"""
    if canary.trouble or canary.stored_seconds is None or canary.judged_seconds is None:
        return f"lost {times.age(canary.sent_at)}"
    stored, judged = 1000 * canary.stored_seconds, 1000 * canary.judged_seconds
    return f"stored after {stored:.0f} ms, judged after {judged:.0f} ms, {times.age(canary.sent_at)}"


def say_member(member: Member, health: Health) -> str:
    """``judges 6 of 16 shares of the fleet, does what is scheduled; https://b.example:8383``"""
    said = f"judges {len(member.shares)} of {SHARES} shares of the fleet"
    said += ", does what is scheduled" if member.runner else ""
    said += f", version {member.version}" if member.version != health.version else ""
    return f"{said}; {member.address}"


def say_ping(ping: PingView | None, times: Times) -> str:
    if ping is None:
        return "none"
    said = "never arrived" if ping.arrived_at is None else f"arrived {times.age(ping.arrived_at)}"
    return f"{said}; the newest: {ping.error}" if ping.error else said


def _age(seconds: float | None) -> str:
    return "" if seconds is None else f", the oldest for {seconds:,.0f} s"


def _dropped(messages: int | None) -> str:
    return f", {messages:,} messages dropped" if messages else ""


def _tallied(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in counts.items()) or "none"
