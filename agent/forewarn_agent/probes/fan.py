"""How fast the fans turn, and how fast they are told to."""

from msgspec import UNSET, UnsetType

from forewarn_agent.platforms import Absent, Platform, Source
from forewarn_agent.probes.hwmon import Sensor, flag, sensors
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings, not_here, unreadable
from forewarn_agent.probes.sysfs import text_of
from forewarn_wire import Fan, Unread

_LIMIT = 256
# Above this a counter has run over; no fan turns so fast.
_FASTEST_RPM = 60_000


def measure(surroundings: Surroundings) -> LoadParts:
    found: list[Fan] = []
    unread: list[Unread] = []
    for sensor in sensors(surroundings.roots.sys, "fan"):
        row = shape(sensor)
        try:
            row.rpm = parse_rpm(sensor.number("input"))
        except (OSError, ValueError) as error:
            row.rpm = None
            unread.append(unreadable("fan", error, row.sensor))
        found.append(row)
    if not found:
        return LoadParts(unread=[not_here("fan", "this machine shows no fan")])
    return LoadParts(fans=found[:_LIMIT], unread=unread[:_LIMIT])


def shape(sensor: Sensor) -> Fan:
    number = sensor.prefix.removeprefix("fan")
    return Fan(
        sensor=sensor.name,
        minimum_rpm=parse_minimum(sensor.text("min")),
        pwm_percent=parse_pwm(text_of(sensor.chip / f"pwm{number}"), text_of(sensor.chip / f"pwm{number}_enable")),
        alarm=flag([sensor.text("alarm"), sensor.text("min_alarm"), sensor.text("fault")]),
    )


def parse_rpm(rpm: int) -> float:
    """Revolutions per minute. Raise ValueError for what no fan can have."""
    if not 0 <= rpm <= _FASTEST_RPM:
        raise ValueError(f"{rpm} rpm is no fan")
    return float(rpm)


def parse_minimum(text: str) -> float | UnsetType:
    """The chip's lower limit; 0 is how it says that there is none."""
    return float(text) if text.isdecimal() and 0 < int(text) <= _FASTEST_RPM else UNSET


def parse_pwm(text: str, enable: str) -> float | UnsetType:
    """pwm<n> is 0 to 255. Where pwm<n>_enable is 0 the fan is not controlled and runs at full speed.

    The kernel does not promise that pwm<n> drives fan<n>; on nearly all boards it does.
    """
    if not text.isdecimal() or int(text) > 255:
        return UNSET
    return 100.0 if enable == "0" else round(int(text) / 2.55, 1)


PROBE: Probe[LoadParts] = Probe(
    "fan",
    "fans: speed, how fast they are told to turn, the chip's limit and alarm",
    "rpm; percent",
    {
        Platform.LINUX: Source("/sys/class/hwmon", measure),
        Platform.WINDOWS: Absent("Windows has no way to ask for fan speeds: Win32_Fan is empty on nearly all machines"),
        Platform.MACOS: Absent("macOS tells fan speeds to root only (powermetrics)"),
    },
)
