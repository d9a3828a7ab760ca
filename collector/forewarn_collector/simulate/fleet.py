"""Which machines there are, whose they are, and what will befall them. Pure: the same seed gives the same fleet."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from forewarn_collector.simulate.chance import draw, mixed, pick
from forewarn_collector.simulate.faults import KINDS, RHYTHM, Kind, Planted, Rhythm, fitting, plant
from forewarn_collector.simulate.hardware import GIBIBYTE, SimulatedDisk, disks_of

DEVICES_OF_A_CUSTOMER = 40
# Hours that the clocks of customers differ from UTC.
_ZONES = (-5.0, 0.0, 1.0, 8.0)
_CHASSIS = ("desktop", "laptop", "server")
_SHARES = (0.55, 0.2, 0.25)
_SHAPES = {"desktop": "office", "laptop": "office", "server": "server"}
_MEMORY = {"desktop": (8, 16, 32), "laptop": (8, 16), "server": (32, 64, 128)}
PROCESSOR = "coretemp Package id 0"
FAN = "nct6775 fan2"


class SimulatedDevice(NamedTuple):
    """``phase``: which part of each interval passes before it reports. ``rests``: fraction of full at the beginning of
    each of its ``mounts``; ``age``: seconds since its last start when the simulation began."""

    name: str
    customer: str
    site: str
    seed: int
    phase: float
    chassis: str
    shape: str
    utc_offset: float
    memory_bytes: int
    age: float
    disks: tuple[SimulatedDisk, ...]
    mounts: tuple[str, ...]
    modules: tuple[str, ...]
    has_fan: bool
    fault: Planted | None = None

    def has(self, kind: str, part: str = "") -> Planted | None:
        """The fault of this kind (of this part), if it has one."""
        fault = self.fault
        return fault if fault is not None and fault.kind == kind and part in ("", fault.part) else None


class Fleet(NamedTuple):
    """``start``: device time at which the simulation begins."""

    devices: list[SimulatedDevice]
    start: float
    rhythm: Rhythm

    @property
    def planted(self) -> list[Planted]:
        return [device.fault for device in self.devices if device.fault is not None]


def build_fleet(
    seed: int,
    devices: int,
    *,
    start: float,
    span: float,
    faulty: float = 0.05,
    kinds: Sequence[Kind] = tuple(KINDS.values()),
    rhythm: Rhythm = RHYTHM,
) -> Fleet:
    """``devices`` machines from device time ``start`` on, of which the share ``faulty`` has one fault of ``kinds``
    each, due within ``span`` seconds where that is long enough. Kinds come in turn, so a small fleet has each."""
    healthy = [_device(seed, number) for number in range(devices)]
    wanted = round(faulty * devices) if kinds else 0
    order = sorted(range(devices), key=lambda number: mixed(seed, 1, number))
    befallen: dict[int, Planted] = {}
    for turn in range(wanted):
        kind = kinds[turn % len(kinds)]
        number = next((n for n in order if n not in befallen and fitting([kind], _parts(healthy[n]))), None)
        if number is not None:
            device = healthy[number]
            parts = _parts(device)[kind.befalls]
            part = parts[pick((1.0,) * len(parts), device.seed, 3)]
            befallen[number] = plant(kind, device.name, part, device.seed, start, span, rhythm)
    told = [device._replace(fault=befallen.get(number)) for number, device in enumerate(healthy)]
    return Fleet(told, start, rhythm)


def directory(fleet: Fleet) -> list[dict[str, object]]:
    """The fleet's owners, as the ``directory`` of a configuration file."""
    patterns = {(device.customer, device.site): _prefix(device.name) for device in fleet.devices}
    return [
        {"customer": customer, "site": site, "engineer": "Robin Example", "devices": [f"{prefix}*"]}
        for (customer, site), prefix in sorted(patterns.items())
    ]


def _prefix(name: str) -> str:
    return name[: name.rindex("-") + 1]


def _device(seed: int, number: int) -> SimulatedDevice:
    own = mixed(seed, 0, number)
    customer, place = divmod(number, DEVICES_OF_A_CUSTOMER)
    site = "north" if place % 2 else "south"
    chassis = _CHASSIS[pick(_SHARES, own, 1)]
    sizes = _MEMORY[chassis]
    server = chassis == "server"
    name = f"sim{seed}-c{customer:03}-{site[0]}-{number:05}"
    return SimulatedDevice(
        name=name,
        customer=f"Simulated Customer {customer:03}",
        site=site,
        seed=own,
        phase=draw(own, 2),
        chassis=chassis,
        shape=_SHAPES[chassis],
        utc_offset=_ZONES[mixed(seed, 2, customer) % len(_ZONES)],
        memory_bytes=GIBIBYTE * sizes[pick((1.0,) * len(sizes), own, 4)],
        age=86_400 * (1 + 60 * draw(own, 5)),
        disks=disks_of(chassis, f"SIM{seed:03}{number:05}", own),
        mounts=("/", "/srv") if server else ("/",),
        modules=("DIMM_A1", "DIMM_B1") if server else (),
        has_fan=chassis != "laptop",
    )


def _parts(device: SimulatedDevice) -> dict[str, list[str]]:
    """What can be befallen, by the words of ``Kind.befalls``."""
    return {
        "device": [""],
        "processor": [PROCESSOR],
        "filesystem": [device.mounts[-1]],
        "fan": [FAN] if device.has_fan else [],
        "dimm": list(device.modules),
        "disk": list(_serials(device, "hdd", "ssd")),
        "hdd": list(_serials(device, "hdd")),
        "ata": list(_serials(device, "hdd", "ssd")),
        "flash": list(_serials(device, "ssd", "nvme")),
    }


def _serials(device: SimulatedDevice, *kinds: str) -> Iterator[str]:
    return (disk.serial for disk in device.disks if disk.model.kind in kinds)
