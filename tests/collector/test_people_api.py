"""The directory, duty and engineers' work over the API and the command line of a running collector."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result

from forewarn_collector.cli.main import forewarn
from forewarn_collector.config import Api, Config, DirectoryEntry, Listen
from forewarn_collector.people.reading import read_directory
from forewarn_collector.people.schema import DirectoryFile
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change, Kind

pytestmark = pytest.mark.both_stores

DATA = Path(__file__).resolve().parent.parent / "data" / "collector"
FILE = DATA / "directory.yaml"


class Asked:
    """A collector, its command line, and its API as whoever is wanted."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.collector = running.collector
        self.url = f"{self.collector.api_url}/api/v1"
        self._tokens = {"local": json.loads((running.data / "api.json").read_text())["token"]}

    def __call__(self, *words: str, columns: int = 80) -> Result:
        environment = {"COLUMNS": str(columns), "TERM": "dumb", "TZ": "UTC"}
        return CliRunner(env=environment).invoke(forewarn, ["--data", str(self.running.data), *words])

    def json(self, *words: str) -> Any:
        result = self(*words, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def api(self, method: str, path: str, body: Any = None, who: str = "local", customer: str | None = None) -> Any:
        if who not in self._tokens:
            user = {"name": who, "role": "customer" if customer else who, "customer": customer}
            assert self.api("POST", "/users", user).status_code == 201
            self._tokens[who] = self.api("POST", "/tokens", {"user": who}).json()["token"]
        headers = {"Authorization": f"Bearer {self._tokens[who]}"}
        return httpx.request(method, self.url + path, json=body, headers=headers, trust_env=False, timeout=60)

    def open_ticket(self, device: str = "acme-12-till", part: str = "P", level: str = "critical") -> int:
        change = Change(
            at=time.time(), kind=Kind.DISK, key=(device, part), rule="r", fault="disk-failure", before="none",
            after=level, text="broken", title="A disk is failing", status="stable", values={}, labels={}, why="",
            do=(), calm_when=(), forecast=None, queue="",
        )  # fmt: skip
        whose = self.collector.fleet._directory.whose(device)
        self.collector.desk.record(None, [(change, Part(device, "D-" + device, part, whose))], [])
        return max(one.number for one in self.collector.desk.tickets())


@pytest.fixture
def asked(make_running: Callable[..., Any]) -> Asked:
    entry = DirectoryEntry(customer="Simple", engineer="Pat", devices=["acme-*", "simple-*"])
    return Asked(make_running(Config(listen=Listen(port=0), api=Api(port=0), directory=[entry])))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, start_collector: Callable[..., Any]) -> Iterator[Asked]:
    """With the directory applied; for tests that change nothing of it."""
    running = start_collector(tmp_path_factory.mktemp("shared") / "data")
    asked = Asked(running)
    assert asked("directory", "apply", str(FILE)).exit_code == 0
    yield asked
    running.stop()


@pytest.fixture
def applied(asked: Asked) -> Asked:
    assert asked("directory", "apply", str(FILE), "--by", "boss").exit_code == 0
    return asked


def test_a_dry_run_shows_what_would_change_and_changes_nothing(asked: Asked) -> None:
    shown = asked("directory", "apply", str(FILE), "--dry-run")
    assert shown.exit_code == 0
    assert "+- name: Acme" in shown.stdout
    assert shown.stdout.endswith("nothing was changed: this was a dry run\n")
    assert asked.json("directory", "show")["version"] is None
    assert asked("directory", "show").stdout == "no directory was applied\n"


def test_what_is_applied_counts_at_once_and_is_written_down(asked: Asked) -> None:
    whose = asked.collector.fleet._directory.whose
    assert whose("acme-12-till").customer == "Simple"
    done = asked("directory", "apply", str(FILE), "--by", "boss")
    assert done.stdout.endswith("version 1 counts now: 2 customers, 2 sites, 3 engineers\n")
    assert tuple(whose("acme-12-till")) == ("Acme", "Store 12", "Li Wei", ())
    assert whose("simple-1").customer == "Simple", "the configuration's comes after it"
    again = asked("directory", "apply", str(FILE))
    assert again.stdout == "nothing to change: the applied directory says the same\n"
    (version,) = asked.json("directory", "versions")
    assert (version["number"], version["actor"]) == (1, "boss")
    entry = next(one for one in asked.api("GET", "/audit").json() if one["action"] == "POST /api/v1/directory")
    assert entry["before"] == {"version": None}
    assert entry["after"]["version"] == 1
    assert "+- name: Acme" in entry["after"]["diff"]


def test_a_restart_knows_it(applied: Asked, make_running: Callable[..., Any]) -> None:
    applied.running.stop()
    again = make_running()
    assert again.collector.register.version.actor == "boss"
    assert again.collector.fleet._directory.whose("acme-13-srv").engineer == "Joe Miller"


def test_the_diff_shows_the_lines_that_change(applied: Asked, tmp_path: Path) -> None:
    text = FILE.read_text().replace("backup: Ann Smith", "backup: Joe Miller", 1)
    (tmp_path / "new.yaml").write_text(text)
    lines = applied("directory", "apply", str(tmp_path / "new.yaml")).stdout.splitlines()
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == ["-    backup: Ann Smith", "+    backup: Joe Miller"]
    assert lines[-1].startswith("version 2 counts now")


def test_whoever_is_slower_is_told_and_changes_nothing(applied: Asked) -> None:
    body = {"document": {}, "actor": "late", "base": 0}
    answer = applied.api("POST", "/directory", body)
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("version 1 was applied by boss since you looked")
    assert applied.collector.register.people.customers


def test_every_mistake_is_said_at_once(shared: Asked) -> None:
    bad = DATA / "bad-directory" / "several-at-once.yaml"
    refused = shared("directory", "apply", str(bad))
    assert refused.exit_code == 1
    assert len(refused.stderr.splitlines()) == 5
    assert shared("directory", "check", str(bad)).stderr == refused.stderr
    document = {"customers": [{"name": "Acme", "sla": "gold", "calendar": "x"}]}
    answer = shared.api("POST", "/directory", {"document": document, "actor": "a"})
    assert answer.status_code == 400
    assert answer.json()["detail"].splitlines() == [
        "customers[0].calendar: not in calendars (found 'x'); add it to calendars; there is none yet",
        "customers[0].sla: not in slas (found 'gold'); add it to slas; there is none yet",
    ]


def test_what_is_exported_can_be_applied_again(shared: Asked, tmp_path: Path) -> None:
    out = tmp_path / "out.yaml"
    assert shared("directory", "export", "--output", str(out)).exit_code == 0
    assert read_directory(out) == read_directory(FILE)
    assert shared("directory", "export").stdout == out.read_text()
    assert msgspec.convert(shared.json("directory", "export"), DirectoryFile) == read_directory(FILE)


def test_only_administrators_apply_one(shared: Asked) -> None:
    body = {"document": {}, "actor": "x"}
    for who, customer in (("engineer", None), ("ms-chen", "Acme")):
        assert shared.api("POST", "/directory", body, who, customer).status_code == 403


def test_a_customer_sees_the_own_contacts_and_no_others(shared: Asked) -> None:
    document = shared.api("GET", "/directory", who="ms-chen", customer="Acme").json()["document"]
    (own,) = document["customers"]
    assert own["name"] == "Acme"
    assert [one["contacts"][0]["name"] for one in own["sites"] if one.get("contacts")] == ["Mr. Wu"]
    text = json.dumps(document)
    assert "Globex" not in text
    for secret in ("gate B", "liwei", "field-robot", "22:00-07:00", "escalation"):
        assert secret not in text
    other = shared.api("GET", "/directory", who="globex-boss", customer="Nobody").json()
    assert other == {"version": None, "document": {}, "channels": []}
    number = shared.open_ticket(part="customer's")
    people = shared.api("GET", f"/tickets/{number}/people", who="ms-chen").json()
    assert (people["primary"], people["contacts"][0]["name"], people["access"]) == ("Li Wei", "Mr. Wu", "")
    assert shared.api("GET", f"/tickets/{number}/people", who="globex-boss").status_code == 404
    for path in ("/on-call", "/engineers/Li%20Wei", "/directory/versions"):
        assert shared.api("GET", path, who="ms-chen").status_code == 403


def test_the_page_of_a_ticket_shows_clocks_and_people(shared: Asked) -> None:
    number = shared.open_ticket(part="shown")
    page = shared("ticket", "show", str(number)).stdout
    assert "Li Wei, then Ann Smith; on call: " in page
    assert "Mr. Wu, +86 21 5555 0188" in page
    for said in ("key at the guard, gate B", "88 Nanjing Road", "(in 30 min)", "(in 4 h)"):
        assert said in page
    assert "in 30 min" in shared("tickets").stdout
    (listed,) = [one for one in shared.json("tickets") if one["number"] == number]
    assert [clock["kind"] for clock in listed["clocks"]] == ["respond", "resolve"]
    shared("ticket", "wait", str(number), "--for", "part")
    page = shared("ticket", "show", str(number)).stdout
    assert "paused, 4 h left of 4 h" in page
    assert "met " in page


def test_a_ticket_is_given_to_an_engineer(shared: Asked) -> None:
    number = shared.open_ticket(part="given")
    done = shared("assign", str(number), "Ann Smith", "--by", "boss", "--text", "Li is away")
    assert done.stdout == f"ticket {number} (acme-12-till: A disk is failing) is Ann Smith's\n"
    ticket = shared.json("ticket", "show", str(number))
    assert (ticket["owner"], ticket["state"]) == ("Ann Smith", "open")
    assert [(one["actor"], one["text"]) for one in ticket["timeline"][-2:]] == [
        ("boss", "assigned to Ann Smith"), ("boss", "Li is away"),
    ]  # fmt: skip
    refused = shared("assign", str(number), "Nobody")
    assert refused.exit_code == 1
    assert "the directory has no engineer 'Nobody'; known: Li Wei, Ann Smith, Joe Miller" in refused.stderr
    shared("ticket", "close", str(number), "--outcome", "false-alarm")
    assert "cannot assign a ticket that is false alarm" in shared("assign", str(number), "Ann Smith").stderr


def test_an_engineer_s_work_is_what_was_taken_given_or_is_theirs(applied: Asked) -> None:
    theirs, other, given = (applied.open_ticket(part=part) for part in "ABC")
    applied("ticket", "ack", str(other), "--by", "Joe Miller")
    applied("assign", str(given), "Ann Smith")
    taken = applied.open_ticket("acme-13-srv")
    applied("ticket", "ack", str(taken), "--by", "liwei")
    found = applied.json("engineer", "Li Wei")
    assert {one["number"] for one in found["tickets"]} == {theirs, taken}
    assert applied.json("engineer", "liwei")["name"] == "Li Wei"
    assert [one["number"] for one in applied.json("engineer", "Ann Smith")["tickets"]] == [given]
    text = applied("engineer", "Li Wei").stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "2 open tickets" in text
    assert "in 30 min" in text
    unknown = applied("engineer", "Nobody")
    assert unknown.stderr == "Error: neither the directory nor an open ticket names an engineer 'Nobody'\n"


def test_who_is_on_call_and_an_override(applied: Asked) -> None:
    (schedule,) = applied.json("on-call", "--at", "2026-11-04 09:00")
    assert [turn["engineer"] for turn in schedule["turns"]][:3] == ["Li Wei", "Joe Miller", "Li Wei"]
    made = applied("shift", "override", "Joe Miller", "--for", "12h", "--by", "boss")
    assert made.stdout.startswith("override 1: Joe Miller is on call for field-service until ")
    (schedule,) = applied.json("on-call")
    assert (schedule["turns"][0]["engineer"], schedule["turns"][0]["why"]) == ("Joe Miller", "override 1 by boss")
    assert "Joe Miller" in applied("on-call").stdout
    assert applied("shift", "remove", "1").exit_code == 0
    assert applied("shift", "remove", "1").stderr.startswith("Error: there is no override 1 to take back")
    (schedule,) = applied.json("on-call")
    assert schedule["turns"][0]["why"] != "override 1 by boss"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Joe Miller",), "give --end or --for"),
        (("Joe Miller", "--for", "ever"), "'ever' is not a duration"),
        (("Joe Miller", "--end", "tomorrow"), "'tomorrow' is not a time"),
        (("Joe Miller", "--start", "2026-11-05 18:00", "--end", "2026-11-05 17:00"), "it ends before it begins"),
        (("Nobody", "--for", "1h"), "the directory has no engineer 'Nobody'"),
        (("Joe Miller", "--for", "1h", "--schedule", "x"), "the directory has no schedule 'x'"),
    ],
)
def test_an_override_that_cannot_be(shared: Asked, words: tuple[str, ...], said: str) -> None:
    refused = shared("shift", "override", *words)
    assert refused.exit_code != 0
    assert said in refused.stderr


def test_customers_and_engineers_come_from_csv(applied: Asked, tmp_path: Path) -> None:
    stores = tmp_path / "stores.csv"
    stores.write_text(
        "customer;site;address;contact;phone;devices;tags;primary;backup\n"
        "Acme;Store 12;1 New Road;;;;;;\n"
        "Acme;Store 14;;Mr. Ma;555;acme-14-* acme-14x-*;till;Ann Smith;\n"
        "Initech;;;;;in-*;;New One;Li Wei\n",
        encoding="utf-8-sig",
    )
    shown = applied("directory", "import", str(stores), "--dry-run")
    assert shown.exit_code == 0, shown.stderr
    assert "+    address: 1 New Road" in shown.stdout
    assert applied("directory", "import", str(stores)).exit_code == 0
    people = applied.collector.register.people
    assert people.whose("acme-14-till").engineer == "Ann Smith"
    assert people.whose("in-1").customer == "Initech"
    assert people.customers["Acme"].sites[0].access == "key at the guard, gate B", "what a row leaves empty stays"
    engineers = tmp_path / "engineers.csv"
    engineers.write_text("engineer,mobile,mail,time_zone\nNew One,13800000000,new@provider.example,Asia/Shanghai\n")
    assert applied("directory", "import", str(engineers)).exit_code == 0
    assert applied.collector.register.people.engineers["New One"].mobile == "13800000000"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,site\nAcme,Store\n", ["1: no column customer or engineer"]),
        ("customer,sity\nAcme,Store\n", ["1: unknown column (found 'sity'); known here: customer, site"]),
        ("customer,site\n,Store\nAcme,a,b\n", ["2: customer: this is empty", "3: 3 cells below 2 columns"]),
        ("customer,backup\nAcme,Li\n", ["2: backup: without primary (found 'Li')"]),
        ("customer,tags\nAcme,a\n", ["2: tags: without devices"]),
        ("customer,access\nAcme,key\n", ["2: access: without site (found 'key')"]),
        ("customer,phone\nAcme,1\n", ["2: contact: this is empty"]),
        ("customer,language\nAcme,Chinese\n", ["2: expected `str` matching regex"]),
        ("", ["1: no column customer or engineer"]),
    ],
)
def test_a_csv_file_with_a_mistake(shared: Asked, tmp_path: Path, text: str, said: list[str]) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    refused = shared("directory", "import", str(path))
    assert refused.exit_code == 1
    lines = refused.stderr.removeprefix("Error: ").splitlines()
    assert len(lines) == len(said)
    for line, expected in zip(lines, said, strict=True):
        assert line.startswith(f"{path}:{expected}")
        assert ";" in line
    assert len(shared.json("directory", "versions")) == 1


def test_the_schema_is_printed(shared: Asked) -> None:
    assert "Customer" in json.loads(shared("directory", "schema").stdout)["$defs"]


def test_showing_fits_80_columns(shared: Asked) -> None:
    shown = shared("directory", "show").stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert "Store 13" in shown
    assert "Store 13" not in shared("directory", "show", "--customer", "Globex").stdout
