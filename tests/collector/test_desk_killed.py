"""A change, its ticket, its timeline, its deliveries and the judge's position are one transaction."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import sqlalchemy as sa

from forewarn_collector.store.state import delivery, evidence, open_state, ticket, timeline, verdict
from forewarn_collector.tickets.desk import Desk

CHILD = Path(__file__).with_name("recording_child.py")


def run_and_kill(state: Path, seconds: float) -> None:
    command = [sys.executable, str(CHILD), str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begins\n"
        time.sleep(seconds)  # it is the instant of the kill that is tried
        assert child.poll() is None
        child.kill()


def check(state: Path) -> int:
    engine = open_state(state)
    desk = Desk(engine, [], lambda: 1e9)
    position = desk.judged_position()

    def count(*columns: sa.ColumnElement[object]) -> Counter[tuple[object, ...]]:
        with engine.connect() as db:
            return Counter(tuple(row) for row in db.execute(sa.select(*columns)))

    ended = max(0, position - 1)
    states = count(ticket.c.state)
    assert (states[("open",)], states[("resolved",)]) == (position - ended, ended)
    assert count(verdict.c.after) == +Counter({("warning",): position, ("none",): ended})
    assert count(evidence.c.level) == +Counter({("warning",): position - ended, ("none",): ended})
    assert count(timeline.c.kind) == +Counter({("evidence",): position + ended, ("state",): ended})
    assert count(delivery.c.destination, delivery.c.event) == +Counter(
        {
            (to, event): times
            for to in ("desk", "archive")
            for event, times in (("opened", position), ("resolved", ended))
        }
    )
    assert desk.snapshots() == [("disk", ("shop-07", f"S{position}"), b"%d" % position)][:position]
    engine.dispose()
    return position


def test_a_kill_at_any_instant_leaves_all_of_a_step_or_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    chance = Random(4)
    reached = [0]
    for _ in range(8):
        run_and_kill(state, chance.uniform(0.02, 0.35))
        reached.append(check(state))
    assert reached == sorted(reached)
    assert reached[-1] > 20
