"""Many notifications, few messages."""

from collections.abc import Sequence
from itertools import pairwise

from forewarn_collector.notify.gather import Batch, Form, Gathered, Guard, Ready, gather

GUARD = Guard(gather_seconds=5, storm_after=5)
NOW = 1_780_000_000.0


def ready(count: int, age: float = 10.0) -> list[Ready]:
    return [Ready(number, NOW - age) for number in range(1, count + 1)]


def forms(found: Gathered) -> list[tuple[str, int]]:
    return [(str(batch.form), len(batch.ids)) for batch in found.batches]


def play(arrivals: Sequence[float], guard: Guard = GUARD) -> list[tuple[float, str, int]]:
    """Tickets at these seconds, looked at every half second: when which message went out, and how many it told of."""
    waiting: dict[int, float] = {}
    sent: list[tuple[float, str, int]] = []
    for step in range(400):
        now = NOW + step / 2
        waiting |= {number: NOW + at for number, at in enumerate(arrivals) if now - 0.5 < NOW + at <= now}
        found = gather([Ready(*item) for item in waiting.items()], [NOW + at for at, _, _ in sent], guard, now)
        for batch in found.batches:
            sent.append((step / 2, str(batch.form), len(batch.ids)))
            for number in batch.ids:
                del waiting[number]
    assert not waiting
    return sent


def test_nothing_is_nothing() -> None:
    assert gather([], [], GUARD, NOW) == Gathered([])


def test_one_ticket_is_told_after_the_time_of_gathering() -> None:
    assert play([1.0]) == [(6.0, "single", 1)]


def test_without_gathering_it_is_told_at_once() -> None:
    assert play([1.0], Guard(gather_seconds=0)) == [(1.0, "single", 1)]


def test_a_few_are_told_one_by_one() -> None:
    assert play([0, 0, 1, 2, 3]) == [(5.0, "single", 1)] * 5


def test_a_hundred_tickets_at_once_are_one_message_with_their_count() -> None:
    assert play([1.0] * 100) == [(6.0, "storm", 100)]


def test_a_hundred_tickets_spread_over_a_minute_are_one_message_and_the_rest_of_the_minute() -> None:
    sent = play([0.6 * number for number in range(100)])
    assert [form for _, form, _ in sent] == ["storm", "storm"]
    assert [count for _, _, count in sent] == [9, 91]
    assert sent[1][0] - sent[0][0] == 60.0


def test_a_storm_that_goes_on_is_one_message_a_minute() -> None:
    sent = play([0.5 * number for number in range(300)])
    assert [form for _, form, _ in sent] == ["storm"] * 4
    assert all(later[0] - earlier[0] == 60.0 for earlier, later in pairwise(sent))
    assert sum(count for _, _, count in sent) == 300


def test_after_a_storm_the_next_ticket_is_told_as_usual() -> None:
    assert play([1.0] * 100 + [30.0]) == [(6.0, "storm", 100), (35.0, "single", 1)]


def test_singles_of_the_last_minute_count() -> None:
    sent = [NOW - 30.0] * 4
    assert forms(gather(ready(1), sent, GUARD, NOW)) == [("single", 1)]
    held = gather(ready(2), sent, GUARD, NOW)
    assert (held.batches, held.waiting, held.until) == ([], (1, 2), NOW + 30.0)
    assert forms(gather(ready(2), [NOW - 60.0] * 4, GUARD, NOW)) == [("single", 1)] * 2


def test_digest_and_tests_wait_for_nobody() -> None:
    items = [Ready(1, NOW, digest=True), Ready(2, NOW, digest=True), Ready(3, NOW, alone=True), Ready(4, NOW)]
    found = gather(items, [NOW - 1] * 20, GUARD, NOW)
    assert found.batches == [Batch(Form.SINGLE, (3,)), Batch(Form.DIGEST, (1, 2))]
    assert found.waiting == (4,)


def test_a_clock_that_was_set_back_keeps_nobody_waiting() -> None:
    assert forms(gather([Ready(1, NOW + 86_400.0)], [NOW + 86_400.0] * 9, GUARD, NOW)) == [("single", 1)]
