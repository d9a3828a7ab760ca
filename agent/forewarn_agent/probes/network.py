"""Errors and drops of the machine's own network interfaces."""

from pathlib import Path

from forewarn_agent import system
from forewarn_agent.probes.reading import LoadParts, Surroundings, not_here
from forewarn_agent.probes.sysfs import parse_count, text_of
from forewarn_wire import Interface

_LIMIT = 64


def measure(surroundings: Surroundings) -> LoadParts:
    if system.is_linux():
        directory = surroundings.roots.sys / "class" / "net"
        # Only what hangs on a device is real; bridges, tunnels and containers' ends are not.
        names = sorted(path.name for path in directory.glob("*") if (path / "device").exists())
        found = [shape(name, directory / name / "statistics") for name in names]
    else:
        found = system.interfaces()
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
