"""Every probe of the agent, in one table. A new probe is a file here and a row below."""

from forewarn_agent.probes import arrays, filesystem, load, memory, smart, temperature, uptime
from forewarn_agent.probes.reading import LoadParts, Probe
from forewarn_wire import SmartReport

LOAD_PROBES: tuple[Probe[LoadParts], ...] = (
    Probe(
        "load",
        "share of processor time with work, and load averages",
        "percent; runnable tasks",
        "/proc/stat, /proc/loadavg",
        True,
        load.measure,
    ),
    Probe(
        "memory",
        "main memory and swap: total, available, used",
        "bytes; percent",
        "/proc/meminfo",
        True,
        memory.measure,
    ),
    Probe(
        "filesystem",
        "local filesystems: size, free space, used space and inodes",
        "bytes; percent",
        "/proc/1/mounts, statvfs",
        True,
        filesystem.measure,
    ),
    Probe(
        "temperature",
        "sensors with their own high and critical limits",
        "degrees Celsius",
        "/sys/class/hwmon, else /sys/class/thermal",
        True,
        temperature.measure,
    ),
    Probe(
        "uptime",
        "time since the machine started, and restarts without an orderly stop",
        "seconds; count",
        "/proc/uptime, boot id",
        True,
        uptime.measure,
    ),
    Probe(
        "arrays",
        "md, btrfs and ZFS arrays: state, failed members, rebuilding, errors",
        "as each quantity says",
        "/sys/block/md*/md, /sys/fs/btrfs, zpool status",
        True,
        arrays.measure,
    ),
)
SMART_PROBE: Probe[list[SmartReport]] = Probe(
    "smart",
    "SMART of each disk: verdict, attributes, temperature, hours, wear, errors, self-test",
    "as each attribute says",
    "smartctl's JSON",
    True,
    smart.measure,
)
PROBES: tuple[Probe[LoadParts] | Probe[list[SmartReport]], ...] = (*LOAD_PROBES, SMART_PROBE)
