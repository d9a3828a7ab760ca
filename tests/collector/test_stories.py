"""What happens to a machine, from its reports at the front door to the ticket that an engineer reads."""

import json
import math
import time
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from servers.reporting import KINDS

from forewarn_collector.cli.main import forewarn
from forewarn_wire import (
    Attribute,
    Cpu,
    Disk,
    Inventory,
    LoadReport,
    Message,
    Outcome,
    SmartReport,
    StatusReport,
    Temperature,
    encode,
    up_topic,
)

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
NAME = "shop-07"
AT_ONCE = 50


class Story:
    """A collector, one machine in front of it, and the command line."""

    def __init__(self, make_running: Callable[..., Any], make_device: Callable[..., Any]) -> None:
        self._make_running, self._make_device = make_running, make_device
        self.seq = 0
        self.running = make_running()

    def restart(self) -> None:
        self.running.stop()
        self.running = self._make_running()

    def tell(self, messages: Iterable[Message]) -> None:
        """Publish everything, and wait until it is judged."""
        device = self._make_device(self.running.port, NAME)
        assert device.connect().reason_code == 0
        packets = [device.packet(up_topic(NAME, KINDS[type(one)]), encode(self._numbered(one))) for one in messages]
        for first in range(0, len(packets), AT_ONCE):
            several = packets[first : first + AT_ONCE]
            device.send(*several)
            for _ in several:
                assert device.receive(60).reason_code == 0
        device.close()
        deadline = time.monotonic() + 60
        while (health := self.running.collector.health()).judged_position < health.position:
            assert time.monotonic() < deadline, "the judge does not come to it"
            time.sleep(0.02)

    def _numbered(self, message: Message) -> Message:
        if not isinstance(message, StatusReport):
            self.seq += 1
            message.seq = self.seq
        return message

    def ask(self, *words: str) -> Any:
        done = CliRunner().invoke(forewarn, ["--data", str(self.running.data), *words, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


@pytest.fixture
def story(make_running: Callable[..., Any], make_device: Callable[..., Any], no_errors_logged: None) -> Story:
    return Story(make_running, make_device)


def cpu_reports(start: float, first: float, last: float, hotter: float = 0.0) -> Iterable[LoadReport]:
    """Days of an office machine, every quarter of an hour: its load, its room and its processor's temperature."""
    random = Random(first)
    load = 10.0
    for n in range(int(first * 96), int(last * 96)):
        day = n / 96
        if random.random() < 0.1:
            load = random.uniform(15, 80) if 0.3 < day % 1 < 0.75 else random.uniform(2, 12)
        board = 26 + 1.5 * math.sin(2 * math.pi * (day - 0.4))
        celsius = 14 + board + 0.35 * load + hotter + random.gauss(0, 1)
        yield LoadReport(
            device=NAME, boot="b1", seq=0, sampled_at=start + day * DAY, cpu=Cpu(used_percent=round(load, 1)),
            temperatures=[
                Temperature(sensor="coretemp Package id 0 (coretemp.0)", celsius=round(celsius)),
                Temperature(sensor="nct6798 SYSTIN (nct6775.656)", celsius=round(board)),
                Temperature(sensor="nct6798 PCH_CPU_TEMP (nct6775.656)", celsius=0.0),
            ],
        )  # fmt: skip


def test_a_processor_that_is_hotter_at_the_same_load_is_a_ticket(story: Story) -> None:
    start = time.time() - 25 * DAY
    story.tell(cpu_reports(start, 0, 19.5))
    assert story.ask("tickets") == []
    story.restart()
    story.tell(cpu_reports(start, 19.5, 24, hotter=10))
    (ticket,) = story.ask("tickets")
    assert (ticket["fault"], ticket["severity"], ticket["state"]) == ("cooling", "warning", "open")
    assert ticket["part_serial"] == "coretemp Package id 0 (coretemp.0)"
    assert 21.5 * DAY <= ticket["opened_at"] - start <= 23 * DAY
    (whole,) = [story.ask("ticket", "show", str(ticket["number"]))]
    said = json.dumps(whole)
    assert "C hotter than in" in said
    assert "at the same load and in the same room" in said
    account = story.ask("rules", "explain", "cpu-hotter-at-same-load", "--device", NAME)
    assert "cpu.used_percent" in json.dumps(account)


DISKS = [Disk(slot=f"/dev/sd{n}", kind="hdd", serial=f"S{n}", model="ST4000") for n in "abc"]


def server(start: float) -> StatusReport:
    inventory = Inventory(hostname=NAME, serial="MB-1", chassis="server", smart_interval_seconds=HOUR)
    return StatusReport(device=NAME, boot="b1", seq=1, sampled_at=start, state="online", session=1, inventory=inventory)


def disk_reports(start: float, hours: range, lost: dict[str, int], crc: dict[str, int]) -> Iterable[SmartReport]:
    """Every hour its disks, one after the other; ``lost`` and ``crc`` by serial number."""
    for hour in hours:
        for n, disk in enumerate(DISKS):
            serial = str(disk.serial)
            yield SmartReport(
                device=NAME, boot="b1", seq=0, sampled_at=start + hour * HOUR + 4 * n, disk=disk, passed=True,
                outcome=Outcome.MEASURED,
                attributes=[
                    Attribute(192, 100, 100, 0, 12 + lost.get(serial, 0)),
                    Attribute(197, 100, 100, 0, 0),
                    Attribute(199, 200, 200, 0, 3 + crc.get(serial, 0)),
                ],
            )  # fmt: skip


def test_disks_that_lose_power_in_the_same_minutes_are_exactly_one_ticket(story: Story) -> None:
    start = time.time() - 4 * DAY
    story.tell([server(start), *disk_reports(start, range(30), {}, {})])
    for hour in range(30, 40):  # all three lost power, and two of them had transfers cut off
        story.tell(disk_reports(start, range(hour, hour + 1), {"Sa": 1, "Sb": 1, "Sc": 1}, {"Sa": 14, "Sc": 30}))
        if hour == 33:
            story.restart()
    (ticket,) = story.ask("tickets", "--state", "all")
    assert (ticket["fault"], ticket["part_serial"], ticket["state"]) == ("power", "", "open")
    assert ticket["device_serial"] == "MB-1"
    whole = story.ask("ticket", "show", str(ticket["number"]))
    assert "disks of shop-07 lost power without notice in the same minutes" in json.dumps(whole)
    assert {item["component"] for item in whole["evidence"]} == {"disk:Sa", "disk:Sb", "disk:Sc"}


def test_one_disk_with_a_bad_cable_is_told_as_such(story: Story) -> None:
    start = time.time() - 4 * DAY
    story.tell([server(start), *disk_reports(start, range(30), {}, {})])
    story.tell(disk_reports(start, range(30, 34), {"Sb": 1}, {"Sb": 14}))
    (ticket,) = story.ask("tickets", "--state", "all")
    assert (ticket["fault"], ticket["part_serial"]) == ("cable", "Sb")
