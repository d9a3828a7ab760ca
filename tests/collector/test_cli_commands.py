"""The command line against a real collector that was fed through its real MQTT listener."""

import asyncio
import csv
import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from click.testing import CliRunner, Result
from paho.mqtt.enums import CallbackAPIVersion
from rich.cells import cell_len

from forewarn_collector.api.server import leave_address
from forewarn_collector.app import Collector
from forewarn_collector.cli.client import Client
from forewarn_collector.cli.main import forewarn
from forewarn_collector.config import Api, Config, DestinationEntry, DirectoryEntry, Listen
from forewarn_wire import (
    Attribute,
    Cpu,
    Disk,
    EventReport,
    Filesystem,
    Inventory,
    LoadReport,
    Memory,
    Message,
    Outcome,
    SmartReport,
    StatusReport,
    Temperature,
    Unread,
    Uptime,
    encode,
    up_topic,
)

SENSOR = "[red]core[/red] \x1b[31m0"
CUSTOMER = "[bold]Acme[/bold]"
MINUTES = 60.0


def publish(mqtt_url: str, device: str, messages: list[tuple[str, bytes]]) -> list[int]:
    """Send as a device does: MQTT 5, QoS 1, and wait for every PUBACK; return the reason codes."""
    codes: list[int] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=device, protocol=mqtt.MQTTv5)
    client.username_pw_set(device)
    client.on_publish = lambda _client, _data, _mid, code, _properties: codes.append(code.value)
    host, port = mqtt_url.removeprefix("mqtt://").rsplit(":", 1)
    client.connect(host, int(port))
    client.loop_start()
    for topic, payload in messages:
        client.publish(topic, payload, qos=1).wait_for_publish(10)
    wait_for(lambda: len(codes) == len(messages), "every PUBACK")
    client.disconnect()
    client.loop_stop()
    return codes


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.02)


class Running:
    """A collector in a thread of its own, and the command line pointed at it."""

    def __init__(self, config: Config, data: Path) -> None:
        self.data = data
        self.collector = Collector(config, data)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.collector.start(), self.loop).result(60)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.collector.stop(), self.loop).result(60)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def send(self, device: str, messages: list[Message]) -> None:
        kinds = {StatusReport: "status", LoadReport: "load", SmartReport: "smart", EventReport: "event"}
        packets = [(up_topic(device, kinds[type(message)]), encode(message)) for message in messages]
        assert set(publish(str(self.collector.mqtt_url), device, packets)) == {0}

    def wait_until_judged(self) -> None:
        with Client.connect(self.data, None, None) as client:

            def judged() -> bool:
                status = client.status()
                return not status.queue and status.judged_position >= status.position > 0

            wait_for(judged, "the judge")

    def __call__(self, *words: str, columns: int = 80, group: tuple[str, ...] = ()) -> Result:
        environment = {"COLUMNS": str(columns), "TERM": "dumb"}
        return CliRunner(env=environment).invoke(forewarn, ["--data", str(self.data), *group, *words])

    def json(self, *words: str) -> object:
        result = self(*words, "--json")
        assert result.exit_code == 0, result.stderr
        assert result.stderr == ""
        return json.loads(result.stdout)


def shop_reports(now: float) -> list[Message]:
    """An hour of a machine whose /data is full and whose memory could not be read for a while."""
    name = "shop-07"
    disk = Disk(
        slot="/dev/sda", kind="unknown", serial="S3Z1", model="ST4000 [i]DM[/i]", capacity_bytes=4_000_787_030_016
    )
    asleep = Disk(slot="/dev/sdb", kind="unknown", serial="S3Z2", model="ST4000")
    inventory = Inventory(
        hostname="\x1b]0;owned\x07shop", serial="MB-1", vendor="Acme", chassis="server", agent_version="0.1.0",
        load_interval_seconds=60.0, disks=[disk, asleep],
        not_here=[Unread(probe="battery", outcome=Outcome.NOT_HERE, detail="runs on no battery")],
    )  # fmt: skip
    messages: list[Message] = [
        StatusReport(
            device=name, boot="b1", seq=1, sampled_at=now - 3600, state="online", session=1, inventory=inventory
        )
    ]
    unread = Unread(probe="temperature", part="acpitz", outcome=Outcome.UNREADABLE, detail="I/O error\x1b[2J")
    messages += [
            LoadReport(
                device=name, boot="b1", seq=1 + step, sampled_at=now - 3600 + step * 5 * MINUTES,
                cpu=Cpu(used_percent=10.0 + step), memory=Memory(used_percent=None if 3 <= step <= 5 else 40.0),
                filesystems=[
                    Filesystem(mount="/", fstype="ext4", source="/dev/sda1", used_percent=41.0, free_bytes=10**11),
                    Filesystem(mount="/data", fstype="ext4", source="/dev/sda2", used_percent=98.0, free_bytes=10**9),
                ],
                temperatures=[Temperature(sensor=SENSOR, celsius=48.0, high_celsius=80.0)],
                uptime=Uptime(seconds=90_000.0),
                unread=[unread],
            )
            for step in range(13)
    ]  # fmt: skip
    # Numbers 14 to 17 never arrive.
    messages += [
        SmartReport(
            device=name, boot="b1", seq=18, sampled_at=now - 600, disk=disk, outcome=Outcome.MEASURED, passed=True,
            temperature_celsius=34.0, power_on_hours=31_204.0,
            attributes=[Attribute(5, 100, 100, 10, 8), Attribute(197, 100, 100, 0, None), Attribute(199, 1, 1, 0, 0)],
        ),
        SmartReport(
            device=name, boot="b1", seq=19, sampled_at=now - 600, disk=asleep, outcome=Outcome.STANDBY, detail="asleep"
        ),
        EventReport(device=name, boot="b1", seq=20, sampled_at=now - 300, event="reboot", count=2, text="twice\x9b31m"),
    ]  # fmt: skip
    return messages


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: every delivery is refused
        config = Config(
            listen=Listen(port=0),
            api=Api(port=0),
            destinations=[
                DestinationEntry(name="desk", kind="webhook", url=f"http://127.0.0.1:{nobody.getsockname()[1]}/hook")
            ],
            directory=[DirectoryEntry(customer=CUSTOMER, site="Store 12", engineer="Li Wei", devices=["shop-*"])],
        )
        collector = Running(config, tmp_path_factory.mktemp("collector"))
        try:
            now = time.time()
            collector.send("shop-07", shop_reports(now))
            calm = LoadReport(device="calm-01", boot="b1", seq=1, sampled_at=now, cpu=Cpu(used_percent=1.0))
            collector.send("calm-01", [calm])
            url = str(collector.collector.mqtt_url)
            assert publish(url, "calm-01", [(up_topic("calm-01", "load"), b'{"oops\x1b[2J": [red]')])[0] >= 128
            collector.wait_until_judged()
            yield collector
        finally:
            collector.stop()


READING = [
    ("status",),
    ("devices",),
    ("device", "shop-07"),
    ("device", "calm-01"),
    ("series", "shop-07", "memory.used_percent"),
    ("series", "shop-07", "temperature.celsius"),
    ("metrics",),
    ("latest", "memory.used_percent"),
    ("top", "memory.used_percent", "--window", "1d"),
    ("verdicts",),
    ("tickets",),
    ("tickets", "--state", "all"),
    ("ticket", "show", "1"),
    ("deliveries",),
    ("deadletters",),
    ("rules", "list"),
    ("rules", "explain", "filesystem-full"),
]


@pytest.mark.parametrize("columns", [80, 160])
@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_every_page_fits_the_terminal_and_holds_nothing_that_steers_it(
    running: Running, words: tuple[str, ...], columns: int
) -> None:
    result = running(*words, columns=columns)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip()
    assert result.stderr == ""
    assert max(cell_len(line.rstrip()) for line in result.stdout.splitlines()) <= columns
    assert not [char for char in result.stdout if unicodedata.category(char) in ("Cc", "Cf", "Cs") and char != "\n"]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_json_is_one_document_and_nothing_else(running: Running, words: tuple[str, ...]) -> None:
    assert running.json(*words) is not None


def test_status_says_how_much_was_stored(running: Running) -> None:
    shown = running("status").stdout
    assert "17 stored" in shown
    assert "2 known" in shown
    assert "1 open" in shown
    assert "up to date" in shown


def test_devices_come_worst_first_and_unknown_disks_are_counted_apart(running: Running) -> None:
    lines = running("devices", columns=160).stdout.splitlines()
    assert lines[1].startswith("shop-07")
    assert lines[2].startswith("calm-01")
    for piece in (f"{CUSTOMER}, Store 12", "22 %", "98 % /data", "48 °C", "1+1?", "critical"):
        assert piece in lines[1]
    assert "unassigned" in lines[2]
    assert "0 %" not in lines[2], "what was not measured is not zero"
    assert "shop-07" in running("devices", "--customer", CUSTOMER).stdout
    assert "no device of customer 'Nobody'" in running("devices", "--customer", "Nobody").stdout


def test_a_device_shows_values_with_age_verdicts_unknowns_gaps_and_events(running: Running) -> None:
    shown = running("device", "shop-07", columns=160).stdout
    for piece in (
        "Li Wei",
        "online since",
        "\\x1b]0;owned\\x07shop",
        "load every 60 s",
        "cpu.used_percent",
        "[red]core[/red] \\x1b[31m0",
        "80 °C",
        "ST4000 [i]DM[/i]",
        "5 Reallocated_Sector_Ct",
        "31,204 h",
        "standby: asleep (",
        "unreadable",
        "I/O error\\x1b[2J",
        "runs on no battery",
        "filesystem-full",
        "/data on shop-07 is 98 % full",
        "twice\\x9b31m",
    ):
        assert piece in shown
    gap = next(line for line in shown.splitlines() if "missing 20" in line)
    assert "(4 reports): to be asked for" in gap
    pending = next(line for line in shown.splitlines() if "197 Current_Pending_Sector" in line)
    assert pending.split()[-1] == "?", "a counter that could not be read is unknown"
    (unread,) = (line for line in shown.splitlines() if line.startswith("S3Z2 "))
    assert re.search(r"S3Z2 +\d+ rules of its SMART values, which could not be read: standby$", unread.rstrip())
    assert "ata-pending-sectors: " in shown, "a disk that was read names what its rules miss"
    cpu = next(line for line in shown.splitlines() if line.startswith("cpu.used_percent"))
    assert any(bar in cpu for bar in "▁▂▃▄▅▆▇█")


def test_series_keeps_unknown_apart_from_zero_in_every_form(running: Running) -> None:
    words = ("series", "shop-07", "memory.used_percent", "--since", "2h")
    shown = running(*words).stdout
    assert shown.count(" ? ") == 3
    assert "13 values, 3 could not be measured" in shown
    rows = list(csv.DictReader(io.StringIO(running(*words, "--csv").stdout)))
    assert [row["value"] for row in rows] == ["40.0"] * 3 + [""] * 3 + ["40.0"] * 7
    (data,) = running.json(*words)  # type: ignore[misc]
    assert data["values"].count(None) == 3
    plot = running(*words, "--plot")
    assert plot.exit_code == 0
    assert "40 %" in plot.stdout
    assert " 0 %" not in plot.stdout


def test_series_by_part_and_by_date(running: Running) -> None:
    words = ("series", "shop-07", "filesystem.used_percent", "--part", "/data")
    shown = running(*words, "--rows", "4").stdout
    assert shown.count("98 %") == 4
    assert "the newest 4 shown" in shown
    assert "filesystem.used_percent of / on" not in shown
    assert (
        "no filesystem.used_percent of /data"
        in running(*words, "--since", "2001-01-01", "--until", "2001-02-01").stdout
    )
    assert running(*words, "--csv", "--plot").exit_code == 2
    assert running(*words, "--since", "yesterday").exit_code == 2
    assert running(*words, "--since", "1d", "--until", "2d").exit_code == 2


def test_utc_is_said(running: Running) -> None:
    assert " UTC (" in running("status", group=("--utc",)).stdout
    assert " UTC" not in running("status").stdout


def test_a_ticket_says_everything_that_an_engineer_needs(running: Running) -> None:
    shown = running("ticket", "show", "1", columns=160).stdout
    for piece in (
        "critical",
        "shop-07 (serial MB-1)",
        "/data",
        f"{CUSTOMER}, Store 12",
        "Li Wei",
        "a file system runs out of blocks or inodes",
        "not measured for this rule",
        "What to do",
        "du -xh --max-depth=2 /data",
        "What would make us calm",
        "filesystem-full",
        "used = 98",
        "Timeline",
    ):
        assert piece in shown


def test_dead_letters_are_shown_with_their_reason(running: Running) -> None:
    shown = running("deadletters").stdout
    assert "malformed-json" in shown
    assert '{"oops\\x1b[2J": [red]' in shown
    assert "none of reason 'wrong-type'" in running("deadletters", "--reason", "wrong-type").stdout


def test_deliveries_that_fail_say_why(running: Running) -> None:
    with Client.connect(running.data, None, None) as client:
        wait_for(lambda: bool(client.deliveries(10)[-1]["tries"]), "the first try")
    shown = running("deliveries", columns=160).stdout
    assert "desk" in shown
    assert "pending" in shown
    assert "opened" in shown


def test_the_life_of_a_ticket(running: Running) -> None:
    mine = {"LOGNAME": "li", "SUDO_USER": ""}
    runner = CliRunner(env=mine)

    def ticket(*words: str) -> Result:
        return runner.invoke(forewarn, ["--data", str(running.data), "ticket", *words])

    acknowledged = ticket("ack", "1")
    assert acknowledged.stdout.startswith("ticket 1 (shop-07: ")
    assert acknowledged.stdout.endswith(" is acknowledged, li\n")
    again = ticket("ack", "1")
    assert again.exit_code == 1
    assert "cannot acknowledge a ticket that is acknowledged; possible now: start" in again.stderr
    assert "is in progress, Wang" in ticket("start", "1", "--by", "Wang").stdout
    assert ticket("wait", "1").exit_code == 2
    assert "is waiting" in ticket("wait", "1", "--for", "part", "--text", "the new disk").stdout
    assert "waiting for part" in running("ticket", "show", "1").stdout
    no_text = ticket("note", "1")
    assert no_text.exit_code == 2
    assert "--text" in no_text.stderr
    noted = json.loads(ticket("note", "1", "--text", "told\x1b[31m\nthem", "--visibility", "customer", "--json").stdout)
    assert noted["timeline"][-1] == {
        "at": noted["timeline"][-1]["at"], "actor": "li", "kind": "note", "visibility": "customer",
        "text": "told\x1b[31m\nthem",
    }  # fmt: skip
    assert "told\\x1b[31m\\nthem" in running("ticket", "show", "1", columns=160).stdout
    assert "is resolved" in ticket("resolve", "1", "--text", "freed").stdout
    no_outcome = ticket("close", "1")
    assert no_outcome.exit_code == 2
    assert "give --outcome: one of failed, replaced-in-time" in no_outcome.stderr
    assert ticket("close", "1", "--outcome", "magic").exit_code == 2
    assert "no open tickets" in running("tickets").stdout
    assert closed_by_asking(running) == 0
    (left,) = running.json("tickets", "--state", "closed")  # type: ignore[misc]
    assert left["outcome"] == "cleaned"
    missing = ticket("show", "99")
    assert missing.exit_code == 1
    assert missing.stderr == "Error: there is no ticket 99\n"


def closed_by_asking(running: Running) -> int:
    """Close ticket 1 in a real terminal, answering the question."""
    import pty

    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "forewarn_collector", "--data", str(running.data), "ticket", "close", "1"]
    with subprocess.Popen(command, stdin=terminal, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        os.write(controller, b"nonsense\ncleaned\n")
        _, said = process.communicate(timeout=60)
    os.close(controller)
    os.close(terminal)
    assert b"the part was replaced before it failed" in said
    assert b"'nonsense' is not one of" in said
    return process.returncode


def test_an_unknown_device_or_metric_is_one_line_and_exit_code_1(running: Running) -> None:
    for words in (
        ("device", "shop-99"),
        ("device", "../tickets"),
        ("device", "Shop\x1b[31m"),
        ("series", "shop-99", "cpu.used_percent"),
        ("series", "shop-07", "cpu.colour"),
    ):
        result = running(*words)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
        assert "\x1b" not in result.stderr
        assert "`forewarn " in result.stderr, "it says what to do"


def ask(*group: str, command: str = "status", **environment: str) -> Result:
    return CliRunner(env=environment).invoke(forewarn, [*group, command])


def test_another_collector_by_address_and_token(running: Running, tmp_path: Path) -> None:
    left = json.loads((running.data / "api.json").read_text())
    token = tmp_path / "token"
    token.write_text(left["token"] + "\n")
    assert ask("--server", left["url"], "--token-file", str(token)).exit_code == 0
    assert ask(FOREWARN_SERVER=left["url"], FOREWARN_TOKEN_FILE=str(token)).exit_code == 0
    assert ask(FOREWARN_DATA=str(running.data)).exit_code == 0
    nobody = ask("--server", left["url"])
    assert (nobody.exit_code, f"log in: forewarn login {left['url']}" in nobody.stderr) == (1, True)
    assert ask("--token-file", str(token)).exit_code == 2
    token.write_text("wrong")
    refused = ask("--server", left["url"], "--token-file", str(token))
    assert refused.exit_code == 1
    assert "refuses the token in" in refused.stderr
    leave_address(tmp_path, left["url"], "wrong")
    assert "is not the one of" in ask("--data", str(tmp_path)).stderr


def test_completion_asks_the_running_collector(running: Running, tmp_path: Path) -> None:
    def complete(data: Path, *words: str) -> list[str]:
        environment = {
            **os.environ, "_FOREWARN_COMPLETE": "bash_complete", "FOREWARN_DATA": str(data),
            "COMP_WORDS": " ".join(("forewarn", *words)), "COMP_CWORD": str(len(words)),
        }  # fmt: skip
        command = [sys.executable, "-m", "forewarn_collector"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.stderr == ""
        return done.stdout.split()

    assert complete(running.data, "device", "sh") == ["plain,show", "plain,shop-07"]
    assert "plain,filesystem.used_percent" in complete(running.data, "series", "shop-07", "files")
    assert complete(running.data, "rules", "explain", "filesystem-f") == ["plain,filesystem-full"]
    assert complete(tmp_path, "device", "sh") == ["plain,show"]
