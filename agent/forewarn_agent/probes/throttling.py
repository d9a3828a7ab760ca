"""How often the processors slowed down because they were too hot."""

from pathlib import Path

from forewarn_agent.platforms import Absent, Platform, Source
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings, not_here
from forewarn_agent.probes.sysfs import parse_count, text_of
from forewarn_wire import Throttling


def measure(surroundings: Surroundings) -> LoadParts:
    directory = surroundings.roots.sys / "devices" / "system" / "cpu"
    rows = [read(path.parent) for path in directory.glob("cpu[0-9]*/thermal_throttle")]
    if not rows:
        return LoadParts(unread=[not_here("throttling", "the kernel counts it on Intel processors only")])
    return LoadParts(throttling=shape(rows))


def read(cpu: Path) -> dict[str, str]:
    """The texts of one logical processor, by what they say."""
    places = {
        "package": "topology/physical_package_id",
        "core": "topology/core_id",
        "core_events": "thermal_throttle/core_throttle_count",
        "package_events": "thermal_throttle/package_throttle_count",
    }
    return {name: text_of(cpu / place) for name, place in places.items()}


def shape(rows: list[dict[str, str]]) -> Throttling:
    """Logical processors of one core, and cores of one package, show the same count; each counts once."""
    cores: dict[tuple[str, str], int] = {}
    packages: dict[str, int] = {}
    for row in rows:
        core, package = (row["package"], row["core"]), row["package"]
        core_events, package_events = parse_count(row["core_events"]), parse_count(row["package_events"])
        if core_events is not None:
            cores[core] = max(cores.get(core, 0), core_events)
        if package_events is not None:
            packages[package] = max(packages.get(package, 0), package_events)
    return Throttling(
        core_events=sum(cores.values()) if cores else None,
        package_events=sum(packages.values()) if packages else None,
    )


PROBE: Probe[LoadParts] = Probe(
    "throttling",
    "times that heat slowed the processors down",
    "count",
    {
        Platform.LINUX: Source("/sys/devices/system/cpu, thermal_throttle", measure),
        Platform.WINDOWS: Absent("Windows does not count it"),
        Platform.MACOS: Absent("macOS does not count it; pmset -g therm tells only whether it is so now"),
    },
)
