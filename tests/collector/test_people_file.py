"""Every mistake in a directory file has its small file in tests/data/collector/bad-directory, and one clear line."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn_collector.people.reading import (
    DirectoryError,
    check_directory,
    read_directory,
    schema,
    write_directory,
)
from forewarn_collector.people.schema import DirectoryFile

DATA = Path(__file__).resolve().parent.parent / "data" / "collector"
BAD = DATA / "bad-directory"

MESSAGES = {
    "backup-is-primary": [
        "6: customers[0].responsible.backup: the same as primary (found 'Li Wei'); name somebody else, or leave it o",
    ],
    "calendar-closes-before-it-opens": [
        "4: calendars[0].open[0].closes: not after 22:00 (found '06:00'); a night is two entries: until \"24:00\" an",
    ],
    "calendar-never-opens": [
        "3: calendars[0].open: it never opens (found []); add an entry with days, opens and closes",
    ],
    "calendar-no-such-day": [
        "4: calendars[0].open[0].days: invalid enum value 'monday' (found ['monday']); for example: ['mon', 'tue', '",
    ],
    "calendar-opens-twice-at-once": [
        "5: calendars[0].open[1]: on tue it is open twice at once (found {'days': ['tue'], 'opens': '11:00', 'closes",
    ],
    "calendar-time-without-quotes": [
        '4: calendars[0].open[0].opens: expected `str`, got `int` (found 600); for example: "10:00"',
    ],
    "calendar-twice": [
        "4: calendars[1].name: two of this name (found 'shop'); name them apart",
    ],
    "contact-without-name": [
        "4: customers[0].contacts[0].name: this key is missing; add name: Ms. Chen",
    ],
    "customer-twice": [
        "3: customers[1].name: two of this name (found 'Acme'); name them apart",
    ],
    "customer-without-name": [
        "2: customers[0].name: this key is missing; add name: Acme",
    ],
    "devices-named-twice": [
        "7: customers[1].devices[0].names[1]: an entry before this one names it already (found 'acme-*'); leave it w",
    ],
    "devices-without-names": [
        "4: customers[0].devices[0].names: this key is missing; add names: ['acme-12-*']",
    ],
    "engineer-called-like-a-role": [
        "2: engineers[0].name: this word means a role (found 'primary'); name the engineer other than primary, backu",
    ],
    "engineer-quiet-hours": [
        "3: engineers[0].quiet_hours: expected `str` of another form (found '22-7'); for example: 22:00-07:00",
    ],
    "engineer-quiet-hours-of-no-length": [
        "3: engineers[0].quiet_hours: they end when they begin (found '22:00-22:00'); write another end, or remove t",
    ],
    "engineer-time-zone": [
        "3: engineers[0].time_zone: not a time zone (found 'China/Shanghai'); write one of the IANA database, such a",
    ],
    "engineer-two-ids-in-one-system": [
        "5: engineers[0].external[1].system: two ids in one system (found 'rt'); keep one of them",
    ],
    "escalation-not-in-order": [
        "8: escalations[0].steps[1].after: not later than the step before (found '15m'); put the steps in order of t",
    ],
    "engineer-user-twice": ["3: engineers[1].user: two engineers with this user (found 'li'); name whose it is"],
    "escalation-too-late": ["4: escalations[0].steps[0].after: too late to help (found '400d'); write one up to 366d"],
    "on-call-year": ["6: on_call[0].shifts[0].start: expected `str` of another form (found '0001-01-01 09:00'); for e"],
    "escalation-repeats-at-once": [
        "5: escalations[0].repeat_after: not a time that serves (found '0s'); write one from 1s to 366d",
    ],
    "escalation-tells-nobody": [
        "3: escalations[0].steps: it tells nobody (found []); add a step with after and tell",
    ],
    "escalation-unknown-engineer": [
        "7: escalations[0].steps[0].tell[1]: nobody of this name (found 'Joe'); write one of primary, backup, on-cal",
    ],
    "holiday-is-no-date": [
        "4: calendars[0].holidays: invalid RFC3339 encoded date (found ['christmas']); for example: ['2026-10-01']",
    ],
    "language": [
        "3: customers[0].language: expected `str` matching regex '^[a-z]{2}(_[A-Z]{2})?$' (found 'Chinese'); for exa",
    ],
    "list-is-a-section": [
        "1: customers: this is not a list (found {'Acme': {}}); begin each entry with a dash",
    ],
    "mobile-is-a-number": [
        '3: engineers[0].mobile: expected `str`, got `int` (found 13800000000); for example: "13800000000"',
    ],
    "not-yaml": [
        "2: not YAML: expected the node content, but found '<stream end>'; mind indentation, quotes and brackets on ",
    ],
    "nothing-known": [
        "1: calenders: unknown key; did you mean calendars?",
    ],
    "on-call-end-before-start": [
        "7: on_call[0].shifts[0].end: not after 2026-11-09 09:00 (found '2026-11-02 09:00'); write when it ends",
    ],
    "on-call-no-such-day": [
        "7: on_call[0].shifts[0].start: there is no such day (found '2026-02-30 09:00'); write a day of the calendar",
    ],
    "on-call-override-unknown-engineer": [
        "8: on_call[0].overrides[0].engineer: not in engineers (found 'Joe'); add it to engineers; known there: Li W",
    ],
    "on-call-seconds": [
        "7: on_call[0].shifts[0].start: expected `str`, got `datetime` (found datetime.datetime(2026, 11, 2, 9, 0));",
    ],
    "on-call-time-zone": [
        "3: on_call[0].time_zone: not a time zone (found 'Mars/Olympus'); write one of the IANA database, such as As",
    ],
    "on-call-turns-overlap": [
        "7: on_call[0].shifts[0].repeat_weeks: the next turn would begin before this one ends (found 1); repeat it l",
    ],
    "responsible-unknown": [
        "6: customers[0].responsible.primary: not in engineers (found 'Li Wie'); add it to engineers; known there: L",
    ],
    "responsible-without-primary": [
        "6: customers[0].responsible.primary: this key is missing; add primary: Li Wei",
    ],
    "several-at-once": [
        "6: customers[0].time_zone: not a time zone (found 'Shanghai'); write one of the IANA database, such as Asia",
        "7: customers[0].sla: not in slas (found 'gold'); add it to slas; there is none yet",
        "8: customers[0].responsible.primary: not in engineers (found 'Joe'); add it to engineers; known there: Li W",
        "12: on_call[0].shifts[0].engineer: not in engineers (found 'Ann'); add it to engineers; known there: Li Wei",
        "12: on_call[0].shifts[0].end: not after 2026-11-09 09:00 (found '2026-11-02 09:00'); write when it ends",
    ],
    "site-calendar-unknown": [
        "4: customers[0].sites[0].calendar: not in calendars (found 'shop-hours'); add it to calendars; there is non",
    ],
    "site-responsible-unknown": [
        "4: customers[0].sites[0].responsible.primary: not in engineers (found 'Joe'); add it to engineers; there is",
    ],
    "site-time-zone": [
        "4: customers[0].sites[0].time_zone: not a time zone (found 'Urumqi'); write one of the IANA database, such ",
    ],
    "site-twice": [
        "5: customers[0].sites[1].name: two sites of this name (found 'Store 12'); name them apart",
    ],
    "sla-no-time": [
        "3: slas[0].critical.respond: not a time that serves (found '0s'); write one from 1s to 366d",
    ],
    "sla-not-a-duration": [
        "3: slas[0].critical.respond: expected `str` of another form (found '30 minutes'); for example: 30m",
    ],
    "sla-resolve-before-respond": [
        "3: slas[0].critical.resolve: shorter than respond (4h) (found '30m'); promise the longer time",
    ],
    "sla-unknown": [
        "3: customers[0].sla: not in slas (found 'gold'); add it to slas; known there: silver",
    ],
    "sla-without-critical": [
        "2: slas[0].critical: this key is missing; add critical: {respond: 30m, resolve: 8h}",
    ],
    "tag-with-a-comma": [
        "4: customers[0].devices[0].tags: expected `str` matching regex '^[^,]+$' (found ['a,b']); for example: ['se",
    ],
    "unknown-key": [
        "3: customers[0].responsable: unknown key; did you mean responsible?",
    ],
}


def test_every_file_has_its_message() -> None:
    assert sorted(MESSAGES) == sorted(path.stem for path in BAD.iterdir())


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_mistake_is_named_with_its_line_its_path_its_value_and_what_would_be_right(name: str) -> None:
    path = BAD / f"{name}.yaml"
    with pytest.raises(DirectoryError) as caught:
        read_directory(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(MESSAGES[name]), lines
    for line, expected in zip(lines, MESSAGES[name], strict=True):
        assert line.startswith(f"{path}:{expected}"), line
        assert ";" in line


def test_what_is_written_reads_back_as_the_same(tmp_path: Path) -> None:
    file = read_directory(DATA / "directory.yaml")
    (tmp_path / "again.yaml").write_text(write_directory(file))
    assert read_directory(tmp_path / "again.yaml") == file
    assert msgspec.json.decode(msgspec.json.encode(file), type=DirectoryFile) == file


def test_an_empty_one_is_written_as_one(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text(write_directory(DirectoryFile()))
    assert read_directory(tmp_path / "empty.yaml") == DirectoryFile()


def test_what_comes_without_a_file_is_checked_too() -> None:
    file = read_directory(DATA / "directory.yaml")
    check_directory(file)
    with pytest.raises(DirectoryError, match=r"(?s)customers\[0\]\.calendar: not in calendars.*slas; there is none"):
        check_directory(msgspec.structs.replace(file, calendars=[], slas=[]))


@settings(deadline=None, max_examples=60)
@given(text=st.text(max_size=60), key=st.sampled_from(["customers", "engineers", "on_call", "slas", "calendars"]))
def test_whatever_stands_in_it_is_taken_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, text: str, key: str
) -> None:
    path = tmp_path_factory.mktemp("directory") / "directory.yaml"
    path.write_text(f"{key}:\n  - name: {text}\n", encoding="utf-8", errors="replace")
    said = ""
    try:
        read_directory(path)
    except DirectoryError as error:
        said = str(error)
    assert all(line.startswith(f"{path}:") for line in said.split("\n") if said)


def test_the_schema_knows_every_section() -> None:
    known = schema()["$defs"]
    assert {"Customer", "Site", "Devices", "Engineer", "Schedule", "Sla", "Escalation", "Calendar"} <= set(known)
    assert known["Targets"]["properties"]["respond"]["description"]
    assert known["Customer"]["additionalProperties"] is False


def test_the_module_prints_the_reference() -> None:
    command = [sys.executable, "-m", "forewarn_collector.people.reference"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "| `customers[].sites[].access` |" in printed
