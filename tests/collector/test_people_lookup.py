"""Whose a device is, who is responsible, who is on call, what is promised there."""

from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from forewarn_collector.config_destinations import DestinationEntry
from forewarn_collector.destinations import plan
from forewarn_collector.directory import Directory, Entry, Whose
from forewarn_collector.people.duty import StandIn, next_to_come, on_call
from forewarn_collector.people.logins import Logins, with_logins
from forewarn_collector.people.lookup import People
from forewarn_collector.people.reading import read_directory
from forewarn_collector.people.register import Register, applied_in
from forewarn_collector.people.schema import DirectoryFile, Override, Responsible, Schedule, Shift
from forewarn_collector.store.model import StoreError
from forewarn_collector.store.state import open_state
from forewarn_collector.tickets.systems.kind import Setup
from forewarn_collector.tickets.systems.maps import Maps
from forewarn_collector.tickets.systems.redmine import Redmine

FILE = read_directory(Path(__file__).resolve().parent.parent / "data" / "collector" / "directory.yaml")
PEOPLE = People(FILE)
BERLIN = ZoneInfo("Europe/Berlin")


def test_whose_a_device_is() -> None:
    assert PEOPLE.whose("acme-12-till-3") == Whose("Acme", "Store 12", "Li Wei")
    assert PEOPLE.whose("acme-13-srv") == Whose("Acme", "Store 13", "Joe Miller", ("server", "24x7"))
    assert PEOPLE.whose("acme-13-till") == Whose("Acme", "Store 13", "Ann Smith")
    assert PEOPLE.whose("acme-hq-1") == Whose("Acme", "", "Li Wei", ("server",))
    assert PEOPLE.whose("gx-1") == Whose("Globex")
    assert PEOPLE.whose("stray") is None


def test_what_a_device_was_enrolled_for_goes_before_its_name() -> None:
    assert PEOPLE.whose("acme-12-till-3", ("Globex", "Berlin")) == Whose("Globex", "Berlin")
    assert PEOPLE.whose("anything", ("Acme", "Store 13")) == Whose("Acme", "Store 13", "Ann Smith")
    assert PEOPLE.whose("acme-13-srv", ("Acme", "")) == Whose("Acme", "Store 13", "Joe Miller", ("server", "24x7"))
    assert PEOPLE.whose("acme-12-till-3", ("Initech", "")) is None


def test_enrolment_then_the_applied_directory_then_the_configuration() -> None:
    enrolled = {"acme-12-a": ("Globex", "Berlin"), "other": ("Initech", "Office")}
    configured = [
        Entry(Whose("Umbrella", "Lab", "Bob"), ("acme-*", "um-*")),
        Entry(Whose("Initech", "Office", "Pat"), ("other",)),
    ]
    directory = Directory(configured, enrolled.get, PEOPLE.whose)
    assert directory.whose("acme-12-a") == Whose("Globex", "Berlin")
    assert directory.whose("acme-12-b") == Whose("Acme", "Store 12", "Li Wei")
    assert directory.whose("um-1") == Whose("Umbrella", "Lab", "Bob")
    assert directory.whose("other") == Whose("Initech", "Office", "Pat")


def test_responsible_for_device_site_and_customer() -> None:
    ask = PEOPLE.responsible
    assert ask("Acme", "Store 13", "acme-13-srv") == Responsible(primary="Joe Miller", backup="Li Wei")
    assert ask("Acme", "Store 13", "acme-13-till") == Responsible(primary="Ann Smith")
    assert ask("Acme", "Store 99", "x") == Responsible(primary="Li Wei", backup="Ann Smith")
    assert ask("Globex", "", "gx-1").primary == ask("Nobody", "", "x").primary == ""


def test_what_is_promised_and_by_whose_clock() -> None:
    critical, warning = (PEOPLE.targets("Acme", "Store 13")[level] for level in ("critical", "warning"))
    assert (critical.respond, critical.resolve, critical.hours.zone.key) == (1800, 4 * 3600, "UTC")
    assert (warning.respond, warning.hours.zone.key) == (4 * 3600, "Asia/Urumqi")
    assert PEOPLE.targets("Acme", "Store 12")["warning"].hours.zone.key == "Asia/Shanghai"
    assert PEOPLE.targets("Globex", "") == {}


def at(text: str, zone: str = "Asia/Shanghai") -> float:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("when", "who"),
    [
        ("2026-11-02 08:59", ""),
        ("2026-11-02 09:00", "Li Wei"),
        ("2026-11-04 18:00", "Joe Miller"),
        ("2026-11-05 09:00", "Li Wei"),
        ("2026-11-09 09:00", "Ann Smith"),
        ("2026-11-16 09:00", "Li Wei"),
        ("2027-11-01 09:00", "Li Wei"),
        ("2027-11-08 09:00", "Ann Smith"),
    ],
)
def test_who_is_on_call(when: str, who: str) -> None:
    found = PEOPLE.on_call("Acme", at(when))
    assert found is not None
    assert found.engineer == who


def test_an_override_by_command_goes_before_everything_and_the_newest_before_others() -> None:
    stand_ins = [
        StandIn(1, "field-service", "Ann Smith", at("2026-11-04 12:00"), at("2026-11-06 12:00"), "boss"),
        StandIn(2, "field-service", "Li Wei", at("2026-11-04 20:00"), at("2026-11-04 22:00"), "boss"),
        StandIn(3, "another", "Joe Miller", at("2026-11-01 00:00"), at("2026-12-01 00:00"), "boss"),
    ]
    (schedule,) = FILE.on_call
    found = [(one.engineer, one.since) for _, one in next_to_come(schedule, stand_ins, at("2026-11-04 11:00"), 6)]
    assert found == [
        ("Li Wei", "shift"), ("Ann Smith", "override 1 by boss"), ("Li Wei", "override 2 by boss"),
        ("Ann Smith", "override 1 by boss"), ("Li Wei", "shift"), ("Ann Smith", "shift"),
    ]  # fmt: skip


def test_a_turn_keeps_its_local_hours_when_the_clocks_change() -> None:
    nights = Schedule(
        name="nights", time_zone="Europe/Berlin",
        shifts=[Shift(engineer="Li Wei", start="2026-10-18 22:00", end="2026-10-19 06:00", repeat_weeks=1)],
    )  # fmt: skip
    for night, hours in (("2026-10-18", 8), ("2026-10-25", 8), ("2027-03-28", 8)):
        start = at(f"{night} 22:00", "Europe/Berlin")
        assert on_call(nights, [], start).engineer == "Li Wei"
        assert on_call(nights, [], start - 60).until == start
        assert on_call(nights, [], start).until == start + hours * 3600
    long = msgspec.structs.replace(nights, shifts=[], overrides=[
        Override(engineer="Ann Smith", start="2026-10-25 00:00", end="2026-10-25 06:00"),
    ])  # fmt: skip
    night = at("2026-10-25 00:00", "Europe/Berlin")
    assert on_call(long, [], night).until == night + 7 * 3600, "the clocks are set back: an hour more"


def test_a_gap_says_nobody_and_until_when() -> None:
    (schedule,) = FILE.on_call
    before = on_call(schedule, [], at("2026-10-01 00:00"))
    assert (before.engineer, before.until) == ("", at("2026-11-02 09:00"))
    empty = on_call(Schedule(name="empty", shifts=[]), [], 0)
    assert (empty.engineer, empty.until) == ("", None)


def test_the_directory_of_a_collector_that_may_run_is_read(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")
    assert applied_in(tmp_path / "state.db").whose("acme-12-till") is None
    Register(engine, lambda: 0.0).apply(FILE, "boss")
    assert applied_in(tmp_path / "state.db").whose("acme-12-till") == Whose("Acme", "Store 12", "Li Wei")
    with engine.begin() as db:
        db.exec_driver_sql("DROP TABLE directory_version")
    assert applied_in(tmp_path / "state.db").whose("acme-12-till") is None, "a file from before there were directories"
    engine.dispose()
    with pytest.raises(StoreError):
        applied_in(tmp_path / "other.db")


def test_logins_at_another_system_are_the_configuration_s_and_then_the_directory_s() -> None:
    logins = Logins("rt", {"Ann Smith": "ann"}, lambda: PEOPLE)
    assert dict(logins) == {"Li Wei": "liwei", "Ann Smith": "ann"}
    assert Logins("rt", {"Li Wei": "li"}, lambda: PEOPLE)["Li Wei"] == "li"
    assert dict(Logins("jira", {}, lambda: PEOPLE)) == {}
    maps = with_logins(Setup(name="rt", url="", maps=Maps(users={"Joe Miller": "joe"})), lambda: PEOPLE).maps
    assert (maps.login("Li Wei"), maps.login("Joe Miller"), maps.login("Ann Smith")) == ("liwei", "joe", "")
    assert (maps.person("liwei"), maps.person("stranger")) == ("Li Wei", "stranger")


def test_a_destination_that_is_made_before_a_directory_is_applied_knows_its_engineers_later() -> None:
    directories = [People(DirectoryFile())]
    entry = DestinationEntry(
        name="rt", kind="redmine", url="http://127.0.0.1:9", options={"project": "faults", "key_field_id": "1"}
    )
    planned = plan(entry, partial(with_logins, people=lambda: directories[-1]))
    assert isinstance(planned.made, Redmine)
    assert planned.made._who({"id": "liwei", "name": "Wei Li"}) == "Wei Li"
    directories.append(PEOPLE)
    assert planned.setup.maps.login("Li Wei") == "liwei"
    assert planned.made._who({"id": "liwei", "name": "Wei Li"}) == "liwei"
