"""The system's log: messages, readers and counts; journalctl is the real one."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from forewarn_agent.commands import Commands
from forewarn_agent.gather import read_load
from forewarn_agent.log import kmsg, linux
from forewarn_agent.log.entry import DISK_COUNTS, MACHINE_COUNTS, Entry, LogReading, NoAccessError, NoLogError
from forewarn_agent.log.journal import parse
from forewarn_agent.log.linux_devices import Devices
from forewarn_agent.log.linux_messages import PATTERNS, classify
from forewarn_agent.log.watch import LogWatch
from forewarn_agent.probes.reading import Surroundings
from forewarn_agent.runner import Runner
from forewarn_agent.settings import Filesystems, Roots
from forewarn_wire import Disk, DiskLog, MachineLog, Outcome, decode, encode

DATA = Path(__file__).parents[1] / "data" / "agent"
MESSAGES: list[dict[str, Any]] = yaml.safe_load((DATA / "log" / "linux-messages.yaml").read_text())
DAY = 86400.0


@pytest.fixture
def tree(agent_data: Path) -> Roots:
    tree = agent_data / "tree"
    return Roots(tree / "proc", tree / "sys", tree / "root")


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["says"][:50])
def test_what_a_message_counts_as(message: dict[str, Any]) -> None:
    found = classify(message["says"])
    assert (sorted(found.counts) if found else []) == sorted(message["counts"])
    assert (found.slot if found else None) == message.get("device")


def test_every_pattern_has_a_message_and_counts_what_the_wire_carries() -> None:
    for pattern in PATTERNS:
        assert any(pattern.regex.match(message["says"]) for message in MESSAGES), pattern.regex.pattern
        named = "device" in pattern.regex.groupindex
        assert set(pattern.counts) <= set(DISK_COUNTS if named else MACHINE_COUNTS)


@pytest.mark.parametrize(
    ("name", "slot"),
    [
        ("sda", "/dev/sda"), ("sda1", "/dev/sda"), ("ata1", "/dev/sda"), ("0:0:0:0", "/dev/sda"),
        ("nvme0", "/dev/nvme0"), ("nvme0n1", "/dev/nvme0"), ("nvme0n1p2", "/dev/nvme0"), ("usb 2-1", "/dev/sdb"),
        ("usb 1-4", None), ("sr0", None), ("fd0", None), ("loop3", None), ("ata7", "ata7"), ("md0", "/dev/md0"),
        ("sdz9", "/dev/sdz"), ("nvme4n1", "/dev/nvme4"),
    ],
)  # fmt: skip
def test_which_disk_a_name_means(tree: Roots, name: str, slot: str | None) -> None:
    assert Devices(tree.sys).slot(name) == slot


def test_a_mapped_device_is_the_disk_below_it(tmp_path: Path) -> None:
    for path in ("dm-0/slaves/dm-1", "dm-1/slaves/sdc2", "dm-2/slaves/sda1", "dm-2/slaves/sdb1", "sdc/queue"):
        (tmp_path / "block" / path).mkdir(parents=True)
    devices = Devices(tmp_path)
    assert devices.slot("dm-0") == "/dev/sdc"
    assert devices.slot("dm-2") == "/dev/dm-2", "of two disks neither is blamed"


def test_the_kernels_buffer_is_read_on_from_where_it_was_left(tree: Roots) -> None:
    first = linux.read(tree, Commands(Runner()), "", 0.0)
    assert [(entry.counts, entry.slot) for entry in first.entries] == [
        (("command_errors",), "/dev/sda"),
        (("resets",), "/dev/sda"),
        (("io_errors", "medium_errors"), "/dev/sda"),
        (("read_only_remounts",), "/dev/sda"),
        (("command_errors", "resets"), "/dev/nvme0"),
        (("memory_kills",), ""),
    ], "neither what a program wrote into the buffer nor a USB device that is no disk"
    assert linux.read(tree, Commands(Runner()), first.cursor, 0.0).entries == []


def test_after_a_restart_of_the_machine_the_buffer_is_new() -> None:
    records = kmsg.parse("3,5,1000000,-;a\n3,6,2000000,-;b\n")
    assert kmsg.choose(records, "boot-1 5", "boot-1", 10) == (["b"], "boot-1 6")
    assert kmsg.choose(records, "boot-1 900", "boot-2", 10) == (["a", "b"], "boot-2 6")
    assert kmsg.choose(records, "", "boot-2", 2 * DAY) == ([], "boot-2 6"), "older than a day at first sight"


@pytest.mark.parametrize("size", range(0, 900, 7))
def test_a_buffer_that_is_cut_off_anywhere_is_read(tree: Roots, size: int) -> None:
    text = (tree.root / "dev" / "kmsg").read_text()
    assert len(kmsg.parse(text[:size])) <= len(kmsg.parse(text))


def test_no_log_and_no_right_are_told_apart(tree: Roots, tmp_path: Path) -> None:
    bare = replace(tree, root=tmp_path)
    with pytest.raises(NoLogError, match="no journal"):
        linux.read(bare, Commands(Runner()), "", 0.0)
    (tmp_path / "var/log/journal/0123").mkdir(parents=True)
    (tmp_path / "var/log/journal/0123/system.journal").symlink_to(tmp_path / "nowhere")
    with pytest.raises(NoAccessError, match="systemd-journal"):
        linux.read(bare, Commands(Runner()), "", 0.0)


def test_messages_that_are_no_text_and_lines_that_are_cut_off() -> None:
    rows = [
        {"MESSAGE": "ata1: hard resetting link", "__CURSOR": "s=1"},
        {"MESSAGE": list(b"bytes \xff"), "__CURSOR": "s=2"},
        {"MESSAGE": None, "__CURSOR": "s=3"},
    ]
    text = "\n".join(json.dumps(row) for row in rows) + '\n{"MESSAGE": "cut o'
    assert parse(text) == (["ata1: hard resetting link", "bytes \ufffd"], "s=3")


@pytest.fixture
def journal(tree: Roots, tmp_path: Path) -> Callable[[list[str]], Roots]:
    """A real journal file with the kernel's messages in it."""
    remote = shutil.which("systemd-journal-remote", path="/usr/lib/systemd:/lib/systemd")
    if remote is None or shutil.which("journalctl") is None:
        pytest.skip("systemd-journal-remote is not installed")
    place = tmp_path / "root" / "var" / "log" / "journal" / "00112233445566778899aabbccddeeff"
    place.mkdir(parents=True)
    written: list[str] = []

    def write(messages: list[str]) -> Roots:
        written.extend(messages)
        fields = [
            f"__REALTIME_TIMESTAMP={1764007260000000 + number * 1000000}\n__MONOTONIC_TIMESTAMP={1000000 * number}\n"
            f"_BOOT_ID={'9f' * 16}\n_TRANSPORT=kernel\nPRIORITY=3\nMESSAGE={message}\n\n"
            for number, message in enumerate(messages, len(written) - len(messages) + 1)
        ]
        subprocess.run(
            [remote, "-o", str(place / "system.journal"), "-"], input="".join(fields).encode(), check=True, timeout=60
        )
        return replace(tree, root=tmp_path / "root")

    return write


def test_the_journal_is_read_on_from_its_cursor(journal: Callable[[list[str]], Roots]) -> None:
    commands, at = Commands(Runner()), 1764007262.0
    roots = journal(["ata1: hard resetting link", "ata1: EH complete"])
    first = linux.read(roots, commands, "", at)
    assert [entry.counts for entry in first.entries] == [("resets",)]
    assert linux.read(roots, commands, first.cursor, at).entries == []
    journal(["critical medium error, dev sda, sector 1 op 0x0:(READ) flags 0x0"])
    again = linux.read(roots, commands, first.cursor, at + 60)
    assert [entry.counts for entry in again.entries] == [("io_errors", "medium_errors")]
    broken = first.cursor.replace("s=", "s=broken")
    assert len(linux.read(roots, commands, broken, at + 60).entries) == 1, "a cursor of no use costs no message"


def watch_of(path: Path | None, readings: list[LogReading | Exception], disks: list[Disk]) -> tuple[LogWatch, Any]:
    now = [1000.0]

    def read(_cursor: str, _now: float) -> LogReading:
        result = readings.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    watch = LogWatch(path, lambda: disks, every=300, patience=900, clock=lambda: now[0])

    def look(later: float) -> bool:
        now[0] += later
        return watch.look(read)

    return watch, look


COUNTED = frozenset({"io_errors", "resets", "memory_kills"})
SDA = Disk(slot="/dev/sda", serial="Z305")
IO, KILL = Entry(("io_errors",), "/dev/sda", "I/O error"), Entry(("memory_kills",), "", "Out of memory")


def test_counts_begin_at_zero_grow_and_outlive_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    watch, look = watch_of(path, [LogReading([IO, IO, KILL], "c1")], [SDA])
    assert look(0)
    assert watch.report(COUNTED) == (MachineLog(memory_kills=0), [DiskLog("Z305", io_errors=0, resets=0)])
    expected = (MachineLog(memory_kills=1), [DiskLog("Z305", io_errors=2, resets=0)])
    assert watch.report(COUNTED) == expected
    later, look = watch_of(path, [LogReading([], "c1")], [SDA])
    look(0)
    assert later.report(COUNTED) == expected


def test_a_reading_by_hand_says_at_once_what_it_found() -> None:
    watch, look = watch_of(None, [LogReading([IO], "c1")], [SDA])
    look(0)
    assert watch.report(COUNTED)[1] == [DiskLog("Z305", io_errors=1, resets=0)]


def test_the_log_is_not_read_at_every_report() -> None:
    _, look = watch_of(None, [LogReading([], "c1"), LogReading([], "c2")], [SDA])
    assert [look(0), look(60), look(200), look(60)] == [True] * 4
    with pytest.raises(IndexError):
        look(300)


def test_nothing_is_counted_before_the_disks_are_known() -> None:
    disks: list[Disk] = []
    watch, look = watch_of(None, [LogReading([IO], "c1")], disks)
    assert not look(0)
    disks.append(SDA)
    assert look(60)
    watch.report(COUNTED)
    assert watch.report(COUNTED)[1] == [DiskLog("Z305", io_errors=1, resets=0)]
    nobody, look = watch_of(None, [LogReading([IO], "c1")], [])
    assert not look(0)
    assert look(1000), "a machine whose disks never answer has a log all the same"
    nobody.report(COUNTED)
    assert nobody.report(COUNTED)[1] == [DiskLog("slot:/dev/sda", io_errors=1, resets=0)]


def test_what_happened_is_told_once() -> None:
    watch, look = watch_of(None, [LogReading([IO, IO._replace(text="the newest"), KILL], "c1")], [SDA])
    look(0)
    events = watch.events()
    assert [(event.event, event.part, event.count, event.text) for event in events] == [
        ("log-io-errors", "Z305", 2, "the newest"),
        ("log-memory-kills", "", 1, "Out of memory"),
    ]
    assert all(decode("event", encode(replace_stamp(event))) for event in events)
    assert watch.events() == []


def replace_stamp(event: Any) -> Any:
    event.device, event.boot = "shop-07", "b"
    return event


def test_a_log_that_may_not_be_read_is_no_zero(tree: Roots) -> None:
    watch, look = watch_of(None, [NoAccessError("no"), LogReading([], "c1")], [SDA])
    for later in (0, 60):
        with pytest.raises(NoAccessError):
            look(later)
    assert look(300)
    assert watch.report(COUNTED)[0] == MachineLog(memory_kills=0)


def test_the_probe_on_the_captured_tree(tree: Roots) -> None:
    surroundings = Surroundings(tree, Filesystems(frozenset(), frozenset()), list)
    report = read_load(frozenset({"log"}), surroundings)
    assert report.unread == []
    assert report.machine_log == MachineLog(
        machine_checks=0, hardware_errors_corrected=0, pcie_errors=0, memory_kills=1, hung_tasks=0, throttlings=0,
        overheatings=0,
    )  # fmt: skip
    assert report.disk_logs == [
        DiskLog("slot:/dev/nvme0", 0, 0, 1, 1, 0, 0, 0),
        DiskLog("slot:/dev/sda", 1, 1, 1, 1, 0, 0, 1),
    ]
    assert decode("load", encode(report)) == report


def test_the_probe_says_why_it_has_nothing(tree: Roots, tmp_path: Path) -> None:
    surroundings = Surroundings(replace(tree, root=tmp_path), Filesystems(frozenset(), frozenset()), list)
    report = read_load(frozenset({"log"}), surroundings)
    assert [(row.probe, row.outcome) for row in report.unread] == [("log", Outcome.NOT_HERE)]
    (tmp_path / "run/log/journal/0123").mkdir(parents=True)
    (tmp_path / "run/log/journal/0123/system.journal").symlink_to(tmp_path / "nowhere")
    surroundings = Surroundings(replace(tree, root=tmp_path), Filesystems(frozenset(), frozenset()), list)
    report = read_load(frozenset({"log"}), surroundings)
    assert [(row.probe, row.outcome) for row in report.unread] == [("log", Outcome.NO_ACCESS)]
