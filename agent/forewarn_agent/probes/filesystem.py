"""How full the local filesystems are, in bytes and in inodes."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from msgspec import UNSET

from forewarn_agent.bounded import StuckError
from forewarn_agent.platforms import Platform, Source
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings, not_here, unreadable
from forewarn_agent.settings import Filesystems
from forewarn_wire import Filesystem, Outcome, Unread

# Local, although the kernel lists them as needing no block device.
_LOCAL_NODEV = frozenset({"zfs"})
_LIMIT = 256
# Volumes of the container that the system keeps for itself; Data is where the users' files are.
_MACOS_OWN = re.compile(r"/System/Volumes/(?!Data$)")
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    source: str
    mount: str
    fstype: str
    read_only: bool = False


def measure(surroundings: Surroundings) -> LoadParts:
    types = parse_block_types((surroundings.roots.proc / "filesystems").read_text())
    chosen = choose(_mounts(surroundings.roots.proc), types, surroundings.filesystems)

    def read(mount: Mount) -> Filesystem:
        return shape(os.statvfs(surroundings.roots.root / mount.mount.lstrip("/")))

    return _measured(surroundings, chosen, read)


def measure_by_psutil(surroundings: Surroundings) -> LoadParts:
    mounts = [
        Mount(source, mount, fstype, "ro" in options.split(","))
        for source, mount, fstype, options in surroundings.system.local_mounts()
        if fstype and "cdrom" not in options.split(",") and not _MACOS_OWN.match(mount)
    ]

    def read(mount: Mount) -> Filesystem:
        total, free, used = surroundings.system.disk_usage(mount.mount)
        return Filesystem(mount="", total_bytes=total, free_bytes=free, used_percent=used)

    return _measured(surroundings, choose(mounts, None, surroundings.filesystems), read)


def _measured(surroundings: Surroundings, chosen: list[Mount], read: Callable[[Mount], Filesystem]) -> LoadParts:
    if not chosen:
        return LoadParts(filesystems=[], unread=[not_here("filesystem", "no local filesystem is mounted")])
    found: list[Filesystem] = []
    unread: list[Unread] = []
    for mount in chosen[:_LIMIT]:
        try:
            found.append(_named(mount, surroundings.bounded.call(mount.mount, partial(read, mount))))
        except StuckError as error:
            part = mount.mount[:200]
            unread.append(Unread(probe="filesystem", part=part, outcome=Outcome.TIMEOUT, detail=str(error)))
        except OSError as error:
            unread.append(unreadable("filesystem", error.strerror or error, mount.mount))
    return LoadParts(filesystems=found, unread=unread)


def _mounts(proc: Path) -> list[Mount]:
    # The agent's own mount table may be a service's private one; that of process 1 is the machine's.
    for process in ("1", "self"):
        try:
            return parse_mounts((proc / process / "mounts").read_text(errors="replace"))
        except OSError:
            continue
    raise OSError("no mount table below proc")


def parse_mounts(text: str) -> list[Mount]:
    """/proc/<pid>/mounts (fstab(5)): blanks within a name are octal escapes."""
    rows = (line.split() for line in text.splitlines())
    return [
        Mount(_unescape(row[0]), _unescape(row[1]), row[2], len(row) > 3 and "ro" in row[3].split(","))
        for row in rows
        if len(row) >= 3
    ]


def _unescape(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)


def parse_block_types(text: str) -> frozenset[str]:
    """/proc/filesystems: types without ``nodev`` live on a block device, so they are local and not made up."""
    rows = (line.split() for line in text.splitlines())
    return frozenset(row[0] for row in rows if len(row) == 1) | _LOCAL_NODEV


def choose(mounts: list[Mount], block_types: frozenset[str] | None, filters: Filesystems) -> list[Mount]:
    """Local filesystems, each source once at its shortest mount point: a bind mount is no second disk."""
    by_source: dict[str, Mount] = {}
    for mount in mounts:
        if block_types is not None and mount.fstype not in block_types:
            continue
        if mount.fstype in filters.exclude_fstypes or mount.mount in filters.exclude_mounts:
            continue
        known = by_source.get(mount.source)
        if known is None or len(mount.mount) < len(known.mount):
            by_source[mount.source] = mount
    return sorted(by_source.values(), key=lambda mount: mount.mount)


def shape(usage: "os.statvfs_result") -> Filesystem:
    """Used percent as df counts it: the blocks kept for root are neither used nor free."""
    used = usage.f_blocks - usage.f_bfree
    usable = used + usage.f_bavail
    return Filesystem(
        mount="",
        total_bytes=usage.f_blocks * usage.f_frsize,
        free_bytes=max(0, usage.f_bavail) * usage.f_frsize,
        used_percent=round(100 * used / usable, 1) if usable > 0 else None,
        inodes_used_percent=(
            round(100 * (usage.f_files - usage.f_ffree) / usage.f_files, 1) if usage.f_files > 0 else UNSET
        ),
    )


def _named(mount: Mount, filesystem: Filesystem) -> Filesystem:
    filesystem.mount = mount.mount[:200]
    filesystem.fstype = mount.fstype[:200]
    filesystem.source = mount.source[:200]
    filesystem.read_only = mount.read_only
    return filesystem


PROBE: Probe[LoadParts] = Probe(
    "filesystem",
    "local filesystems: size, free space, used space and inodes, whether it is read-only",
    "bytes; percent",
    {
        Platform.LINUX: Source("/proc/1/mounts, statvfs", measure),
        Platform.WINDOWS: Source("psutil (GetLogicalDriveStrings, GetDiskFreeSpaceEx); no inodes", measure_by_psutil),
        Platform.MACOS: Source("psutil (getfsstat, statvfs); APFS has no limit of inodes", measure_by_psutil),
    },
)
