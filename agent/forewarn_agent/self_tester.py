"""Starts self-tests: by the schedule, at most one in a round, and when the server asks for one."""

import functools
import logging
import time
from collections.abc import Callable

from msgspec.structs import replace

from forewarn_agent.disks import Disks
from forewarn_agent.inventory import Address
from forewarn_agent.orders import Refused
from forewarn_agent.remembered import Remembered, SelfTestMemory, StartedTest
from forewarn_agent.runner import HungError, MissingError
from forewarn_agent.self_test_plan import Candidate, Start, disks_in_test, due, obstacle, refused, start
from forewarn_agent.settings import SelfTests
from forewarn_agent.smartctl import Smartctl
from forewarn_agent.stamp import UNSTAMPED
from forewarn_wire import Array, EventReport, SmartReport

log = logging.getLogger(__name__)


class SelfTester:
    """``arrays`` reads the machine's arrays, and is asked only when a test could begin. What was started is remembered
    with the disks. Without a schedule and without a request this starts nothing."""

    def __init__(
        self,
        disks: Disks,
        smartctl: Smartctl,
        remembered: Remembered,
        arrays: Callable[[], list[Array]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._disks = disks
        self._smartctl = smartctl
        self._remembered = remembered
        self._arrays = arrays
        self._clock = clock

    def round(self, schedule: SelfTests, reports: list[SmartReport]) -> EventReport | None:
        """After a reading of all disks: start the test whose turn it is. The event says what was done."""
        if schedule.short is None and schedule.extended is None:
            return None
        by_slot = {address.slot: address for address in self._disks.addresses()}
        arrays = functools.cache(self._arrays)
        with self._disks.lock:
            self._note_new([report for report in reports if report.disk.slot in by_slot])
            for report in reports:
                address = by_slot.get(report.disk.slot)
                if address is None:
                    continue
                candidate = self._candidate(address, report)
                test = due(candidate, schedule, self._clock())
                if isinstance(test, Start) and self._obstacle(candidate, arrays) is None:
                    return self._by_schedule(address, candidate, test)
        return None

    def on_request(self, name: str) -> str:
        """Start a short test of the disk with this serial number or slot, and say how long it takes. Raise Refused."""
        with self._disks.lock:
            found = self._disks.read_one(name) if name else None
            if found is None:
                known = [address.slot for address in self._disks.addresses()]
                raise Refused(f"there is no disk {name!r:.80}; here are {', '.join(known)[:600] or 'none'}")
            address, report = found
            candidate = self._candidate(address, report)
            reason = self._obstacle(candidate, self._arrays)
            if reason is None and candidate.tests is not None:
                test = start(candidate.tests, extended=False)
                reason = self._start(address, candidate, test)
                if reason is None:
                    return f"short self-test of {_named(report)} started, {test.how_long}"
            raise Refused(f"no self-test of {_named(report)}: {reason}")

    def _candidate(self, address: Address, report: SmartReport) -> Candidate:
        memory = self._remembered.known.self_tests.get(report.disk.serial or "")
        return Candidate(report, self._disks.tests.get(address.slot), address.usb, memory)

    def _obstacle(self, candidate: Candidate, arrays: Callable[[], list[Array]]) -> str | None:
        """The arrays are read last: that may start a program."""
        here = {address.slot for address in self._disks.addresses()} - {candidate.report.disk.slot}
        others = {slot: said for slot, said in self._disks.tests.items() if slot in here}
        running = disks_in_test(others, self._clock())
        return obstacle(candidate, running, []) or obstacle(candidate, running, arrays())

    def _note_new(self, reports: list[SmartReport]) -> None:
        """Disks that the schedule sees for the first time: their turns count from now."""
        known = self._remembered.known.self_tests
        for report in reports:
            if report.disk.serial is not None and report.disk.serial not in known:
                known[report.disk.serial] = SelfTestMemory(self._clock())
        self._remembered.keep()

    def _by_schedule(self, address: Address, candidate: Candidate, test: Start) -> EventReport:
        reason = self._start(address, candidate, test)
        said = f"{test.kind}, by the schedule, {test.how_long if reason is None else reason}"
        event = "self-test-started" if reason is None else "self-test-not-started"
        (log.info if reason is None else log.warning)("%s of %s: %s", event, _named(candidate.report), said)
        return EventReport(
            device=UNSTAMPED,
            boot=UNSTAMPED,
            seq=0,
            sampled_at=self._clock(),
            event=event,
            part=candidate.report.disk.serial or address.slot,
            text=said[:1000],
        )

    def _start(self, address: Address, candidate: Candidate, test: Start) -> str | None:
        """Why the disk did not begin, or None. An attempt counts as this turn's either way."""
        try:
            reason = refused(self._smartctl.start_self_test(address.device, address.type, test.extended))
        except (MissingError, HungError) as error:
            reason = f"smartctl: {error}"
        now, report = self._clock(), candidate.report
        if reason is None and candidate.tests is not None:
            self._disks.note_running(address.slot, now)
        if report.disk.serial is not None:
            hours = report.power_on_hours
            started = StartedTest(now, hours if isinstance(hours, float | int) else None)
            memory = candidate.memory or SelfTestMemory(now)
            memory = replace(memory, extended=started) if test.extended else replace(memory, short=started)
            self._remembered.known.self_tests[report.disk.serial] = memory
            self._remembered.keep()
        return reason


def _named(report: SmartReport) -> str:
    return " ".join(part for part in (report.disk.slot, report.disk.serial and f"({report.disk.serial})") if part)
