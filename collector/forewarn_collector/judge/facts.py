"""What is known about a component beside its numbers: from the series' facts, the inventory and the directory."""

import time
from typing import Any

import msgspec

from forewarn_collector.directory import Directory
from forewarn_collector.store.model import Series
from forewarn_collector.store.reader import Reader
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change, Key, Kind
from forewarn_rules.model import PART_LABEL
from forewarn_rules.rule import DEVICE, TAG_SEPARATOR

Facts = dict[str, Any]

REMEMBER_SECONDS = 10.0
# The components of a device come shortly after one another, and share what is read of it.
SHARED_SECONDS = 1.0

# Which series of the store a component's facts stand in.
SERIES_KIND = {Kind.DISK: "smart", Kind.PRESENCE: "smart"}
# Rows of load reports that are about a disk, which says who it is in reports of its own.
_FACTS_OF_DISKS = {**SERIES_KIND, Kind.DISK_LOG: "smart"}


def decode_facts(facts: bytes | None) -> Facts:
    decoded = msgspec.json.decode(facts) if facts else {}
    return decoded if isinstance(decoded, dict) else {}


def inventory_of(birth: bytes | None) -> Facts:
    inventory = decode_facts(birth).get("inventory")
    return inventory if isinstance(inventory, dict) else {}


def labels_of(kind: Kind, key: Key, facts: Facts, inventory: Facts, directory: Directory) -> dict[str, str | float]:
    """The labels that rules select by and texts name. A label that is not known is left out. Pure."""
    device, part = key
    whose = directory.whose(device)
    found: dict[str, Any] = {"device": device, "customer": whose.customer, "site": whose.site}
    found |= {name: inventory.get(name) for name in ("chassis", "hostname")}
    if whose.tags:
        found["tags"] = TAG_SEPARATOR.join(whose.tags)
    if kind is Kind.FILESYSTEM:
        found |= {"mount": part, **facts.get("filesystems", {}).get(part, {})}
    elif kind is Kind.ARRAY:
        found |= {"array": part, **facts.get("arrays", {}).get(part, {})}
    elif kind in _FACTS_OF_DISKS:
        disk = facts.get("disk", {})
        found |= {"disk": part, "disk_kind": disk.get("kind", "unknown")}
        found |= {name: disk.get(name) for name in ("serial", "model", "firmware", "slot", "capacity_bytes")}
        if kind is Kind.DISK_LOG and not disk:
            found["slot"] = part.removeprefix("slot:")
    elif name_of_part := PART_LABEL[kind]:
        found[name_of_part] = part
    return {name: value for name, value in found.items() if isinstance(value, str | float | int)}


class FactBook:
    """Looks facts up in the journal. Labels are remembered for a few seconds: rules ask for them at every report,
    and they change rarely."""

    def __init__(self, reader: Reader, directory: Directory) -> None:
        self._reader = reader
        self._directory = directory
        self._series: dict[int, Series] = {}
        self._labels: dict[tuple[Kind, Key], tuple[float, dict[str, str | float]]] = {}
        self._read: dict[tuple[str, ...], Facts] = {}
        self._read_until = 0.0

    def series(self, number: int) -> Series:
        found = self._series.get(number)
        if found is None:
            found = self._reader.series(number)
            if found is None:
                raise LookupError(f"a row of series {number}, which is not in the journal")
            self._series[number] = found
        return found

    def labels(self, kind: Kind, key: Key) -> dict[str, str | float]:
        known = self._labels.get((kind, key))
        now = time.monotonic()
        if known is None or now > known[0]:
            found = labels_of(kind, key, self._facts(kind, key), self._inventory(key[0]), self._directory)
            if known is not None and found == known[1]:
                found = known[1]  # the engine looks again only at another one
            known = self._labels[kind, key] = (now + REMEMBER_SECONDS, found)
        return known[1]

    def part(self, kind: Kind, key: Key) -> Part:
        """What a ticket about this component is keyed by. A machine without a serial number goes by its name."""
        device, name = key
        serial = str(inventory_of(self._reader.birth(device)).get("serial") or device)
        return Part(device, serial, name, self._directory.whose(device))

    def part_of(self, change: Change) -> Part:
        """The component that changed, or its device where the ticket is about the whole of it."""
        return self.part(change.kind, (change.key[0], "") if change.about == DEVICE else change.key)

    def _facts(self, kind: Kind, key: Key) -> Facts:
        read = self._lately_read()
        where = (key[0], _FACTS_OF_DISKS.get(kind, "load"), key[1] if kind in _FACTS_OF_DISKS else "")
        if where not in read:
            found = self._reader.find_series(*where)
            if found is None:
                return {}  # it may come in the next moment
            read[where] = decode_facts(found.facts)
        return read[where]

    def _inventory(self, device: str) -> Facts:
        read = self._lately_read()
        if (device,) not in read:
            birth = self._reader.birth(device)
            if birth is None:
                return {}
            read[(device,)] = inventory_of(birth)
        return read[(device,)]

    def _lately_read(self) -> dict[tuple[str, ...], Facts]:
        if (now := time.monotonic()) > self._read_until:
            self._read.clear()
            self._read_until = now + SHARED_SECONDS
        return self._read
