"""What the configuration says of rules and of whose devices they are, as live judging and backtests take it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from forewarn_collector.config import Config, DirectoryEntry
from forewarn_collector.directory import Directory, Enrolled, Entry, Whose
from forewarn_rules import RuleSet, SwitchedOff, load_rules

DISABLE_BY = ("customer", "site", "model", "device")


def configured_rules(config: Config, more: Sequence[Path] = ()) -> RuleSet:
    """The built-in rules and the provider's own (``more``: directories beside those of the configuration), with the
    risk model's limits for the provider's budget. Raise RuleFileErrors."""
    off = [
        SwitchedOff(entry.rule, {label: text for label in DISABLE_BY if (text := getattr(entry, label)) is not None})
        for entry in config.rules.disable
    ]
    directories = [*(Path(name) for name in config.rules.directories), *more]
    return load_rules(directories=directories, off=off).for_budget(config.tickets.false_per_1000_disks_a_month)


def configured_directory(
    entries: Sequence[DirectoryEntry],
    enrolled: Callable[[str], Enrolled | None] = lambda _device: None,
    applied: Callable[[str, Enrolled | None], Whose | None] = lambda _device, _enrolled: None,
) -> Directory:
    """See ``Directory``."""
    known = [Entry(Whose(e.customer, e.site, e.engineer, tuple(e.tags)), tuple(e.devices)) for e in entries]
    return Directory(known, enrolled, applied)
