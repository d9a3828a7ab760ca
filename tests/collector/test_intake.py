"""The queue between doors and journal: its bounds, a full disk, and messages that the journal trips over."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from mqtt5 import QoS
from servers.small_disk import fill, small_disk

from forewarn_collector.ingest.accept import Publish
from forewarn_collector.ingest.intake import Intake, Item, Verdict
from forewarn_collector.ingest.listener import Listener
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, DeadLetter
from forewarn_wire import up_topic

TOPIC = up_topic("shop-07", "load")
LIMIT = 50


@pytest.fixture(name="small_disk")
def journal_directory(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small", 64) as directory:
        yield directory


class Front:
    """Journal, intake with a short queue, and listener."""

    def __init__(self, directory: Path) -> None:
        self.journal = Journal(directory)
        self.reader = self.journal.reader()
        self.intake = Intake(self.journal, lambda: None, limit=LIMIT)
        self.listener = Listener(self.intake, time.time)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self.intake.start()
        _, self.port = self.run(self.listener.start("127.0.0.1", 0))

    def run(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(30)

    def stop(self) -> None:
        self.run(self.listener.stop())
        self.intake.stop()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
        self.reader.close()
        self.journal.close()


@pytest.fixture
def front(small_disk: Path) -> Iterator[Front]:
    front = Front(small_disk)
    yield front
    front.stop()


@contextlib.contextmanager
def no_space_left(directory: Path) -> Iterator[None]:
    filling = fill(directory)
    yield
    filling.unlink()


def test_nothing_is_acknowledged_while_the_disk_is_full_and_nothing_is_lost(
    front: Front, small_disk: Path, make_device: Callable[..., Any], load_payload: Callable[..., bytes], wait_for: Any
) -> None:
    devices = [make_device(front.port, f"shop-{number}") for number in range(6)]
    each = min(device.connect().receive_max for device in devices)
    first = devices[0]
    assert first.publish(up_topic(first.name, "load"), load_payload(first.name, 10_000)).reason_code == 0
    with no_space_left(small_disk):
        for device in devices:
            topic = up_topic(device.name, "load")
            device.send(*(device.packet(topic, load_payload(device.name, seq)) for seq in range(each)))
        wait_for(lambda: front.intake.trouble and len(front.listener.paused) == len(devices))
        assert "free some space" in str(front.intake.trouble)
        # The file may have had room for a batch; whatever is acknowledged is stored.
        heard = sum(answers(device) for device in devices)
        assert heard == front.reader.counts().reports - 1
        assert heard < len(devices) * each - LIMIT
        # The queue holds its limit and at most one more of each device; the rest is not read.
        assert LIMIT <= front.intake.depth <= LIMIT + len(devices)
    while heard < len(devices) * each:
        heard += sum(answers(device) for device in devices)
    counts = front.reader.counts()
    assert (counts.reports, counts.duplicates, counts.dead_letters) == (1 + len(devices) * each, 0, 0)
    assert front.intake.trouble is None
    assert not front.listener.paused


def answers(device: Any) -> int:
    """PUBACKs that come until there is a pause."""
    heard = 0
    with contextlib.suppress(TimeoutError):
        while device.receive(0.5).reason_code == 0:
            heard += 1
    return heard


def test_who_sends_more_than_can_be_written_is_not_read(
    front: Front, small_disk: Path, make_device: Callable[..., Any], wait_for: Any
) -> None:
    device = make_device(front.port)
    device.connect()
    flood = device.packet("x", bytes(10_000), qos=QoS.AT_MOST_ONCE, packet_id=None) * 4000
    with no_space_left(small_disk):
        device.socket.settimeout(1.0)
        with pytest.raises(TimeoutError):
            device.socket.sendall(flood)  # 40 MB are more than the kernel keeps for us
        assert front.intake.depth <= LIMIT + 1
    wait_for(lambda: not front.intake.trouble and not front.listener.paused)


def test_it_ends_though_the_disk_is_full(
    front: Front, small_disk: Path, make_device: Callable[..., Any], load_payload: Callable[..., bytes], wait_for: Any
) -> None:
    device = make_device(front.port)
    device.connect()
    with no_space_left(small_disk):
        device.send(*(device.packet(TOPIC, load_payload(seq=number)) for number in range(1, 150)))
        wait_for(lambda: front.intake.trouble)
        began = time.monotonic()
        front.intake.stop()
        assert time.monotonic() - began < 5


def item(payload: bytes, door: Any = None, token: Any = None, topic: str = TOPIC) -> Item:
    return Item(door, token, Publish("listener", "", topic, payload, time.time()))


def test_the_queue_is_full_by_number_or_by_bytes(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        by_number = Intake(journal, lambda: None, limit=4, limit_bytes=10**9)
        assert [by_number.offer(item(b"")) for _ in range(5)] == [True, True, True, False, False]
        by_bytes = Intake(journal, lambda: None, limit=1000, limit_bytes=10_000)
        assert [by_bytes.offer(item(bytes(4000))) for _ in range(4)] == [True, True, False, False]
        assert not by_bytes.has_room
        by_bytes.start()
        by_bytes.stop()  # writes what is queued
        assert by_bytes.has_room
        assert (by_bytes.depth, journal.reader().counts().dead_letters) == (0, 4)


def test_a_door_with_its_own_thread_waits_for_room_until_it_is_given_up(tmp_path: Path, wait_for: Any) -> None:
    given_up = threading.Event()
    with Journal(tmp_path) as journal:
        intake = Intake(journal, lambda: None, limit=2)
        assert [intake.put(item(b""), given_up) for _ in range(2)] == [True, True]
        told: list[bool] = []
        waiting = threading.Thread(target=lambda: told.append(intake.put(item(b""), given_up)))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        given_up.set()
        waiting.join(5)
        assert (told, intake.depth) == ([False], 2)


class Told:
    """A door that notes what it is told."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []

    def finish(self, verdicts: Sequence[Verdict]) -> None:
        self.verdicts += verdicts


class Stumbling:
    """A journal with a mistake in it: it trips over one boot, whatever else is in the batch."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def commit(self, accepted: Sequence[Accepted], dead: Sequence[DeadLetter] = ()) -> Sequence[bool]:
        if any(entry.boot == "poison" for entry in accepted):
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return self._journal.commit(accepted, dead)


def test_what_the_journal_trips_over_holds_up_nobody_else(tmp_path: Path, load_payload: Callable[..., bytes]) -> None:
    door = Told()
    with Journal(tmp_path) as journal, journal.reader() as reader:
        intake = Intake(Stumbling(journal), lambda: None)
        for seq in range(1, 301):
            boot = "poison" if seq in (7, 150, 151) else "b1"
            intake.offer(item(load_payload(seq=seq, boot=boot), door, seq))
        intake.start()
        intake.stop()
        assert reader.counts().reports == 297
        assert reader.dead_letter_totals() == {"internal-error": 3}
        assert [letter.detail[:14] for letter in reader.dead_letters()] == ["OverflowError:"] * 3
    assert door.verdicts == [(seq, "internal-error" if seq in (7, 150, 151) else "") for seq in range(1, 301)]
