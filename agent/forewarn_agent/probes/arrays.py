"""State of the arrays that the machine itself makes of disks: Linux md, btrfs, ZFS.

md: Documentation/admin-guide/md.rst, /sys/block/md*/md. btrfs: Documentation/ABI/testing/sysfs-fs-btrfs. ZFS has
no file that tells the state of its members, so ``zpool status -p`` is asked where the module is loaded.
"""

import re
from pathlib import Path

from forewarn_agent.platforms import Absent, Platform, Source
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings, not_here, unreadable
from forewarn_agent.probes.zpool import parse_status
from forewarn_agent.runner import HungError, MissingError
from forewarn_wire import Array, Outcome, Unread

_LIMIT = 64
_ZPOOL_SECONDS = 10.0
_PROGRESS = re.compile(r"(\d+) / (\d+)")
# Redundancy of the profiles below allocation/data; the rest are levels without one.
_BTRFS_PROFILES = ("raid1c4", "raid1c3", "raid1", "raid10", "raid5", "raid6", "dup", "raid0", "single")


def measure(surroundings: Surroundings) -> LoadParts:
    sys = surroundings.roots.sys
    arrays = [array for array in map(read_md, sorted((sys / "block").glob("md*/md"))) if array is not None]
    arrays += map(read_btrfs, sorted(path.parent for path in (sys / "fs" / "btrfs").glob("*/devinfo")))
    unread: list[Unread] = []
    if (sys / "module" / "zfs").is_dir():
        try:
            arrays += _read_pools(surroundings)
        except HungError as error:
            unread.append(Unread(probe="arrays", part="zfs", outcome=Outcome.TIMEOUT, detail=f"zpool: {error}"))
        except (MissingError, ValueError) as error:
            unread.append(unreadable("arrays", error, "zfs"))
    if not arrays and not unread:
        return LoadParts(unread=[not_here("arrays", "no md, btrfs or ZFS array")])
    return LoadParts(arrays=arrays[:_LIMIT], unread=unread)


def read_arrays(surroundings: Surroundings) -> list[Array]:
    """The arrays that can be read; a machine without any has none."""
    arrays = measure(surroundings).arrays
    return arrays if isinstance(arrays, list) else []


def _read_pools(surroundings: Surroundings) -> list[Array]:
    finished = surroundings.runner.run("zpool", ["zpool", "status", "-p"], _ZPOOL_SECONDS)
    if finished.exit_status:
        raise ValueError(f"zpool status ended with {finished.exit_status}")
    return parse_status(finished.output.decode(errors="replace"))


def read_md(directory: Path) -> Array | None:
    """One md device from ``/sys/block/md0/md``; None for an empty one and for the container of others."""
    state = _line(directory / "array_state")
    disks = _count(directory / "raid_disks")
    if not state or state == "clear" or not disks:
        return None
    members = {entry.name.removeprefix("dev-"): _line(entry / "state") for entry in directory.glob("dev-*")}
    array = Array(
        name=directory.parent.name[:200],
        type="md",
        level=_line(directory / "level") or "",
        state=state,
        members=sorted(members)[:256],
        failed_members=sorted(name for name, said in members.items() if "faulty" in said.split(","))[:256],
    )
    degraded = _count(directory / "degraded")
    if degraded is not None:
        array.members_missing = degraded
    # Levels without redundancy have no such file: they are whole or broken.
    array.degraded = bool(degraded) or state in ("inactive", "broken")
    action = _line(directory / "sync_action")
    if action:
        array.action = "" if action == "idle" else action
        array.rebuilding = action in ("resync", "recover", "reshape")
    progress = _PROGRESS.fullmatch(_line(directory / "sync_completed"))
    if progress and int(progress[2]):
        array.action_percent = round(100 * int(progress[1]) / int(progress[2]), 1)
    if (mismatches := _count(directory / "mismatch_cnt")) is not None:
        array.mismatches = mismatches
    errors = [_count(entry / "errors") for entry in directory.glob("dev-*")]
    if errors and None not in errors:
        array.read_errors = array.errors = sum(error or 0 for error in errors)
    return array


def read_btrfs(directory: Path) -> Array:
    """One mounted btrfs from ``/sys/fs/btrfs/<uuid>``: its error counters are kept on the disks."""
    devices = sorted((directory / "devinfo").glob("*"))
    missing = [entry for entry in devices if _line(entry / "missing") == "1"]
    profiles = {entry.name for entry in (directory / "allocation" / "data").glob("*") if entry.is_dir()}
    operation = _line(directory / "exclusive_operation")
    array = Array(
        name=(_line(directory / "label") or directory.name)[:200],
        type="btrfs",
        level=next((profile for profile in _BTRFS_PROFILES if profile in profiles), ""),
        state="degraded" if missing else "mounted",
        members=sorted(entry.name for entry in (directory / "devices").glob("*"))[:256],
        failed_members=[f"device {entry.name}" for entry in missing][:256],
        degraded=bool(missing),
        members_missing=len(missing),
    )
    if operation:
        array.action = "" if operation == "none" else operation
        array.rebuilding = operation == "device replace"
    counted = [parse_error_stats(_line(entry / "error_stats", whole=True)) for entry in devices]
    if counted and all(counted):
        array.read_errors = sum(each["read_errs"] for each in counted)
        array.write_errors = sum(each["write_errs"] + each["flush_errs"] for each in counted)
        array.checksum_errors = sum(each["corruption_errs"] + each["generation_errs"] for each in counted)
        array.errors = array.read_errors + array.write_errors + array.checksum_errors
    return array


def parse_error_stats(text: str) -> dict[str, int]:
    """``write_errs 0`` and so on, one to a line; {} where one of the five is not there."""
    rows = (line.split() for line in text.splitlines())
    found = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
    names = ("write_errs", "read_errs", "flush_errs", "corruption_errs", "generation_errs")
    return found if all(name in found for name in names) else {}


def _count(path: Path) -> int | None:
    # raid_disks shows "2 (4)" while an array grows.
    words = _line(path).split()
    return int(words[0]) if words and words[0].isdigit() else None


def _line(path: Path, whole: bool = False) -> str:
    try:
        text = path.read_text(errors="replace").strip()
    except OSError:
        return ""
    return text if whole else text[:200]


PROBE: Probe[LoadParts] = Probe(
    "arrays",
    "md, btrfs and ZFS arrays: state, failed members, rebuilding, errors",
    "as each quantity says",
    {
        Platform.LINUX: Source("/sys/block/md*/md, /sys/fs/btrfs, zpool status", measure),
        Platform.WINDOWS: Absent("Storage Spaces and dynamic disks are not read"),
        Platform.MACOS: Absent("AppleRAID is not read"),
    },
)
