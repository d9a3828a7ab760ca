"""Nothing that was taken is lost, however the agent ends."""

import logging
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from forewarn_agent.outbox import Outbox
from forewarn_agent.outbox_file import OutboxUnavailableError
from forewarn_agent.reboots import Start, judge_start
from forewarn_agent.settings import OutboxLimits
from forewarn_agent.single import AlreadyRunningError, lock_data
from forewarn_wire import EventReport, LoadReport, Message, decode, encode

WIDE = OutboxLimits(64 * 1024**2, 30 * 86400.0)


def event(text: str = "", sampled_at: float = 1.0) -> EventReport:
    return EventReport(device="-", boot="-", seq=0, sampled_at=sampled_at, event="test", text=text)


def stored(outbox: Outbox) -> list[Message]:
    return [decode(parcel.kind, parcel.payload) for parcel in outbox.peek(0, 100_000)]


def events(outbox: Outbox, name: str) -> list[EventReport]:
    return [message for message in stored(outbox) if isinstance(message, EventReport) and message.event == name]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "outbox.db"


def test_reports_get_device_boot_and_a_number_without_gap(path: Path) -> None:
    outbox = Outbox(path, "shop-07", WIDE)
    for text in "abc":
        outbox.append(event(text))
    messages = stored(outbox)
    assert [(message.device, message.seq) for message in messages] == [("shop-07", 1), ("shop-07", 2), ("shop-07", 3)]
    assert {message.boot for message in messages} == {outbox.boot}
    assert outbox.next_seq == 4


def test_each_kind_knows_its_topic(path: Path) -> None:
    outbox = Outbox(path, "shop-07", WIDE)
    outbox.append(LoadReport(device="-", boot="-", seq=0, sampled_at=1.0))
    outbox.append(event())
    assert [parcel.kind for parcel in outbox.peek(0, 9)] == ["load", "event"]


def test_the_number_goes_on_after_a_restart_of_the_agent(path: Path) -> None:
    first = Outbox(path, "shop-07", WIDE)
    assert first.begin("boot-1") == (Start.FIRST, 0)
    first.append(event())
    boot = first.boot
    first.close()
    second = Outbox(path, "shop-07", WIDE)
    assert second.begin("boot-1") == (Start.SAME_BOOT, 0)
    second.append(event())
    assert second.boot == boot
    assert [message.seq for message in stored(second)] == [1, 2]


@pytest.mark.parametrize(("in_order", "start", "count"), [(True, Start.REBOOT, 0), (False, Start.UNEXPECTED_REBOOT, 1)])
def test_a_restart_of_the_machine_is_told(path: Path, in_order: bool, start: Start, count: int) -> None:
    first = Outbox(path, "shop-07", WIDE)
    first.begin("boot-1")
    first.append(event("before"))
    boot = first.boot
    if in_order:
        first.mark_stopped_in_order()
    first.close()
    second = Outbox(path, "shop-07", WIDE)
    assert second.begin("boot-2") == (start, count)
    assert second.boot != boot
    (told,) = events(second, start.value)
    assert (told.boot, told.seq) == (second.boot, 1)
    assert [message.boot for message in stored(second)] == [boot, second.boot], "the backlog keeps its own boot"


def test_the_mark_of_an_orderly_stop_counts_once(path: Path) -> None:
    outbox = Outbox(path, "shop-07", WIDE)
    outbox.begin("boot-1")
    outbox.mark_stopped_in_order()
    assert outbox.begin("boot-2")[0] is Start.REBOOT
    assert outbox.begin("boot-3") == (Start.UNEXPECTED_REBOOT, 1)
    assert outbox.begin("boot-4") == (Start.UNEXPECTED_REBOOT, 2)


@pytest.mark.parametrize(
    ("before", "now", "in_order", "start"),
    [
        (None, "a", False, Start.FIRST),
        ("a", "a", False, Start.SAME_BOOT),
        ("a", "a", True, Start.SAME_BOOT),
        ("a", "b", True, Start.REBOOT),
        ("a", "b", False, Start.UNEXPECTED_REBOOT),
        ("a", None, False, Start.UNKNOWN),
        (None, None, True, Start.UNKNOWN),
    ],
)
def test_what_a_start_means(before: str | None, now: str | None, in_order: bool, start: Start) -> None:
    assert judge_start(before, now, in_order) is start


def test_sessions_count_up_over_restarts(path: Path) -> None:
    first = Outbox(path, "shop-07", WIDE)
    assert [first.next_session(), first.next_session()] == [1, 2]
    first.close()
    assert Outbox(path, "shop-07", WIDE).next_session() == 3


def test_first_in_first_out_and_removed_only_on_word(path: Path) -> None:
    outbox = Outbox(path, "shop-07", WIDE)
    for text in "abcde":
        outbox.append(event(text))
    batch = outbox.peek(0, 2)
    assert outbox.peek(0, 2) == batch
    rest = outbox.peek(batch[-1].id, 10)
    assert len(rest) == 3
    outbox.settle([batch[0].id, 999], [rest[1].id])
    assert [message.seq for message in stored(outbox)] == [2, 3, 5]
    assert outbox.backlog().reports == 3


def test_a_full_outbox_gives_up_the_oldest_and_says_so(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    times = iter(range(1000, 100_000))
    outbox = Outbox(path, "shop-07", OutboxLimits(20_000, 86400.0), clock=lambda: float(next(times)))
    with caplog.at_level(logging.WARNING):
        for number in range(300):
            outbox.append(event(f"{number:0500d}"))
    assert outbox.backlog().payload_bytes <= 20_000 + 500
    messages = stored(outbox)
    sequence = [message.seq for message in messages]
    assert sequence == list(range(sequence[0], outbox.next_seq)), "what is left is without a gap"
    told = events(outbox, "outbox-dropped")
    assert 1 <= len(told) < 20, "one event for many reports"
    assert "1970-01-01T" in told[-1].text
    assert "dropped reports from" in caplog.text


def test_every_dropped_report_is_counted(path: Path) -> None:
    outbox = Outbox(path, "shop-07", OutboxLimits(20_000, 86400.0))
    seen: dict[int, Message] = {}
    for number in range(200):
        outbox.append(event(f"{number:0500d}"))
        seen |= {message.seq: message for message in stored(outbox)}
    left = {message.seq for message in stored(outbox)}
    dropped = sum(message.count for message in seen.values() if _is_drop(message))
    assert dropped == len(set(range(1, outbox.next_seq)) - left)


def _is_drop(message: Message) -> bool:
    return isinstance(message, EventReport) and message.event == "outbox-dropped"


def test_old_reports_are_given_up(path: Path) -> None:
    now = [0.0]
    outbox = Outbox(path, "shop-07", OutboxLimits(2**20, 1000.0), clock=lambda: now[0])
    for moment in range(0, 1000, 10):
        now[0] = float(moment)
        outbox.append(event())
    assert not events(outbox, "outbox-dropped")
    now[0] = 1001.0
    outbox.append(event())
    (told,) = events(outbox, "outbox-dropped")
    assert told.count == 11
    assert told.text == "dropped reports from 1970-01-01T00:00:00Z to 1970-01-01T00:01:40Z: older than 1000 s"
    assert [message.seq for message in stored(outbox)] == list(range(12, 103))


def test_one_report_larger_than_the_outbox_is_kept(path: Path) -> None:
    outbox = Outbox(path, "shop-07", OutboxLimits(100, 1000.0))
    outbox.append(event("x" * 900))
    assert len(stored(outbox)) == 1


def test_killed_at_any_moment_nothing_reported_is_missing(path: Path) -> None:
    reported: set[tuple[str, int]] = set()
    child = Path(__file__).with_name("appending_child.py")
    for lines in (1, 3, 10, 40, 100, 200):
        process = subprocess.Popen([sys.executable, str(child), str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        printed = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        printed += process.stdout.readlines()
        process.wait(10)
        for line in printed:
            words = line.split()
            # The kill may cut the last line short; what is not wholly reported is not promised.
            if len(words) == 2 and line.endswith("\n"):
                reported.add((words[0], int(words[1])))
    outbox = Outbox(path, "shop-07", WIDE)
    kept = [(message.boot, message.seq) for message in stored(outbox)]
    assert len(reported) >= 354
    assert reported <= set(kept)
    assert [seq for _, seq in kept] == list(range(1, len(kept) + 1)), "no gap and no number twice"


def test_a_full_disk_is_survived_and_told_afterwards(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(small_disk / "outbox.db", "shop-07", WIDE)
    outbox.begin("boot-1")
    taken = 0
    while (message := outbox.append(event("x" * 900))) is not None:
        taken = message.seq
    for _ in range(4):
        assert outbox.append(event("x" * 900)) is None
    assert "the outbox takes no reports" in caplog.text
    assert len(stored(outbox)) == taken, "what was taken can still be read"
    assert outbox.next_session() == 1, "connections go on"
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    assert outbox.append(event("again")) is not None
    (told,) = events(outbox, "outbox-dropped")
    assert told.count == 5
    assert "full" in told.text
    sequence = [message.seq for message in stored(outbox)]
    assert sequence == list(range(1, taken + 3))


def test_a_disk_that_is_full_at_the_start_is_an_error_with_a_reason(small_disk: Path) -> None:
    filled = subprocess.run(["dd", "if=/dev/zero", f"of={small_disk}/filler", "bs=4096"], capture_output=True)
    assert b"No space left" in filled.stderr
    with pytest.raises(OutboxUnavailableError, match=r"outbox\.db"):
        Outbox(small_disk / "outbox.db", "shop-07", WIDE)


@pytest.mark.parametrize("damage", ["text", "half", "header", "middle"])
def test_a_broken_file_is_set_aside_and_a_new_one_begun(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(path, "shop-07", WIDE)
    for _ in range(100):
        outbox.append(event("x" * 900))
    boot = outbox.boot
    outbox.close()
    content = path.read_bytes()
    broken = {
        "text": b"this was never a database\n" * 100,
        "half": content[: len(content) // 2],
        "header": b"\x00" * 100 + content[100:],
        "middle": content[:4096] + b"\xa5" * (len(content) - 8192) + content[-4096:],
    }[damage]
    path.write_bytes(broken)
    again = Outbox(path, "shop-07", WIDE)
    assert stored(again) == []
    assert again.boot != boot, "numbers begin anew, so the name of the boot must too"
    assert "is broken" in caplog.text
    (kept,) = path.parent.glob("outbox.db.broken-*")
    assert kept.read_bytes() == broken
    assert again.append(event()) is not None


def test_a_file_that_breaks_while_it_is_used_costs_only_itself(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(path, "shop-07", WIDE)
    outbox.begin("boot-1")
    outbox.append(event())
    boot = outbox.boot
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write(b"\xa5" * size)
    assert outbox.append(event("after")) is not None
    assert outbox.boot != boot
    assert [message.seq for message in stored(outbox)] == [1]
    assert "set aside" in caplog.text
    outbox.close()
    assert Outbox(path, "shop-07", WIDE).begin("boot-1")[0] is Start.SAME_BOOT, "the machine's boot is still known"


def test_several_threads_share_one_row_of_numbers(path: Path) -> None:
    outbox = Outbox(path, "shop-07", WIDE)

    def work() -> None:
        for _ in range(25):
            outbox.append(event())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [message.seq for message in stored(outbox)] == list(range(1, 101))


def test_the_outbox_is_for_its_owner_only(path: Path) -> None:
    Outbox(path, "shop-07", WIDE)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutboxUnavailableError, match=r"file/outbox\.db"):
        Outbox(tmp_path / "file" / "outbox.db", "shop-07", WIDE)


def test_one_agent_per_data_directory(tmp_path: Path) -> None:
    with lock_data(tmp_path / "data"), pytest.raises(AlreadyRunningError, match=r"process id \d+"):
        lock_data(tmp_path / "data")
    lock_data(tmp_path / "data").close()


def test_delivered_reports_are_kept_for_a_while_and_go_again_on_request(path: Path) -> None:
    now = [1000.0]
    outbox = Outbox(path, "shop-07", OutboxLimits(2**20, 86400.0, keep=3600.0), clock=lambda: now[0])
    for _ in range(6):
        outbox.append(event())
    outbox.settle([parcel.id for parcel in outbox.peek(0, 5)], [])
    assert outbox.backlog().reports == 1
    assert outbox.resend("another boot", [(1, 9)]) == []
    assert outbox.resend(outbox.boot, [(0, 2), (4, 4), (6, 2**40)]) == [(1, 2), (4, 4), (6, 6)]
    assert [message.seq for message in stored(outbox)] == [1, 2, 4, 6]
    outbox.settle([parcel.id for parcel in outbox.peek(0, 9)], [])
    now[0] += 3601
    outbox.append(event())
    assert outbox.resend(outbox.boot, [(1, 9)]) == [(7, 7)], "after an hour they are gone"


def test_delivered_reports_make_room_before_waiting_ones_are_dropped(path: Path) -> None:
    outbox = Outbox(path, "shop-07", OutboxLimits(20_000, 86400.0))
    for _ in range(10):
        outbox.append(event("x" * 900))
    outbox.settle([parcel.id for parcel in outbox.peek(0, 10)], [])
    for _ in range(15):
        outbox.append(event("x" * 900))
    assert [message.seq for message in stored(outbox)] == list(range(11, 26))
    assert events(outbox, "outbox-dropped") == []
    ((first, last),) = outbox.resend(outbox.boot, [(1, 10)])
    assert first > 1, "the oldest of the delivered ones went"
    assert last == 10, "the newest of them stayed"


def test_an_outbox_of_the_earlier_version_is_taken_over(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as earlier:
        earlier.executescript(
            "CREATE TABLE reports (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, stored_at REAL NOT NULL,"
            " payload BLOB NOT NULL); CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
            "INSERT INTO meta VALUES ('boot', 'b1'), ('next_seq', '8');"
        )
        payload = encode(msgspec.structs.replace(event("old"), device="shop-07", boot="b1", seq=7))
        earlier.execute("INSERT INTO reports (kind, stored_at, payload) VALUES ('event', 5.0, ?)", (payload,))
        earlier.commit()
    outbox = Outbox(path, "shop-07", OutboxLimits(2**20, 1e12))
    outbox.append(event("new"))
    assert [(message.boot, message.seq) for message in stored(outbox)] == [("b1", 7), ("b1", 8)]
    assert outbox.resend("b1", [(1, 9)]) == [(7, 8)]


def test_the_file_keeps_count_of_its_bytes(path: Path) -> None:
    outbox = Outbox(path, "shop-07", OutboxLimits(10_000, 86400.0))
    for number in range(40):
        outbox.append(event("x" * (20 * number)))
        outbox.settle([parcel.id for parcel in outbox.peek(0, 1)], [])
        with closing(sqlite3.connect(path)) as file:
            (counted,) = file.execute("SELECT SUM(LENGTH(payload)) FROM reports").fetchone()
        assert int(outbox.recall("payload_bytes") or 0) == counted
    outbox.close()
    again = Outbox(path, "shop-07", OutboxLimits(10_000, 86400.0))
    assert int(again.recall("payload_bytes") or 0) == counted


def test_who_sends_is_told_of_each_report(path: Path) -> None:
    outbox = Outbox(path, "shop-07", WIDE)
    told: list[int] = []
    outbox.watch(lambda: told.append(outbox.next_seq))
    outbox.append(event())
    outbox.append(event())
    assert told == [2, 3], "after it was stored, not before"


def test_a_server_that_is_away_for_weeks_makes_storing_no_slower(path: Path, tmp_path: Path) -> None:
    def cost(outbox: Outbox) -> float:
        """Processor time, which other programs do not lengthen."""
        began = time.thread_time()
        for _ in range(30):
            assert outbox.append(event("x" * 900)) is not None
        return time.thread_time() - began

    empty = Outbox(tmp_path / "empty.db", "shop-07", WIDE)
    cost(empty)
    filled = Outbox(path, "shop-07", WIDE)
    filled.append(event())
    payload, boot = encode(event("x" * 900)), filled.boot
    with closing(sqlite3.connect(path)) as file:
        rows = (("event", time.time(), payload, boot, seq) for seq in range(2, 40_320))
        file.executemany("INSERT INTO reports (kind, stored_at, payload, boot, seq) VALUES (?, ?, ?, ?, ?)", rows)
        file.execute("UPDATE meta SET value = '40320' WHERE key = 'next_seq'")
        file.commit()
    cost(filled)
    assert filled.backlog().reports == 4 * 7 * 24 * 60 + 29
    assert cost(filled) < 5 * cost(empty) + 0.01
