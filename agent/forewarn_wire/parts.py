"""What a load report has about each part of the machine, and the kinds of values that messages are made of."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

# Bounds keep one report from filling the collector; real machines stay far below them.
Text = Annotated[str, Meta(max_length=1000)]
Name = Annotated[str, Meta(max_length=200)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]

# A value that a platform may not offer (absent) and that may fail to be read (null).
MaybeFloat = float | None | UnsetType
MaybeCount = Count | None | UnsetType
MaybeBool = bool | None | UnsetType


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
    read_only: MaybeBool = UNSET


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


class Gpu(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One graphics processor. ``too_hot`` is what it says itself: it runs slower than it could because of heat.
    Errors are those of its memory that ECC saw, since its driver was loaded."""

    gpu: Name
    celsius: MaybeFloat = UNSET
    fan_percent: MaybeFloat = UNSET
    used_percent: MaybeFloat = UNSET
    too_hot: MaybeBool = UNSET
    corrected_errors: MaybeCount = UNSET
    uncorrected_errors: MaybeCount = UNSET


class MachineLog(msgspec.Struct, array_like=True):
    """What the operating system wrote into its log about the machine, in counts that only grow while the agent
    keeps its data. Null is what this platform does not log, or what could not be read.

    ``machine_checks`` are hardware errors that were not corrected, ``hardware_errors_corrected`` those that were,
    ``pcie_errors`` not corrected ones of the PCI Express bus; ``memory_kills`` are programs that were ended because
    memory had run out, ``hung_tasks`` programs that waited inside the kernel for minutes, ``throttlings`` processors
    that were slowed down by heat, ``overheatings`` critical temperatures, ``crashes`` of the operating system itself,
    ``unclean_stops`` what it found after a start.
    """

    machine_checks: Count | None = None
    hardware_errors_corrected: Count | None = None
    pcie_errors: Count | None = None
    memory_kills: Count | None = None
    hung_tasks: Count | None = None
    throttlings: Count | None = None
    overheatings: Count | None = None
    crashes: Count | None = None
    unclean_stops: Count | None = None


class DiskLog(msgspec.Struct, array_like=True):
    """The same about one disk, by its serial number, or ``slot:`` and where it sits.

    ``io_errors`` are reads and writes that failed, ``medium_errors`` those of them that the disk blamed on its medium;
    ``command_errors`` are commands that went wrong on their way or were not answered in time, ``resets`` those of the
    disk, its link or its controller; ``lost`` is a disk that was given up.
    """

    disk: Name
    io_errors: Count | None = None
    medium_errors: Count | None = None
    command_errors: Count | None = None
    resets: Count | None = None
    lost: Count | None = None
    filesystem_errors: Count | None = None
    read_only_remounts: Count | None = None
