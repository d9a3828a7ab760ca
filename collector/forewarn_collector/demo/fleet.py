"""The demonstration's fleet: three customers, their sites and machines, and who has which story. Pure."""

from random import Random

from forewarn_collector.demo.machines import TERABYTE, Machine
from forewarn_wire import Disk

CUSTOMERS = (
    ("Harbour Books", "hb", "Li Wei", ("quay", "old-town", "airport")),
    ("Nordlicht Apotheken", "nla", "Ana Souza", ("mitte", "hafen")),
    ("Prairie Foods", "pf", "Sam Okafor", ("depot", "mall")),
)
STORIES = (
    "growing pending sectors",
    "SSD wearing out",
    "filling file system",
    "flaky cable",
    "sleeping disk",
    "silent laptop",
    "virtual disk",
    "bridge hides SMART",
)
DISKS = (
    ("hdd", "SIM HDD 4000", 4 * TERABYTE),
    ("ssd", "SIM SSD 960", TERABYTE),
    ("nvme", "SIM NVMe 1000", TERABYTE),
)
FITTING_DISK = {"SSD wearing out": "nvme", "silent laptop": "nvme"}
FITTING_CHASSIS = {"silent laptop": "laptop", "virtual disk": "virtual"}


def build_fleet(seed: int, devices: int = 40) -> list[Machine]:
    """``devices`` machines spread over the customers; the same seed gives the same fleet and the same faults."""
    pick = Random(seed)  # noqa: S311 - a simulation
    places = [(short, site) for _, short, _, sites in CUSTOMERS for site in sites]
    stories = pick.sample(range(devices), len(STORIES))
    story_of = dict(zip(stories, STORIES, strict=True))
    fleet = []
    for number in range(devices):
        short, site = places[number % len(places)]
        story = story_of.get(number, "")
        kind, model, size = _disk_kind(pick, story)
        chassis = {"silent laptop": "laptop", "virtual disk": "virtual"}.get(story) or pick.choice(
            ("desktop", "server")
        )
        disk = Disk(
            slot="/dev/vda" if story == "virtual disk" else "/dev/nvme0" if kind == "nvme" else "/dev/sda",
            kind="unknown" if story in ("virtual disk", "bridge hides SMART") else kind,
            serial=f"SIM{seed:03d}{number:04d}", model=model, firmware="1.0", capacity_bytes=size,
        )  # fmt: skip
        name = f"{short}-{site}-{number:02d}"
        fleet.append(Machine(name, chassis, disk, story, Random(seed * 1000 + number)))  # noqa: S311
    return fleet


def _disk_kind(pick: Random, story: str) -> tuple[str, str, int]:
    drawn = pick.choice(DISKS)
    if not story:
        return drawn
    wanted = FITTING_DISK.get(story, "hdd")
    return next(disk for disk in DISKS if disk[0] == wanted)


def directory() -> list[dict[str, object]]:
    """The fleet's owners, as the ``directory`` of a configuration file."""
    return [
        {"customer": name, "site": site, "engineer": engineer, "devices": [f"{short}-{site}-*"]}
        for name, short, engineer, sites in CUSTOMERS
        for site in sites
    ]
