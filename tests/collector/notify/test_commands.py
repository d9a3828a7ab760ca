"""``forewarn notify`` and ``forewarn maintenance`` against a real collector and robots that answer as documented."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

from forewarn_collector.cli.main import forewarn
from forewarn_collector.config import Api, Config, Listen
from forewarn_collector.directory import Whose
from forewarn_collector.notify.config import Channel, Engineer, Notify
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change, Kind


class House:
    """A collector with two robots, one of which refuses everything."""

    def __init__(self, tmp: Path, start: Callable[..., Any], good: Any, bad: Any, secret: str) -> None:
        self.good, self.bad = good, bad
        bad.trouble = [(200, b'{"errcode": 93000, "errmsg": "invalid webhook url"}')] * 1000
        for name, text in (("good", good.url), ("bad", bad.url), ("secret", secret)):
            (tmp / name).write_text(text)
            (tmp / name).chmod(0o600)
        notify = Notify(
            gather_seconds=0.0,
            channels=[
                Channel(name="group", kind="dingtalk", url_file=str(tmp / "good"), secret_file=str(tmp / "secret")),
                Channel(name="pager", kind="wecom", url_file=str(tmp / "bad")),
            ],
            engineers=[
                Engineer(name="Li Wei", channels=["group"]),
                Engineer(name="Ann", channels=["group", "pager"]),
            ],
        )
        self.running = start(tmp / "data", Config(listen=Listen(port=0), api=Api(port=0), notify=notify))
        self.collector = self.running.collector

    def __call__(self, *words: str) -> Result:
        runner = CliRunner(env={"COLUMNS": "80", "TERM": "dumb"})
        return runner.invoke(forewarn, ["--data", str(self.running.data), *words])

    def json(self, *words: str) -> Any:
        result = self(*words, "--json")
        assert result.stderr == ""
        return json.loads(result.stdout)

    def ticket(self, device: str, customer: str = "Acme") -> None:
        part = Part(device, f"MB-{device}", "WD-1", Whose(customer, "Store 1", "Li Wei"))
        change = Change(
            rule="pending", title="WD-1 will fail", kind=Kind.DISK, key=(device, "WD-1"), labels={}, at=time.time(),
            before="none", after="critical", text="", why="", do=(), calm_when=(), values={}, forecast=None,
            fault="disk-failure", queue="storage", status="stable",
        )  # fmt: skip
        self.collector.desk.record(None, [(change, part)], [])


@pytest.fixture
def house(
    tmp_path: Path, start_collector: Callable[..., Any], make_robot: Callable[..., Any], secret: str
) -> Iterator[House]:
    found = House(tmp_path, start_collector, make_robot("dingtalk"), make_robot("wecom"), secret)
    yield found
    found.running.stop()


def test_from_the_ticket_to_the_phone(house: House, wait_for: Callable[..., None]) -> None:
    house.ticket("pos-1")
    wait_for(lambda: house.good.received, "the message")
    wait_for(lambda: house.collector.health().notifications == {"sent": 1}, "the mark")
    assert house.good.received[0].splitlines()[0] == "[critical] Acme, Store 1, pos-1: WD-1 will fail"
    (item,) = house.json("notify", "log", "--ticket", "1")
    assert (item["engineer"], item["channel"], item["kind"], item["state"]) == ("Li Wei", "group", "opened", "sent")
    shown = house("notify", "log").stdout
    assert "Li Wei" in shown
    assert max(map(cell_len, shown.splitlines())) <= 80
    house("ticket", "close", "1", "--outcome", "false-alarm", "--by", "Zoe")
    wait_for(lambda: len(house.good.received) == 2, "the end")
    assert "over: WD-1 will fail" in house.good.received[1]
    assert "phones" in house("status").stdout


def test_a_test_says_what_each_channel_answered(house: House) -> None:
    good = house("notify", "test", "Li Wei", "--by", "bob")
    assert (good.exit_code, good.stdout) == (0, "group: taken\n")
    assert house.good.received == ["forewarn: a test\nbob tries whether Li Wei is reached here. Nothing has happened."]
    bad = house("notify", "test", "Ann")
    assert (bad.exit_code, bad.stdout) == (1, "group: taken\npager: not taken: code 93000: invalid webhook url\n")
    nobody = house("notify", "test", "Zoe")
    assert nobody.exit_code == 1
    assert nobody.stdout.startswith("Zoe: not taken: it is not known how to reach this engineer")
    parked = house.json("notify", "log", "--state", "parked")
    assert [(item["engineer"], item["channel"]) for item in parked] == [("Zoe", ""), ("Ann", "pager")]
    assert [item["state"] for item in house.json("notify", "test", "Li Wei")] == ["sent"]


def test_maintenance_from_the_command_line(house: House, wait_for: Callable[..., None]) -> None:
    assert house("maintenance", "list").stdout == "no maintenance window is open or to come\n"
    window = ("--customer", "Acme", "--site", "Store 1", "--for", "2h", "--reason", "switches", "--by", "bob")
    made = house("maintenance", "add", *window)
    first, second = made.stdout.splitlines()
    assert first.startswith("maintenance 1: nobody is told about Acme, Store 1 from 2")
    assert second == "0 devices of those that have reported so far"
    house.ticket("pos-1")
    house.ticket("pos-2", "Beta")
    wait_for(lambda: house.collector.health().notifications == {"waiting": 1, "sent": 1}, "the other customer")
    (held,) = house.json("notify", "log", "--state", "waiting")
    assert held["reason"] == "maintenance 1"
    assert held["not_before"] > time.time() + 7000
    shown = house("maintenance", "list").stdout
    assert max(map(cell_len, shown.splitlines())) <= 80
    assert "switches" in shown
    assert "over" in house("maintenance", "end", "1").stdout
    wait_for(lambda: house.collector.health().notifications == {"sent": 2}, "what was held back")
    (window,) = house.json("maintenance", "list", "--all")
    assert (window["customer"], window["actor"], window["reason"]) == ("Acme", "bob", "switches")
    assert window["ended_at"] is not None
    again = house("maintenance", "end", "1")
    assert (again.exit_code, again.stderr) == (1, "Error: maintenance window 1 is over already\n")
    assert house("maintenance", "end", "9").stderr.startswith("Error: there is no maintenance window 9;")
    audit = [(entry["action"], entry["who"]) for entry in house.json("audit")]
    assert ("POST /api/v1/maintenance/1/end", audit[0][1]) in audit
    assert "POST /api/v1/maintenance" in [action for action, _ in audit]


REFUSED = [
    ("--for 2h", 1, "say for which customer (and site), or for which device"),
    ("--customer Acme", 2, "say either --until or --for"),
    ("--customer Acme --for 2h --until 2030-01-01", 2, "say either --until or --for"),
    ("--customer Acme --until 2020-01-01", 1, "it would be over already"),
    ("--customer Acme --for 60d", 1, "longer than 31 days"),
    ("--customer Acme --for soon", 2, "write 12h or 7d"),
]


def test_what_makes_no_sense_is_refused_in_one_line(house: House) -> None:
    for words, code, said in REFUSED:
        refused = house("maintenance", "add", *words.split())
        assert refused.exit_code == code
        assert said in refused.stderr.splitlines()[-1]


def test_metrics_tell_what_waits_and_what_failed_and_nothing_tells_a_secret(house: House, secret: str) -> None:
    house("notify", "test", "Ann")
    token = json.loads((house.running.data / "api.json").read_text())["token"]
    answer = httpx.get(f"{house.collector.api_url}/metrics", headers={"Authorization": f"Bearer {token}"})
    lines = answer.text.splitlines()
    assert 'forewarn_notifications{state="waiting"} 0.0' in lines
    assert 'forewarn_notifications{state="parked"} 1.0' in lines
    assert 'forewarn_notifications{state="sent"} 1.0' in lines
    assert "forewarn_notification_age_seconds 0.0" in lines
    said = house("notify", "log", "--json").stdout + house("status", "--json").stdout + house("audit", "--json").stdout
    for word in (secret, house.good.url, house.bad.url, house.good.url[-32:]):
        assert word not in said
