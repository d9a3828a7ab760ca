"""Whether a disk may, and should, test itself now. Pure: what disks said, what is remembered and ``now`` in.

A self-test reads; a disk goes on working meanwhile, more slowly. So there is one at a time in a machine, none where
another trouble is at work, and the days are spread over the fleet by the disks' serial numbers.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from forewarn_agent.remembered import SelfTestMemory, StartedTest
from forewarn_agent.runner import Finished
from forewarn_agent.settings import SelfTests
from forewarn_agent.smart_json import load_object, messages
from forewarn_agent.smart_outcome import COMMAND_FAILED, COMMAND_LINE, OPEN_FAILED, STANDBY_EXIT_STATUS
from forewarn_agent.smart_selftest import DiskTests
from forewarn_wire import Array, Outcome, SmartReport

# Who says that a test runs is believed so long; a disk that fell silent meanwhile must not hold up the others.
_BELIEVED_SECONDS = 86400.0
_ATA_HOURS = 65536
# ACS and NVM Express allow a short test two minutes.
_SHORT_MINUTES = 2.0


@dataclass(frozen=True)
class Candidate:
    """One disk: its report of now, what it says of its tests, what is remembered of them."""

    report: SmartReport
    tests: DiskTests | None
    usb: bool = False
    memory: SelfTestMemory | None = None


@dataclass(frozen=True)
class Start:
    """Yes; ``minutes`` is about how long it takes, None where the disk does not say."""

    extended: bool
    minutes: float | None

    @property
    def kind(self) -> str:
        return "extended" if self.extended else "short"

    @property
    def how_long(self) -> str:
        return "it does not say how long" if self.minutes is None else f"about {self.minutes:.0f} minutes"


def disks_in_test(tests: Mapping[str, DiskTests], now: float) -> list[str]:
    """The slots of the disks in which a test runs."""
    return sorted(slot for slot, said in tests.items() if said.running and now - said.read_at < _BELIEVED_SECONDS)


def obstacle(candidate: Candidate, testing: list[str], arrays: list[Array]) -> str | None:
    """Why no test may be started on this disk now, or None."""
    report, tests = candidate.report, candidate.tests
    if candidate.usb:
        return "it is behind a USB bridge, and many of these do not survive a self-test"
    if report.outcome is Outcome.STANDBY:
        return "it sleeps, and is not woken for a test"
    if report.outcome is not Outcome.MEASURED or tests is None:
        return f"it cannot be read: {report.outcome.value} {report.detail}".strip()
    if report.passed is False:
        return "it says that it is failing: a test would tell nothing new"
    if not tests.able:
        return "it has no self-test that this smartctl can start (NVMe needs 7.4)"
    if tests.running:
        return "a self-test runs on it"
    if testing:
        return f"a self-test runs on {testing[0]}: one disk of a machine at a time"
    temperature, limit = report.temperature_celsius, report.temperature_limit_celsius
    if isinstance(temperature, float | int) and isinstance(limit, float | int) and temperature >= limit:
        return f"it is too hot: {temperature:.0f} °C, {limit:.0f} °C are allowed"
    for array in arrays:
        if array.degraded is True or (isinstance(array.action, str) and array.action):
            what = "is degraded" if array.degraded is True else f"is at work: {array.action}"
            return f"the array {array.name} {what}, which its disks have to serve first"
    return None


def due(candidate: Candidate, schedule: SelfTests, now: float) -> Start | str:
    """Which test of the schedule it is time for, the extended one first; or why it is none."""
    serial, tests = candidate.report.disk.serial, candidate.tests
    memory = candidate.memory
    if serial is None or memory is None or tests is None:
        return "without a serial number there is no schedule for it"
    reasons = []
    for extended, interval in ((True, schedule.extended), (False, schedule.short)):
        if interval is None:
            continue
        last = last_test(candidate, extended, now)
        turn = last_turn(serial, interval, now)
        # A test that was done for another reason shortly before its turn counts as this turn's.
        if turn > max(last or 0.0, min(memory.since, now)) and (last is None or now - last >= interval / 2):
            return start(tests, extended)
        reasons.append(f"next {'extended' if extended else 'short'} one in {(turn + interval - now) / 86400:.1f} days")
    return ", ".join(reasons) or "none is scheduled"


def start(tests: DiskTests, extended: bool) -> Start:
    if extended:
        return Start(True, tests.extended_minutes)
    return Start(False, _SHORT_MINUTES if tests.short_minutes is None else tests.short_minutes)


def last_turn(serial: str, interval: float, now: float) -> float:
    """The newest turn up to ``now`` of the disk with this serial number; turns are ``interval`` apart, and each disk
    has its own place in it."""
    place = int.from_bytes(hashlib.sha256(serial.encode()).digest()[:8], "big") / 2**64 * interval
    return now - (now - place) % interval


def last_test(candidate: Candidate, extended: bool, now: float) -> float | None:
    """When the disk was last tested so (Unix seconds): what was started here, or what its log tells. An extended test
    does for a short one too. The log counts power-on hours, so by the clock it may be longer ago."""
    tests, memory, report = candidate.tests, candidate.memory, candidate.report
    started = [] if memory is None else [memory.extended] if extended else [memory.short, memory.extended]
    known = [each for each in started if each is not None and each.at <= now]
    times = [each.at for each in known]
    hours = report.power_on_hours
    for past in tests.past if tests is not None else ():
        if past.hours is not None and isinstance(hours, float | int) and (past.extended or not extended):
            if not any(_is_it(each, past.hours, tests) for each in known):
                times.append(now - _hours_since(hours, past.hours) * 3600)
            break
    return max(times, default=None)


def _is_it(known: StartedTest, hours: int, tests: DiskTests | None) -> bool:
    """Whether the log's entry is the test that was started here, whose time is known better."""
    minutes = (tests.extended_minutes if tests else None) or 24 * 60.0
    return known.hours is not None and (hours - known.hours) % _ATA_HOURS <= 1 + 2 * minutes / 60


def _hours_since(hours: float, then: float) -> float:
    """ATA's log has 16 bits for the hours: they begin again after seven and a half years."""
    return (hours - then) % _ATA_HOURS if hours >= _ATA_HOURS else max(hours - then, 0.0)


def refused(finished: Finished) -> str | None:
    """What smartctl says against the test that it should have started, or None."""
    if finished.exit_status == STANDBY_EXIT_STATUS:
        return "it sleeps, and is not woken for a test"
    if finished.exit_status < 0:
        return "smartctl was ended"
    if finished.exit_status & (COMMAND_LINE | OPEN_FAILED | COMMAND_FAILED):
        said = "; ".join(messages(load_object(finished.output)))
        return said[:500] or f"the disk did not take the command (exit status {finished.exit_status} of smartctl)"
    return None
