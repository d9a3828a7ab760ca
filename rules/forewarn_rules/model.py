"""What the rules are about and what they say: components, levels, changes. Values only, nothing is computed here."""

import enum
from collections.abc import Mapping

import msgspec

Key = tuple[str, str]
"""One component of its kind: (device, part). The part is "" where the device itself is judged."""

Labels = Mapping[str, str | float]
"""What is known about a component beside its measurements: customer, serial, mount, disk_kind, ..."""


class Kind(enum.StrEnum):
    """What a rule can judge. ``liveness`` is the device as seen from the collector, at receipt time; ``presence`` is a
    disk as seen from its device's other reports, ``disk-log`` as seen from the operating system's log."""

    DEVICE = "device"
    FILESYSTEM = "filesystem"
    SENSOR = "sensor"
    DISK = "disk"
    ARRAY = "array"
    LIVENESS = "liveness"
    PRESENCE = "presence"
    DIMM = "dimm"
    BATTERY = "battery"
    INTERFACE = "interface"
    DISK_LOG = "disk-log"


PART_LABEL: dict[Kind, str | None] = {
    Kind.DEVICE: None,
    Kind.FILESYSTEM: "mount",
    Kind.SENSOR: "sensor",
    Kind.DISK: "disk",
    Kind.ARRAY: "array",
    Kind.LIVENESS: None,
    Kind.PRESENCE: "disk",
    Kind.DIMM: "dimm",
    Kind.BATTERY: "battery",
    Kind.INTERFACE: "interface",
    Kind.DISK_LOG: "disk",
}
"""The label that the second half of a key goes by, which is also what a rule's ``scope.per`` names."""

LEVELS: tuple[str, ...] = ("none", "watch", "warning", "critical")
"""From calm to worst. A higher level implies the lower ones."""

FAULTS: dict[str, str] = {
    "disk-failure": "the disk is about to fail or has failed",
    "disk-wear": "the disk's rated endurance runs out",
    "cable": "the link between disk and machine is bad: cable, connector, backplane, port",
    "cooling": "heat is not carried away",
    "memory-failure": "a memory module corrupts what it holds",
    "battery-wear": "the battery no longer holds what it was made for",
    "power": "a supply voltage is not what it should be, or several disks lose power at once",
    "filesystem-full": "a file system runs out of blocks or inodes",
    "filesystem-damage": "a file system is damaged, or has gone read-only to save itself",
    "array-degraded": "an array of disks lacks members or gives back wrong data",
    "device-silent": "nothing is heard from the device",
    "memory-short": "main memory does not suffice for what the machine is to do",
    "network": "a network link loses or damages what it carries",
    "clock": "the device's clock is wrong",
    "identity": "two machines report as one device",
    "instability": "the machine restarts by itself: power, memory, drivers, heat",
    "other": "anything else that a provider's own rules find",
}
"""Fault classes. One ticket per customer, device, part and fault class, however many rules find it."""


class Forecast(msgspec.Struct, frozen=True):
    """How likely the fault is and by when. ``probability`` is None where only the time is known (a trend).

    ``within_seconds`` counts from the change; ``source`` says where the numbers come from.
    """

    probability: float | None
    within_seconds: float
    source: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's level on one component changed, seen in the observation at ``at`` (Unix seconds, device time).

    ``before`` and ``after`` are of ``LEVELS``. ``values`` holds every signal of the rule: None is unknown, infinity is
    "not approaching" (signals of ``take: hours_until`` only). ``accepted_by`` names who took what is seen as known; it
    is empty where the measurements brought the change. ``ticket_kind`` is prediction or fact; ``about`` is part or
    device, which is what the ticket is about.
    """

    rule: str
    title: str
    kind: Kind
    key: Key
    labels: dict[str, str | float]
    at: float
    before: str
    after: str
    text: str
    why: str
    do: tuple[str, ...]
    calm_when: tuple[str, ...]
    values: dict[str, float | None]
    forecast: Forecast | None
    fault: str
    queue: str
    status: str
    accepted_by: str = ""
    ticket_kind: str = "prediction"
    about: str = "part"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where one rule stands on one component after its last observation.

    ``since`` is when the level was reached (None at level none, or when it is not known). ``unknown`` names the signals
    that keep the rule from deciding; empty means that it did decide.
    """

    rule: str
    title: str
    level: str
    since: float | None
    text: str
    values: dict[str, float | None]
    unknown: tuple[str, ...]
    fault: str
    queue: str
    status: str
