"""What is known about a component beside its numbers: from the series' facts, the inventory and the directory."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec

from forewarn_collector.directory import Directory, Whose
from forewarn_collector.store.about import About, about
from forewarn_collector.store.model import Series
from forewarn_collector.store.reader import Reader
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change, Key, Kind
from forewarn_rules.model import PART_LABEL
from forewarn_rules.rule import DEVICE, TAG_SEPARATOR

Facts = dict[str, Any]

# Which series of the store a component's facts stand in.
SERIES_KIND = {Kind.DISK: "smart", Kind.PRESENCE: "smart"}
# Rows of load reports that are about a disk, which says who it is in reports of its own.
_FACTS_OF_DISKS = {**SERIES_KIND, Kind.DISK_LOG: "smart"}
_WITH_FACTS = {Kind.FILESYSTEM, Kind.ARRAY, *_FACTS_OF_DISKS}


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


class Known(NamedTuple):
    """What is known of a device, by which to tell whether anything new is."""

    mark: int
    whose: Whose


class FactBook:
    """Looks facts up in the journal. They are read anew at every report, of all devices of a step together, and
    labels are made of them only when they have changed, which is rare."""

    def __init__(self, reader: Reader, directory: Directory) -> None:
        self._reader = reader
        self._directory = directory
        self._series: dict[int, Series] = {}
        self._known: dict[str, Known] = {}
        self._read: dict[str, About] = {}
        self._inventories: dict[str, Facts] = {}

    def series(self, number: int) -> Series:
        """Without its facts, which change."""
        found = self._series.get(number)
        if found is None:
            found = self._reader.series(number)
            if found is None:
                raise LookupError(f"a row of series {number}, which is not in the journal")
            device, kind = sys.intern(found.device), sys.intern(found.kind)
            found = self._series[number] = found._replace(device=device, kind=kind, facts=b"")
        return found

    @contextmanager
    def reading(self, devices: Iterable[str]) -> Iterator[None]:
        """Read what is known of these devices, and answer from it until the end."""
        self._read = about(self._reader, devices)
        try:
            for device in self._read:
                self._note(device)
            yield
        finally:
            self._read, self._inventories = {}, {}

    def told(self, device: str) -> Known:
        """As it was read last; the same object while nothing else was read."""
        return self._known.get(device) or self._note(device)

    def stale(self, devices: Iterable[str]) -> list[str]:
        """Those that were not read yet, or that are somebody else's since."""
        known, whose = self._known, self._directory.whose
        return [device for device in devices if device not in known or known[device].whose != whose(device)]

    def labels(self, kind: Kind, key: Key) -> dict[str, str | float]:
        facts = self._facts(kind, key) if kind in _WITH_FACTS else {}
        return labels_of(kind, key, facts, self._inventory(key[0]), self._directory)

    def part(self, kind: Kind, key: Key) -> Part:
        """What a ticket about this component is keyed by. A machine without a serial number goes by its name."""
        device, name = key
        serial = str(inventory_of(self._reader.birth(device)).get("serial") or device)
        return Part(device, serial, name, self._directory.whose(device))

    def parts_of(self, changes: Iterable[Change]) -> list[tuple[Change, Part]]:
        """Each with the component that changed, or its device where the ticket is about the whole of it."""
        told = list(changes)
        self._directory.look_again(change.key[0] for change in told)
        return [
            (change, self.part(change.kind, (change.key[0], "") if change.about == DEVICE else change.key))
            for change in told
        ]

    def _note(self, device: str) -> Known:
        found = self._read.get(device) or about(self._reader, [device])[device]
        now = Known(hash((found.birth, *sorted(found.facts.items()))), self._directory.whose(device))
        known = self._known.get(device)
        if known != now:
            known = self._known[device] = now
        return known

    def _facts(self, kind: Kind, key: Key) -> Facts:
        device, name = key
        of_disk = kind in _FACTS_OF_DISKS
        where = ("smart", name) if of_disk else ("load", "")
        if device in self._read:
            return decode_facts(self._read[device].facts.get(where))
        found = self._reader.find_series(device, *where)
        return {} if found is None else decode_facts(found.facts)

    def _inventory(self, device: str) -> Facts:
        """Decoded once in a reading, for all components of a device."""
        if device not in self._read:
            return inventory_of(self._reader.birth(device))
        if device not in self._inventories:
            self._inventories[device] = inventory_of(self._read[device].birth)
        return self._inventories[device]
