"""What comparing a password costs."""

import time

from forewarn_collector.access.passwords import hash_password, password_fits


def cost(known: str | None) -> float:
    """Seconds of CPU; the least of some, because the machine does other things too."""
    found = []
    for _ in range(3):
        began = time.process_time()
        assert not password_fits(known, "wrong horse battery")
        found.append(time.process_time() - began)
    return min(found)


def test_a_user_who_is_not_there_costs_what_a_wrong_password_costs() -> None:
    assert 0.5 < cost(None) / cost(hash_password("correct horse battery")) < 2
