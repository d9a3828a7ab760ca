"""How long the machine has been up, and how often it went down without a word."""

from forewarn_agent import system
from forewarn_agent.probes.reading import LoadParts, Surroundings
from forewarn_wire import Uptime


def measure(surroundings: Surroundings) -> LoadParts:
    report = Uptime(seconds=_seconds(surroundings))
    if surroundings.unexpected_reboots is not None:
        report.unexpected_reboots = surroundings.unexpected_reboots
    return LoadParts(uptime=report)


def _seconds(surroundings: Surroundings) -> float:
    if not system.is_linux():
        return system.uptime_seconds()
    return parse((surroundings.roots.proc / "uptime").read_text())


def parse(text: str) -> float:
    """The first number of /proc/uptime: seconds since the machine started."""
    return float(text.split()[0])
