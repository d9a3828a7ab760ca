"""The messages of wire version 1 that devices send; what is sent to them is in ``orders``.

Every message carries ``schema``, ``device``, ``boot``, ``seq`` and ``sampled_at``. Keys are full words with their
unit. ``null`` means "could not be measured", an absent key "was not measured", and 0 means zero. Changes are
additive: unknown keys are ignored, so an older collector reads a newer agent.
"""

import enum
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from forewarn_wire.parts import (
    Array,
    Battery,
    Count,
    Cpu,
    Dimm,
    DiskLog,
    Fan,
    Filesystem,
    Gpu,
    Interface,
    MachineLog,
    MaybeBool,
    MaybeCount,
    MaybeFloat,
    Memory,
    Name,
    Pressure,
    Temperature,
    Text,
    Throttling,
    Uptime,
    Voltage,
)

SCHEMA = 1

Setting = bool | int | float | str | list[str]


class Outcome(enum.StrEnum):
    """What became of an attempt to measure. Only ``measured`` carries values; no other outcome says "healthy"."""

    MEASURED = "measured"
    STANDBY = "standby"
    NO_ACCESS = "no-access"
    UNSUPPORTED = "unsupported"
    TIMEOUT = "timeout"
    BRIDGE_HIDES_SMART = "bridge-hides-smart"
    VIRTUAL = "virtual"
    UNREADABLE = "unreadable"
    NO_SMARTCTL = "no-smartctl"
    NOT_HERE = "not-here"


class Report(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What every message carries.

    ``boot`` is a token that changes with every start of the machine and whenever the agent's outbox is new; ``seq``
    counts up from 1 within it. Together with ``device`` they name a report for ever. ``sampled_at`` is Unix time in
    seconds by the device's own clock.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)
    device: Name
    boot: Annotated[str, Meta(min_length=1, max_length=64)]
    seq: Count
    sampled_at: float


class Disk(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which disk. ``slot`` is where it sits (``/dev/sda``, ``/dev/bus/0 megaraid,3``), ``kind`` one of hdd, ssd,
    nvme, sas, emmc, or unknown."""

    slot: Name
    kind: Name = "unknown"
    serial: Name | None = None
    model: Name | None = None
    firmware: Name | None = None
    capacity_bytes: Count | None = None


class Unread(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that was asked for and not measured, and why."""

    probe: Name
    part: Name = ""
    outcome: Outcome
    detail: Text = ""


class Inventory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the machine is. ``chassis`` is one of server, desktop, laptop, virtual, or null when it does not say.

    ``not_here`` are the probes, or parts of them, that the machine does not have (outcome ``not-here``): what is left
    out of every load report is said once here.
    """

    hostname: Name
    serial: Name | None = None
    vendor: Name | None = None
    model: Name | None = None
    chassis: Name | None = None
    operating_system: Name | None = None
    agent_version: Name = ""
    smartctl_version: Name | None = None
    load_interval_seconds: float | UnsetType = UNSET
    smart_interval_seconds: float | UnsetType = UNSET
    disks: Annotated[list[Disk], Meta(max_length=512)] = []
    not_here: Annotated[list[Unread], Meta(max_length=64)] = []


class StatusReport(Report, kw_only=True, omit_defaults=True):
    """Birth (``online``) and last will or farewell (``offline``), retained.

    ``session`` counts the agent's connections, so the late will of an old session cannot end a newer one. ``seq`` is
    the number that the next report will get; a status has none of its own.
    """

    state: Annotated[str, Meta(pattern="^(online|offline)$")]
    session: Count
    reason: Name = ""
    inventory: Inventory | UnsetType = UNSET


class LoadReport(Report, kw_only=True, omit_defaults=True):
    """Everything that is read once a minute. A probe that is off leaves its key out; so does one for something that
    the machine does not have, which the birth's ``not_here`` names (agents before it said so in ``unread``)."""

    cpu: Cpu | UnsetType = UNSET
    memory: Memory | UnsetType = UNSET
    filesystems: Annotated[list[Filesystem], Meta(max_length=256)] | UnsetType = UNSET
    temperatures: Annotated[list[Temperature], Meta(max_length=256)] | UnsetType = UNSET
    uptime: Uptime | UnsetType = UNSET
    arrays: Annotated[list[Array], Meta(max_length=64)] | UnsetType = UNSET
    fans: Annotated[list[Fan], Meta(max_length=256)] | UnsetType = UNSET
    voltages: Annotated[list[Voltage], Meta(max_length=256)] | UnsetType = UNSET
    dimms: Annotated[list[Dimm], Meta(max_length=256)] | UnsetType = UNSET
    batteries: Annotated[list[Battery], Meta(max_length=16)] | UnsetType = UNSET
    throttling: Throttling | UnsetType = UNSET
    pressure: Pressure | UnsetType = UNSET
    interfaces: Annotated[list[Interface], Meta(max_length=64)] | UnsetType = UNSET
    gpus: Annotated[list[Gpu], Meta(max_length=64)] | UnsetType = UNSET
    machine_log: MachineLog | UnsetType = UNSET
    disk_logs: Annotated[list[DiskLog], Meta(max_length=512)] | UnsetType = UNSET
    unread: Annotated[list[Unread], Meta(max_length=512)] = []


class Attribute(msgspec.Struct, array_like=True, frozen=True):
    """One ATA SMART attribute as a row. ``raw`` is decoded (the low word of packed vendor values), never the 48 bits.

    ``value``, ``worst`` and ``threshold`` are the drive's normalised figures; null where the source has none.
    """

    id: Annotated[int, Meta(ge=1, le=255)]
    value: Count | None
    worst: Count | None
    threshold: Count | None
    raw: Count | None


class UsualAttributes(msgspec.Struct, kw_only=True):
    """Attributes that have all the same normalised figures, which are said once; ``rows`` are (id, raw)."""

    value: Count | None
    worst: Count | None
    threshold: Count | None
    rows: Annotated[list[tuple[Annotated[int, Meta(ge=1, le=255)], Count | None]], Meta(max_length=128)]


class SelfTest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The newest entry of the drive's self-test log. ``passed`` is null while it runs or after an abort."""

    passed: bool | None = None
    type: Name = ""
    status: Name = ""
    power_on_hours: Count | None = None


class NvmeHealth(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The NVMe SMART / health information log (NVM Express base specification, log page 02h)."""

    critical_warning: MaybeCount = UNSET
    available_spare: MaybeCount = UNSET
    available_spare_threshold: MaybeCount = UNSET
    percentage_used: MaybeCount = UNSET
    media_errors: MaybeCount = UNSET
    num_err_log_entries: MaybeCount = UNSET
    unsafe_shutdowns: MaybeCount = UNSET
    power_cycles: MaybeCount = UNSET
    data_units_written: MaybeCount = UNSET
    warning_temp_time: MaybeCount = UNSET
    critical_comp_time: MaybeCount = UNSET


class ScsiHealth(msgspec.Struct, kw_only=True, omit_defaults=True):
    """SCSI log pages as smartctl names them: grown defects and uncorrected errors."""

    grown_defect_list: MaybeCount = UNSET
    read_total_uncorrected_errors: MaybeCount = UNSET
    write_total_uncorrected_errors: MaybeCount = UNSET
    verify_total_uncorrected_errors: MaybeCount = UNSET


class SmartReport(Report, kw_only=True, omit_defaults=True):
    """One disk, one poll. Values are there only when ``outcome`` is ``measured``.

    A report that would be long tells many of its attributes in ``usual_attributes``; all of them are
    ``forewarn_wire.attributes.all_attributes``. What an attribute is called, where that differs from ``WELL_KNOWN``
    there: the number of its name in ``VENDOR_NAMES``, or 0, one for each of them; other names are in
    ``attribute_names``.
    ``attributes_failed`` says ``now`` or ``past`` for those at or below their threshold.
    """

    disk: Disk
    outcome: Outcome
    detail: Text = ""
    passed: MaybeBool = UNSET
    temperature_celsius: MaybeFloat = UNSET
    temperature_limit_celsius: MaybeFloat = UNSET
    power_on_hours: MaybeFloat = UNSET
    endurance_used_percent: MaybeFloat = UNSET
    attributes: Annotated[list[Attribute], Meta(max_length=128)] | UnsetType = UNSET
    usual_attributes: UsualAttributes | UnsetType = UNSET
    attribute_names: dict[int, Name] | UnsetType = UNSET
    attribute_name_numbers: Annotated[list[Count], Meta(max_length=128)] | UnsetType = UNSET
    attributes_failed: dict[int, Name] | UnsetType = UNSET
    nvme: NvmeHealth | UnsetType = UNSET
    scsi: ScsiHealth | UnsetType = UNSET
    self_test: SelfTest | UnsetType | None = UNSET


class EventReport(Report, kw_only=True, omit_defaults=True):
    """Something that happened once: ``agent-start``, ``reboot``, ``unexpected-reboot``, ``outbox-dropped``;
    ``self-test-started`` and ``self-test-not-started``, whose ``part`` is the disk's serial number; ``log-`` and a
    field of ``MachineLog`` or ``DiskLog`` (``log-io-errors``): ``count`` new ones, ``text`` is the newest message."""

    event: Name
    part: Name = ""
    count: Count = 1
    text: Text = ""


class Answer(enum.StrEnum):
    """What became of a command or a configuration."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"


class ReplyReport(Report, kw_only=True, omit_defaults=True):
    """The answer to one ``down`` message, named by ``in_reply_to``: its id.

    ``applied`` are the settings that now hold because of a configuration, ``rejected`` says why others do not.
    ``sequences`` are, after ``resend``, the reports that are on their way again, as closed ranges ``[first, last]``.
    ``attachment`` is a piece of a support bundle (base64 in JSON), ``attachment_part`` of ``attachment_parts``.
    """

    in_reply_to: Name
    answer: Answer
    text: Text = ""
    applied: dict[Name, Setting] | UnsetType = UNSET
    rejected: dict[Name, Text] | UnsetType = UNSET
    sequences: Annotated[list[tuple[Count, Count]], Meta(max_length=1000)] | UnsetType = UNSET
    attachment: bytes | UnsetType = UNSET
    attachment_part: Count = 0
    attachment_parts: Count = 0


Message = StatusReport | LoadReport | SmartReport | EventReport | ReplyReport
