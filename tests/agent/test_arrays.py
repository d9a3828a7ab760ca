"""md and btrfs as the kernel documents them in sysfs, zpool status as its manual page prints it."""

from pathlib import Path

import pytest
from msgspec import UNSET

from forewarn_agent.gather import read_load
from forewarn_agent.probes.arrays import parse_error_stats, read_btrfs, read_md
from forewarn_agent.probes.reading import Surroundings
from forewarn_agent.probes.zpool import parse_status
from forewarn_agent.settings import Filesystems, Roots
from forewarn_wire import LoadReport, Outcome, SmartReport, decode, encode

RAID5 = {
    "level": "raid5", "raid_disks": "3", "array_state": "clean", "degraded": "0", "sync_action": "idle",
    "sync_completed": "none", "mismatch_cnt": "0",
    "dev-sda1/state": "in_sync", "dev-sdb1/state": "in_sync", "dev-sdc1/state": "in_sync",
    "dev-sda1/errors": "0", "dev-sdb1/errors": "2", "dev-sdc1/errors": "0",
}  # fmt: skip


def files(directory: Path, contents: dict[str, str]) -> Path:
    for name, content in contents.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return directory


def test_a_whole_raid5(tmp_path: Path) -> None:
    array = read_md(files(tmp_path / "md5" / "md", RAID5))
    assert array is not None
    assert (array.name, array.type, array.level, array.state) == ("md5", "md", "raid5", "clean")
    assert (array.members, array.failed_members) == (["sda1", "sdb1", "sdc1"], [])
    assert (array.degraded, array.members_missing, array.action, array.rebuilding) == (False, 0, "", False)
    assert (array.mismatches, array.read_errors, array.errors) == (0, 2, 2)
    assert (array.action_percent, array.write_errors, array.checksum_errors) == (UNSET, UNSET, UNSET)


def test_a_raid5_that_rebuilds_onto_a_spare(tmp_path: Path) -> None:
    said = {"degraded": "1", "sync_action": "recover", "sync_completed": "250 / 1000", "dev-sdb1/state": "faulty"}
    array = read_md(files(tmp_path / "md5" / "md", {**RAID5, **said, "dev-sdd1/state": "spare"}))
    assert array is not None
    assert (array.degraded, array.members_missing, array.failed_members) == (True, 1, ["sdb1"])
    assert (array.action, array.action_percent, array.rebuilding) == ("recover", 25.0, True)


@pytest.mark.parametrize(("state", "degraded"), [("active", False), ("broken", True), ("inactive", True)])
def test_a_raid0_is_whole_or_broken(state: str, degraded: bool, tmp_path: Path) -> None:
    contents = {"level": "raid0", "raid_disks": "2 (3)", "array_state": state, "dev-sda/state": "in_sync"}
    array = read_md(files(tmp_path / "md0" / "md", contents))
    assert array is not None
    assert (array.degraded, array.members_missing, array.mismatches) == (degraded, UNSET, UNSET)


@pytest.mark.parametrize("change", [{"array_state": "clear"}, {"raid_disks": "0"}, {"array_state": ""}])
def test_what_is_no_array(change: dict[str, str], tmp_path: Path) -> None:
    assert read_md(files(tmp_path / "md127" / "md", {**RAID5, **change})) is None


STATS = "write_errs {}\nread_errs {}\nflush_errs 0\ncorruption_errs {}\ngeneration_errs 0"


def test_a_btrfs_without_one_of_its_disks(tmp_path: Path) -> None:
    contents = {
        "label": "", "exclusive_operation": "none", "devices/sda/size": "1", "allocation/data/raid1/used_bytes": "1",
        "devinfo/1/missing": "0", "devinfo/1/error_stats": STATS.format(1, 2, 3),
        "devinfo/2/missing": "1", "devinfo/2/error_stats": STATS.format(10, 0, 0),
    }  # fmt: skip
    array = read_btrfs(files(tmp_path / "a1b2", contents))
    assert (array.name, array.type, array.level, array.state) == ("a1b2", "btrfs", "raid1", "degraded")
    assert (array.degraded, array.members_missing, array.failed_members) == (True, 1, ["device 2"])
    assert (array.write_errors, array.read_errors, array.checksum_errors, array.errors) == (11, 2, 3, 16)


def test_a_kernel_without_error_stats_leaves_the_counters_out(tmp_path: Path) -> None:
    array = read_btrfs(files(tmp_path / "a1b2", {"label": "data", "devinfo/1/missing": "0"}))
    assert (array.name, array.degraded, array.errors) == ("data", False, UNSET)
    assert parse_error_stats("write_errs 1\nread_errs many") == {}


DEGRADED_POOL = """\
  pool: tank
 state: DEGRADED
status: One or more devices could not be opened.  Sufficient replicas exist for
        the pool to continue functioning in a degraded state.
action: Attach the missing device and online it using 'zpool online'.
   see: https://openzfs.github.io/openzfs-docs/msg/ZFS-8000-2Q
  scan: resilver in progress since Tue Nov 24 10:00:00 2026
        1000 / 4000 scanned, 500 / 4000 issued
        500 resilvered, 12.50% done, 01:02:03 to go
config:

\tNAME          STATE     READ WRITE CKSUM
\ttank          DEGRADED     0     0     0
\t  mirror-0    DEGRADED     0     0     0
\t    sda       ONLINE       0     0    12  (resilvering)
\t    sdb       UNAVAIL      3     1     0  cannot open
\t  mirror-1    ONLINE       0     0     0
\t    sdc       ONLINE       0     0     0
\t    sdd       ONLINE       0     0     0
\tlogs
\t  nvme0n1p1   ONLINE       0     0     0
\tcache
\t  nvme0n1p2   ONLINE       0     0     0
\tspares
\t  sde         AVAIL

errors: No known data errors

  pool: usb
 state: ONLINE
  scan: scrub repaired 0B in 00:00:01 with 0 errors on Sun Nov 22 00:24:02 2026
config:

\tNAME        STATE     READ WRITE CKSUM
\tusb         ONLINE       0     0     0
\t  sdx       ONLINE       0     0     0

errors: No known data errors
"""


def test_pools_of_zfs() -> None:
    tank, usb = parse_status(DEGRADED_POOL)
    assert (tank.name, tank.type, tank.level, tank.state) == ("tank", "zfs", "mirror", "DEGRADED")
    assert tank.members == ["sda", "sdb", "sdc", "sdd", "nvme0n1p1"]
    assert (tank.degraded, tank.members_missing, tank.failed_members) == (True, 1, ["sdb UNAVAIL"])
    assert (tank.action, tank.action_percent, tank.rebuilding) == ("resilver", 12.5, True)
    assert (tank.read_errors, tank.write_errors, tank.checksum_errors, tank.errors) == (3, 1, 12, 16)
    assert (usb.level, usb.degraded, usb.members, usb.action, usb.errors) == ("stripe", False, ["sdx"], "", 0)
    assert parse_status("no pools available\n") == []


@pytest.mark.parametrize("cut", range(0, len(DEGRADED_POOL), 7))
def test_a_status_that_is_cut_off_never_says_more_than_it_holds(cut: int) -> None:
    try:
        arrays = parse_status(DEGRADED_POOL[:cut])
    except ValueError:
        return
    assert all(array.degraded is not False for array in arrays[:1])


def no_disks() -> list[SmartReport]:
    return []


def read(sys: Path) -> LoadReport:
    roots = Roots(Path("/proc"), sys, Path("/"))
    return read_load(frozenset({"arrays"}), Surroundings(roots, Filesystems(frozenset(), frozenset()), no_disks))


def zpool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    program = tmp_path / "bin" / "zpool"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    (tmp_path / "sys" / "module" / "zfs").mkdir(parents=True)
    return tmp_path / "sys"


def test_arrays_travel_in_the_load_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "status").write_text(DEGRADED_POOL)
    sys = zpool(tmp_path, monkeypatch, f'test "$*" = "status -p" && cat {tmp_path}/status')
    files(sys / "block" / "md5" / "md", RAID5)
    files(sys / "fs" / "btrfs" / "a1b2", {"label": "data", "devinfo/1/missing": "0"})
    report = read(sys)
    assert report.arrays is not UNSET
    assert [array.name for array in report.arrays] == ["md5", "data", "tank", "usb"]
    report.device, report.boot = "nas-1", "b"
    assert decode("load", encode(report)) == report
    assert report.unread == []


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense"])
def test_a_zpool_that_fails_is_said(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = read(zpool(tmp_path, monkeypatch, script))
    assert [(row.probe, row.part, row.outcome) for row in report.unread] == [("arrays", "zfs", Outcome.UNREADABLE)]


def test_a_machine_without_arrays_says_not_here(tmp_path: Path) -> None:
    report = read(tmp_path)
    assert report.arrays is UNSET
    assert [(row.probe, row.outcome) for row in report.unread] == [("arrays", Outcome.NOT_HERE)]
