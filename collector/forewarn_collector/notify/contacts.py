"""Contacts from the section ``notify`` of the configuration."""

from forewarn_collector.notify.config import Engineer, Notify, read_hours, read_time
from forewarn_collector.notify.model import Contact


class ConfiguredContacts:
    def __init__(self, notify: Notify) -> None:
        self._known = {entry.name: contact_of(entry) for entry in notify.engineers}

    def contact(self, engineer: str) -> Contact | None:
        return self._known.get(engineer)


def contact_of(entry: Engineer) -> Contact:
    return Contact(
        entry.name,
        tuple(entry.channels),
        tuple(entry.urgent_channels),
        entry.time_zone,
        read_hours(entry.quiet_hours) if entry.quiet_hours else None,
        read_time(entry.digest_at) if entry.digest_at else None,
        entry.mobile,
    )
