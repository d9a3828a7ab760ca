"""Wires what is asked about tickets: languages and places come from the directory and the journal."""

from collections.abc import Callable

import sqlalchemy as sa

from forewarn_collector.config_tickets import Tickets
from forewarn_collector.directory import Directory
from forewarn_collector.judge.facts import FactBook
from forewarn_collector.judge.judges import Judges
from forewarn_collector.language.catalogue import ENGLISH, nearest
from forewarn_collector.people.register import Register
from forewarn_collector.start import DAY
from forewarn_collector.store.reader import Reader
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.parts import Part
from forewarn_collector.tickets.service import Service
from forewarn_rules import Kind


def make_service(
    engine: sa.Engine,
    desk: Desk,
    judge: Judges,
    register: Register,
    reader: Reader,
    directory: Directory,
    config: Tickets,
    now: Callable[[], float],
) -> Service:
    def language_of(customer: str) -> str:
        owner = register.people.customers.get(customer)
        return nearest(owner.language) if owner else ENGLISH

    def part_of(device: str) -> Part:
        return FactBook(reader, directory).part(Kind.DEVICE, (device, ""))

    return Service(engine, desk, lambda: judge.rules, language_of, part_of, now, config.rating_within_days * DAY)
