"""What works on this machine, what does not, and what to do about it."""

import os
import socket
import sqlite3
import ssl
import time

import msgspec

from forewarn_agent.assemble import assemble
from forewarn_agent.disks import REMEMBERED_NAME
from forewarn_agent.gather import ask
from forewarn_agent.outbox_file import OUTBOX_NAME, WAITING
from forewarn_agent.probes import LOAD_PROBES
from forewarn_agent.remembered import Remembered
from forewarn_agent.settings import Config
from forewarn_agent.smartctl import Smartctl
from forewarn_wire import Outcome, SmartReport, Unread

_CONNECT_SECONDS = 5.0
_REMEDIES = {
    Outcome.NO_ACCESS: "run the agent as root, or give it read access to the disk",
    Outcome.UNSUPPORTED: "nothing to do if the disk has no SMART; else try smartctl -d with the disk's type",
    Outcome.TIMEOUT: "check cable and controller: a disk that does not answer is often failing",
    Outcome.BRIDGE_HIDES_SMART: "try smartctl -d sat or another type of its USB list, or connect the disk directly",
    Outcome.UNREADABLE: "run smartctl -x on it and read what it says",
    Outcome.NO_SMARTCTL: "install smartmontools 7.0 or newer, or set smartctl to its path",
}
# Not measured, and nothing is wrong.
_FINE = frozenset({Outcome.MEASURED, Outcome.STANDBY, Outcome.VIRTUAL, Outcome.NOT_HERE})


class Check(msgspec.Struct, frozen=True):
    """One line of the doctor's: ``state`` is ok or problem; ``remedy`` is there for a problem."""

    state: str
    subject: str
    finding: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.state:<8} {self.subject}: {self.finding}"
        return f"{line} -> {self.remedy}" if self.remedy else line


def examine(config: Config, source: str) -> list[Check]:
    """Every check, in the order in which a person would look."""
    parts = assemble(config, Remembered(config.data / REMEMBERED_NAME, writable=False), keeps_log=False)
    checks = [Check("ok", "config", f"{source}, device {config.device}, server {config.server}")]
    checks += [check_outbox(config), check_server(config), check_smartctl(parts.smartctl)]
    if "smart" in config.probes:
        checks += check_disks(parts.disks.read_all() + parts.disks.read_hinted())
    for probe in LOAD_PROBES:
        if probe.name in config.probes:
            checks += check_probe(probe.name, ask(probe, parts.surroundings).unread)
    return checks


def check_outbox(config: Config) -> Check:
    directory = config.data
    path = directory / OUTBOX_NAME
    existing = next(place for place in (directory, *directory.absolute().parents) if place.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Check("problem", "outbox", f"{directory} cannot be written", "run as the agent's user, or set data")
    if not path.exists():
        return Check("ok", "outbox", f"{path} will be made at the first run")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)
        try:
            reports, size, oldest = connection.execute(WAITING).fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return Check("problem", "outbox", f"{path}: {error}", "the agent sets a broken outbox aside when it starts")
    if not reports:
        return Check("ok", "outbox", f"{path}, nothing waits")
    waiting = f"{path}, {reports} reports wait ({size} bytes), the oldest for {time.time() - oldest:.0f} s"
    return Check("ok", "outbox", waiting)


def check_server(config: Config) -> Check:
    """Connect and, with mqtts, do the TLS handshake. Nothing is sent: a second client would throw the agent out."""
    server, tls = config.server, config.tls
    try:
        with socket.create_connection((server.host, server.port), timeout=_CONNECT_SECONDS) as plain:
            if not server.tls:
                return Check("ok", "server", f"{server} accepts connections")
            context = ssl.create_default_context(cafile=str(tls.ca) if tls.ca else None)
            if tls.certificate:
                context.load_cert_chain(str(tls.certificate), str(tls.key) if tls.key else None)
            with context.wrap_socket(plain, server_hostname=server.host) as encrypted:
                return Check("ok", "server", f"{server} accepts connections, {encrypted.version()}")
    except ssl.SSLError as error:
        return Check("problem", "server", f"{server}: {error.reason or error}", "check the keys below tls")
    except OSError as error:
        remedy = "check the key server, and that the collector runs there and is let through"
        return Check("problem", "server", f"{server}: {error.strerror or error}", remedy)


def check_smartctl(smartctl: Smartctl) -> Check:
    path = smartctl.found()
    if path is None:
        return Check("problem", "smartctl", f"{smartctl.path} is not there", _REMEDIES[Outcome.NO_SMARTCTL])
    version = smartctl.version()
    if version is None:
        return Check("problem", "smartctl", f"{path} gives no JSON", _REMEDIES[Outcome.NO_SMARTCTL])
    return Check("ok", "smartctl", f"{path}, version {version}")


def check_disks(reports: list[SmartReport]) -> list[Check]:
    if not reports:
        remedy = "run as root; a disk behind a RAID controller may need a driver that smartctl knows"
        return [Check("problem", "disks", "no disk is to be seen", remedy)]
    return [check_disk(report) for report in reports]


def check_disk(report: SmartReport) -> Check:
    disk = report.disk
    serial = f"serial {disk.serial}" if disk.serial else None
    name = ", ".join(part for part in (disk.model, serial) if part)
    subject = f"disk {disk.slot}" + (f" ({name})" if name else "")
    finding = report.outcome.value + (f": {report.detail}" if report.detail else "")
    if report.outcome is Outcome.MEASURED and report.passed is False:
        return Check("problem", subject, "the disk says that it is failing", "save the data and replace the disk")
    if report.outcome in _FINE:
        return Check("ok", subject, finding)
    return Check("problem", subject, finding, _REMEDIES[report.outcome])


def check_probe(name: str, unread: list[Unread]) -> list[Check]:
    if not unread:
        return [Check("ok", f"probe {name}", "measured")]
    checks = []
    for row in unread:
        subject = f"probe {name}" + (f" {row.part}" if row.part else "")
        finding = f"{row.outcome.value}: {row.detail}"
        fine = row.outcome in _FINE
        remedy = "" if fine else "see the reason; the other probes go on without it"
        checks.append(Check("ok" if fine else "problem", subject, finding, remedy))
    return checks
