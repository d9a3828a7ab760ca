"""The loops on a real database and real robots: at least once, at the right hour, and nobody waits for another."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from servers.phones import DIALECTS, House, at, disk

from forewarn_collector.notify import rows
from forewarn_collector.notify.config import Engineer
from forewarn_collector.notify.model import Kind, NotifyError, NoWindow
from forewarn_collector.notify.phones import GONE
from forewarn_collector.store.postgres_server import Server


@pytest.fixture
def house(
    state_in: Path | Server, make_robot: Callable[..., Any], secret: str, wait_for: Callable[..., None]
) -> Iterator[House]:
    found = House(state_in, make_robot, secret, wait_for)
    yield found
    found.stop()
    found.engine.dispose()


ANN = Engineer(name="Ann", channels=["group"])
AT_ONCE = {"gather_seconds": 0.0}


@pytest.mark.parametrize("vendor", list(DIALECTS))
def test_a_ticket_is_told_once_and_stands_in_its_timeline(house: House, vendor: str) -> None:
    robot = house.robot(vendor)
    house.board([ANN], house.sender("group", robot), **AT_ONCE)
    house.change(disk(), "none -> warning")
    house.until("sent")
    (text,) = robot.received
    assert text.splitlines()[:2] == ["[warning] Acme, Store 1, pos-1: WD-1 will fail", "12 sectors wait"]
    assert text.splitlines()[-3:] == ["- replace it", "part WD-1", "ticket 1, open"]
    (item,) = house.log()
    assert (item.tries, item.sent_at, item.last_error, item.told_with) == (1, house.now, "", None)
    assert [entry.text for entry in house.desk.ticket(1).timeline if " on " in entry.text] == [
        "told Ann on group: opened"
    ]


def test_a_message_waits_for_others_before_it_goes(house: House) -> None:
    robot = house.robot()
    house.board([ANN], house.sender("group", robot))
    house.change(disk(), "none -> warning")
    house.wait_for(lambda: house.log()[0].reason == "others to be told with", "the gathering")
    assert house.log()[0].not_before == house.now + 5
    assert robot.asked == []
    house.now += 5
    house.until("sent")


@pytest.mark.parametrize("vendor", list(DIALECTS))
def test_http_200_with_an_error_code_is_tried_again_until_it_is_taken(house: House, vendor: str) -> None:
    refused = b'{"errcode": 310000, "code": 19021, "errmsg": "sign not match", "msg": "sign match fail"}'
    robot = house.robot(vendor)
    robot.trouble = [(200, refused)] * 3
    house.board([ANN], house.sender("group", robot), **AT_ONCE)
    house.change(disk(), "none -> critical")
    for tries in (1, 2, 3):
        house.wait_for(lambda tries=tries: house.log()[0].tries == tries, "the next try")
        (item,) = house.log()
        assert item.state == "waiting"
        assert "match" in item.last_error
        assert item.next_try_at == house.now + 2**tries
        house.now = item.next_try_at
    house.until("sent")
    assert (house.log()[0].tries, house.log()[0].last_error) == (4, "")
    assert len(robot.received) == 1


def test_a_channel_that_hangs_delays_no_other(house: House) -> None:
    hanging, quick = house.robot("dingtalk"), house.robot("wecom")
    hanging.hold.clear()
    both = Engineer(name="Ann", channels=["group", "pager"])
    house.board([both], house.sender("group", hanging), house.sender("pager", quick), **AT_ONCE)
    house.change(disk(), "none -> critical")
    house.until("waiting", "sent")
    hanging.hold.set()
    house.until("sent", "sent")


def test_a_hundred_tickets_at_once_are_one_message_for_each_engineer(house: House) -> None:
    robot, other = house.robot(), house.robot("wecom")
    people = [ANN, Engineer(name="Bob", channels=["pager"])]
    house.board(people, house.sender("group", robot), house.sender("pager", other))
    for number in range(1, 101):
        level = "critical" if number % 10 == 0 else "warning"
        house.found(disk(number, "Acme" if number % 4 else "Beta"), f"none -> {level}")
    house.found(disk(101, engineer="Bob"), "none -> warning")
    house.escalator.step()
    house.now += 5
    house.until(*["sent"] * 101)
    (text,) = robot.received
    title, shares, *lines = text.splitlines()
    assert title == "100 tickets at once: 10 critical, 90 warning"
    assert shares == "Acme 75, Beta 25"
    assert lines[0] == "[critical] Acme, Store 1, pos-10: WD-10 will fail (ticket 10)"
    assert lines[-1] == "and 90 more: forewarn tickets"
    first, *others = (item for item in house.log() if item.engineer == "Ann")
    assert first.told_with is None
    assert {item.told_with for item in others} == {first.id}
    assert len(other.received) == 1
    assert "101 tickets" not in other.received[0]


def test_a_robot_is_asked_no_more_than_it_takes_and_urgent_ones_go_first(house: House) -> None:
    robot = house.robot()
    people = [Engineer(name=f"E{number}", channels=["group"]) for number in range(30)]
    house.board(people, house.sender("group", robot))
    for number in range(30):
        level = "critical" if number >= 25 else "warning"
        house.found(disk(number, engineer=f"E{number}"), f"none -> {level}")
    house.escalator.step()
    house.now += 5
    house.wait_for(lambda: house.states().count("sent") == 20, "the first twenty")
    assert all("[critical]" in text for text in robot.received[:5])
    assert house.states().count("waiting") == 10
    house.now += 59
    assert len(robot.asked) == 20
    house.now += 1
    house.until(*["sent"] * 30)
    assert all(sum(start <= at < start + 60 for at in robot.asked) <= 20 for start in robot.asked)
    assert [item.tries for item in house.log()] == [1] * 30


def test_what_ends_while_a_slow_channel_takes_others_is_not_told(house: House) -> None:
    robot = house.robot()
    people = [Engineer(name=f"E{number}", channels=["group"]) for number in range(12)]
    house.board(people, house.sender("group", robot))
    for number in range(12):
        house.found(disk(number, engineer=f"E{number}"), "none -> warning")
    house.escalator.step()
    robot.hold.clear()
    house.now += 5
    house.wait_for(lambda: len(robot.asked) == 1, "the first message")
    told_last = house.log()[-1]
    house.desk.act(told_last.ticket, "close", "Zoe", outcome="false-alarm")
    robot.hold.set()
    house.wait_for(lambda: house.states().count("sent") == 11, "the others")
    house.wait_for(lambda: house.log()[11].state == "dropped", "what is over")


def test_the_limit_is_known_again_after_a_restart(house: House) -> None:
    robot = house.robot()
    board = house.board([ANN], house.sender("group", robot, per_minute=1), **AT_ONCE)
    house.change(disk(1), "none -> warning")
    house.until("sent")
    board.phones.stop()
    house.change(disk(2), "none -> warning")
    house.now += 30
    house.board([ANN], house.sender("group", robot, per_minute=1), **AT_ONCE)
    house.now += 29
    assert len(robot.asked) == 1
    house.now += 2
    house.until("sent", "sent")


def test_a_robot_that_says_too_fast_is_left_alone(house: House) -> None:
    robot = house.robot()
    robot.trouble = [(200, b'{"errcode": 130101, "errmsg": "send too fast"}')]
    board = house.board([ANN], house.sender("group", robot), **AT_ONCE)
    house.change(disk(1), "none -> warning")
    house.wait_for(lambda: house.log()[0].tries == 1, "the refusal")
    assert house.log()[0].last_error == "code 130101: send too fast"
    house.change(disk(2), "none -> critical")
    house.now += 10
    board.phones.wake()
    board.phones.stop()
    assert len(robot.asked) == 1
    assert house.states() == ["waiting", "waiting"]


def test_quiet_hours_hold_back_what_is_not_urgent_until_the_morning(house: House) -> None:
    robot = house.robot()
    bob = Engineer(name="Ann", channels=["group"], time_zone="Asia/Shanghai", quiet_hours="22:00-07:00")
    house.now = at("16:00")  # midnight in Shanghai
    house.board([bob], house.sender("group", robot), **AT_ONCE)
    house.change(disk(1), "none -> warning")
    house.change(disk(2), "none -> critical")
    house.until("waiting", "sent")
    assert house.log()[0].reason == "quiet hours of Ann"
    house.now = at("22:59")
    assert house.states() == ["waiting", "sent"]
    house.now = at("23:00")
    house.until("sent", "sent")
    assert "[critical]" in robot.received[0]
    assert "[warning]" in robot.received[1]


def test_low_ones_are_told_together_once_a_day(house: House) -> None:
    robot = house.robot()
    cho = Engineer(name="Ann", channels=["group"], digest_at="18:30")
    house.board([cho], house.sender("group", robot), **AT_ONCE)
    for number in range(1, 4):
        house.change(disk(number), "none -> warning")
    house.change(disk(4), "none -> critical")
    house.until("waiting", "waiting", "waiting", "sent")
    house.change(disk(1), "warning -> none")
    house.now = at("18:30")
    house.until("dropped", "sent", "sent", "sent", "dropped")
    assert len(robot.received) == 2
    assert robot.received[1].splitlines()[0] == "the day's tickets: 2 warning"
    assert house.log()[0].reason == "the ticket ended before it was told"


def test_maintenance_suppresses_and_does_not_forget(house: House) -> None:
    robot = house.robot()
    board = house.board([ANN], house.sender("group", robot), **AT_ONCE)
    window = board.maintenance.add(customer="Acme", site="Store 1", ends_at=at("16:00"), reason="switches", actor="ann")
    house.change(disk(1), "none -> critical")
    house.change(disk(2), "none -> critical")
    house.change(disk(3, "Beta"), "none -> critical")
    house.until("waiting", "waiting", "sent")
    assert house.log()[0].reason == f"maintenance {window.number}"
    house.change(disk(2), "critical -> none")
    house.now = at("15:59")
    assert len(robot.received) == 1
    house.now = at("16:00")
    house.until("sent", "dropped", "sent", "dropped")
    assert len(robot.received) == 2
    assert "pos-1" in robot.received[1]


def test_maintenance_that_is_ended_by_hand_tells_at_once(house: House) -> None:
    robot = house.robot()
    board = house.board([ANN], house.sender("group", robot), **AT_ONCE)
    window = board.maintenance.add(device="pos-1", ends_at=at("20:00"), actor="ann")
    house.change(disk(1), "none -> critical")
    house.until("waiting")
    assert board.maintenance.windows() == [window]
    ended = board.maintenance.end(window.number, "bob")
    house.until("sent")
    assert (ended.ended_at, ended.ended_by) == (house.now, "bob")
    assert board.maintenance.windows() == []
    assert board.maintenance.windows(with_past=True) == [ended]
    with pytest.raises(NotifyError, match="over already"):
        board.maintenance.end(window.number, "bob")
    for number in (99, 0, -1, 2**63, 10**40):
        with pytest.raises(NoWindow, match=f"no maintenance window {number}"):
            board.maintenance.end(number, "bob")


def test_a_window_that_was_opened_while_a_message_waited_holds_it(house: House) -> None:
    board = house.board([ANN], house.sender("group", house.robot()))
    house.change(disk(1), "none -> critical")
    window = board.maintenance.add(customer="Acme", ends_at=at("15:00"), actor="ann")
    house.now += 5
    house.wait_for(lambda: house.log()[0].reason == f"maintenance {window.number}", "the window")


@pytest.mark.parametrize(
    ("scope", "starts", "ends", "said"),
    [
        ({}, None, "15:00", "say for which customer"),
        ({"site": "Store 1"}, None, "15:00", "say for which customer"),
        ({"customer": "Acme"}, None, "14:00", "over already"),
        ({"customer": "Acme"}, "16:00", "15:00", "end before it begins"),
        ({"customer": "Acme"}, None, "900:00", "longer than 31 days"),
    ],
)
def test_windows_that_make_no_sense_are_refused(
    house: House, scope: dict[str, str], starts: str | None, ends: str, said: str
) -> None:
    board = house.board([ANN])
    with pytest.raises(NotifyError, match=said):
        board.maintenance.add(**scope, starts_at=starts and at(starts), ends_at=at(ends), actor="ann")


def test_who_was_told_hears_of_the_rise_and_of_the_end(house: House) -> None:
    robot = house.robot()
    house.board([ANN], house.sender("group", robot), **AT_ONCE)
    house.change(disk(), "none -> warning")
    house.until("sent")
    house.change(disk(), "warning -> critical")
    house.until("sent", "sent")
    house.desk.note(1, "bob", "on my way")
    house.change(disk(), "critical -> none")
    house.until("sent", "sent", "sent")
    assert [item.kind for item in house.log()] == ["opened", "rose", "resolved"]
    assert "now critical: WD-1 will fail" in robot.received[1]
    assert "over: WD-1 will fail" in robot.received[2]


def test_whoever_ends_a_ticket_is_not_told_so(house: House) -> None:
    robot = house.robot()
    people = [ANN, Engineer(name="Bob", channels=["group"])]
    board = house.board(people, house.sender("group", robot), **AT_ONCE)
    house.change(disk(), "none -> warning")
    with house.engine.begin() as db:
        board.notifier.tell(db, house.desk.ticket(1), "Bob", Kind.ASSIGNED, urgent=False)
    house.until("sent", "sent")
    house.desk.act(1, "close", "bob", outcome="replaced-in-time")
    house.until("sent", "sent", "sent")
    assert (house.log()[2].engineer, house.log()[2].kind) == ("Ann", "resolved")


def test_whoever_is_given_a_ticket_is_told_so(house: House) -> None:
    robot = house.robot("wecom")
    people = [ANN, Engineer(name="Bob", channels=["pager"])]
    house.board(people, house.sender("group", house.robot()), house.sender("pager", robot), **AT_ONCE)
    house.change(disk(), "none -> warning")
    house.until("sent")
    house.desk.assign(1, "Bob", "Ann")
    house.until("sent", "sent")
    assert "yours: WD-1 will fail" in robot.received[0]
    assert "Ann gave it to you." in robot.received[0]


def test_what_ended_before_it_could_be_told_is_never_told(house: House) -> None:
    robot = house.robot()
    robot.trouble = [(500, b"")]
    house.board([ANN], house.sender("group", robot), **AT_ONCE)
    house.change(disk(), "none -> warning")
    house.wait_for(lambda: house.log()[0].tries == 1, "the failure")
    house.change(disk(), "warning -> none")
    house.now += 3600
    house.until("dropped", "dropped")
    assert [item.reason for item in house.log()] == [
        "the ticket ended before it was told", "the engineer was not told of this ticket",
    ]  # fmt: skip
    assert robot.received == []


def test_what_fails_for_a_day_is_parked_and_a_start_tries_it_again(house: House) -> None:
    robot = house.robot()
    robot.trouble = [(500, b"")] * 1000
    board = house.board([ANN], house.sender("group", robot), **AT_ONCE)
    house.change(disk(), "none -> critical")
    house.wait_for(lambda: house.log()[0].tries == 1, "a try")
    assert board.phones.oldest_due() == at("14:00")
    house.now += 86_401
    house.until("parked")
    assert board.phones.summary() == {"parked": 1}
    assert board.phones.oldest_due() is None
    board.phones.stop()
    house.now -= 3600
    robot.trouble.clear()
    house.board([ANN], house.sender("group", robot), **AT_ONCE)
    house.until("sent")


@pytest.mark.parametrize("another", [True, False])
def test_what_waits_for_a_channel_that_is_gone_is_parked(house: House, another: bool) -> None:
    robot = house.robot()
    robot.trouble = [(500, b"")]
    board = house.board([ANN], house.sender("group", robot), **AT_ONCE)
    house.change(disk(), "none -> critical")
    house.wait_for(lambda: house.log()[0].tries == 1, "a try")
    board.phones.stop()
    board = house.board([], *([house.sender("another", robot)] if another else []), **AT_ONCE)
    house.until("parked")
    assert house.log()[0].last_error == GONE
    assert board.phones.oldest_due() is None


def test_other_quiet_hours_count_from_the_next_start_on(house: House) -> None:
    robot = house.robot()
    sleepy = msgspec.structs.replace(ANN, quiet_hours="13:00-20:00")
    board = house.board([sleepy], house.sender("group", robot), **AT_ONCE)
    house.change(disk(), "none -> warning")
    house.until("waiting")
    board.phones.stop()
    house.board([ANN], house.sender("group", robot), **AT_ONCE)
    house.until("sent")


def test_a_test_reaches_every_channel_and_its_failure_is_final(house: House) -> None:
    good, bad = house.robot("dingtalk"), house.robot("wecom")
    bad.trouble = [(200, b'{"errcode": 93000, "errmsg": "invalid webhook url"}')]
    both = Engineer(name="Ann", channels=["group"], urgent_channels=["pager"], quiet_hours="00:00-23:59")
    board = house.board([both], house.sender("group", good), house.sender("pager", bad))
    assert [item.channel for item in board.test("Ann", "bob")] == ["group", "pager"]
    house.until("sent", "parked")
    assert good.received == ["forewarn: a test\nbob tries whether Ann is reached here. Nothing has happened."]
    assert board.log(state="parked")[0].last_error == "code 93000: invalid webhook url"
    assert board.log(engineer="Zoe") == []
    (unknown,) = board.test("Zoe", "bob")
    assert unknown.state == "parked"


def test_without_channels_a_test_is_refused(house: House) -> None:
    with pytest.raises(NotifyError, match=r"add notify\.channels"):
        house.board([ANN]).test("Ann", "bob")


def test_a_turn_that_fails_ends_no_loop(house: House, caplog: pytest.LogCaptureFixture) -> None:
    robot = house.robot()
    house.board([ANN], house.sender("group", robot), **AT_ONCE)
    with house.engine.begin() as db:
        columns = {"customer": "", "site": "", "device": "", "title": "", "body": "", "severity": ""}
        at_once = {"created_at": house.now, "not_before": house.now, "next_try_at": house.now}
        who = {"ticket": None, "engineer": "Ann", "channel": "group", "urgent": True}
        number = rows.add(db, **columns, **at_once, **who, kind="telepathy", state="waiting")
    house.change(disk(), "none -> warning")
    house.wait_for(lambda: "a turn of the notifications on group" in caplog.text, "the failure")
    assert robot.asked == []
    with house.engine.begin() as db:
        rows.update(db, [number], state="dropped")
    house.until("dropped", "sent")


def test_a_locked_database_is_waited_for(house: House) -> None:
    robot = house.robot()
    board = house.board([ANN], house.sender("group", robot), **AT_ONCE)
    house.change(disk(), "none -> critical")
    with house.engine.begin():  # whoever writes waits for this one
        board.phones.wake()
        house.wait_for(lambda: len(robot.asked) == 1, "the message")
    house.until("sent")
    assert [item.kind for item in house.log()] == [Kind.OPENED]
