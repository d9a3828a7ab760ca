"""Lock-out and rate, by a clock that is passed in."""

from forewarn_collector.access.limits import REMEMBERED, LockOut, TokenBuckets, network_of


def test_the_wait_doubles_up_to_its_longest() -> None:
    lock = LockOut(free=3, first_seconds=1.0, longest_seconds=8.0)
    now, waits = 0.0, []
    for _ in range(8):
        wait = lock.begin("ann", now)
        waits.append(wait)
        now += wait
        if wait:
            assert lock.begin("ann", now) == 0.0
    assert waits == [0.0, 0.0, 0.0, 1.0, 2.0, 4.0, 8.0, 8.0]


def test_tries_at_once_are_no_more_than_one_after_the_other() -> None:
    lock = LockOut(free=3)
    assert [lock.begin("ann", 0.0) == 0.0 for _ in range(6)] == [True, True, True, False, False, False]


def test_a_success_forgets_and_time_does_too() -> None:
    lock = LockOut(free=1, longest_seconds=10.0)
    assert lock.begin("ann", 0.0) == 0.0
    assert lock.begin("ann", 0.0) > 0.0
    lock.succeeded("ann")
    assert lock.begin("ann", 0.0) == 0.0
    assert lock.begin("ann", 21.0) == 0.0
    assert lock.begin("ann", 21.0) > 0.0


def test_a_try_that_was_right_is_taken_back() -> None:
    lock = LockOut(free=2)
    for _ in range(50):
        assert lock.begin("192.0.2.1", 0.0) == 0.0
        lock.take_back("192.0.2.1")


def test_what_is_remembered_is_bounded() -> None:
    lock, rate = LockOut(free=1), TokenBuckets(60)
    for n in range(REMEMBERED + 100):
        lock.begin(str(n), 0.0)
        rate.take(str(n), 0.0)
    assert len(lock._tries) == len(rate._due) == REMEMBERED


def test_a_rate_allows_a_quarter_at_once_and_then_its_pace() -> None:
    rate = TokenBuckets(60)
    assert [rate.take("a", 0.0) for _ in range(16)][:15] == [0.0] * 15
    assert rate.take("a", 0.0) > 0.0
    assert rate.take("b", 0.0) == 0.0
    served = sum(rate.take("a", 10.0 + n / 10) == 0.0 for n in range(600))
    assert 55 <= served <= 75


def test_whom_an_address_stands_for() -> None:
    assert network_of("192.0.2.7") == "192.0.2.7"
    assert network_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("") == ""
