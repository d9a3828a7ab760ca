"""What is older than it is to be kept goes; what is still needed stays."""

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa

from forewarn_collector.config_store import Keep
from forewarn_collector.notify.model import State
from forewarn_collector.notify.tables import notification
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, DeadLetter, Point
from forewarn_collector.store.state import delivery, open_state, ticket
from forewarn_collector.sweep import Sweep, limits

NOW = 1_700_006_400.0
DAY = 86_400.0
ALL = 10**12


def report(seq: int | None, at: float, *, boot: str = "b1", kind: str = "load", part: str = "") -> Accepted:
    point = Point("dev-1", kind, part, at, ("x",), (1.0,), b"{}")
    return Accepted("dev-1", boot, seq, at, at, (point,))


def seal_all(journal: Journal) -> None:
    for later in (9000, 9100, 9200):  # rollups of which there is less than a day wait for more of them
        while journal.seal(NOW + later * DAY, ALL).more:
            pass


def times(journal: Journal, kind: str, part: str = "") -> list[float]:
    with journal.history() as history:
        return [(at - NOW) / DAY for at in history.read("dev-1", kind, part, [], 0, math.inf)[0].tolist()]


def test_the_limits_are_the_settings_but_never_shorter_than_rules_look_back() -> None:
    reach = {"load": 31 * DAY, "smart": 96 * DAY}
    limit = limits(Keep(event_days=None, message_days=None), NOW, lambda kind: reach.get(kind, 0.0))
    ages = {kind: (NOW - time) / DAY for kind, time in limit.kinds.items()}
    assert ages == {"load": 31, "smart": 400, "load.hour": 1826, "smart.hour": 1826}
    assert (limit.dead_letters, limit.messages) == (NOW - 90 * DAY, None)


def test_each_kind_goes_at_its_time(journal: Journal, tmp_path: Path) -> None:
    ages = (10, 29, 40, 399, 410, 1820, 1900)
    journal.commit([report(None, NOW - age * DAY) for age in ages])
    journal.commit([report(None, NOW - age * DAY, kind="smart", part="disk") for age in ages])
    journal.commit([report(None, NOW - 5, kind="smart", part="newest")])
    seal_all(journal)
    gone = sweep_of(journal, tmp_path).sweep(NOW)
    assert gone | {"load": 5, "smart": 3, "load.hour": 1, "smart.hour": 1, "series": 0} == gone
    assert times(journal, "load") == [-29, -10]
    assert times(journal, "smart", "disk") == [-399, -40, -29, -10]
    assert times(journal, "load.hour") == [-1820, -410, -399, -40, -29, -10]
    assert len(times(journal, "smart.hour", "disk")) == 6


def test_a_series_goes_with_its_last_rollup_and_may_come_again(journal: Journal, tmp_path: Path) -> None:
    journal.commit([report(None, NOW, kind="smart", part=part) for part in ("old", "newest")])
    seal_all(journal)
    sweep = sweep_of(journal, tmp_path)
    assert sweep.sweep(NOW + 500 * DAY)["smart"] == 2
    with journal.reader() as reader:
        assert len(reader.series_of("dev-1")) == 2, "their rollups are there"
    sweep.sweep(NOW + 1900 * DAY)
    sweep.sweep(NOW + 1900 * DAY)
    with journal.reader() as reader:
        left = reader.series_of("dev-1")
        assert [series.part for series in left] == ["newest"], "the greatest number stays in use"
    at = NOW + 1901 * DAY
    journal.commit([report(None, at, kind="smart", part="old")])
    assert times(journal, "smart", "old") == [1901], "not under the number that is gone"


def test_boots_that_were_followed_long_ago_are_forgotten_and_their_reports_stay_counted(
    journal: Journal, tmp_path: Path
) -> None:
    def take(boot: str, day: float, *seqs: int) -> None:
        journal.commit([report(seq, NOW + day * DAY + seq, boot=boot) for seq in seqs])

    take("b1", 0, 1, 2, 5)
    take("b2", 1, 1, 2)
    take("b3", 100, 1)
    sweep = sweep_of(journal, tmp_path)
    assert sweep.sweep(NOW + 95 * DAY)["boots"] == 1, "b2 may still bring something: nothing followed it for long"
    with journal.reader() as reader:
        assert (reader.devices()[0].reports, reader.counts().reports, reader.gaps("dev-1")) == (6, 6, [])
        assert reader.missing(NOW + 1000 * DAY) == []
    assert sweep.sweep(NOW + 195 * DAY)["boots"] == 1
    take("b3", 196, 1, 2)
    with journal.reader() as reader:
        device = reader.devices()[0]
        assert (device.reports, device.boot) == (7, "b3")


def test_old_events_and_dead_letters_go_and_the_totals_stay(journal: Journal, tmp_path: Path) -> None:
    for seq, age in enumerate((500, 100), 1):
        at = NOW - age * DAY
        journal.commit([Accepted("dev-1", "b1", seq, at, at, (), event=("reboot", "", age, ""))])
        journal.commit([], [DeadLetter(at, "listener", "x", "t", "not-json", "", b"")])
    sweep_of(journal, tmp_path).sweep(NOW)
    with journal.reader() as reader:
        assert [event.occurrences for event in reader.events()] == [100]
        assert (reader.dead_letters(), reader.dead_letter_totals()) == ([], {"not-json": 2})


def sweep_of(journal: Journal, tmp_path: Path, keep: Keep | None = None, now: Callable[[], float] = time.time) -> Sweep:
    state = open_state(tmp_path / "state.db")
    return Sweep(keep or Keep(), journal, state, lambda _kind: 0.0, now)


def test_a_sweep_comes_once_an_hour_of_the_collectors_clock(journal: Journal, tmp_path: Path) -> None:
    at = [NOW]
    sweep = sweep_of(journal, tmp_path, now=lambda: at[0])
    journal.commit([report(None, NOW - 40 * DAY)])
    seal_all(journal)
    sweep.look()
    assert times(journal, "load") == []
    journal.commit([report(None, NOW - 40 * DAY)])
    seal_all(journal)
    sweep.look()
    assert len(times(journal, "load")) == 1
    at[0] += 3600
    sweep.look()
    assert times(journal, "load") == []


def test_the_intake_does_not_wait_for_a_sweep(tmp_path: Path) -> None:
    """While much is swept, no commit waits for more than a few short transactions."""
    with Journal(tmp_path, rollups=False) as journal, ThreadPoolExecutor(1) as threads:
        for device in range(200):
            points = [
                Point(f"dev-{device}", "load", "", NOW + hour * 6 * 3600, ("x",), (1.0,), b"{}") for hour in range(60)
            ]
            journal.commit([Accepted(point.device, "b1", None, point.at, point.at, (point,)) for point in points])
        seal_all(journal)
        sweeping = threads.submit(journal.drop_before, "load", NOW + 100 * DAY)
        seq = 0
        while not sweeping.done():
            seq += 1
            journal.commit([report(seq, NOW + 200 * DAY + seq)])
        assert sweeping.result() == 200 * 60
        assert seq > 3, "commits went on between"


def test_what_arrived_long_ago_is_forgotten_unless_its_ticket_is_open(journal: Journal, tmp_path: Path) -> None:
    state = open_state(tmp_path / "state.db")
    texts = ("customer", "device_serial", "part_serial", "device", "site", "engineer", "queue", "title", "explanation")
    about: dict[str, object] = {**dict.fromkeys(texts, "")} | dict.fromkeys(
        ("opened_at", "recorded_at", "updated_at"), NOW
    )
    with state.begin() as db:
        for number, open_key, status in ((1, None, "closed"), (2, "key", "open")):
            row = {**about, "fault": "disk", "severity": "warning", "state": status}
            db.execute(ticket.insert().values(number=number, open_key=open_key, **row))
    common: dict[str, object] = {
        "engineer": "li",
        "channel": "c",
        "kind": "opened",
        "urgent": False,
        "severity": "warning",
    }
    common |= dict.fromkeys(("customer", "site", "device", "title", "body"), "")
    with state.begin() as db:
        waits, sent = State.WAITING, State.SENT
        for about_ticket, age, status in (
            (1, 500, sent),
            (None, 500, sent),
            (2, 500, sent),
            (1, 500, waits),
            (1, 9, sent),
        ):
            made = NOW - age * DAY
            row = {**common, "created_at": made, "not_before": made, "next_try_at": made, "state": status}
            db.execute(notification.insert().values(ticket=about_ticket, **row))
        for about_ticket, age, status in ((1, 500, "done"), (2, 500, "done"), (1, 500, "parked"), (1, 9, "done")):
            made = NOW - age * DAY
            db.execute(
                delivery.insert().values(
                    ticket=about_ticket, destination="ops", event="opened", event_id="x", body="{}",
                    created_at=made, state=status, next_try_at=made,
                )
            )  # fmt: skip
    gone = Sweep(Keep(), journal, state, lambda _kind: 0.0, time.time).sweep(NOW)
    assert (gone["deliveries"], gone["notifications"]) == (1, 2)
    with state.begin() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(notification)).scalar() == 3
        assert db.execute(sa.select(sa.func.count()).select_from(delivery)).scalar() == 3
