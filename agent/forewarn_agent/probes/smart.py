"""The disks' own view of their health, one report per disk."""

from forewarn_agent.probes.reading import Surroundings
from forewarn_wire import SmartReport


def measure(surroundings: Surroundings) -> list[SmartReport]:
    return surroundings.read_disks()
