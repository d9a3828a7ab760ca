"""A fault that came and went while the device was offline is judged at its own time, by a real agent's outbox."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from forewarn_collector.config import Api, Config, Listen, Rules
from forewarn_collector.store.state import verdict

DEVICE = "shop-07"
PATIENCE = 60.0
CALM = {
    "level": "raid1", "raid_disks": "2", "array_state": "clean", "degraded": "0", "sync_action": "idle",
    "sync_completed": "none", "mismatch_cnt": "0",
    "dev-sda1/state": "in_sync", "dev-sdb1/state": "in_sync", "dev-sda1/errors": "0", "dev-sdb1/errors": "0",
}  # fmt: skip
# The built-in rule with its hour of calm is array-degraded; this one lets go at once.
RULE = """
schema: 1
id: array-blip
title: A disk array lacks a member
status: stable
since: 2026-11-26
owner: storage
references: ["tests"]
scope: {per: [device, array]}
signals: {degraded: {metric: array.degraded, take: last}}
levels: {warning: {raise: {degraded: {equals: 1}}, clear: {degraded: {equals: 0}}}}
explain: {what: "Array {array} lacks a member.", why: "Yes.", do: ["Look."], calm_when: ["Never."], cleared: "Whole."}
ticket: {fault: other, queue: storage, kind: fact}
"""
RULE_TEST = """
rule: array-blip
step: 1m
labels: {device: shop-07, array: md0}
cases:
  - {name: it lets go, series: {array.degraded: "0 1 0"}, expect: [{at: 1m, level: warning}, {at: 2m, level: none}]}
  - {name: whole, series: {array.degraded: "0+0x5"}, expect: [{at: 5m, level: none}]}
"""


def say(md: Path, **contents: str) -> None:
    for name, content in contents.items():
        path = md / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")


def test_a_fault_that_came_and_went_while_offline_leaves_its_verdicts_with_their_times(
    tmp_path: Path,
    make_running: Callable[..., Any],
    make_agent: Callable[..., Any],
    wait_for: Callable[..., Any],
) -> None:
    own = tmp_path / "rules"
    own.mkdir()
    (own / "array-blip.yaml").write_text(RULE)
    (own / "array-blip.test.yaml").write_text(RULE_TEST)
    config = Config(listen=Listen(port=0), api=Api(port=0), rules=Rules(directories=[str(own)]))
    md = tmp_path / "sys" / "block" / "md0" / "md"
    say(md, **CALM)
    running = make_running(config)
    roots = {"proc": "/proc", "sys": str(tmp_path / "sys"), "root": "/"}
    agent = make_agent(running.port, roots=roots, probes={"smart": False, "filesystem": False})
    wait_for(lambda: (row := running.reader.device(DEVICE)) and row.reports >= 3, PATIENCE)
    port = running.port
    running.stop()

    def another(reports: int) -> None:
        """Let the agent make so many more, offline."""
        before = agent.made()
        wait_for(lambda: agent.made() >= before + reports, PATIENCE)

    another(2)
    broke_at = time.time()
    say(md, degraded="1", **{"dev-sdb1/state": "faulty"})
    another(3)
    say(md, **CALM)
    mended_at = time.time()
    another(3)
    reconnected_at = time.time()
    again = make_running(Config(listen=Listen(port=port), api=Api(port=0), rules=config.rules))

    def changes() -> list[tuple[str, str, str, float]]:
        query = sa.select(verdict.c.rule, verdict.c.before, verdict.c.after, verdict.c.at).order_by(verdict.c.id)
        with again.collector._state.connect() as db:
            return [(row.rule, row.before, row.after, row.at) for row in db.execute(query)]

    wait_for(lambda: len(changes()) == 3, PATIENCE)
    found = {(rule, after): at for rule, _, after, at in changes()}
    assert set(found) == {("array-blip", "warning"), ("array-blip", "none"), ("array-degraded", "critical")}
    for rule, after in (("array-blip", "warning"), ("array-degraded", "critical")):
        assert broke_at <= found[rule, after] <= mended_at + 1
    assert mended_at <= found["array-blip", "none"] <= reconnected_at
    (ticket,) = again.collector.desk.tickets(fault="array-degraded")
    assert broke_at <= ticket.opened_at <= mended_at + 1
    assert ticket.recorded_at >= reconnected_at
