"""Two collectors share a PostgreSQL and a VictoriaMetrics: the store and who forwards to it are killed, all is there.

VictoriaMetrics forgets what it took in its last seconds. Who forwards is the runner; whoever becomes it goes on where
the state says, so rows that are not safe there are sent again.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.collectors import NAMES, SETTLE_SECONDS, Fleet, House, everything_once
from servers.histories import opened
from servers.postgresql import Database
from servers.victoriametrics import Victoria

pytestmark = [pytest.mark.slow, pytest.mark.server]

SEED, DEVICES, LONG = 20261127, 30, 3600.0
PATIENCE = 120.0
PAIR = NAMES[:2]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Victoria]:
    if not Victoria.installed:
        pytest.skip("victoria-metrics is not installed; as root, make test does that")
    (tmp_path / "store").mkdir()
    server = Victoria(tmp_path / "store")
    server.start()
    yield server
    server.close()


class Forwarding:
    """What the runner says of it."""

    def __init__(self, house: House) -> None:
        self._house = house

    def ended(self) -> bool:
        """Everything was sent, and the store is well."""
        said = self._said()
        return said is not None and said["unsent"] == 0 and not said["trouble"]

    def troubled(self) -> bool:
        said = self._said()
        return said is not None and bool(said["trouble"])

    def _said(self) -> dict[str, Any] | None:
        """None: there is no runner now, or it has not begun."""
        runner = self._house.runner
        found: dict[str, Any] | None = self._house.status(runner)["history"] if runner else None
        return found


def rows_in(url: str) -> Counter[tuple[str, str]]:
    """How many rows of every device and kind the store gives; each was told once."""
    found: Counter[tuple[str, str]] = Counter()
    store = opened(url)
    for span in store.spans():
        rows = list(store.rows(span.series, span.first, span.last))
        assert len({row.at for row in rows}) == len(rows)
        found[span.series.device, span.series.kind] += len(rows)
    store.close()
    return found


def test_the_store_and_who_forwards_are_killed(
    tmp_path: Path, database: Database, group: str, store: Victoria, make_mosquitto: Callable[..., Any],
    wait_for: Callable[..., Any],
) -> None:  # fmt: skip
    broker = make_mosquitto("max_queued_messages 0\nmax_inflight_messages 100\nlog_type error\n")
    fleet = Fleet(random.Random(SEED), DEVICES, LONG, load_seconds=1.0, smart_seconds=3.0)
    house = House(tmp_path, database, broker.port, group, PAIR, store.url)
    forwarding = Forwarding(house)
    failing, fleet.fails_at = list(fleet.fails_at), {}

    def more(reports: int) -> None:
        before = sum(fleet.made.values())
        wait_for(lambda: sum(fleet.made.values()) >= before + reports, PATIENCE)

    try:
        for name in PAIR:
            house.start(name)
        wait_for(lambda: house.complete, SETTLE_SECONDS)
        house.apply(PAIR[0])
        fleet.start(broker.port)
        wait_for(lambda: rows_in(store.url).total() > DEVICES, PATIENCE)
        fleet.fails_at = dict.fromkeys(failing, 0.0)
        first = wait_for(lambda: house.runner, PATIENCE)
        store.kill()
        wait_for(forwarding.troubled, PATIENCE)
        more(DEVICES)
        store.start()
        wait_for(lambda: rows_in(store.url).total() > DEVICES, PATIENCE)
        house.kill(first)
        (second,) = set(PAIR) - {first}
        wait_for(lambda: house.runner == second, PATIENCE)
        more(DEVICES)
        # The other way round: the store comes back to a collector that has not seen it go.
        house.start(first)
        wait_for(lambda: house.complete, SETTLE_SECONDS)
        store.kill()
        house.kill(second)
        store.start()
        wait_for(lambda: house.runner == first, PATIENCE)
        house.start(second)
        more(DEVICES)
    finally:
        fleet.ended.set()
    try:
        fleet.join()
        said = everything_once(fleet, database, wait_for, told_again=house.kills.total())
        wait_for(forwarding.ended, PATIENCE)
        store.settle()
        rows = rows_in(store.url)
    finally:
        house.stop()
    loads = {device: rows[device, "load"] for device in fleet.devices}
    assert loads == dict(fleet.loads)
    assert {device: rows[device, "smart"] for device in fleet.devices} == {
        device: fleet.made[device] - fleet.loads[device] for device in fleet.devices
    }
    print(f"\nVictoriaMetrics and who forwards to it killed twice each: {said}; {rows.total()} rows there, each once")
    house.check_logs()
