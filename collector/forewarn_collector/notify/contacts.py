"""Contacts: from the directory file, and from the section ``notify`` of the configuration where it names nobody."""

from collections.abc import Callable, Mapping
from typing import Protocol

from forewarn_collector.notify.config import Notify, read_hours, read_time
from forewarn_collector.notify.model import Contact


class Reachable(Protocol):
    """What a directory says of an engineer; empty hours are none."""

    @property
    def name(self) -> str: ...
    @property
    def channels(self) -> list[str]: ...
    @property
    def urgent_channels(self) -> list[str]: ...
    @property
    def time_zone(self) -> str: ...
    @property
    def quiet_hours(self) -> str | None: ...
    @property
    def digest_at(self) -> str | None: ...
    @property
    def mobile(self) -> str: ...
    @property
    def language(self) -> str: ...


class KnownContacts:
    """``listed``: the engineers of the directory file that is applied now."""

    def __init__(self, notify: Notify, listed: Callable[[], Mapping[str, Reachable]] = dict) -> None:
        self._configured = {entry.name: contact_of(entry) for entry in notify.engineers}
        self._listed = listed

    def contact(self, engineer: str) -> Contact | None:
        entry = self._listed().get(engineer)
        if entry is not None and entry.channels + entry.urgent_channels:
            return contact_of(entry)
        return self._configured.get(engineer)


def contact_of(entry: Reachable) -> Contact:
    return Contact(
        entry.name,
        tuple(entry.channels),
        tuple(entry.urgent_channels),
        entry.time_zone,
        read_hours(entry.quiet_hours) if entry.quiet_hours else None,
        read_time(entry.digest_at) if entry.digest_at else None,
        entry.mobile,
        entry.language.partition("_")[0],
    )
