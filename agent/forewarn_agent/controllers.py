"""RAID controllers whose disks smartctl's scan does not list, from sysfs, and the types to try for each.

The kernel names the driver of every SCSI host; smartctl(8), option -d, says through which device and with which
numbers the disks behind it are asked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# SCSI peripheral device types (SPC-4): a processor is Areca's way in, an array controller HP's.
_PROCESSOR, _ARRAY_CONTROLLER = "3", "12"


@dataclass(frozen=True)
class Controller:
    """``device`` is what smartctl opens. The types of one group are tried in turn; a later group only when nothing
    answered in the earlier ones."""

    device: str
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class _Host:
    """``nodes`` are (peripheral type, generic device or None, block device or None) of its addresses in order;
    ``turn`` counts the hosts of the same driver from 0."""

    number: int
    driver: str
    turn: int
    nodes: tuple[tuple[str, str | None, str | None], ...]

    def generic(self, type_: str) -> str | None:
        return next((f"/dev/{generic}" for found, generic, _ in self.nodes if found == type_ and generic), None)

    def block(self) -> str | None:
        return next((f"/dev/{block}" for _, _, block in self.nodes if block), None)


def _numbered(text: str, numbers: range) -> tuple[str, ...]:
    return tuple(text.format(number) for number in numbers)


def _3ware(node: str, ports: int) -> Callable[[_Host], Controller | None]:
    return lambda host: Controller(f"/dev/{node}{host.turn}", (_numbered("3ware,{}", range(ports)),))


def _areca(host: _Host) -> Controller | None:
    device = host.generic(_PROCESSOR)
    slots = _numbered("areca,{}", range(1, 25))
    # A SAS controller wants the enclosure too: 1 is itself, 2 the first expander.
    enclosures = tuple(_numbered("areca,{}/" + str(enclosure), range(1, 25)) for enclosure in (1, 2))
    return Controller(device, (slots, enclosures[0] + enclosures[1])) if device else None


def _cciss(host: _Host) -> Controller | None:
    device = host.generic(_ARRAY_CONTROLLER)
    return Controller(device, (_numbered("cciss,{}", range(16)),)) if device else None


def _aacraid(host: _Host) -> Controller | None:
    device = host.block()
    return Controller(device, (_numbered(f"aacraid,{host.number},0," + "{}", range(16)),)) if device else None


def _hpt(host: _Host) -> Controller | None:
    device = host.block()
    channels = _numbered(f"hpt,{host.turn + 1}/" + "{}", range(1, 9))
    ports = tuple(f"{channel}/{port}" for channel in channels for port in range(1, 5))
    return Controller(device, (channels, ports)) if device else None


def _megaraid(host: _Host) -> Controller | None:
    return Controller(f"/dev/bus/{host.number}", (_numbered("megaraid,{}", range(32)),))


_DRIVERS: tuple[tuple[re.Pattern[str], Callable[[_Host], Controller | None]], ...] = (
    (re.compile(r"3w-xxxx"), _3ware("twe", 16)),
    (re.compile(r"3w-9xxx"), _3ware("twa", 32)),
    (re.compile(r"3w-sas"), _3ware("twl", 32)),
    (re.compile(r"arcmsr"), _areca),
    (re.compile(r"hpsa|hpahcisr"), _cciss),
    (re.compile(r"aacraid"), _aacraid),
    (re.compile(r"hpt\w*|rr\w+"), _hpt),
    (re.compile(r"megaraid_sas"), _megaraid),
)


def read_controllers(sys: Path) -> list[Controller]:
    """The controllers that the kernel below ``sys`` drives, in the order of their hosts; none where there are none."""
    found = []
    turns: dict[str, int] = {}
    for number, driver in _drivers(sys):
        make = next((make for pattern, make in _DRIVERS if pattern.fullmatch(driver)), None)
        if make is not None:
            turn = turns.setdefault(driver, 0)
            turns[driver] += 1
            controller = make(_Host(number, driver, turn, _nodes(sys, number)))
            if controller is not None:
                found.append(controller)
    return found + [
        # The driver before hpsa is no SCSI host; its first volume is the way in.
        Controller(f"/dev/cciss/{entry.name[len('cciss!') :]}", (_numbered("cciss,{}", range(16)),))
        for entry in sorted((sys / "block").glob("cciss!c*d0"))
    ]


def _drivers(sys: Path) -> list[tuple[int, str]]:
    hosts = ((entry.name.removeprefix("host"), entry) for entry in (sys / "class" / "scsi_host").glob("host*"))
    return sorted((int(number), _line(entry / "proc_name")) for number, entry in hosts if number.isdigit())


def _nodes(sys: Path, host: int) -> tuple[tuple[str, str | None, str | None], ...]:
    entries = (sys / "bus" / "scsi" / "devices").glob(f"{host}:*:*:*")
    return tuple(
        (_line(entry / "type"), _first(entry / "scsi_generic"), _first(entry / "block")) for entry in sorted(entries)
    )


def _first(directory: Path) -> str | None:
    return min((entry.name for entry in directory.glob("*")), default=None)


def _line(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
