"""Three collectors behind one Mosquitto share one PostgreSQL and are killed in turn: reports are stored once, every
fault is one ticket, and every step of an escalation is taken once.

`make several` takes MINUTES and DEVICES; SEED says which disks fail and when.
"""

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers.collectors import NAMES, SETTLE_SECONDS, Fleet, House, everything_once
from servers.postgresql import Database

pytestmark = [pytest.mark.slow, pytest.mark.server]

SECONDS = 60 * float(os.environ.get("FOREWARN_MINUTES", "0.67"))
DEVICES = int(os.environ.get("FOREWARN_DEVICES", "60"))
SEED = int(os.environ.get("FOREWARN_SEED", "20261127"))
AWAY_SECONDS, BETWEEN_KILLS_SECONDS = 2.0, 3.0


def test_collectors_are_killed_in_turn(
    tmp_path: Path, database: Database, group: str, make_mosquitto: Callable[..., Any], wait_for: Callable[..., Any]
) -> None:
    broker = make_mosquitto("max_queued_messages 0\nmax_inflight_messages 100\nlog_type error\n")
    fleet, house = Fleet(random.Random(SEED), DEVICES, SECONDS), House(tmp_path, database, broker.port, group)
    try:
        for name in NAMES:
            house.start(name)
        wait_for(lambda: house.complete, SETTLE_SECONDS)
        house.apply(NAMES[0])
        fleet.start(broker.port)
        kill_in_turn(house, fleet.ended, wait_for)
        fleet.join()
        print(
            f"\n{SECONDS:.0f} s, {DEVICES} devices, {house.kills.total()} kills of {len(NAMES)} collectors:",
            everything_once(fleet, database, wait_for, told_again=house.kills.total()),
        )
    finally:
        fleet.ended.set()
        house.stop()
    house.check_logs()


def kill_in_turn(house: House, ended: threading.Event, wait_for: Callable[..., Any]) -> None:
    turn = 0
    while not ended.wait(BETWEEN_KILLS_SECONDS):
        name = NAMES[turn % len(NAMES)]
        turn += 1
        house.kill(name)
        time.sleep(AWAY_SECONDS)
        house.start(name)
        wait_for(lambda: house.complete, SETTLE_SECONDS)
