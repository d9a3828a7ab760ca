"""From a ticket to the phone of whoever the applied directory names: opened, escalated, given to somebody."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from forewarn_collector.cli.main import forewarn
from forewarn_collector.config import Api, Config, Listen
from forewarn_collector.notify.config import Channel, Notify
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change, Kind

DIRECTORY = """
customers:
  - name: Acme
    escalation: fast
    responsible: {primary: Li Wei, backup: Ann Smith}
    sites:
      - name: Store 1
        devices: [{names: [pos-*]}]
engineers:
  - {name: Li Wei, channels: [li]}
  - {name: Ann Smith, channels: [ann, pager]}
  - {name: Joe Miller, channels: [joe]}
escalations:
  - name: fast
    steps:
      - tell: [primary]
      - {after: 2s, tell: [backup]}
      - {after: 1h, tell: [Joe Miller]}
"""


@pytest.fixture
def robots(make_robot: Callable[..., Any]) -> dict[str, Any]:
    return {name: make_robot("wecom") for name in ("li", "ann", "joe")}


@pytest.fixture
def house(tmp_path: Path, make_running: Callable[..., Any], robots: dict[str, Any]) -> Any:
    for name, robot in robots.items():
        (tmp_path / name).write_text(robot.url)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "directory.yaml").write_text(DIRECTORY)
    channels = [Channel(name=name, kind="wecom", url_file=str(tmp_path / name)) for name in robots]
    notify = Notify(gather_seconds=0.0, channels=channels)
    return make_running(Config(listen=Listen(port=0), api=Api(port=0), notify=notify))


def ask(house: Any, *words: str) -> Result:
    return CliRunner().invoke(forewarn, ["--data", str(house.data), *words])


def open_ticket(collector: Any) -> None:
    change = Change(
        rule="pending", title="WD-1 will fail", kind=Kind.DISK, key=("pos-1", "WD-1"), labels={}, at=time.time(),
        before="none", after="critical", text="", why="", do=(), calm_when=(), values={}, forecast=None,
        fault="disk-failure", queue="storage", status="stable",
    )  # fmt: skip
    collector.desk.record(None, [(change, Part("pos-1", "MB", "WD-1", collector.register.whose("pos-1")))], [])


def test_the_right_phone_rings(
    house: Any, robots: dict[str, Any], tmp_path: Path, wait_for: Callable[..., None]
) -> None:
    applied = ask(house, "directory", "apply", str(tmp_path / "directory.yaml"))
    assert "no channel 'pager' is configured" in applied.stderr
    open_ticket(house.collector)
    wait_for(lambda: robots["li"].received, "the responsible's phone")
    assert "WD-1 will fail" in robots["li"].received[0]
    assert not robots["ann"].received
    wait_for(lambda: robots["ann"].received, "the backup's phone")
    given = ask(house, "assign", "1", "Joe Miller", "--by", "boss")
    assert given.exit_code == 0
    wait_for(lambda: robots["joe"].received, "the phone of whoever it was given to")
    assert "boss gave it to you" in robots["joe"].received[0]
    ask(house, "ticket", "ack", "1", "--by", "Joe Miller")
    log = [(item.engineer, item.kind) for item in house.collector.switchboard.log() if item.channel != "pager"]
    assert log == [("Joe Miller", "assigned"), ("Ann Smith", "escalated"), ("Li Wei", "opened")]
