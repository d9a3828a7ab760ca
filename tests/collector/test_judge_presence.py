"""When the collector was there to hear."""

import pytest

from forewarn_collector.judge.presence import KEPT_SECONDS, Presence, carried_on, silent_seconds

HOUR, DAY = 3600.0, 86_400.0


def test_before_the_first_note_nobody_listened() -> None:
    found = carried_on(None, 1000.0, 0.0)
    assert found == Presence(1000.0, ((0.0, 1000.0),))
    assert silent_seconds(400.0, 1000.0, found) == 0
    assert silent_seconds(400.0, 1500.0, found) == 500


@pytest.mark.parametrize(
    ("passed", "awake", "away"),
    [
        (15.0, 15.0, ()),
        (2 * HOUR, 2 * HOUR, ()),  # a busy judge
        (60.0, 0.0, ()),  # a quick restart
        (3 * HOUR, 0.0, ((5000.0, 5000.0 + 3 * HOUR),)),  # stopped
        (3 * HOUR, HOUR, ((5000.0, 5000.0 + 2 * HOUR),)),  # suspended, or the clock was set forward
        (-DAY, 15.0, ()),  # the clock was set back
    ],
)
def test_what_is_missing_was_an_absence(passed: float, awake: float, away: tuple[tuple[float, float], ...]) -> None:
    found = carried_on(Presence(5000.0), 5000.0 + passed, awake)
    assert found == Presence(5000.0 + passed, away)


def test_silence_counts_only_while_somebody_listened() -> None:
    presence = Presence(100.0, ((10.0, 20.0), (30.0, 50.0)))
    assert silent_seconds(0.0, 100.0, presence) == 70
    assert silent_seconds(15.0, 40.0, presence) == 25 - 5 - 10
    assert silent_seconds(60.0, 100.0, presence) == 40
    assert silent_seconds(120.0, 100.0, presence) == 0, "received in the future: the clock was set back"


def test_absences_of_long_ago_are_forgotten() -> None:
    before = Presence(1e9, ((1e9 - DAY, 1e9),))
    assert carried_on(before, 1e9 + DAY, DAY).away == before.away
    assert carried_on(before, 1e9 + KEPT_SECONDS + 1, KEPT_SECONDS + 1).away == ()
