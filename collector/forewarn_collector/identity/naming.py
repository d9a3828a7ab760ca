"""Which name a machine gets, and whether it may have one that exists. Pure.

- A machine that enrols again, known by its board or else by its system, keeps its name and with it its history, if its
  token is of the same customer.
- A name that another machine has is not given away: a token is no claim to what is enrolled.
- A revoked device comes back only with a token that was made after the revocation.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from forewarn_wire import device_name_problem
from forewarn_wire.machine import Machine, is_same


class Known(NamedTuple):
    """An identity that was given before."""

    device: str
    customer: str
    site: str
    machine: Machine
    enrolled_at: float | None
    """None: never enrolled here, only revoked"""
    revoked_at: float | None
    reason: str


class Wish(NamedTuple):
    device: str
    exact: bool
    machine: Machine
    customer: str
    token_created_at: float


class Refused(ValueError):
    """The machine gets no name; the text says why and what to do."""


def choose(
    wish: Wish,
    same_machine: Sequence[Known],
    known: Callable[[str], Known | None],
    history_of: Callable[[str], str | None],
    is_connected: Callable[[str], bool],
) -> tuple[str, bool]:
    """The name, and whether it had it before. Raise Refused.

    ``same_machine``: identities that look like this machine's, the newest first; ``known``: the identity of a name;
    ``history_of``: whose reports of a name there are that was never enrolled, None for nobody's.
    """
    if problem := device_name_problem(wish.device):
        raise Refused(problem)
    own = next((item for item in same_machine if _is_own(item, wish)), None)
    if own is not None and not (wish.exact and own.device != wish.device):
        _check_return(own, wish, is_connected)
        return own.device, True
    if _is_free(wish.device, wish, known, history_of):
        return wish.device, False
    if wish.exact:
        raise Refused(f"the name {wish.device!r} is another machine's: choose another with --device")
    other = f"{wish.device[:54]}-{_mark(wish.machine)}"
    if not wish.machine.known or not _is_free(other, wish, known, history_of):
        raise Refused(f"the name {wish.device!r} is another machine's: choose another with --device")
    return other, False


def _is_own(item: Known, wish: Wish) -> bool:
    return item.enrolled_at is not None and item.customer == wish.customer and is_same(item.machine, wish.machine)


def _is_free(
    name: str, wish: Wish, known: Callable[[str], Known | None], history_of: Callable[[str], str | None]
) -> bool:
    """Nobody's, or this machine's own under a name that it asks for by heart."""
    there = known(name)
    if there is not None:
        return False
    owner = history_of(name)
    return owner is None or owner == wish.customer


def _check_return(own: Known, wish: Wish, is_connected: Callable[[str], bool]) -> None:
    if own.revoked_at is not None and wish.token_created_at <= own.revoked_at:
        raise Refused(f"{own.device} was revoked ({own.reason}): it needs a token that was made afterwards")
    if is_connected(own.device):
        raise Refused(f"{own.device} is connected with the identity that it has: stop that agent first")


def _mark(machine: Machine) -> str:
    return (machine.board or machine.system)[:8]
