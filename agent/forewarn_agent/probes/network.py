"""Errors and drops of the machine's own network interfaces."""

from pathlib import Path

from forewarn_agent.platforms import Platform, Source
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings, not_here
from forewarn_agent.probes.sysfs import parse_count, text_of
from forewarn_wire import Interface

_LIMIT = 64
_VIRTUAL: dict[Platform, tuple[str, ...]] = {
    Platform.WINDOWS: ("loopback", "vethernet", "local area connection*", "isatap", "teredo"),
    Platform.MACOS: ("lo", "gif", "stf", "awdl", "llw", "utun", "bridge", "ap", "anpi", "vmenet"),
}


def measure(surroundings: Surroundings) -> LoadParts:
    directory = surroundings.roots.sys / "class" / "net"
    # Only what hangs on a device is real; bridges, tunnels and containers' ends are not.
    names = sorted(path.name for path in directory.glob("*") if (path / "device").exists())
    return _parts([shape(name, directory / name / "statistics") for name in names])


def measure_by_psutil(surroundings: Surroundings) -> LoadParts:
    """psutil cannot tell real interfaces from virtual ones; their names can, as far as they are known."""
    virtual = _VIRTUAL[surroundings.platform]
    found = [row for row in surroundings.system.interfaces() if not row.interface.lower().startswith(virtual)]
    return _parts(found)


def _parts(found: list[Interface]) -> LoadParts:
    if not found:
        return LoadParts(unread=[not_here("network", "this machine shows no network interface of its own")])
    return LoadParts(interfaces=found[:_LIMIT])


def shape(name: str, statistics: Path) -> Interface:
    """Kernel documentation, ABI/testing/sysfs-class-net-statistics."""
    return Interface(
        interface=name[:200],
        receive_errors=parse_count(text_of(statistics / "rx_errors")),
        transmit_errors=parse_count(text_of(statistics / "tx_errors")),
        receive_dropped=parse_count(text_of(statistics / "rx_dropped")),
        transmit_dropped=parse_count(text_of(statistics / "tx_dropped")),
    )


PROBE: Probe[LoadParts] = Probe(
    "network",
    "errors and drops of each real network interface",
    "count",
    {
        Platform.LINUX: Source("/sys/class/net", measure),
        Platform.WINDOWS: Source("psutil (GetIfEntry2)", measure_by_psutil),
        Platform.MACOS: Source("psutil (NET_RT_IFLIST2)", measure_by_psutil),
    },
)
