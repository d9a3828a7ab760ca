"""Who is told becomes rows, in the transaction of whoever tells."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from forewarn_collector.language.explanation import Explanation, explain
from forewarn_collector.notify import rows, words
from forewarn_collector.notify.config import read_hours
from forewarn_collector.notify.model import Contact, Kind, Notification
from forewarn_collector.notify.notifier import NO_SUCH_CHANNEL, UNREACHABLE, Notifier
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.state import open_state
from forewarn_collector.tickets.model import Ticket

NIGHT = datetime(2026, 11, 26, 2, tzinfo=UTC).timestamp()
MORNING = datetime(2026, 11, 26, 7, tzinfo=UTC).timestamp()


class Directory:
    known = {  # noqa: RUF012 - never changed
        "Ann": Contact("Ann", ("group", "mail"), ("sms",)),
        "Bob": Contact("Bob", ("group",), quiet_hours=read_hours("22:00-07:00")),
        "Cho": Contact("Cho", ()),
        "Dan": Contact("Dan", ("pager",)),
        "李伟": Contact("李伟", ("group",), language="zh"),
    }

    def contact(self, engineer: str) -> Contact | None:
        return self.known.get(engineer)


def ticket(number: int = 7, **given: Any) -> Ticket:
    values: dict[str, Any] = {
        "number": number, "customer": "Acme", "site": "Store 1", "engineer": "Ann", "device": "pos-1",
        "device_serial": "PC1", "part_serial": "WD-1", "fault": "disk-failure", "queue": "hardware", "state": "open",
        "severity": "warning", "title": "the disk WD-1 will fail",
        "explanation": {"what": "12 sectors wait", "why": "", "do": ["Copy the data", "Replace it"], "calm_when": []},
        "probability": 0.42, "within_seconds": 30 * 86_400.0, "opened_at": 1.0, "recorded_at": 1.0,
        "updated_at": 1.0, "acknowledged_at": None, "resolved_at": None, "closed_at": None, "owner": "",
        "waiting_for": "", "outcome": None,
    }  # fmt: skip
    return Ticket(**values | given)


@pytest.fixture
def engine(state_in: Path | Server) -> Iterator[sa.Engine]:
    found = open_state(state_in)
    yield found
    found.dispose()


def explained(ticket: Ticket, language: str) -> Explanation:
    return explain(ticket, {}, language)


def notifier(now: float = NIGHT, channels: tuple[str, ...] = ("group", "mail", "sms")) -> Notifier:
    return Notifier(Directory(), channels, explained, lambda: now)


def log(engine: sa.Engine) -> list[Notification]:
    with engine.connect() as db:
        return rows.listing(db)[::-1]


def test_an_engineer_is_told_on_every_channel(engine: sa.Engine) -> None:
    with engine.begin() as db:
        written = notifier().tell(db, ticket(), "Ann", Kind.OPENED, urgent=False)
    found = log(engine)
    assert [(item.id, item.channel, item.state) for item in found] == [
        (written[0], "group", "waiting"),
        (written[1], "mail", "waiting"),
    ]
    assert (found[0].ticket, found[0].customer, found[0].device, found[0].not_before) == (7, "Acme", "pos-1", NIGHT)
    assert found[0].title == "[warning] Acme, Store 1, pos-1: the disk WD-1 will fail"
    assert found[0].body.splitlines() == [
        "12 sectors wait", "The disk is about to fail or has failed.", "Within 30 days, so by January 31, 1970.",
        "The probability was measured: 42 %.", "- Copy the data", "- Replace it", "part WD-1", "ticket 7, open",
    ]  # fmt: skip


def test_whoever_reads_chinese_is_told_in_chinese(engine: sa.Engine) -> None:
    telling = notifier()
    with engine.begin() as db:
        telling.tell(db, ticket(severity="critical"), "李伟", Kind.ESCALATED, urgent=True)
        telling.give(db, ticket(8, owner="李伟"), "Ann")
        telling.test(db, "李伟", "Ann")
    escalated, given, test = log(engine)
    assert escalated.title == "[严重] Acme, Store 1, pos-1: 尚无人接手：the disk WD-1 will fail"
    assert escalated.body.splitlines()[-2:] == ["部件 WD-1", "工单 7，待处理"]
    assert given.body.splitlines()[0] == "Ann 已将其交给您。"
    assert test.title == "forewarn：测试"
    title, body = words.storm([escalated, given], "zh")
    assert title == "同时有 2 个工单：严重 1 个, 警告 1 个"
    assert body.splitlines()[1].endswith("（工单 7）")


def test_what_a_device_says_stays_in_its_line(engine: sa.Engine) -> None:
    said = "WD\x1b[31m\n\r\u202e[critical] Beta: fire\x00"
    with engine.begin() as db:
        notifier().tell(db, ticket(title=said, part_serial=said), "Ann", Kind.OPENED, urgent=False)
    item = log(engine)[0]
    assert item.title == "[warning] Acme, Store 1, pos-1: WD[31m [critical] Beta: fire"
    assert "part WD[31m [critical] Beta: fire" in item.body.splitlines()


def test_what_is_urgent_also_goes_to_the_channels_for_that(engine: sa.Engine) -> None:
    with engine.begin() as db:
        notifier().tell(db, ticket(), "Ann", Kind.ESCALATED, urgent=True, text="Second call after 30 minutes.")
    found = log(engine)
    assert [item.channel for item in found] == ["group", "mail", "sms"]
    assert "nobody has taken this" in found[0].title
    assert found[0].body.startswith("Second call after 30 minutes.\n")


def test_in_quiet_hours_a_row_says_until_when_and_why_it_waits(engine: sa.Engine) -> None:
    with engine.begin() as db:
        notifier().tell(db, ticket(), "Bob", Kind.OPENED, urgent=False)
        notifier().tell(db, ticket(), "Bob", Kind.OPENED, urgent=True)
    held, urgent = log(engine)
    assert (held.state, held.not_before, held.reason) == ("waiting", MORNING, "quiet hours of Bob")
    assert (urgent.state, urgent.not_before, urgent.reason) == ("waiting", NIGHT, "")


def test_what_waits_already_is_not_told_twice(engine: sa.Engine) -> None:
    telling = notifier()
    with engine.begin() as db:
        assert len(telling.tell(db, ticket(), "Bob", Kind.OPENED, urgent=True)) == 1
        assert telling.tell(db, ticket(), "Bob", Kind.ROSE, urgent=True) == []
        assert telling.tell(db, ticket(), "Bob", Kind.OPENED, urgent=False) == []
        assert len(telling.tell(db, ticket(severity="critical"), "Bob", Kind.ROSE, urgent=True)) == 1
        assert len(telling.tell(db, ticket(), "Bob", Kind.ESCALATED, urgent=True)) == 1
        assert len(telling.tell(db, ticket(8), "Bob", Kind.OPENED, urgent=True)) == 1


def test_an_open_maintenance_window_holds_back_what_it_covers(engine: sa.Engine) -> None:
    scope = {"customer": "Acme", "site": "", "device": "", "reason": "move", "actor": "ann"}
    with engine.begin() as db:
        number = rows.add_window(db, **scope, starts_at=NIGHT - 1, ends_at=NIGHT + 60, created_at=NIGHT - 1)
        notifier().tell(db, ticket(), "Ann", Kind.OPENED, urgent=True)
        notifier().tell(db, ticket(8, customer="Beta"), "Ann", Kind.OPENED, urgent=True)
    found = log(engine)
    assert [(item.not_before, item.reason) for item in found if item.customer == "Acme"] == [
        (NIGHT + 60, f"maintenance {number}")
    ] * 3
    assert {item.not_before for item in found if item.customer == "Beta"} == {NIGHT}


@pytest.mark.parametrize("engineer", ["Cho", "nobody of this name", ""])
def test_somebody_who_cannot_be_reached_is_parked_and_not_forgotten(engine: sa.Engine, engineer: str) -> None:
    with engine.begin() as db:
        assert notifier().tell(db, ticket(), engineer, Kind.OPENED, urgent=True) == []
    (item,) = log(engine)
    assert (item.engineer, item.state, item.last_error) == (engineer, "parked", UNREACHABLE)


def test_a_channel_that_is_not_configured_is_parked(engine: sa.Engine) -> None:
    with engine.begin() as db:
        assert notifier().tell(db, ticket(), "Dan", Kind.OPENED, urgent=True) == []
    (item,) = log(engine)
    assert (item.channel, item.state, item.last_error) == ("pager", "parked", NO_SUCH_CHANNEL)


def test_without_any_channel_nothing_is_written(engine: sa.Engine) -> None:
    with engine.begin() as db:
        assert notifier(channels=()).tell(db, ticket(), "Ann", Kind.OPENED, urgent=True) == []
    assert log(engine) == []


def test_a_transaction_that_fails_tells_nobody(engine: sa.Engine) -> None:
    with engine.connect() as db:
        transaction = db.begin()
        assert len(notifier().tell(db, ticket(), "Ann", Kind.OPENED, urgent=True)) == 3
        transaction.rollback()
    assert log(engine) == []


def test_a_test_goes_out_at_any_hour(engine: sa.Engine) -> None:
    with engine.begin() as db:
        written = notifier().test(db, "Bob", "ann")
    (item,) = log(engine)
    assert ([item.id], item.ticket, item.kind, item.not_before) == (written, None, "test", NIGHT)
    assert "ann tries whether Bob is reached here" in item.body
