"""A collector that is killed while it delivers: everything arrives, and ids tell what came twice."""

import http.server
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from forewarn_collector.directory import Whose
from forewarn_collector.store.state import delivery, open_state
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change, Kind

TOKEN = "t0ken-that-nobody-must-read"
TICKETS = 40


class Receiver:
    """Takes every event, slowly, and fails at times: 500, or a cut after the event was taken."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []
        self.tokens: set[str | None] = set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.tokens.add(self.headers["Authorization"])
                receiver.events.append((event["id"], event["subject"], event["type"]))
                turn = len(receiver.events)
                if turn % 23 == 0:
                    self.close_connection = True
                    return
                time.sleep(0.01)  # so that a kill meets deliveries on their way
                self.send_response(500 if turn % 17 == 0 else 202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


def tickets_that_nobody_was_told_of(data: Path) -> list[tuple[str, str, str]]:
    """Each opened, raised and resolved. Return (id, subject, type) of every event."""
    data.mkdir(mode=0o700)
    engine = open_state(data / "state.db")
    desk = Desk(engine, ["desk"], time.time)
    for number in range(TICKETS):
        part = Part("shop-07", "MB-1", f"S{number}", Whose("Acme"))
        for before, after in (("none", "warning"), ("warning", "critical"), ("critical", "none")):
            change = Change(
                rule="pending", title="pending", kind=Kind.DISK, key=("shop-07", f"S{number}"), labels={},
                at=time.time(), before=before, after=after, text="", why="", do=(), calm_when=(), values={},
                forecast=None, fault="disk-failure", queue="storage", status="stable",
            )  # fmt: skip
            desk.record(None, [(change, part)], [])
    with engine.connect() as db:
        owed = [
            (row["event_id"], f"ticket/{row['ticket']}", f"forewarn.ticket.{row['event']}")
            for row in db.execute(delivery.select()).mappings()
        ]
    engine.dispose()
    return owed


def start(data: Path, config: Path, log: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "forewarn_collector", "up", "--data", str(data), "--config", str(config)]
    with log.open("ab") as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)


def done(state: sa.Engine) -> int:
    with state.connect() as db:
        return len(db.execute(delivery.select().where(delivery.c.state == "done")).all())


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_every_event_arrives_however_often_the_collector_is_killed(tmp_path: Path, receiver: Receiver) -> None:
    data, log, config = tmp_path / "data", tmp_path / "log", tmp_path / "collector.yaml"
    owed = tickets_that_nobody_was_told_of(data)
    assert len(owed) == 3 * TICKETS
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    settings = {
        "listen": {"port": 0},
        "api": {"port": 0},
        "destinations": [{"name": "desk", "kind": "webhook", "url": receiver.url, "token_file": str(token)}],
    }
    config.write_text(yaml.safe_dump(settings))
    collector = start(data, config, log)
    try:
        for kills in range(1, 6):
            goal = kills * len(owed) // 7
            wait_for(lambda goal=goal: len(receiver.events) >= goal, "the next events")
            collector.send_signal(signal.SIGKILL)
            collector.wait()
            collector = start(data, config, log)
        wait_for(lambda: {event for event, _, _ in receiver.events} == {event for event, _, _ in owed}, "every event")
        state = open_state(data / "state.db")
        wait_for(lambda: done(state) == len(owed), "every mark")
        state.dispose()
    finally:
        collector.terminate()
        collector.wait(30)
    assert set(receiver.events) == set(owed), "what came twice is the same event"
    again = len(receiver.events) - len(owed)
    assert 0 < again < len(owed)
    for subject in {subject for _, subject, _ in owed}:
        types = [kind for _, about, kind in receiver.events if about == subject]
        firsts = list(dict.fromkeys(types))
        assert firsts == ["forewarn.ticket.opened", "forewarn.ticket.updated", "forewarn.ticket.resolved"]
        assert types == sorted(types, key=firsts.index), "never the old after the new"
    assert receiver.tokens == {f"Bearer {TOKEN}"}
    assert TOKEN not in log.read_text()
    left = b"".join(path.read_bytes() for path in data.iterdir() if path.is_file())
    assert TOKEN.encode() not in left
