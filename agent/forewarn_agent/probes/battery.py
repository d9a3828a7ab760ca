"""How much a battery still holds of what it was made for."""

from pathlib import Path

from msgspec import UNSET

from forewarn_agent import macos, windows
from forewarn_agent.platforms import Platform, Source
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings, ask, not_here
from forewarn_agent.probes.sysfs import text_of
from forewarn_wire import Battery

_LIMIT = 16


def measure(surroundings: Surroundings) -> LoadParts:
    """Batteries that the machine runs on (kernel documentation, ABI/testing/sysfs-class-power)."""
    supplies = sorted((surroundings.roots.sys / "class" / "power_supply").glob("*"))
    return _parts([shape(supply.name, read(supply)) for supply in supplies if _is_own(supply)])


def measure_windows(surroundings: Surroundings) -> LoadParts:
    """Without a battery powercfg fails, so psutil is asked first; it knows the charge, which powercfg does not."""
    charge = surroundings.system.charge_percent()
    if charge is None:
        return _parts([])

    def read_report() -> LoadParts:
        found = windows.parse_battery_report(surroundings.commands.output(windows.BATTERY_REPORT))
        if len(found) == 1:
            found[0].charge_percent = charge
        return _parts(found)

    return ask("battery", read_report)


def measure_macos(surroundings: Surroundings) -> LoadParts:
    return ask("battery", lambda: _parts(macos.parse_batteries(surroundings.commands.output(macos.BATTERY))))


def _parts(found: list[Battery]) -> LoadParts:
    if not found:
        return LoadParts(unread=[not_here("battery", "this machine runs on no battery")])
    return LoadParts(batteries=found[:_LIMIT])


def _is_own(supply: Path) -> bool:
    """A mouse or headset has a battery of its own (scope Device); an empty bay is no battery."""
    return (
        text_of(supply / "type") == "Battery"
        and text_of(supply / "scope") != "Device"
        and text_of(supply / "present") != "0"
    )


def read(supply: Path) -> dict[str, int]:
    """The numbers of one power supply by file name; what is not there, or no number, is left out."""
    names = ("energy_full", "energy_full_design", "charge_full", "charge_full_design", "capacity", "cycle_count")
    texts = {name: text_of(supply / name) for name in names}
    return {name: int(text) for name, text in texts.items() if text.isdecimal() and len(text) < 19}


def shape(name: str, found: dict[str, int]) -> Battery:
    """Energy in microwatt-hours or charge in microampere-hours; the battery counts in one of them.

    A full capacity of 0 is a gauge that does not answer; 0 cycles is how firmware says that it does not count.
    """
    battery = Battery(battery=name[:200], full_percent_of_design=None)
    for unit in ("energy", "charge"):
        full, design = found.get(f"{unit}_full"), found.get(f"{unit}_full_design")
        if full and design:
            battery.full_percent_of_design = round(100 * full / design, 1)
            if unit == "energy":
                battery.design_watt_hours = design / 1e6
            else:
                battery.design_ampere_hours = design / 1e6
            break
    battery.charge_percent = float(found["capacity"]) if found.get("capacity", 101) <= 100 else UNSET
    battery.cycles = found.get("cycle_count") or UNSET
    return battery


PROBE: Probe[LoadParts] = Probe(
    "battery",
    "batteries: full capacity against design, charge, cycles",
    "percent; Wh or Ah; count",
    {
        Platform.LINUX: Source("/sys/class/power_supply", measure),
        Platform.WINDOWS: Source("powercfg /batteryreport /xml, psutil (charge)", measure_windows),
        Platform.MACOS: Source("ioreg, AppleSmartBattery", measure_macos),
    },
)
