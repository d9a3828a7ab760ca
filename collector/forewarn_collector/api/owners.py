"""Whose a device or a ticket is."""

from forewarn_collector.directory import Directory
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.life import NoTicket


class Owners:
    def __init__(self, directory: Directory, desk: Desk) -> None:
        self._directory = directory
        self._desk = desk

    def of_device(self, name: str) -> str:
        """The customer; a device that no entry names has one, too (``unassigned``)."""
        return self._directory.whose(name).customer

    def of_ticket(self, number: int) -> str | None:
        """The customer for whom it was opened; None when there is no such ticket."""
        try:
            return self._desk.ticket(number).customer
        except NoTicket:
            return None
