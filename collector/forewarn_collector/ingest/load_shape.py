"""A load report to a row of numbers: which field of which series each value becomes. Pure.

Most of a fleet's reports come through here, and nearly all of them have the parts of the one before: what the values of
such a report are called, and which of them count, is looked up once for all of them.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import nan
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import astuple

from forewarn_collector.ingest.ambient import coolest, is_processor
from forewarn_collector.ingest.fields import FACTS, NO_FACTS, field_name, shared
from forewarn_collector.store.model import Point
from forewarn_wire import (
    Array,
    Battery,
    Cpu,
    Dimm,
    DiskLog,
    Fan,
    Filesystem,
    Gpu,
    Interface,
    LoadReport,
    MachineLog,
    Memory,
    Pressure,
    Temperature,
    Throttling,
    Uptime,
    Voltage,
)

_ARRAY = (
    "degraded", "members_missing", "rebuilding", "action_percent", "mismatches", "errors", "read_errors",
    "write_errors", "checksum_errors",
)  # fmt: skip
_LOAD: dict[type[msgspec.Struct], tuple[str, tuple[str, ...]]] = {
    Cpu: ("cpu", ("used_percent", "load_average_1m", "load_average_5m", "load_average_15m")),
    Memory: (
        "memory",
        (
            "total_bytes", "available_bytes", "used_percent", "swap_total_bytes", "swap_used_percent",
            "swap_in_bytes", "swap_out_bytes",
        ),
    ),
    Uptime: ("uptime", ("seconds", "unexpected_reboots")),
    Filesystem: ("filesystem", ("total_bytes", "free_bytes", "used_percent", "inodes_used_percent", "read_only")),
    Array: ("array", _ARRAY),
    Temperature: ("temperature", ("celsius", "high_celsius", "critical_celsius")),
    Fan: ("fan", ("rpm", "minimum_rpm", "pwm_percent", "alarm")),
    Voltage: ("voltage", ("volts", "minimum_volts", "maximum_volts", "alarm")),
    Dimm: ("dimm", ("corrected_errors", "uncorrected_errors")),
    Battery: (
        "battery", ("full_percent_of_design", "design_watt_hours", "design_ampere_hours", "charge_percent", "cycles"),
    ),
    Throttling: ("throttling", ("core_events", "package_events")),
    Pressure: (
        "pressure",
        ("cpu_some_percent", "memory_some_percent", "memory_full_percent", "io_some_percent", "io_full_percent"),
    ),
    Interface: ("network", ("receive_errors", "transmit_errors", "receive_dropped", "transmit_dropped")),
    Gpu: ("gpu", ("celsius", "fan_percent", "used_percent", "too_hot", "corrected_errors", "uncorrected_errors")),
    MachineLog: ("log", MachineLog.__struct_fields__),
    DiskLog: ("disk_log", DiskLog.__struct_fields__[1:]),
}  # fmt: skip
_SINGLE = attrgetter("cpu", "memory", "uptime", "throttling", "pressure", "machine_log")
_SEVERAL = attrgetter(
    "filesystems", "temperatures", "fans", "voltages", "dimms", "batteries", "interfaces", "arrays", "gpus", "disk_logs"
)
_Pick = Callable[[Sequence[Any]], tuple[Any, ...]]


class _Layout(NamedTuple):
    """The fields are one tuple object for one layout; the others say where in a report's values something stands."""

    fields: tuple[str, ...]
    fields_with_ambient: tuple[str, ...]
    values: _Pick
    incomplete: bool
    """some of the values are null"""
    filesystems: _Pick
    """mount, fstype and source of each"""
    ambient: _Pick
    """degrees of the sensors that are not a processor's"""


def load_point(report: LoadReport) -> Point:
    parts: list[Any] = []
    strung: list[Any] = []
    for part in _SINGLE(report):
        if part is not UNSET:
            parts += (part.__class__, "")
            strung += astuple(part)
    for several in _SEVERAL(report):
        if several is not UNSET:
            for part in several:
                values = astuple(part)
                parts += (part.__class__, values[0])  # its first field names it
                strung += values
    fields, with_ambient, pick, incomplete, filesystems, ambient = _layout(tuple(parts), tuple(map(type, strung)))
    row = pick(strung)
    if incomplete:
        row = tuple([nan if value is None else value for value in row])
    around = coolest(ambient(strung))
    if around is not None:
        fields, row = with_ambient, (*row, around)
    facts = NO_FACTS if report.filesystems is UNSET else _filesystem_facts(filesystems(strung))
    if report.arrays is not UNSET:
        facts = FACTS.encode(msgspec.json.decode(facts) | {"arrays": _array_facts(report.arrays)})
    if report.unread:
        facts = FACTS.encode(msgspec.json.decode(facts) | {"unread": report.unread})
    return Point(report.device, "load", "", report.sampled_at, fields, row, facts)


@lru_cache(maxsize=2048)
def _layout(parts: tuple[Any, ...], types: tuple[type[Any], ...]) -> _Layout:
    """What the values of a report's parts, strung together, are called; ``parts`` are type and name of each in turn. A
    mount or sensor that is named twice is garbled, or two have one name: the first one counts."""
    found: dict[str, int] = {}
    filesystems: list[int] = []
    ambient: list[int] = []
    start = 0
    for type_, instance in zip(parts[::2], parts[1::2], strict=True):
        prefix, names = _LOAD[type_]
        for name in names:
            found.setdefault(field_name(prefix, name, instance), start + type_.__struct_fields__.index(name))
        if type_ is Filesystem:
            filesystems += (start, start + 1, start + 2)
        elif type_ is Temperature and types[start + 1] is float and not is_processor(instance):
            ambient.append(start + 1)
        start += len(type_.__struct_fields__)
    kept = {field: column for field, column in found.items() if types[column] is not UnsetType}
    incomplete = any(types[column] is type(None) for column in kept.values())
    fields = shared(tuple(kept)), shared((*kept, "ambient.celsius"))
    return _Layout(*fields, _picker(*kept.values()), incomplete, _picker(*filesystems), _picker(*ambient))


def _picker(*columns: int) -> _Pick:
    """itemgetter gives a tuple only for two and more."""
    if len(columns) > 1:
        return itemgetter(*columns)
    return lambda values: tuple([values[column] for column in columns])


@lru_cache(maxsize=2048)
def _filesystem_facts(texts: tuple[str, ...]) -> bytes:
    mounts: dict[str, dict[str, str]] = {}
    for mount, fstype, source in zip(texts[::3], texts[1::3], texts[2::3], strict=True):
        mounts.setdefault(mount, {"fstype": fstype, "source": source})
    return FACTS.encode({"filesystems": mounts})


def _array_facts(arrays: list[Array]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for array in arrays:
        texts = {
            "array_type": array.type,
            "array_level": array.level,
            "array_state": array.state,
            "members": ", ".join(array.members),
            "failed_members": ", ".join(array.failed_members),
        }
        found.setdefault(array.name, {name: text for name, text in texts.items() if text})
    return found
