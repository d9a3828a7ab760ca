"""How full the local filesystems are, in bytes and in inodes."""

import os
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from msgspec import UNSET

from forewarn_agent import system
from forewarn_agent.bounded import StuckError
from forewarn_agent.probes.reading import LoadParts, Surroundings, not_here, unreadable
from forewarn_agent.settings import Filesystems
from forewarn_wire import Filesystem, Outcome, Unread

# Local, although the kernel lists them as needing no block device.
_LOCAL_NODEV = frozenset({"zfs"})
_LIMIT = 256
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    source: str
    mount: str
    fstype: str


def measure(surroundings: Surroundings) -> LoadParts:
    chosen = choose(_mounts(surroundings), _block_types(surroundings), surroundings.filesystems)
    if not chosen:
        return LoadParts(filesystems=[], unread=[not_here("filesystem", "no local filesystem is mounted")])
    found: list[Filesystem] = []
    unread: list[Unread] = []
    for mount in chosen[:_LIMIT]:
        try:
            found.append(surroundings.bounded.call(mount.mount, partial(_read, surroundings, mount)))
        except StuckError as error:
            part = mount.mount[:200]
            unread.append(Unread(probe="filesystem", part=part, outcome=Outcome.TIMEOUT, detail=str(error)))
        except OSError as error:
            unread.append(unreadable("filesystem", error.strerror or error, mount.mount))
    return LoadParts(filesystems=found, unread=unread)


def _mounts(surroundings: Surroundings) -> list[Mount]:
    if not system.is_linux():
        return [Mount(*row) for row in system.local_mounts()]
    # The agent's own mount table may be a service's private one; that of process 1 is the machine's.
    for process in ("1", "self"):
        try:
            return parse_mounts((surroundings.roots.proc / process / "mounts").read_text(errors="replace"))
        except OSError:
            continue
    raise OSError("no mount table below proc")


def _block_types(surroundings: Surroundings) -> frozenset[str] | None:
    if not system.is_linux():
        return None
    return parse_block_types((surroundings.roots.proc / "filesystems").read_text())


def _read(surroundings: Surroundings, mount: Mount) -> Filesystem:
    if not hasattr(os, "statvfs"):
        total, free, used = system.disk_usage(mount.mount)
        return _named(mount, Filesystem(mount="", total_bytes=total, free_bytes=free, used_percent=used))
    path = surroundings.roots.root / mount.mount.lstrip("/")
    return _named(mount, shape(os.statvfs(Path(path))))


def parse_mounts(text: str) -> list[Mount]:
    """/proc/<pid>/mounts (fstab(5)): blanks within a name are octal escapes."""
    rows = (line.split() for line in text.splitlines())
    return [Mount(_unescape(row[0]), _unescape(row[1]), row[2]) for row in rows if len(row) >= 3]


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


def shape(usage: os.statvfs_result) -> Filesystem:
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
    return filesystem
