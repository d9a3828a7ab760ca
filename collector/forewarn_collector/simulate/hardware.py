"""What simulated machines are made of. The names say that they are made up; sizes and limits are usual ones. Pure."""

from typing import NamedTuple

from forewarn_collector.simulate.chance import draw, pick
from forewarn_wire import Disk

TERABYTE = 10**12
GIBIBYTE = 2**30


class Model(NamedTuple):
    """``warmer``: degrees above the room when idle. ``wears``: percent of the rated endurance in a year of use."""

    kind: str
    name: str
    capacity_bytes: int
    warmer: float
    limit_celsius: float
    wears: float = 0.0


class SimulatedDisk(NamedTuple):
    """``hours``: how long it had run when the simulation began. ``seed`` is its own."""

    model: Model
    serial: str
    slot: str
    seed: int
    hours: float

    def described(self) -> Disk:
        """As inventory and SMART reports tell of it."""
        return Disk(
            slot=self.slot,
            kind=self.model.kind,
            serial=self.serial,
            model=self.model.name,
            firmware="1.0",
            capacity_bytes=self.model.capacity_bytes,
        )


_HARD_DISKS = (
    Model("hdd", "SIM HDD 1000", TERABYTE, 11, 60),
    Model("hdd", "SIM HDD 4000", 4 * TERABYTE, 13, 60),
    Model("hdd", "SIM HDD 8000", 8 * TERABYTE, 16, 65),
)
_SOLID_STATE = (
    Model("ssd", "SIM SSD 480", TERABYTE // 2, 8, 70, 2.5),
    Model("ssd", "SIM SSD 960", TERABYTE, 9, 70, 1.5),
)
_NVME = (
    Model("nvme", "SIM NVMe 512", TERABYTE // 2, 16, 80, 2.0),
    Model("nvme", "SIM NVMe 1000", TERABYTE, 18, 80, 1.2),
)
# What stands in a machine of each chassis: (how often, the disks' models).
_BAYS: dict[str, tuple[tuple[float, tuple[tuple[Model, ...], ...]], ...]] = {
    "laptop": ((1.0, (_NVME,)),),
    "desktop": ((0.5, (_NVME,)), (0.3, (_SOLID_STATE,)), (0.2, (_SOLID_STATE, _HARD_DISKS))),
    "server": (
        (0.3, (_SOLID_STATE, _SOLID_STATE)),
        (0.5, (_SOLID_STATE, _HARD_DISKS, _HARD_DISKS)),
        (0.2, (_NVME, _HARD_DISKS, _HARD_DISKS, _HARD_DISKS, _HARD_DISKS)),
    ),
}
_YEAR_HOURS = 8766.0


def disks_of(chassis: str, serial: str, seed: int) -> tuple[SimulatedDisk, ...]:
    """The disks of one machine, bought together: one model a sort, of about one age."""
    bays = _BAYS[chassis]
    sorts = bays[pick(tuple(weight for weight, _ in bays), seed, 10)][1]
    hours = _YEAR_HOURS * 6 * draw(seed, 11) ** 1.5 * (0.3 if chassis != "server" else 1.0)
    disks, ata = [], 0
    for place, models in enumerate(sorts):
        model = models[pick((1.0,) * len(models), seed, 12, len(models))]
        slot = f"/dev/nvme{place - ata}" if model.kind == "nvme" else f"/dev/sd{chr(97 + ata)}"
        ata += model.kind != "nvme"
        disks.append(SimulatedDisk(model, f"{serial}-{place}", slot, seed * 16 + place, hours * (1 + 0.01 * place)))
    return tuple(disks)
