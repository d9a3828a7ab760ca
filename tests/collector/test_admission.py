"""Who may come in with a genuine certificate, and what is noticed about copied disks."""

import pytest

from forewarn_collector.identity.admission import CLONED, MOVED, Standing, Visitor, admit
from forewarn_collector.identity.clones import REMEMBERED, Birth, Births
from forewarn_collector.identity.naming import Known
from forewarn_wire.machine import Machine, is_other, is_same, machine_of, read_machine

RIGHT = machine_of("disk", "SN1")
COPY = machine_of("disk", "SN2")
NOBODY = Machine()


def known(revoked_at: float | None = None) -> Known:
    return Known("till-3", "Acme", "", RIGHT, 100.0, revoked_at, "stolen")


def decide(machine: Machine, rival: Machine | None = None, identity: Known | None = None) -> tuple[bool, str]:
    """Whether it gets in, and which notice there is."""
    visitor = Visitor("till-3", "2", "authority", machine)
    done = admit(visitor, Standing(identity or known(), "2"), rival, set(), frozenset())
    return done.refusal is None, done.notice[0] if done.notice else ""


@pytest.mark.parametrize(
    ("machine", "rival", "enters", "notice"),
    [
        (RIGHT, None, True, ""),
        (RIGHT, RIGHT, True, ""),
        (NOBODY, None, True, ""),
        (NOBODY, RIGHT, True, ""),
        (COPY, None, True, MOVED),
        (COPY, COPY, True, MOVED),
        (COPY, RIGHT, False, CLONED),
        (COPY, NOBODY, False, CLONED),
        (RIGHT, COPY, True, CLONED),
    ],
)
def test_the_machine_that_was_enrolled_goes_first(
    machine: Machine, rival: Machine | None, enters: bool, notice: str
) -> None:
    assert decide(machine, rival) == (enters, notice)


def test_where_nothing_is_known_the_newcomer_goes_first() -> None:
    assert admit(Visitor("till-3"), Standing(), NOBODY, set(), frozenset()).refusal is None


def test_a_revoked_device_is_told_why() -> None:
    done = admit(Visitor("till-3"), Standing(known(revoked_at=5.0)), None, set(), frozenset())
    assert done.refusal == "till-3 is revoked: stolen"


def test_revoked_certificates_and_retired_authorities_are_refused() -> None:
    visitor = Visitor("till-3", "2", "old authority", RIGHT)
    assert admit(visitor, Standing(known(), "3"), None, {"2"}, frozenset()).refusal == "this certificate is revoked"
    assert "no longer" in str(admit(visitor, Standing(known(), "2"), None, set(), frozenset({"old authority"})).refusal)


def test_an_older_certificate_serves_until_the_newer_one_was_used() -> None:
    visitor = Visitor("till-3", "1", "authority", RIGHT)
    assert admit(visitor, Standing(known(), "2", newest_used=False), None, set(), frozenset()).refusal is None
    done = admit(visitor, Standing(known(), "2", newest_used=True), None, set(), frozenset())
    assert done.refusal is not None
    assert done.notice is not None
    assert done.notice[0] == CLONED


def test_births_that_take_turns_are_two_machines() -> None:
    births = Births()
    assert [births.take("a", Birth(boot, n, float(n))) for n, boot in enumerate("112233")] == [None] * 6
    assert births.take("a", Birth("2", 7, 7.0)) is not None
    assert births.take("b", Birth("2", 7, 7.0)) is None


def test_births_that_a_broker_sends_again_are_no_other_machine() -> None:
    births = Births()
    sent = [Birth("1", 1, 1.0), Birth("2", 1, 2.0)]
    assert [births.take("a", birth) for birth in sent * 3] == [None] * 6


def test_births_are_forgotten_in_the_end() -> None:
    births = Births()
    for number in range(10 * REMEMBERED):
        assert births.take("a", Birth(str(number), 1, number)) is None
    assert len(births._of["a"]) == REMEMBERED


def test_machines_are_told_apart_by_what_is_known() -> None:
    assert not is_other(NOBODY, RIGHT)
    assert is_other(RIGHT, COPY)
    assert not is_same(RIGHT, COPY)
    assert is_same(RIGHT, machine_of("reinstalled", "SN1"))
    assert is_same(machine_of("disk", None), RIGHT)
    assert not is_same(NOBODY, NOBODY)


def test_a_machine_is_read_as_it_was_written() -> None:
    for machine in (RIGHT, NOBODY, machine_of("disk", None)):
        assert read_machine(str(machine)) == machine
    for text in ("", "x/y", "/" * 1000, f"{RIGHT}\n", str(RIGHT).upper()):
        assert read_machine(text) == NOBODY
    assert "disk" not in str(RIGHT)
