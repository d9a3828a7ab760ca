"""Every label of a component that a rule may name: which components carry it, and what it says."""

from forewarn_rules.model import Kind

_DISKS = frozenset({Kind.DISK, Kind.PRESENCE, Kind.DISK_LOG})

LABELS: dict[str, tuple[frozenset[Kind], str]] = {
    "device": (frozenset(Kind), "the device's name"),
    "customer": (frozenset(Kind), "whose it is"),
    "site": (frozenset(Kind), "where it stands"),
    "tags": (frozenset(Kind), "what the directory says about the device; one tag that fits is enough"),
    "hostname": (frozenset(Kind), "what the machine calls itself"),
    "chassis": (frozenset(Kind), "server, desktop, laptop or virtual"),
    "mount": (frozenset({Kind.FILESYSTEM}), "mount point"),
    "fstype": (frozenset({Kind.FILESYSTEM}), "file system type: ext4, ntfs, ..."),
    "source": (frozenset({Kind.FILESYSTEM}), "what is mounted: /dev/sda1, ..."),
    "sensor": (frozenset({Kind.SENSOR}), "the sensor's name"),
    "array": (frozenset({Kind.ARRAY}), "the array's name: md0, tank, a btrfs label"),
    "array_type": (frozenset({Kind.ARRAY}), "md, btrfs or zfs"),
    "array_level": (frozenset({Kind.ARRAY}), "raid1, raid5, mirror, raidz2, ..."),
    "members": (frozenset({Kind.ARRAY}), "the array's members"),
    "failed_members": (frozenset({Kind.ARRAY}), "those of them that are bad"),
    "dimm": (frozenset({Kind.DIMM}), "where the memory module sits, as the kernel says it"),
    "battery": (frozenset({Kind.BATTERY}), "the battery's name: BAT0, ..."),
    "interface": (frozenset({Kind.INTERFACE}), "the network interface's name: eno1, ..."),
    "disk": (_DISKS, "the disk's key: its serial number, or its slot where it has none"),
    "serial": (_DISKS, "the disk's serial number"),
    "model": (_DISKS, "the disk's model"),
    "firmware": (_DISKS, "the disk's firmware version"),
    "slot": (_DISKS, "where the disk sits: /dev/sda, /dev/bus/0 megaraid,3, ..."),
    "disk_kind": (_DISKS, "hdd, ssd, nvme, sas, emmc or unknown"),
    "capacity_bytes": (_DISKS, "the disk's size"),
}
"""Labels by name: the component kinds that carry it, and what it is."""
