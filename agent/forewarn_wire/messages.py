"""The messages of wire version 1.

Every message carries ``schema``, ``device``, ``boot``, ``seq`` and ``sampled_at``. Keys are full words with their
unit. ``null`` means "could not be measured", an absent key "was not measured", and 0 means zero. Changes are
additive: unknown keys are ignored, so an older collector reads a newer agent.
"""

import enum
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

SCHEMA = 1

# Bounds keep one report from filling the collector; real machines stay far below them.
Text = Annotated[str, Meta(max_length=1000)]
Name = Annotated[str, Meta(max_length=200)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]

Setting = bool | int | float | str | list[str]

# A value that a platform may not offer (absent) and that may fail to be read (null).
MaybeFloat = float | None | UnsetType
MaybeCount = Count | None | UnsetType
MaybeBool = bool | None | UnsetType


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


class Cpu(msgspec.Struct, kw_only=True, omit_defaults=True):
    used_percent: MaybeFloat = UNSET
    load_average_1m: MaybeFloat = UNSET
    load_average_5m: MaybeFloat = UNSET
    load_average_15m: MaybeFloat = UNSET


class Memory(msgspec.Struct, kw_only=True, omit_defaults=True):
    total_bytes: MaybeCount = UNSET
    available_bytes: MaybeCount = UNSET
    used_percent: MaybeFloat = UNSET
    swap_total_bytes: MaybeCount = UNSET
    swap_used_percent: MaybeFloat = UNSET
    swap_in_bytes: MaybeCount = UNSET
    swap_out_bytes: MaybeCount = UNSET


class Filesystem(msgspec.Struct, kw_only=True, omit_defaults=True):
    mount: Name
    fstype: Name = ""
    source: Name = ""
    total_bytes: MaybeCount = UNSET
    free_bytes: MaybeCount = UNSET
    used_percent: MaybeFloat = UNSET
    inodes_used_percent: MaybeFloat = UNSET


class Temperature(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One sensor, with the limits that the device states itself."""

    sensor: Name
    celsius: MaybeFloat = UNSET
    high_celsius: MaybeFloat = UNSET
    critical_celsius: MaybeFloat = UNSET


class Array(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An array that the machine makes of disks: ``type`` is md, btrfs or zfs; ``level`` and ``state`` in its own words.

    ``failed_members`` says which are bad, ``members_missing`` how many the array lacks, gone ones included. ``action``
    is what it does to its members now (resync, recover, check, resilver, scrub, balance; empty when nothing),
    ``action_percent`` how far that is; ``rebuilding`` when it puts a member back in. Error counters are sums over the
    members, as the array counts them; ``errors`` is the sum of those that it has.
    """

    name: Name
    type: Name
    level: Name = ""
    state: Name = ""
    members: Annotated[list[Name], Meta(max_length=256)] = []
    failed_members: Annotated[list[Name], Meta(max_length=256)] = []
    degraded: MaybeBool = UNSET
    members_missing: MaybeCount = UNSET
    action: Name | UnsetType = UNSET
    rebuilding: MaybeBool = UNSET
    action_percent: MaybeFloat = UNSET
    mismatches: MaybeCount = UNSET
    errors: MaybeCount = UNSET
    read_errors: MaybeCount = UNSET
    write_errors: MaybeCount = UNSET
    checksum_errors: MaybeCount = UNSET


class Fan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One fan. ``pwm_percent`` is how fast it is told to turn; ``alarm`` is what its chip says of it."""

    sensor: Name
    rpm: MaybeFloat = UNSET
    minimum_rpm: MaybeFloat = UNSET
    pwm_percent: MaybeFloat = UNSET
    alarm: MaybeBool = UNSET


class Voltage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One supply voltage, with the limits that its chip was given; ``alarm`` is what the chip says of it."""

    sensor: Name
    volts: MaybeFloat = UNSET
    minimum_volts: MaybeFloat = UNSET
    maximum_volts: MaybeFloat = UNSET
    alarm: MaybeBool = UNSET


class Dimm(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One memory module, or what its controller could not tell apart. Counts since the machine started."""

    dimm: Name
    corrected_errors: MaybeCount = UNSET
    uncorrected_errors: MaybeCount = UNSET


class Battery(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One battery. ``full_percent_of_design`` is what it holds when full; the design is told in the unit in which the
    battery counts."""

    battery: Name
    full_percent_of_design: MaybeFloat = UNSET
    design_watt_hours: MaybeFloat = UNSET
    design_ampere_hours: MaybeFloat = UNSET
    charge_percent: MaybeFloat = UNSET
    cycles: MaybeCount = UNSET


class Throttling(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How often heat made the processors slow down since the machine started, over all cores and all packages."""

    core_events: MaybeCount = UNSET
    package_events: MaybeCount = UNSET


class Pressure(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Share of the last five minutes in which some (or all, ``full``) tasks waited for it: pressure stall
    information."""

    cpu_some_percent: MaybeFloat = UNSET
    memory_some_percent: MaybeFloat = UNSET
    memory_full_percent: MaybeFloat = UNSET
    io_some_percent: MaybeFloat = UNSET
    io_full_percent: MaybeFloat = UNSET


class Interface(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One network interface of the machine itself. Counts since it came up."""

    interface: Name
    receive_errors: MaybeCount = UNSET
    transmit_errors: MaybeCount = UNSET
    receive_dropped: MaybeCount = UNSET
    transmit_dropped: MaybeCount = UNSET


class Uptime(msgspec.Struct, kw_only=True, omit_defaults=True):
    seconds: MaybeFloat = UNSET
    unexpected_reboots: MaybeCount = UNSET


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
    ``self-test-started`` and ``self-test-not-started``, whose ``part`` is the disk's serial number."""

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


class ConfigOrder(msgspec.Struct, kw_only=True, omit_defaults=True):
    """``down/config``, retained: settings of the agent by the names of its configuration file, dots and all.

    Each order replaces the one before; an empty one takes everything back. What the machine's own file sets wins.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)
    id: Annotated[str, Meta(min_length=1, max_length=64)]
    settings: Annotated[dict[Name, Setting], Meta(max_length=64)] = {}


class Command(enum.StrEnum):
    """Everything that an agent can be told to do. There is no other, and none runs a program of the sender's."""

    PROBE_NOW = "probe-now"
    SELF_TEST = "self-test"
    SUPPORT_BUNDLE = "support-bundle"
    RESEND = "resend"


class CommandOrder(msgspec.Struct, kw_only=True, omit_defaults=True):
    """``down/command``: one of ``Command``, to be carried out once and not after ``expires_at`` (Unix time).

    ``disk`` (serial number or slot) belongs to ``self-test``; ``boot`` and ``sequences`` (closed ranges) to ``resend``.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)
    id: Annotated[str, Meta(min_length=1, max_length=64)]
    command: Annotated[str, Meta(min_length=1, max_length=64)]
    expires_at: float
    disk: Name = ""
    boot: Annotated[str, Meta(max_length=64)] = ""
    sequences: Annotated[list[tuple[Count, Count]], Meta(max_length=1000)] = []


Order = ConfigOrder | CommandOrder
