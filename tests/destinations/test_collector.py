"""The whole collector and a real ticket system: killed in the middle, told by web-hooks, tried by hand."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import yaml
from servers.office import change

from forewarn_collector.store.state import delivery, open_state
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.systems import wording
from forewarn_collector.tickets.systems.kinds import KINDS

PATIENCE = 120.0
SECRET = "known-to-both"


class Office:
    """A second hand on a running collector's ``state.db``, as the judge is its first."""

    def __init__(self, data: Path) -> None:
        self.engine = open_state(data / "state.db")
        self.desk = Desk(self.engine, ["there"], time.time)

    def finds(self, *disks: int) -> None:
        self.desk.record(None, [change(disk, "none -> warning", time.time()) for disk in disks], [])

    def quiet(self) -> bool:
        """Everything is delivered, and what both sides agree on is written down."""
        with self.engine.connect() as db:
            return not db.execute(sa.select(sa.func.count()).where(delivery.c.state == "pending")).scalar()

    def keys(self) -> list[str]:
        return sorted(wording.dedup_key(ticket) for ticket in self.desk.tickets())


@pytest.fixture
def configured(tmp_path: Path, tokens: Callable[[str], str]) -> Callable[..., str]:
    def write(system: Any, **other: Any) -> str:
        keys = {name: dict(getattr(system, name)) for name in ("options", "queues", "users")}
        keys |= {"name": "there", "kind": system.kind, "url": system.url, "token_file": tokens(system.token)}
        path = tmp_path / "collector.yaml"
        path.write_text(yaml.safe_dump({"destinations": [keys | other]}))
        return str(path)

    return write


def test_a_collector_that_is_killed_again_and_again_makes_each_ticket_once(
    system: Any, make_collector: Any, configured: Callable[..., str], wait_for: Any
) -> None:
    collector = make_collector("--config", configured(system))
    office = Office(collector.data)
    for turn in range(2):
        before = len(system.all())
        office.finds(*range(10 * turn, 10 * turn + 4))
        wait_for(lambda before=before: len(system.all()) > before, PATIENCE)
        collector.kill()
        collector.start()
    wait_for(lambda: len(system.all()) >= 8, PATIENCE)
    office.desk.act(1, "close", "Li Wei", outcome="cleaned")
    ended = KINDS[system.kind].maps.state("closed")
    wait_for(lambda: [there.state for there in system.all()].count(ended) == 1, PATIENCE)
    assert sorted(there.key for there in system.all()) == office.keys()
    office.engine.dispose()


def test_a_web_hook_is_heard_at_once_and_only_with_the_secret(
    system: Any, make_collector: Any, configured: Callable[..., str], tokens: Callable[[str], str], wait_for: Any
) -> None:
    options = {"poll_seconds": 86_400, "hook_secret_file": tokens(SECRET)}
    collector = make_collector("--config", configured(system, **options))
    url = f"{collector.api_url}/hooks/there"
    system.hook.write_text(f"{url}\n{SECRET}\n")
    office = Office(collector.data)
    office.finds(1)
    (there,) = wait_for(system.all, PATIENCE)
    wait_for(office.quiet, PATIENCE)
    system.say(there.id, note="I have it", state=system.ended)
    wait_for(lambda: office.desk.ticket(1).state == "resolved", PATIENCE)
    assert "I have it" in [entry.text for entry in office.desk.ticket(1).timeline]
    refused = httpx.post(url, json={"ticket": 1}, headers={"X-Forewarn-Secret": "guessed"})
    assert (refused.status_code, SECRET in refused.text) == (403, False)
    assert httpx.post(f"{collector.api_url}/hooks/elsewhere", json={}).status_code == 404
    assert httpx.post(url, content=b"{", headers={"X-Forewarn-Secret": SECRET}).status_code == 403
    office.engine.dispose()


def forewarn(collector: Any, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "forewarn_collector", "--data", str(collector.data), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)


def test_the_test_of_a_destination_goes_the_whole_way(
    started: Any, make_collector: Any, configured: Callable[..., str], tokens: Callable[[str], str], wait_for: Any
) -> None:
    system = started("rt")
    system.fresh()
    collector = make_collector("--config", configured(system))
    tried = forewarn(collector, "destination", "test", "there")
    assert (tried.returncode, [line.split(": done in ")[0] for line in tried.stdout.splitlines()]) == (
        0, ["opened", "closed"],
    ), tried.stderr  # fmt: skip
    (there,) = system.all()
    assert (there.state, "tests this destination" in there.title) == (
        KINDS[system.kind].maps.state("closed"), True,
    )  # fmt: skip
    office = Office(collector.data)
    office.finds(1)
    wait_for(lambda: len(system.all()) == 2, PATIENCE)
    wait_for(lambda: f"{system.url}/Ticket/Display.html?id=2" in forewarn(collector, "ticket", "show", "1").stdout, 60)
    office.engine.dispose()
    listed = forewarn(collector, "destination", "list")
    assert listed.stdout.splitlines()[1].split()[:2] == ["there", system.kind]
    assert max(map(len, listed.stdout.splitlines())) <= 80
    collector.stop()
    configured(system, token_file=tokens("1-2-wrong"))
    collector.start()
    failed = forewarn(collector, "destination", "test", "there")
    assert (failed.returncode, failed.stdout.split(" ")[:3]) == (1, ["opened:", "HTTP", "401:"])
    unknown = forewarn(collector, "destination", "test", "nowhere")
    assert unknown.returncode == 1
    assert "there is no destination 'nowhere'; known: there" in unknown.stderr
