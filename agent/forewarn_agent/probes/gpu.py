"""Graphics processors of NVIDIA, which have no hwmon; those of AMD and Intel are among the temperatures.

nvidia-smi --help-query-gpu. It is asked only where its driver is loaded and no processor sleeps: the question would
wake it.
"""

from pathlib import Path

from msgspec import UNSET, UnsetType

from forewarn_agent.commands import Command
from forewarn_agent.platforms import Absent, Platform, Source
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings, ask, not_here
from forewarn_agent.probes.sysfs import parse_count, text_of
from forewarn_wire import Gpu, Outcome, Unread

_LIMIT = 64
_NVIDIA, _DISPLAY = "0x10de", "0x03"
FIELDS = (
    "name", "pci.bus_id", "temperature.gpu", "fan.speed", "utilization.gpu",
    "clocks_throttle_reasons.hw_thermal_slowdown", "clocks_throttle_reasons.sw_thermal_slowdown",
    "ecc.errors.corrected.volatile.total", "ecc.errors.uncorrected.volatile.total",
)  # fmt: skip
NVIDIA_SMI = Command(
    "nvidia-smi", ("nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits"), 20.0, 300.0
)


def measure(surroundings: Surroundings) -> LoadParts:
    if not (surroundings.roots.proc / "driver" / "nvidia" / "version").exists():
        return LoadParts(unread=[not_here("gpu", "no NVIDIA driver is loaded; other makers' sensors are in hwmon")])
    if asleep(surroundings.roots.sys):
        detail = "a graphics processor sleeps and was not woken"
        return LoadParts(unread=[Unread(probe="gpu", outcome=Outcome.STANDBY, detail=detail)])
    return measure_nvidia(surroundings)


def measure_nvidia(surroundings: Surroundings) -> LoadParts:
    return ask("gpu", lambda: _parts(parse(surroundings.commands.output(NVIDIA_SMI))))


def _parts(found: list[Gpu]) -> LoadParts:
    return LoadParts(gpus=found[:_LIMIT]) if found else LoadParts(unread=[not_here("gpu", "nvidia-smi lists none")])


def asleep(sys: Path) -> bool:
    """Whether a display controller of NVIDIA is suspended (ABI/testing/sysfs-devices-power, runtime_status)."""
    devices = (sys / "bus" / "pci" / "devices").glob("*")
    return any(
        text_of(device / "power" / "runtime_status") == "suspended"
        for device in devices
        if text_of(device / "vendor") == _NVIDIA and text_of(device / "class").startswith(_DISPLAY)
    )


def parse(output: str) -> list[Gpu]:
    """A line for each; what it cannot say is ``[N/A]`` or ``[Not Supported]``. Raise ValueError for anything else."""
    rows = [[word.strip() for word in line.split(",")] for line in output.splitlines() if line.strip()]
    if any(len(row) != len(FIELDS) for row in rows):
        raise ValueError(f"nvidia-smi says something else: {output.strip()[:200]!r}")
    return [shape(dict(zip(FIELDS, row, strict=True))) for row in rows]


def shape(said: dict[str, str]) -> Gpu:
    """The temperature is null where it is not a number: every one of these processors has a sensor."""
    slowed = [said[name] for name in FIELDS if name.endswith("thermal_slowdown")]
    celsius = _number(said["temperature.gpu"])
    return Gpu(
        gpu=f"{said['name']} ({said['pci.bus_id']})"[:200],
        celsius=None if celsius is UNSET else celsius,
        fan_percent=_number(said["fan.speed"]),
        used_percent=_number(said["utilization.gpu"]),
        too_hot="Active" in slowed if {"Active", "Not Active"}.intersection(slowed) else UNSET,
        corrected_errors=_count(said["ecc.errors.corrected.volatile.total"]),
        uncorrected_errors=_count(said["ecc.errors.uncorrected.volatile.total"]),
    )


def _number(word: str) -> float | UnsetType:
    return float(word) if word.isdecimal() and len(word) < 6 else UNSET


def _count(word: str) -> int | UnsetType:
    found = parse_count(word)
    return UNSET if found is None else found


PROBE: Probe[LoadParts] = Probe(
    "gpu",
    "NVIDIA graphics processors: temperature, fan, use, slowed down by heat, memory errors",
    "degrees Celsius; percent; count",
    {
        Platform.LINUX: Source("nvidia-smi", measure),
        Platform.WINDOWS: Source("nvidia-smi", measure_nvidia),
        Platform.MACOS: Absent("macOS has no driver for NVIDIA, and tells other temperatures to root only"),
    },
)
