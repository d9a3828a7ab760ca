"""Asks every probe that is on and makes one load report of the answers. A probe that fails harms no other."""

import logging
import time
from dataclasses import fields

from msgspec import UNSET

from forewarn_agent.probes import LOAD_PROBES
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings, measure, unreadable
from forewarn_agent.stamp import UNSTAMPED
from forewarn_wire import LoadReport, Outcome, Unread

log = logging.getLogger(__name__)


def read_load(names: frozenset[str], surroundings: Surroundings) -> LoadReport:
    """A load report, not stamped yet, of the probes whose names are given."""
    report = LoadReport(device=UNSTAMPED, boot=UNSTAMPED, seq=0, sampled_at=time.time())
    for probe in LOAD_PROBES:
        if probe.name in names:
            add_parts(report, ask(probe, surroundings))
    return report


def ask(probe: Probe[LoadParts], surroundings: Surroundings) -> LoadParts:
    """The probe's answer; whatever it raises becomes a row that says so."""
    try:
        return measure(probe, surroundings)
    except Exception as error:
        log.warning("probe %s: %s", probe.name, str(error) or type(error).__name__)
        return LoadParts(unread=[unreadable(probe.name, error)])


def add_parts(report: LoadReport, parts: LoadParts) -> None:
    for field in fields(parts):
        value = getattr(parts, field.name)
        if field.name != "unread" and value is not UNSET:
            setattr(report, field.name, value)
    report.unread = (report.unread + parts.unread)[:512]


def take_out_not_here(report: LoadReport) -> list[Unread]:
    """Take the rows out that say what the machine does not have: they are the same every time."""
    not_here = [row for row in report.unread if row.outcome is Outcome.NOT_HERE]
    report.unread = [row for row in report.unread if row.outcome is not Outcome.NOT_HERE]
    return not_here
