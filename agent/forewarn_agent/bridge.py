"""Disks behind USB bridges: which type answers, tried in turn and remembered."""

import time

from forewarn_agent.inventory import Address
from forewarn_agent.remembered import Bridge
from forewarn_agent.search import BRIDGE_TYPES, is_due
from forewarn_agent.smart_parse import parse_report
from forewarn_agent.smartctl import Smartctl
from forewarn_wire import Outcome, SmartReport

# These say nothing about the type: the disk sleeps, or smartctl may not open it.
_NOT_THE_TYPE = frozenset({Outcome.MEASURED, Outcome.STANDBY, Outcome.NO_ACCESS, Outcome.VIRTUAL})


class UsbBridges:
    """Reads disks behind bridges. ``known`` goes by slot and identity, so another disk on the port is tried anew."""

    def __init__(self, smartctl: Smartctl, known: dict[str, Bridge]) -> None:
        self._smartctl = smartctl
        self._known = known

    def read(self, address: Address, wake: bool = False) -> SmartReport:
        """The disk's report. All types are tried once a day at most. Raise MissingError or HungError."""
        key = f"{address.slot} {address.disk.model} {address.disk.serial}"
        known = self._known.get(key)
        first = known.type if known is not None and known.type else address.type
        report = self._ask(address, first, wake)
        if report.outcome in _NOT_THE_TYPE:
            return report
        if known is None or known.type or is_due(time.time(), known.tried_at):
            for type_ in BRIDGE_TYPES:
                if type_ != first:
                    found = self._ask(address, type_)
                    if found.outcome is Outcome.MEASURED:
                        self._known[key] = Bridge(type_, time.time())
                        return found
                    if found.outcome is Outcome.STANDBY:
                        return found
            self._known[key] = Bridge(None, time.time())
        report.outcome = Outcome.BRIDGE_HIDES_SMART
        report.detail = f"{report.detail}; no answer with {', '.join(BRIDGE_TYPES)}"[:1000]
        return report

    def _ask(self, address: Address, type_: str | None, wake: bool = False) -> SmartReport:
        finished = self._smartctl.read(address.device, type_, wake)
        return parse_report(address.slot, finished.output, finished.exit_status, time.time())
