"""Which settings a server may change from afar, and within which bounds. The machine's own file wins. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from forewarn_agent.config_keys import KEYS
from forewarn_agent.probes import PROBES
from forewarn_agent.settings import Config
from forewarn_wire import Setting
from forewarn_wire.remote import DURATIONS, LISTS

SWITCHES = tuple(f"probes.{probe.name}" for probe in PROBES)
REMOTE = (*DURATIONS, *LISTS, *SWITCHES)
_PARSE = {key.path: key.parse for key in KEYS}


@dataclass(frozen=True)
class Applied:
    """``config`` is what holds now; ``applied`` are the settings that did it, ``rejected`` says why others did not."""

    config: Config
    applied: dict[str, Setting]
    rejected: dict[str, str]


def apply_settings(base: Config, settings: Mapping[str, Setting]) -> Applied:
    """Lay settings over the machine's own configuration ``base``. A setting that does not fit harms no other."""
    applied: dict[str, Setting] = {}
    rejected: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, given in settings.items():
        try:
            values[name] = _value(base, name, given)
            applied[name] = given
        except ValueError as error:
            rejected[name] = f"{given!r:.100}: {error}"[:1000]
    return Applied(_laid_over(base, values), applied, rejected)


def _value(base: Config, name: str, given: Setting) -> object:
    """Raise ValueError saying why it cannot be."""
    if name not in REMOTE:
        raise ValueError("cannot be set from afar")
    if name in base.local:
        raise ValueError("this machine's own configuration file sets it")
    value = _PARSE[name](given)
    bounds = DURATIONS.get(name)
    if bounds and isinstance(value, int | float) and not bounds.least <= value <= bounds.most:
        raise ValueError(f"must be between {bounds.least:g}s and {bounds.most:g}s")
    return value


def _laid_over(base: Config, values: Mapping[str, Any]) -> Config:
    on = {name.removeprefix("probes."): value for name, value in values.items() if name in SWITCHES}
    return replace(
        base,
        load_interval=values.get("load_interval", base.load_interval),
        smart_interval=values.get("smart_interval", base.smart_interval),
        outbox=replace(base.outbox, keep=values.get("outbox.keep", base.outbox.keep)),
        self_tests=replace(
            base.self_tests,
            short=values.get("self_tests.short", base.self_tests.short),
            extended=values.get("self_tests.extended", base.self_tests.extended),
        ),
        filesystems=replace(
            base.filesystems,
            exclude_fstypes=values.get(LISTS[0], base.filesystems.exclude_fstypes),
            exclude_mounts=values.get(LISTS[1], base.filesystems.exclude_mounts),
        ),
        probes=(base.probes | {name for name in on if on[name]}) - {name for name in on if not on[name]},
    )
