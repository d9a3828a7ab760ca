"""A collector that is killed while it tells people: everybody is told of everything, at worst twice."""

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from forewarn_collector.directory import Whose
from forewarn_collector.notify.tables import notification
from forewarn_collector.store.state import open_state, open_state_to_read
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change, Kind

TICKETS, KILLS = 40, 2


def tickets_of_ann(data: Path) -> None:
    data.mkdir(mode=0o700)
    engine = open_state(data / "state.db")
    desk = Desk(engine, [], time.time)
    for number in range(TICKETS):
        part = Part("shop-07", "MB-1", f"S{number}", Whose("Acme", "", "Ann"))
        change = Change(
            rule="pending", title=f"S{number} will fail", kind=Kind.DISK, key=("shop-07", f"S{number}"), labels={},
            at=time.time(), before="none", after="warning", text="", why="", do=(), calm_when=(), values={},
            forecast=None, fault="disk-failure", queue="storage", status="stable",
        )  # fmt: skip
        desk.record(None, [(change, part)], [])
    engine.dispose()


def sent(data: Path) -> int:
    engine = open_state_to_read(data / "state.db")
    with engine.connect() as db:
        query = sa.select(sa.func.count()).where(notification.c.state == "sent")
        found = int(db.execute(query).scalar_one())
    engine.dispose()
    return found


@pytest.mark.slow
def test_everything_is_told_however_often_the_collector_is_killed(
    tmp_path: Path, make_robot: Callable[..., Any], wait_for: Callable[..., None], secret: str
) -> None:
    data, log, config = tmp_path / "data", tmp_path / "log", tmp_path / "collector.yaml"
    tickets_of_ann(data)
    robot = make_robot("dingtalk", per_minute=10**6)
    # So that a kill meets a message that was taken and not marked.
    robot.on_taken = lambda: time.sleep(0.05)
    for name, text in (("robot.url", robot.url), ("robot.secret", secret)):
        (tmp_path / name).write_text(text + "\n")
        (tmp_path / name).chmod(0o600)
    channel = {
        "name": "group", "kind": "dingtalk", "url_file": str(tmp_path / "robot.url"),
        "secret_file": str(tmp_path / "robot.secret"), "per_minute": 6000,
    }  # fmt: skip
    settings = {
        "listen": {"port": 0},
        "api": {"port": 0},
        "notify": {
            "gather_seconds": 0, "storm_after": 1000, "channels": [channel],
            "engineers": [{"name": "Ann", "channels": ["group"]}],
        },
    }  # fmt: skip
    config.write_text(yaml.safe_dump(settings))

    def start() -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "forewarn_collector", "up", "--data", str(data), "--config", str(config)]
        with log.open("ab") as file:
            return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)

    collector = start()
    try:
        for kills in range(1, KILLS + 1):
            wait_for(lambda goal=kills * TICKETS // 4: len(robot.received) >= goal, "the next messages")
            collector.send_signal(signal.SIGKILL)
            collector.wait()
            collector = start()
        wait_for(lambda: sent(data) == TICKETS, "every mark")
    finally:
        collector.terminate()
        collector.wait(30)
    told = Counter(re.findall(r"^ticket (\d+)", "\n".join(robot.received), re.M))
    assert set(told) == {str(number) for number in range(1, TICKETS + 1)}
    assert TICKETS < sum(told.values()) <= TICKETS + KILLS
    said = log.read_text() + "".join(path.read_bytes().decode("latin-1") for path in data.iterdir() if path.is_file())
    assert secret not in said
    assert robot.url not in said
