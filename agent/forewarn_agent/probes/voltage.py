"""Supply voltages that the chip itself was given limits for. A voltage without limits says nothing to anybody."""

from forewarn_agent.platforms import Absent, Platform, Source
from forewarn_agent.probes.hwmon import Sensor, flag, sensors
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings, not_here, unreadable
from forewarn_wire import Unread, Voltage

_LIMIT = 256


def measure(surroundings: Surroundings) -> LoadParts:
    found: list[Voltage] = []
    unread: list[Unread] = []
    for sensor in sensors(surroundings.roots.sys, "in"):
        row = shape(sensor)
        if row is None:
            continue
        try:
            row.volts = sensor.number("input") / 1000
        except (OSError, ValueError) as error:
            row.volts = None
            unread.append(unreadable("voltage", error, row.sensor))
        found.append(row)
    if not found:
        return LoadParts(unread=[not_here("voltage", "no sensor chip has limits for a voltage")])
    return LoadParts(voltages=found[:_LIMIT], unread=unread[:_LIMIT])


def shape(sensor: Sensor) -> Voltage | None:
    """The sensor without its reading; None where its limits were never set (both 0, or the lower not below the
    upper): then its alarm means nothing either."""
    limits = parse_limits(sensor.text("min") or sensor.text("lcrit"), sensor.text("max") or sensor.text("crit"))
    if limits is None:
        return None
    return Voltage(
        sensor=sensor.name,
        minimum_volts=limits[0],
        maximum_volts=limits[1],
        alarm=flag([sensor.text(f"{kind}alarm") for kind in ("", "min_", "max_", "lcrit_", "crit_")]),
    )


def parse_limits(lower: str, upper: str) -> tuple[float, float] | None:
    """Millivolts as volts, or None for limits that nobody has set."""
    try:
        low, high = int(lower) / 1000, int(upper) / 1000
    except ValueError:
        return None
    return (low, high) if low < high and low != 0 else None


PROBE: Probe[LoadParts] = Probe(
    "voltage",
    "supply voltages that the chip has limits for",
    "volts",
    {
        Platform.LINUX: Source("/sys/class/hwmon", measure),
        Platform.WINDOWS: Absent("Windows has no way to ask the board for voltages"),
        Platform.MACOS: Absent("macOS tells voltages to root only (powermetrics)"),
    },
)
