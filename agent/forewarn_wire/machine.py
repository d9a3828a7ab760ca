"""Which machine speaks: two digests by which a copied disk is told from the machine that it was copied from.

They travel with enrolment and renewal, and as the MQTT user property ``machine`` of CONNECT. Both are digests, because
machine-id(5) asks that the id itself is not shown to others.
"""

import hashlib
import re
from typing import NamedTuple

PROPERTY = "machine"
_DIGEST_CHARACTERS = 16
_TEXT = re.compile(r"([0-9a-f]{16})?/([0-9a-f]{16})?", re.ASCII)


class Machine(NamedTuple):
    """``system``: of the operating system's machine id; ``board``: of the maker's serial number. "" is not known."""

    system: str = ""
    board: str = ""

    def __str__(self) -> str:
        return f"{self.system}/{self.board}"

    @property
    def known(self) -> bool:
        return bool(self.system or self.board)


def machine_of(machine_id: str | None, serial: str | None) -> Machine:
    return Machine(_digest("system", machine_id), _digest("board", serial))


def read_machine(text: str) -> Machine:
    """What ``str`` of a machine wrote; of anything else nothing is known."""
    found = _TEXT.fullmatch(text)
    return Machine(found[1] or "", found[2] or "") if found else Machine()


def is_other(one: Machine, other: Machine) -> bool:
    """Whether these are surely two machines: what is not known tells nothing apart."""
    return any(a and b and a != b for a, b in zip(one, other, strict=True))


def is_same(one: Machine, other: Machine) -> bool:
    """Whether something says that these are one machine: the board, or with no board known the system."""
    if one.board and other.board:
        return one.board == other.board
    return bool(one.system) and one.system == other.system


def _digest(what: str, text: str | None) -> str:
    return hashlib.sha256(f"forewarn {what} {text}".encode()).hexdigest()[:_DIGEST_CHARACTERS] if text else ""
