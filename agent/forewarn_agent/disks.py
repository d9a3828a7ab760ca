"""All disks of the machine: found, and read side by side."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from forewarn_agent.bridge import UsbBridges
from forewarn_agent.commands import FailedError
from forewarn_agent.controllers import read_controllers
from forewarn_agent.emmc import fill_emmc
from forewarn_agent.inventory import Address, slot_of, unite
from forewarn_agent.pysmart_hint import Hint, read_hints
from forewarn_agent.remembered import Member, Remembered
from forewarn_agent.runner import HungError, MissingError
from forewarn_agent.search import is_due, search
from forewarn_agent.smart_json import load_object
from forewarn_agent.smart_parse import shape_report
from forewarn_agent.smart_selftest import DiskTests, read_tests
from forewarn_agent.smartctl import Smartctl
from forewarn_agent.stamp import UNSTAMPED
from forewarn_agent.sysfs_disks import KernelDisk, read_kernel_disks
from forewarn_wire import Disk, Outcome, SmartReport

log = logging.getLogger(__name__)

REMEMBERED_NAME = "disks.json"
_HINT_SECONDS = 60.0
_RESCAN_SECONDS = 12 * 3600.0
# Disks that are asked at one time. Those behind one controller are asked one after the other.
_SIDE_BY_SIDE = 4

Each = Callable[[SmartReport], None]


class Disks:
    """Finds the disks and reads them. They are looked for again when the kernel's list changes, and twice a day; the
    search behind controllers, which takes many starts of smartctl, once a day and when something changes."""

    def __init__(
        self,
        sys: Path | None,
        smartctl: Smartctl,
        remembered: Remembered | None = None,
        force_after: int | None = None,
        clock: Callable[[], float] = time.time,
        kernel: Callable[[], list[KernelDisk]] | None = None,
        asks_pysmart: bool = True,
    ) -> None:
        """``force_after`` readings in a row that found a disk asleep, the next one wakes it; None wakes none.
        ``kernel`` lists the disks where there is no sysfs."""
        self._sys = sys
        self._kernel = kernel or (partial(read_kernel_disks, sys) if sys else list)
        self._asks_pysmart = asks_pysmart
        self._round_done = False
        self._smartctl = smartctl
        self._remembered = remembered or Remembered(None)
        self._bridges = UsbBridges(smartctl, self._remembered.known.bridges)
        self._addresses: list[Address] = []
        self._seen: tuple[str, ...] | None = None
        self._scanned_at = 0.0
        self._hints: list[Hint] = []
        self._identities: dict[str, Disk] = {}
        self._force_after = force_after
        self._clock = clock
        self._asleep: dict[str, int] = {}
        self.tests: dict[str, DiskTests] = {}
        """by slot, what each disk last said of its self-tests"""
        self.lock = threading.RLock()
        """held while disks are asked, so that a self-test is not decided in the middle of a round"""

    def read_all(self, each: Each | None = None) -> list[SmartReport]:
        """One report per disk, by slot; ``each`` gets it as soon as it is there, one at a time."""
        with self.lock:
            return self._read_these(self._find(), each)

    def read_one(self, name: str) -> tuple[Address, SmartReport] | None:
        """Ask the disk with this serial number or slot; None where there is none."""
        with self.lock:
            found = self._find()
            for address in found:
                if name in (address.slot, self._identity(address).serial):
                    return address, self._read(address)
            for address in found:
                if address.slot not in self._identities and (report := self._read(address)).disk.serial == name:
                    return address, report
        return None

    def note_running(self, slot: str, now: float) -> None:
        """A self-test was started on it; its next reading knows better."""
        self.tests[slot] = replace(self.tests[slot], running=True, read_at=now)

    def known(self) -> list[Disk]:
        """Who the disks are, as they last said; none before they were read for the first time."""
        return [self._identity(address) for address in self._addresses] if self._round_done else []

    def addresses(self) -> list[Address]:
        """The disks as they were last found."""
        return list(self._addresses)

    def read_hinted(self, each: Each | None = None) -> list[SmartReport]:
        """Ask pySMART once, and read the disks that only it has found.

        It asks every disk in its own way and has no patience with one that hangs. So this comes after ``read_all``.
        """
        if not self._asks_pysmart:
            return []
        known = {address.slot for address in self._addresses}
        self._hints = read_hints(self._smartctl.runner, self._smartctl.path, _HINT_SECONDS)
        self._seen = None
        with self.lock:
            return self._read_these([address for address in self._find() if address.slot not in known], each)

    def _read_these(self, addresses: list[Address], each: Each | None) -> list[SmartReport]:
        reports: list[SmartReport] = []
        lock = threading.Lock()

        def read_in_turn(behind_one: list[Address]) -> None:
            for address in behind_one:
                report = self._read(address)
                with lock:
                    reports.append(report)
                    if each:
                        each(report)

        by_device: dict[str, list[Address]] = {}
        for address in addresses:
            by_device.setdefault(address.device, []).append(address)
        with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="disk") as pool:
            for done in [pool.submit(read_in_turn, group) for group in by_device.values()]:
                done.result()
        self._remembered.keep()
        self._round_done = True
        return sorted(reports, key=lambda report: report.disk.slot)

    def _find(self) -> list[Address]:
        kernel = self._kernel_disks()
        seen = tuple(disk.name for disk in kernel)
        if seen != self._seen or time.monotonic() - self._scanned_at > _RESCAN_SECONDS:
            self._addresses = self._look(kernel)
        return self._addresses

    def _kernel_disks(self) -> list[KernelDisk]:
        try:
            return self._kernel()
        except (MissingError, HungError, FailedError, ValueError) as error:
            log.warning("which disks the system has is not known, the scan has to do: %s", error)
            return []

    def _look(self, kernel: list[KernelDisk]) -> list[Address]:
        self._seen = None
        members: list[Member] = []
        try:
            scan = self._smartctl.scan()
            members = self._behind_controllers(kernel, scan)
        except MissingError as error:
            return [_without_smartctl(address, str(error)) for address in unite([], [], kernel)]
        except HungError as error:
            log.warning("scan for disks: %s", error)
            scan = []
        else:
            self._seen = tuple(disk.name for disk in kernel)
            self._scanned_at = time.monotonic()
        return unite(scan, self._hints, kernel, members)

    def _behind_controllers(self, kernel: list[KernelDisk], scan: list[dict[str, Any]]) -> list[Member]:
        """What the last search found, or a new one's find when it is a day old or the kernel shows something else."""
        rows = [(str(row.get("name")), str(row.get("type"))) for row in scan]
        told = {device for device, type_ in rows if slot_of(device, type_) != device}
        there = read_controllers(self._sys) if self._sys else []
        controllers = [each for each in there if each.device not in told]
        known = self._remembered.known
        seen = sorted({*(each.device for each in controllers), *(f"{disk.name} {disk.disk.serial}" for disk in kernel)})
        if not controllers:
            known.members = []
        elif seen != known.seen or is_due(time.time(), known.searched_at):
            known.members = search(controllers, self._smartctl.identify)
            known.seen, known.searched_at = seen, time.time()
            log.info("disks behind controllers: %s", [f"{each.device} {each.type}" for each in known.members])
        return known.members

    def _read(self, address: Address) -> SmartReport:
        if address.known is not None:
            return self._unread(address, address.known, address.detail)
        if address.emmc and self._sys:
            report = self._unread(address, Outcome.UNSUPPORTED, "")
            fill_emmc(report, self._sys / "block" / address.device.removeprefix("/dev/") / "device")
            return report
        wake = self._force_after is not None and self._asleep.get(address.slot, 0) >= self._force_after
        try:
            report = self._bridges.read(address, wake) if address.usb else self._ask(address, wake)
        except MissingError as error:
            self._seen = None
            return self._unread(address, Outcome.NO_SMARTCTL, str(error))
        except HungError as error:
            return self._unread(address, Outcome.TIMEOUT, f"smartctl: {error}")
        asleep = report.outcome is Outcome.STANDBY and not wake
        self._asleep[address.slot] = self._asleep.get(address.slot, 0) + 1 if asleep else 0
        if report.outcome is Outcome.MEASURED and report.disk.serial:
            self._identities[address.slot] = report.disk
        elif report.disk.serial is None:
            report.disk = self._identity(address)
        return report

    def _ask(self, address: Address, wake: bool) -> SmartReport:
        finished = self._smartctl.read(address.device, address.type, wake)
        document, now = load_object(finished.output), self._clock()
        report = shape_report(address.slot, document, finished.output, finished.exit_status, now)
        if document is not None and report.outcome is Outcome.MEASURED:
            self.tests[address.slot] = read_tests(document, now)
        return report

    def _identity(self, address: Address) -> Disk:
        """What the disk said when it last answered, unless the kernel now sees another one there."""
        known = self._identities.get(address.slot)
        if known is not None and address.disk.serial in (None, known.serial):
            return known
        return address.disk

    def _unread(self, address: Address, outcome: Outcome, detail: str) -> SmartReport:
        return SmartReport(
            device=UNSTAMPED,
            boot=UNSTAMPED,
            seq=0,
            sampled_at=time.time(),
            disk=self._identity(address),
            outcome=outcome,
            detail=detail[:1000],
        )


def _without_smartctl(address: Address, reason: str) -> Address:
    if address.known is not None or address.emmc:
        return address
    return replace(address, known=Outcome.NO_SMARTCTL, detail=f"smartctl cannot be started: {reason}")
