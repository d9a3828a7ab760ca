"""How much work waits for processor, memory and disks: pressure stall information."""

from forewarn_agent.platforms import Absent, Platform, Source
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings, not_here
from forewarn_agent.probes.sysfs import text_of
from forewarn_wire import Pressure


def measure(surroundings: Surroundings) -> LoadParts:
    directory = surroundings.roots.proc / "pressure"
    if not directory.exists():
        return LoadParts(unread=[not_here("pressure", "no pressure stall information: Linux 4.20 or newer has it")])
    said = {name: parse(text_of(directory / name)) for name in ("cpu", "memory", "io")}
    if not any(said.values()):
        return LoadParts(unread=[not_here("pressure", "pressure stall information is switched off in this kernel")])
    return LoadParts(pressure=shape(said))


def parse(text: str) -> dict[str, float]:
    """``some avg10=0.00 avg60=0.00 avg300=1.25 total=1234``: the share of five minutes, for some and for full."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        kind, *words = line.split() or [""]
        for word in words:
            name, _, value = word.partition("=")
            if name == "avg300":
                try:
                    share = float(value)
                except ValueError:
                    continue
                if 0 <= share <= 100:
                    found[kind] = share
    return found


def shape(said: dict[str, dict[str, float]]) -> Pressure:
    """For processors there is no full: some task always runs."""
    return Pressure(
        cpu_some_percent=said["cpu"].get("some"),
        memory_some_percent=said["memory"].get("some"),
        memory_full_percent=said["memory"].get("full"),
        io_some_percent=said["io"].get("some"),
        io_full_percent=said["io"].get("full"),
    )


PROBE: Probe[LoadParts] = Probe(
    "pressure",
    "share of five minutes in which work waited for processor, memory or disks",
    "percent",
    {
        Platform.LINUX: Source("/proc/pressure", measure),
        Platform.WINDOWS: Absent("Windows does not measure how long work waits"),
        Platform.MACOS: Absent("macOS does not measure how long work waits"),
    },
)
