"""All disks of the machine, read one after the other."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from forewarn_agent.inventory import Address, unite
from forewarn_agent.pysmart_hint import Hint, read_hints
from forewarn_agent.runner import HungError, MissingError
from forewarn_agent.smart_parse import parse_report
from forewarn_agent.smartctl import Smartctl
from forewarn_agent.stamp import UNSTAMPED
from forewarn_agent.sysfs_disks import KernelDisk, read_kernel_disks
from forewarn_wire import Disk, Outcome, SmartReport

log = logging.getLogger(__name__)

_HINT_SECONDS = 60.0
_RESCAN_SECONDS = 12 * 3600.0


class Disks:
    """Finds the disks and reads them. They are looked for again when the kernel's list changes, and twice a day."""

    def __init__(self, sys: Path, smartctl: Smartctl) -> None:
        self._sys = sys
        self._smartctl = smartctl
        self._addresses: list[Address] = []
        self._seen: tuple[str, ...] | None = None
        self._scanned_at = 0.0
        self._hints: list[Hint] = []
        self._identities: dict[str, Disk] = {}

    def read_all(self, each: Callable[[SmartReport], None] | None = None) -> list[SmartReport]:
        """One report per disk; ``each`` gets it as soon as it is there, before the next disk is asked."""
        return self._read_these(self._find(), each)

    def read_hinted(self, each: Callable[[SmartReport], None] | None = None) -> list[SmartReport]:
        """Ask pySMART once, and read the disks that only it has found.

        It asks every disk in its own way and has no patience with one that hangs. So this comes after ``read_all``.
        """
        known = {address.slot for address in self._addresses}
        self._hints = read_hints(self._smartctl.runner, self._smartctl.path, _HINT_SECONDS)
        self._seen = None
        return self._read_these([address for address in self._find() if address.slot not in known], each)

    def _read_these(self, addresses: list[Address], each: Callable[[SmartReport], None] | None) -> list[SmartReport]:
        reports = []
        for address in addresses:
            report = self._read(address)
            if each:
                each(report)
            reports.append(report)
        return reports

    def _find(self) -> list[Address]:
        kernel = read_kernel_disks(self._sys)
        seen = tuple(disk.name for disk in kernel)
        if seen != self._seen or time.monotonic() - self._scanned_at > _RESCAN_SECONDS:
            self._addresses = self._look(kernel)
        return self._addresses

    def _look(self, kernel: list[KernelDisk]) -> list[Address]:
        self._seen = None
        try:
            scan = self._smartctl.scan()
        except MissingError as error:
            return [_without_smartctl(address, str(error)) for address in unite([], [], kernel)]
        except HungError as error:
            log.warning("scan for disks: %s", error)
            scan = []
        else:
            self._seen = tuple(disk.name for disk in kernel)
            self._scanned_at = time.monotonic()
        return unite(scan, self._hints, kernel)

    def _read(self, address: Address) -> SmartReport:
        if address.known is not None:
            return self._unread(address, address.known, address.detail)
        try:
            finished = self._smartctl.read(address.device, address.type)
        except MissingError as error:
            self._seen = None
            return self._unread(address, Outcome.NO_SMARTCTL, str(error))
        except HungError as error:
            return self._unread(address, Outcome.TIMEOUT, f"smartctl: {error}")
        report = parse_report(address.slot, finished.output, finished.exit_status, time.time())
        if report.outcome is Outcome.MEASURED and report.disk.serial:
            self._identities[address.slot] = report.disk
            return report
        if address.usb and report.outcome in (Outcome.UNSUPPORTED, Outcome.UNREADABLE):
            report.outcome = Outcome.BRIDGE_HIDES_SMART
        if report.disk.serial is None:
            report.disk = self._identity(address)
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
    if address.known is not None:
        return address
    return replace(address, known=Outcome.NO_SMARTCTL, detail=f"smartctl cannot be started: {reason}")
