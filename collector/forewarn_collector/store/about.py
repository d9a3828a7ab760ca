"""What the judge asks of many devices at once: what is known of them, and when they were last heard."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from forewarn_collector.store.model import CLONED
from forewarn_collector.store.reader import Reader
from forewarn_wire import CANARY

# One text for any number of devices, so that a database reads the statement once.
_AT_ONCE = 100
_THESE = f"({', '.join('?' * _AT_ONCE)})"
_BIRTHS = f"SELECT name, birth FROM device WHERE name IN {_THESE}"  # noqa: S608 - nothing but question marks
_FACTS = f"SELECT device, kind, part, facts FROM series WHERE device IN {_THESE} AND kind IN ('load', 'smart')"  # noqa: S608
_CONTACTS = """
    SELECT name, first_received / 1000.0, birth_received / 1000.0, clock_offset / 1000.0, clock_at / 1000.0, (
        SELECT MAX(last_received) FROM intake WHERE intake.device = name) / 1000.0
    FROM device WHERE name <> ? ORDER BY name"""

_CLONED = f"SELECT device, MAX(received) / 1000.0 FROM event WHERE name = '{CLONED}' GROUP BY device"  # noqa: S608 - ours


class About(NamedTuple):
    """One device: ``birth`` as in ``DeviceRow``; ``facts`` of its series of kind "load" and "smart" by (kind, part)."""

    birth: bytes | None
    facts: dict[tuple[str, str], bytes]


class Contact(NamedTuple):
    """When a device was last heard, and what is known of its clock: see ``DeviceRow``."""

    name: str
    last_received: float
    clock_offset: float | None
    clock_at: float | None
    cloned_at: float | None
    """when two machines were last noticed with its identity"""


def about(reader: Reader, devices: Iterable[str]) -> dict[str, About]:
    """What is known of these devices; nothing is known of one that never reported."""
    found: dict[str, About] = {}
    with reader.snapshot() as connection:
        for some in _in_portions(devices):
            births = dict(connection.execute(_BIRTHS, some))
            found |= {device: About(births.get(device), {}) for device in some}
            for device, kind, part, facts in connection.execute(_FACTS, some):
                found[device].facts[kind, part] = facts
    return found


def contacts(reader: Reader) -> list[Contact]:
    """All devices by name."""
    with reader.snapshot() as connection:
        cloned = dict(connection.execute(_CLONED).fetchall())
        return [
            Contact(name, max(first, born or 0.0, reported or 0.0), offset, told, cloned.get(name))
            for name, first, born, offset, told, reported in connection.execute(_CONTACTS, (CANARY,))
        ]


def newest_series(reader: Reader) -> int:
    """The greatest id of a series; 0 where there is none."""
    with reader.snapshot() as connection:
        (found,) = connection.execute("SELECT MAX(id) FROM series").fetchone()
    return int(found or 0)


def _in_portions(devices: Iterable[str]) -> Iterator[Sequence[str]]:
    """The last portion has its first device several times, which changes nothing."""
    left = iter(devices)
    while some := tuple(islice(left, _AT_ONCE)):
        yield some + some[:1] * (_AT_ONCE - len(some))
