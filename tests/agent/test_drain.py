"""What is sent next, and what an answer means, without a network."""

from pathlib import Path

import pytest

from forewarn_agent.drain import Drain, Verdict, judge_reason
from forewarn_agent.outbox import Outbox
from forewarn_agent.publish import reconnect_delay
from forewarn_agent.settings import OutboxLimits
from forewarn_wire import EventReport, decode


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    outbox = Outbox(tmp_path / "outbox.db", "shop-07", OutboxLimits(2**20, 86400.0))
    for number in range(8):
        text = "x" * (900 if number == 2 else 10)
        outbox.append(EventReport(device="-", boot="-", seq=0, sampled_at=1.0, event="test", text=text))
    return outbox


def send_all(drain: Drain, now: float = 0.0) -> list[int]:
    """Hand out what the drain gives, with the report's number as message id; return the numbers."""
    sent = []
    while (parcel := drain.next(now)) is not None:
        seq = decode(parcel.kind, parcel.payload).seq
        drain.sent(seq, parcel)
        sent.append(seq)
    return sent


def left(outbox: Outbox) -> list[int]:
    return [decode(parcel.kind, parcel.payload).seq for parcel in outbox.peek(0, 100)]


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (0x00, Verdict.STORED),
        (0x10, Verdict.LATER),
        (0x80, Verdict.LATER),
        (0x83, Verdict.LATER),
        (0x87, Verdict.LATER),
        (0x90, Verdict.NEVER),
        (0x91, Verdict.LATER),
        (0x95, Verdict.NEVER),
        (0x97, Verdict.LATER),
        (0x99, Verdict.NEVER),
    ],
)
def test_reason_codes(code: int, verdict: Verdict) -> None:
    assert judge_reason(code) is verdict


def test_the_window_limits_what_is_on_the_way(outbox: Outbox) -> None:
    drain = Drain(outbox, window=3)
    assert send_all(drain) == [1, 2, 3]
    drain.answered(2, 0, "Success", 0.0)
    assert send_all(drain) == [4]


def test_nothing_leaves_the_disk_before_its_own_success(outbox: Outbox) -> None:
    drain = Drain(outbox, window=20)
    send_all(drain)
    assert left(outbox) == [1, 2, 3, 4, 5, 6, 7, 8]
    drain.answered(3, 0, "Success", 0.0)
    drain.answered(5, 0, "Success", 0.0)
    drain.answered(77, 0, "Success", 0.0)
    drain.settle()
    assert left(outbox) == [1, 2, 4, 6, 7, 8]
    assert not drain.idle


def test_a_poison_report_is_dropped_counted_and_blocks_nobody(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    drain = Drain(outbox, window=20)
    for seq in send_all(drain):
        drain.answered(seq, 0x99 if seq == 1 else 0, "Payload format invalid", 0.0)
    drain.settle()
    assert left(outbox) == []
    assert drain.idle
    assert "never take a event report (Payload format invalid), dropped; 1 so far" in caplog.text
    assert outbox.count_refused("Payload format invalid") == 2


def test_a_report_larger_than_the_server_takes_is_not_sent(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    drain = Drain(outbox, window=20, largest=700)
    assert send_all(drain) == [1, 2, 4, 5, 6, 7, 8]
    drain.settle()
    assert left(outbox) == [1, 2, 4, 5, 6, 7, 8]
    assert "packet too large" in caplog.text


def test_a_refusal_for_now_keeps_everything_and_waits_longer_each_time(outbox: Outbox) -> None:
    drain = Drain(outbox, window=2)
    now, pauses = 0.0, []
    for _ in range(10):
        for seq in send_all(drain, now):
            drain.answered(seq, 0x87, "Not authorized", now)
        assert send_all(drain, now) == []
        begin = now
        while drain.next(now) is None:
            now += 0.5
        pauses.append(now - begin)
        drain = _rewound(drain)
    assert left(outbox) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]


def _rewound(drain: Drain) -> Drain:
    """The probing ``next`` above took a report in hand; put it back."""
    drain._cursor = 0
    drain._ready.clear()
    return drain


def test_after_a_refusal_the_oldest_goes_first(outbox: Outbox) -> None:
    drain = Drain(outbox, window=3)
    send_all(drain)
    drain.answered(1, 0, "Success", 0.0)
    drain.answered(2, 0x97, "Quota exceeded", 0.0)
    drain.answered(3, 0, "Success", 0.0)
    drain.settle()
    assert send_all(drain, 4.9) == []
    assert send_all(drain, 5.0) == [2, 4, 5]


def test_the_way_back_is_spread_and_grows() -> None:
    first = [reconnect_delay(0, 60.0) for _ in range(200)]
    assert min(first) < 10
    assert max(first) > 50
    for failures, longest in ((1, 3), (3, 12), (6, 96), (50, 180)):
        delays = [reconnect_delay(failures, 60.0) for _ in range(200)]
        assert max(delays) <= longest
        assert min(delays) >= longest / 3
