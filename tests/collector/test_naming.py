"""Which name a machine gets when it is enrolled."""

from typing import Any

import pytest

from forewarn_collector.identity.naming import Known, Refused, Wish, choose
from forewarn_wire.machine import Machine, machine_of

MINE = machine_of("mine", "SN1")
OTHER = machine_of("other", "SN2")


def known(device: str = "till-3", customer: str = "Acme", machine: Machine = MINE, **more: Any) -> Known:
    given = {"site": "", "enrolled_at": 100.0, "revoked_at": None, "reason": ""} | more
    return Known(device=device, customer=customer, machine=machine, **given)


def decide(
    *there: Known,
    device: str = "till-3",
    exact: bool = False,
    machine: Machine = MINE,
    customer: str = "Acme",
    token_at: float = 200.0,
    history: dict[str, str] | None = None,
    connected: bool = False,
) -> tuple[str, bool]:
    same = [item for item in there if set(item.machine) & set(machine) - {""}]
    names = {item.device: item for item in there}
    wish = Wish(device, exact, machine, customer, token_at)
    return choose(wish, same, names.get, (history or {}).get, lambda _name: connected)


def test_a_free_name_is_given() -> None:
    assert decide() == ("till-3", False)


def test_a_machine_that_enrols_again_keeps_its_name_whatever_its_host_name_is() -> None:
    assert decide(known(), device="localhost") == ("till-3", True)


def test_a_new_operating_system_on_the_same_board_is_the_same_machine() -> None:
    assert decide(known(), machine=machine_of("reinstalled", "SN1")) == ("till-3", True)


def test_the_same_disk_on_another_board_is_another_machine() -> None:
    name, before = decide(known(), machine=machine_of("mine", "SN9"))
    assert name.startswith("till-3-")
    assert not before


def test_a_name_that_another_machine_has_gets_an_ending() -> None:
    name, before = decide(known(machine=OTHER))
    assert (name, before) == (f"till-3-{MINE.board[:8]}", False)


def test_a_long_name_stays_a_name() -> None:
    long = "x" * 63
    name, _ = decide(known(long, machine=OTHER), device=long)
    assert len(name) == 63


def test_a_name_that_was_asked_for_by_heart_is_given_or_refused() -> None:
    with pytest.raises(Refused, match="another machine's"):
        decide(known(machine=OTHER), exact=True)


def test_a_machine_that_says_nothing_of_itself_takes_no_name_that_exists() -> None:
    with pytest.raises(Refused, match="another machine's"):
        decide(known(machine=Machine()), machine=Machine())


def test_a_stranger_with_a_token_takes_nothing_of_another_customer() -> None:
    """Not even by saying that it is the very machine."""
    name, before = decide(known(), customer="Rival")
    assert name != "till-3"
    assert not before
    with pytest.raises(Refused, match="another machine's"):
        decide(known(), customer="Rival", exact=True)


@pytest.mark.parametrize("owner", ["Rival", "unassigned"])
def test_reports_that_were_never_enrolled_belong_to_their_customer(owner: str) -> None:
    name, _ = decide(history={"till-3": owner})
    assert name != "till-3"
    assert decide(history={"till-3": "Acme"}) == ("till-3", False)


def test_a_revoked_device_needs_a_token_that_was_made_afterwards() -> None:
    gone = known(revoked_at=150.0, reason="stolen")
    with pytest.raises(Refused, match=r"revoked \(stolen\): it needs a token that was made afterwards"):
        decide(gone, token_at=150.0)
    assert decide(gone, token_at=151.0) == ("till-3", True)


def test_the_name_of_a_revoked_device_is_not_given_to_another_machine() -> None:
    gone = known(machine=Machine(), enrolled_at=None, revoked_at=150.0)
    assert decide(gone)[0] != "till-3"


def test_a_device_that_is_connected_is_not_taken_over() -> None:
    with pytest.raises(Refused, match="stop that agent first"):
        decide(known(), connected=True)


@pytest.mark.parametrize(
    "name",
    [
        "", "collector", "forewarn", "+", "#", "/", "a/b", "till-3/up", "Till-3", "till-3.", "till-3 ", " till-3",
        "till-3\n", "till-3\x00", "t\u0456ll-3", "\uff54ill-3", "till\u20103", "..", "x" * 64, "x" * 10_000, "%u",
    ],
)  # fmt: skip
def test_no_other_name_is_ever_given(name: str) -> None:
    with pytest.raises(Refused):
        decide(device=name)
