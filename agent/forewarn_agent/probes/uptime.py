"""How long the machine has been up, and how often it went down without a word."""

from forewarn_agent import system
from forewarn_agent.platforms import Platform, Source
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings
from forewarn_wire import Uptime


def measure(surroundings: Surroundings) -> LoadParts:
    return _parts(surroundings, parse((surroundings.roots.proc / "uptime").read_text()))


def measure_by_psutil(surroundings: Surroundings) -> LoadParts:
    return _parts(surroundings, system.uptime_seconds(surroundings.system))


def _parts(surroundings: Surroundings, seconds: float) -> LoadParts:
    report = Uptime(seconds=seconds)
    if surroundings.unexpected_reboots is not None:
        report.unexpected_reboots = surroundings.unexpected_reboots
    return LoadParts(uptime=report)


def parse(text: str) -> float:
    """The first number of /proc/uptime: seconds since the machine started."""
    return float(text.split()[0])


PROBE: Probe[LoadParts] = Probe(
    "uptime",
    "time since the machine started, and restarts without an orderly stop",
    "seconds; count",
    {
        Platform.LINUX: Source("/proc/uptime, boot id", measure),
        Platform.WINDOWS: Source("psutil (boot time), BootId in the registry", measure_by_psutil),
        Platform.MACOS: Source("psutil (kern.boottime), kern.bootsessionuuid", measure_by_psutil),
    },
)
