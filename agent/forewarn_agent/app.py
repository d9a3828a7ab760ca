"""The running agent: probes into the outbox, the outbox to the server."""

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

from forewarn_agent.assemble import assemble
from forewarn_agent.disks import REMEMBERED_NAME
from forewarn_agent.gather import read_load, take_out_not_here
from forewarn_agent.identity import directory_of, tls_of
from forewarn_agent.log_tail import LogTail
from forewarn_agent.machine import agent_version, boot_id, inventory_of
from forewarn_agent.notify import Pulse
from forewarn_agent.orders import Actions, Orders, kept_order
from forewarn_agent.outbox import Outbox
from forewarn_agent.outbox_file import OUTBOX_NAME, OutboxUnavailableError
from forewarn_agent.probes.arrays import read_arrays
from forewarn_agent.publish import Publisher
from forewarn_agent.reboots import Start
from forewarn_agent.remembered import Remembered
from forewarn_agent.remote_settings import Applied, apply_settings
from forewarn_agent.renewal import Renewal
from forewarn_agent.rhythm import Rhythm
from forewarn_agent.runner import Runner
from forewarn_agent.self_tester import SelfTester
from forewarn_agent.settings import Config
from forewarn_agent.single import lock_data
from forewarn_agent.stamp import UNSTAMPED
from forewarn_wire import Disk, EventReport, Inventory, Setting, SmartReport, Unread
from forewarn_wire.attributes import shortened

log = logging.getLogger(__name__)

DRAIN_SECONDS = 5.0
_RETRY_SECONDS = 10.0
# Many disks that hang one after the other, and a search behind controllers.
_SMART_ROUND_SECONDS = 3 * 3600.0


class Agent:
    """Wires the parts. ``run`` comes back after ``stop``, or raises OSError where the data directory is of no use."""

    def __init__(self, config: Config, tail: LogTail | None = None) -> None:
        self._own = config
        self._config = config
        self._tail = tail or LogTail()
        self._stopping = threading.Event()
        self._pulse = Pulse()
        remembered = Remembered(config.data / REMEMBERED_NAME)
        parts = assemble(config, remembered, keeps_log=True)
        self._smartctl, self._disks, self._surroundings = parts.smartctl, parts.disks, parts.surroundings
        self._commands = parts.commands
        self._tester = SelfTester(self._disks, self._smartctl, remembered, lambda: read_arrays(self._surroundings))
        self._known_disks: list[Disk] = []
        self._not_here: list[Unread] = []
        self._smartctl_version: str | None = None
        self._hint_taken = False
        self._rhythms: list[Rhythm] = []

    def stop(self) -> None:
        self._stopping.set()
        for rhythm in self._rhythms:
            rhythm.stop()

    def run(self) -> None:
        with lock_data(self._config.data):
            outbox = self._open_outbox()
            if outbox is None:
                return
            orders = Orders(outbox, self._actions(outbox, lambda: publisher))
            promise = self._pulse.promise
            publisher = Publisher(self._config, outbox, self._inventory, orders.receive, promise("publish"))
            self._take_up_settings(outbox)
            load = Rhythm(
                lambda: self._config.load_interval, lambda: self._load_round(outbox, publisher), promise("load")
            )
            smart = Rhythm(
                lambda: self._config.smart_interval,
                lambda: self._smart_round(outbox, publisher),
                promise("smart"),
                _SMART_ROUND_SECONDS,
            )
            self._rhythms += [load, smart]
            publisher.start()
            orders.start()
            renewal = self._renewal()
            smart_thread = threading.Thread(target=smart.run, name="smart", daemon=True)
            smart_thread.start()
            self._pulse.ready()
            if self._stopping.is_set():
                self.stop()
            load.run()
            log.info("stopping")
            self._pulse.stopping()
            orders.stop()
            if renewal is not None:
                renewal.stop()
            self._smartctl.runner.close()
            smart_thread.join(2)
            publisher.stop(DRAIN_SECONDS)
            self._leave(outbox)

    def _load_round(self, outbox: Outbox, publisher: Publisher) -> None:
        report = read_load(self._config.probes, self._surroundings)
        not_here = take_out_not_here(report)[:64]
        outbox.append(report)
        for event in self._surroundings.log.events():
            outbox.append(event)
        if not_here != self._not_here:
            self._not_here = not_here
            publisher.announce()

    def _renewal(self) -> Renewal | None:
        """None where the identity is not one that was enrolled."""
        directory = directory_of(self._config)
        if self._config.tls != tls_of(directory):
            return None
        renewal = Renewal(directory, Runner())
        renewal.start()
        return renewal

    def _actions(self, outbox: Outbox, publisher: Callable[[], Publisher]) -> Actions:
        def configure(settings: Mapping[str, Setting]) -> Applied:
            result = apply_settings(self._own, settings)
            self._adopt(outbox, result.config)
            publisher().announce()
            self._wake()
            return result

        def resend(boot: str, sequences: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
            found = outbox.resend(boot, sequences)
            publisher().rewind()
            return found

        def support_bundle() -> bytes:
            # Hardly ever asked for, and what it needs takes memory all the time.
            from forewarn_agent.bundle import make_bundle

            return make_bundle(self._config, outbox, self._tail)

        return Actions(
            configure=configure,
            probe_now=self._wake,
            self_test=self._self_test,
            support_bundle=support_bundle,
            resend=resend,
        )

    def _wake(self) -> str:
        for rhythm in self._rhythms:
            rhythm.wake()
        return f"reading now: {', '.join(sorted(self._config.probes)) or 'no probe is on'}"

    def _self_test(self, disk: str) -> str:
        return self._tester.on_request(disk)

    def _take_up_settings(self, outbox: Outbox) -> None:
        """What the server had set before the agent was started again."""
        order = kept_order(outbox)
        if order is not None:
            self._adopt(outbox, apply_settings(self._own, order.settings).config)

    def _adopt(self, outbox: Outbox, config: Config) -> None:
        self._config = config
        self._surroundings.filesystems = config.filesystems
        outbox.limit(config.outbox)

    def _open_outbox(self) -> Outbox | None:
        """Wait for a disk that has room; None where the agent was stopped before."""
        path = self._config.data / OUTBOX_NAME
        while not self._stopping.is_set():
            outbox = None
            try:
                outbox = Outbox(path, self._config.device, self._config.outbox)
                start, unexpected = outbox.begin(boot_id(self._config, self._commands))
            except OutboxUnavailableError as error:
                if outbox is not None:
                    outbox.close()
                # Waiting for room is what it does now; a restart would not help.
                self._pulse.ready()
                log.error("the outbox cannot be opened, next try in %g s: %s", _RETRY_SECONDS, error)
                self._stopping.wait(_RETRY_SECONDS)
                continue
            if start is not Start.UNKNOWN:
                self._surroundings.unexpected_reboots = unexpected
            log.info("agent %s for device %s, start: %s", agent_version(), self._config.device, start.value)
            outbox.append(
                EventReport(
                    device=UNSTAMPED,
                    boot=UNSTAMPED,
                    seq=0,
                    sampled_at=time.time(),
                    event="agent-start",
                    text=f"version {agent_version()}, {start.value}",
                )
            )
            return outbox
        return None

    def _smart_round(self, outbox: Outbox, publisher: Publisher) -> None:
        def keep(report: SmartReport) -> None:
            # A run that was killed because the agent stops says nothing about the disk.
            if not self._stopping.is_set():
                outbox.append(shortened(report))

        if "smart" not in self._config.probes:
            return
        version = self._smartctl.version()
        reports = self._disks.read_all(keep)
        self._tell(publisher, [report.disk for report in reports], version)
        if not self._hint_taken and not self._stopping.is_set():
            self._hint_taken = True
            reports += self._disks.read_hinted(keep)
            self._tell(publisher, [report.disk for report in reports], version)
        event = self._tester.round(self._config.self_tests, reports)
        if event is not None:
            outbox.append(event)

    def _tell(self, publisher: Publisher, disks: list[Disk], version: str | None) -> None:
        """A change of the inventory goes out as a new birth."""
        if (disks, version) != (self._known_disks, self._smartctl_version) and not self._stopping.is_set():
            self._known_disks, self._smartctl_version = disks, version
            publisher.announce()

    def _inventory(self) -> Inventory:
        inventory = inventory_of(self._config, self._commands)
        inventory.smartctl_version = self._smartctl_version
        inventory.load_interval_seconds = self._config.load_interval
        inventory.smart_interval_seconds = self._config.smart_interval
        inventory.disks = self._known_disks[:512]
        inventory.not_here = self._not_here
        return inventory

    def _leave(self, outbox: Outbox) -> None:
        try:
            outbox.mark_stopped_in_order()
        except OutboxUnavailableError as error:
            log.warning("the orderly stop is not noted: %s", error)
        outbox.close()
        log.info("stopped")


def run_until_signal(config: Config) -> None:
    """Run the agent until SIGTERM or SIGINT."""
    tail = LogTail()
    logging.getLogger().addHandler(tail)
    agent = Agent(config, tail)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        agent.stop()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    if sys.platform == "win32":
        # Windows' way of asking a console program to end; it knows no SIGTERM from outside.
        signal.signal(signal.SIGBREAK, on_signal)
    agent.run()
