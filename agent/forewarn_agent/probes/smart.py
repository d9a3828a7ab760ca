"""The disks' own view of their health, one report per disk."""

from forewarn_agent.platforms import Platform, Source
from forewarn_agent.probes.reading import Probe, Surroundings
from forewarn_wire import SmartReport


def measure(surroundings: Surroundings) -> list[SmartReport]:
    return surroundings.read_disks()


PROBE: Probe[list[SmartReport]] = Probe(
    "smart",
    "SMART of each disk: verdict, attributes, temperature, hours, wear, errors, self-test",
    "as each attribute says",
    {
        Platform.LINUX: Source("smartctl's JSON", measure),
        Platform.WINDOWS: Source("smartctl's JSON; disks from Get-PhysicalDisk", measure),
        Platform.MACOS: Source("smartctl's JSON; disks from diskutil", measure),
    },
)
