"""Many tickets at once: each is made once, and the states are equal at the end."""

import os
import time
from collections.abc import Callable
from typing import Any

from forewarn_collector.tickets.systems import wording
from forewarn_collector.tickets.systems.kinds import KINDS

TICKETS = int(os.environ.get("FOREWARN_TICKETS", "12"))


def test_many_at_once(
    system: Any, make_office: Callable[..., Any], tokens: Callable[[str], str], wait_for: Any
) -> None:
    keys = {name: getattr(system, name) for name in ("kind", "url", "options", "queues", "users")}
    office = make_office(**keys, token_file=tokens(system.token))
    usual = KINDS[system.kind].maps
    began = time.monotonic()
    office.finds(*range(TICKETS))
    wait_for(office.quiet, 60 + 10 * TICKETS)
    made = time.monotonic() - began
    for ticket in office.tickets()[::2]:
        office.desk.act(ticket.number, "close", "Li Wei", outcome="cleaned")
    wait_for(office.quiet, 60 + 10 * TICKETS)
    wanted = sorted((wording.dedup_key(ticket), usual.state(ticket.state)) for ticket in office.tickets())
    assert sorted((there.key, there.state) for there in system.all()) == wanted
    assert len({key for key, _ in wanted}) == TICKETS
    ended = time.monotonic() - began - made
    print(f"{system.kind}: {TICKETS} tickets made in {made:.1f} s, {len(wanted[::2])} closed in {ended:.1f} s")
