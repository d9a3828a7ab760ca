"""Who is told now, later or not at all: a table in English."""

from datetime import UTC, datetime

import msgspec
import pytest

from forewarn_collector.notify.config import read_hours, read_time
from forewarn_collector.notify.decide import covering, decide
from forewarn_collector.notify.model import Contact, Kind, Subject, Window

MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC).timestamp()
CONTACTS = {
    "Ann": Contact("Ann", ("group",)),
    "Bob sleeps 22-07": Contact("Bob", ("group",), quiet_hours=read_hours("22:00-07:00")),
    "Cho reads at 09:00": Contact("Cho", ("group",), digest_at=read_time("09:00")),
    "Dan sleeps and reads": Contact(
        "Dan", ("group",), quiet_hours=read_hours("22:00-10:00"), digest_at=read_time("09:00")
    ),
}
TICKETS = {
    "open": {},
    "ended": {"ended": True},
    "taken by Ann": {"taken": True, "owner": "Ann"},
    "taken by Zoe": {"taken": True, "owner": "Zoe"},
}

TABLE = """
engineer             | is told of             | at    | which is     | told before | in maintenance  | what happens
Ann                  | opened warning         | 14:00 | open         | no          | -               | send
Ann                  | opened critical        | 03:00 | open         | no          | -               | send
Ann                  | opened critical        | 14:00 | ended        | no          | -               | drop: the ticket ended before it was told
Ann                  | rose critical          | 14:00 | ended        | yes         | -               | drop: the ticket ended before it was told
Ann                  | opened warning         | 14:00 | taken by Ann | no          | -               | drop: the engineer has taken the ticket
Ann                  | opened warning         | 14:00 | taken by Zoe | no          | -               | send
Ann                  | escalated critical     | 14:00 | open         | yes         | -               | send
Ann                  | escalated critical     | 14:00 | taken by Zoe | yes         | -               | drop: somebody has taken the ticket
Ann                  | assigned warning       | 14:00 | taken by Ann | no          | -               | send
Ann                  | resolved warning       | 14:00 | ended        | yes         | -               | send
Ann                  | resolved warning       | 14:00 | ended        | no          | -               | drop: the engineer was not told of this ticket
Ann                  | resolved warning       | 14:00 | open         | yes         | -               | drop: the ticket is open again
Ann                  | opened critical        | 14:00 | open         | no          | until 16:00     | hold until 16:00: maintenance 1
Ann                  | opened critical        | 16:00 | open         | no          | until 16:00     | send
Ann                  | opened critical        | 16:00 | ended        | no          | until 16:00     | drop: the ticket ended before it was told
Ann                  | test                   | 14:00 | open         | no          | until 16:00     | send
Bob sleeps 22-07     | opened warning         | 23:00 | open         | no          | -               | hold until 31:00: quiet hours of Bob
Bob sleeps 22-07     | opened warning         | 02:00 | open         | no          | -               | hold until 07:00: quiet hours of Bob
Bob sleeps 22-07     | opened warning         | 07:00 | open         | no          | -               | send
Bob sleeps 22-07     | urgent opened critical | 02:00 | open         | no          | -               | send
Bob sleeps 22-07     | resolved critical      | 02:00 | ended        | yes         | -               | hold until 07:00: quiet hours of Bob
Bob sleeps 22-07     | urgent opened critical | 02:00 | open         | no          | until 03:00     | hold until 03:00: maintenance 1
Bob sleeps 22-07     | opened warning         | 02:00 | open         | no          | until 12:00     | hold until 12:00: maintenance 1
Bob sleeps 22-07     | test                   | 02:00 | open         | no          | -               | send
Cho reads at 09:00   | opened warning         | 08:00 | open         | no          | -               | hold until 09:00: the digest
Cho reads at 09:00   | opened warning         | 09:30 | open         | no          | -               | hold until 33:00: the digest
Cho reads at 09:00   | opened critical        | 09:30 | open         | no          | -               | send
Cho reads at 09:00   | urgent opened warning  | 09:30 | open         | no          | -               | send
Cho reads at 09:00   | escalated warning      | 09:30 | open         | yes         | -               | send
Cho reads at 09:00   | due warning            | 09:30 | open         | yes         | -               | send
Dan sleeps and reads | opened warning         | 08:00 | open         | no          | -               | hold until 10:00: quiet hours of Dan
"""  # noqa: E501


def rows() -> list[list[str]]:
    _, *found = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]
    return found


def at(clock: str) -> float:
    """``31:00`` is seven in the morning of the next day."""
    hours, minutes = clock.split(":")
    return MIDNIGHT + 3600 * int(hours) + 60 * int(minutes)


def window(ends: str, **scope: str) -> Window:
    whole = {"customer": "Acme", "site": "", "device": ""} | scope
    return Window(
        number=1, **whole, starts_at=at("00:00"), ends_at=at(ends), reason="new switches", actor="ann",
        created_at=at("00:00"),
    )  # fmt: skip


@pytest.mark.parametrize("row", rows(), ids=" / ".join)
def test_what_happens(row: list[str]) -> None:
    engineer, message, clock, ticket, told, maintenance, expected = row
    words = message.split()
    urgent = words[0] == "urgent"
    kind = Kind(words[1] if urgent else words[0])
    subject = Subject(words[-1], "Acme", "Store 1", "pos-1", **TICKETS[ticket])  # type: ignore[arg-type]
    windows = [] if maintenance == "-" else [window(maintenance.removeprefix("until "))]
    now = at(clock)
    found = decide(kind, urgent, now, subject, CONTACTS[engineer], windows, told == "yes", now)
    action, _, reason = expected.partition(": ")
    if action.startswith("hold until "):
        assert (found.action, found.reason, found.until) == ("hold", reason, at(action.split()[-1]))
    else:
        assert (found.action, found.reason) == (action, reason)


def test_a_held_warning_is_part_of_the_digest_when_its_hour_has_come() -> None:
    subject = Subject("warning", "Acme", "Store 1", "pos-1")
    cho, dan = CONTACTS["Cho reads at 09:00"], CONTACTS["Dan sleeps and reads"]
    opened = (Kind.OPENED, False, at("08:00"), subject)
    assert decide(*opened, cho, [], False, at("08:59")).action == "hold"
    assert decide(*opened, cho, [], False, at("09:00")).action == "digest"
    assert decide(*opened, dan, [], False, at("09:00")).action == "hold"
    assert decide(*opened, dan, [], False, at("10:00")).action == "digest"
    risen = subject._replace(severity="critical")
    assert decide(Kind.OPENED, False, at("08:00"), risen, cho, [], False, at("08:30")).action == "send"


SCOPES = """
window for                            | covers Acme, Store 1, pos-1
customer=Acme                         | yes
customer=Beta                         | no
customer=Acme site=Store_1            | yes
customer=Acme site=Store_2            | no
customer=Beta site=Store_1            | no
customer= device=pos-1                | yes
customer= device=pos-2                | no
customer=Acme site=Store_2 device=pos-1 | no
"""


@pytest.mark.parametrize(
    ("scope", "covers"), [[cell.strip() for cell in line.split("|")] for line in SCOPES.strip().splitlines()[1:]]
)
def test_whom_a_window_covers(scope: str, covers: str) -> None:
    named = {name: value.replace("_", " ") for name, _, value in (pair.partition("=") for pair in scope.split())}
    subject = Subject("warning", "Acme", "Store 1", "pos-1")
    assert (covering([window("12:00", **named)], subject, at("11:00")) is not None) == (covers == "yes")


def test_of_two_windows_the_one_that_ends_last_counts_and_an_ended_one_not_at_all() -> None:
    subject = Subject("warning", "Acme", "Store 1", "pos-1")
    short, long = window("12:00"), window("13:00", device="pos-1")
    assert covering([short, long, short], subject, at("11:00")) is long
    ended = msgspec.structs.replace(long, ended_at=at("10:00"))
    assert covering([short, ended], subject, at("11:00")) is short
    assert covering([short, long], subject, at("13:00")) is None
    assert covering([short], subject, at("00:00") - 1) is None
