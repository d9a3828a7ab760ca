"""A line for every device: put together once, and again when something of what it says has changed."""

import math
from functools import lru_cache
from typing import NamedTuple

from forewarn_collector.api.views import DeviceLine
from forewarn_collector.directory import Whose
from forewarn_collector.judge.facts import decode_facts, inventory_of
from forewarn_collector.store.device_clock import clock_can_be_right
from forewarn_collector.store.earlier import columns_of
from forewarn_collector.store.model import DeviceRow, Newest


class Known(NamedTuple):
    """What a line says beside the newest load. ``disks_unknown``: that could not be read."""

    row: DeviceRow
    whose: Whose
    disks: int
    disks_unknown: int
    level: str
    tickets: int


class DeviceLines:
    """Any thread. Of 10,000 devices few have changed since somebody asked last."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Known, Newest | None, DeviceLine]] = {}

    def line(self, known: Known, load: Newest | None) -> DeviceLine:
        made = self._made.get(known.row.name)
        if made is None or made[1] is not load or made[0] != known:
            made = self._made[known.row.name] = (known, load, line_of(known, load))
        return made[2]


def line_of(known: Known, load: Newest | None) -> DeviceLine:
    row = known.row
    inventory = inventory_of(row.birth)
    full, mount = _greatest(load, "filesystem.used_percent")
    hot, _ = _greatest(load, "temperature.celsius")
    return DeviceLine(
        name=row.name, customer=known.whose.customer, site=known.whose.site, online=row.online,
        online_since=_since(row),
        last_received=row.last_received, reports=row.reports,
        hostname=inventory.get("hostname"), chassis=inventory.get("chassis"),
        cpu_used_percent=_greatest(load, "cpu.used_percent")[0],
        memory_used_percent=_greatest(load, "memory.used_percent")[0],
        fullest_percent=full, fullest_mount=mount, hottest_celsius=hot,
        disks=known.disks, disks_unknown=known.disks_unknown, level=known.level, tickets=known.tickets,
    )  # fmt: skip


@lru_cache(maxsize=65536)
def is_measured(facts: bytes) -> bool:
    """Whether a disk could be read, by the facts of its newest report."""
    return decode_facts(facts).get("outcome") == "measured"


def _since(row: DeviceRow) -> float | None:
    since = decode_facts(row.status).get("sampled_at") if row.online else None
    if not isinstance(since, float | int) or row.birth_received is None:
        return None
    return since if clock_can_be_right(since, row.birth_received) else row.birth_received


def _greatest(load: Newest | None, metric: str) -> tuple[float | None, str | None]:
    """Of what could be measured, and on which part."""
    if load is None:
        return None, None
    found = ((float(load.values[column]), part) for column, part in columns_of(load.fields, metric))
    return max(((value, part) for value, part in found if math.isfinite(value)), default=(None, None))
