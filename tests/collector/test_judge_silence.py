"""Who is silent: at receipt time, and only while somebody listened."""

import pytest
from servers.judging import DAY, HOUR, House, birth, load


def silence(house: House) -> list[str]:
    return [after for _, rule, _, _, after, _ in house.verdicts() if rule == "device-silent"]


def listen(house: House, seconds: float) -> None:
    """Time passes with a tick every quarter of an hour."""
    for _ in range(int(seconds / 900)):
        house.clock.pass_(900)
        house.tick()


def test_a_silent_device_is_noticed_and_heard_again(house: House) -> None:
    house.store(birth())
    house.say(load(0, 10))
    house.tick()
    listen(house, DAY - 900)
    assert silence(house) == []
    listen(house, 900)
    assert silence(house) == ["warning"]
    listen(house, 6 * DAY)
    assert silence(house) == ["warning", "critical"]
    house.say(load(7, 10))
    listen(house, 900)
    assert silence(house) == ["warning", "critical", "none"]
    (found,) = house.tickets()
    assert (found.fault, found.part_serial, found.state) == ("device-silent", "", "resolved")


def test_the_time_in_which_the_collector_was_down_is_nobody_s_silence(house: House) -> None:
    house.say(load(0, 10))
    house.tick()
    listen(house, 12 * HOUR)
    house.restart(away=10 * DAY)
    house.tick()
    listen(house, 11 * HOUR)
    assert silence(house) == []
    listen(house, HOUR)
    assert silence(house) == ["warning"]


def test_a_collector_that_restarts_every_night_notices_silence_too(house: House) -> None:
    house.say(load(0, 10))
    for _ in range(3):
        house.tick()
        listen(house, 8 * HOUR)
        house.restart(away=16 * HOUR)
    house.tick()
    assert silence(house) == ["warning"]


def test_a_restart_is_no_sign_of_life(house: House) -> None:
    house.say(load(0, 10))
    house.tick()
    listen(house, 2 * DAY)
    house.restart(away=HOUR)
    house.tick()
    listen(house, HOUR)
    assert silence(house) == ["warning"]
    assert [found.state for found in house.tickets()] == ["open"]


@pytest.mark.parametrize("jump", [3 * DAY, 400 * DAY], ids=["the machine slept", "the clock was set"])
def test_a_clock_that_jumps_forward_makes_nobody_silent(house: House, jump: float) -> None:
    house.say(load(0, 10))
    house.tick()
    listen(house, HOUR)
    house.clock.time += jump
    house.tick()
    listen(house, 22 * HOUR)
    assert silence(house) == []
    listen(house, 2 * HOUR)
    assert silence(house) == ["warning"]


def test_a_clock_that_is_set_back_makes_nobody_silent_and_nobody_heard(house: House) -> None:
    house.say(load(0, 10))
    house.tick()
    listen(house, 2 * DAY)
    house.clock.time -= DAY
    house.tick()
    listen(house, DAY + HOUR)
    assert silence(house) == ["warning"]


def test_a_busy_hour_of_the_judge_is_no_absence(house: House) -> None:
    house.say(load(0, 10))
    house.tick()
    house.clock.pass_(DAY + HOUR)
    house.tick()
    assert silence(house) == ["warning"]
