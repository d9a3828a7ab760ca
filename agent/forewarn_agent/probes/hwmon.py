"""How sensors lie below /sys/class/hwmon (kernel documentation, hwmon/sysfs-interface)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from forewarn_agent.probes.sysfs import by_number, text_of


class Sensor(NamedTuple):
    """One input of a chip: ``chip / f"{prefix}_input"`` holds its reading."""

    name: str
    chip: Path
    prefix: str

    def text(self, suffix: str) -> str:
        """What stands in one of its files, "" where there is none or it cannot be read."""
        return text_of(self.chip / f"{self.prefix}_{suffix}")

    def number(self, suffix: str) -> int:
        """Raise OSError or ValueError."""
        return int((self.chip / f"{self.prefix}_{suffix}").read_text())


def sensors(sys: Path, what: str) -> Iterator[Sensor]:
    """Every input of the kind ``what`` (``temp``, ``fan``, ``in``), in the kernel's order."""
    wanted = re.compile(rf"{what}\d+_input")
    for chip in sorted((sys / "class" / "hwmon").glob("hwmon*"), key=by_number):
        inputs = [path for path in chip.glob(f"{what}*_input") if wanted.fullmatch(path.name)]
        for path in sorted(inputs, key=by_number):
            prefix = path.name.removesuffix("_input")
            label = text_of(chip / f"{prefix}_label") or prefix
            yield Sensor(sensor_name(text_of(chip / "name"), label, device_name(chip / "device")), chip, prefix)


def flag(texts: list[str]) -> bool | UnsetType:
    """Alarm files hold 0 or 1; one that is set is enough. UNSET where the chip has none of them."""
    said = [text for text in texts if text in ("0", "1")]
    return "1" in said if said else UNSET


def sensor_name(chip: str, label: str, device: str) -> str:
    """``coretemp Core 0 (coretemp.0)``: the device tells two equal chips apart and stays over a restart."""
    name = f"{chip or 'unknown'} {label}"
    return (f"{name} ({device})" if device else name)[:200]


def device_name(link: Path) -> str:
    return link.resolve().name if link.is_symlink() else ""
