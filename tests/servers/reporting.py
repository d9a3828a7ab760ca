"""Reports that a running collector has taken, without a door."""

import time
from typing import Any

from forewarn_collector.ingest.accept import Publish, accept
from forewarn_collector.store.model import Accepted
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
    encode,
    up_topic,
)

KINDS = {StatusReport: "status", LoadReport: "load", SmartReport: "smart", EventReport: "event"}


def accepted(message: Message, received_at: float) -> Accepted:
    topic = up_topic(message.device, KINDS[type(message)])
    taken = accept(Publish("listener", message.device, topic, encode(message), received_at))
    assert isinstance(taken, Accepted), taken
    return taken


def store(collector: Any, *messages: Message) -> None:
    """As the front door does."""
    for n in range(0, len(messages), 500):
        collector.journal.commit([accepted(message, time.time()) for message in messages[n : n + 500]])
    collector.judge.wake()
    deadline = time.monotonic() + 60
    while collector.judge.position < collector.health().position:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def fleet(devices: int, now: float) -> list[Message]:
    """Each with one disk and ten minutes of load; every fiftieth disk has pending sectors."""
    found: list[Message] = []
    for n in range(devices):
        name = f"pc-{n:03}"
        disk = Disk(slot="/dev/sda", kind="unknown", serial=f"S{n}", model="ST4000")
        found.append(
            StatusReport(
                device=name, boot="b", seq=1, sampled_at=now, state="online", session=1,
                inventory=Inventory(hostname=name, serial=f"MB-{n}", chassis="desktop", disks=[disk]),
            )
        )  # fmt: skip
        found += [
            LoadReport(
                device=name, boot="b", seq=minute + 1, sampled_at=now - 600 + 60 * minute, cpu=Cpu(used_percent=3.0),
                memory=Memory(used_percent=40.0),
                filesystems=[Filesystem(mount=mount, fstype="ext4", used_percent=50.0) for mount in ("/", "/data")],
                temperatures=[Temperature(sensor="core", celsius=41.0)],
            )
            for minute in range(10)
        ]  # fmt: skip
        pending = 40 if n % 50 == 7 else 0
        found.append(
            SmartReport(
                device=name, boot="b", seq=20, sampled_at=now - 60, disk=disk, outcome=Outcome.MEASURED, passed=True,
                attributes=[Attribute(197, 100, 100, 0, pending)],
            )
        )  # fmt: skip
    return found
