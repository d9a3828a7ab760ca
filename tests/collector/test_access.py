"""Users, roles and tokens at the API of a running collector."""

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from forewarn_collector.access.caller import Role
from forewarn_collector.access.model import Locked, WrongPassword
from forewarn_collector.access.users import Users
from forewarn_collector.api.permissions import PERMISSIONS
from forewarn_collector.config import Api, Config, DirectoryEntry, Listen
from forewarn_collector.ingest.accept import Publish, accept
from forewarn_collector.store.state import open_state
from forewarn_wire import Attribute, Cpu, Disk, LoadReport, Outcome, SmartReport, encode, up_topic

V1 = "/api/v1"
pytestmark = pytest.mark.both_stores

PASSWORD = "correct horse battery"
DEVICES = {"acme-1": "Acme", "globex-1": "Globex", "stray-1": "unassigned"}
USERS = {"root": ("admin", None), "ann": ("engineer", None), "boss": ("customer", "Acme")}
OPEN = [route for route, row in PERMISSIONS.items() if row.least is None]
CLOSED = [
    route for route in PERMISSIONS if route not in OPEN and "/schema" not in route[1] and "/clock" not in route[1]
]


def report(collector: Any, device: str) -> None:
    """A device with a disk that has pending sectors, which makes a ticket."""
    now = time.time()
    disk = Disk(slot="/dev/sda", kind="hdd", serial=f"S-{device}", model="ST4000")
    reports = {
        "load": LoadReport(device=device, boot="b", seq=1, sampled_at=now, cpu=Cpu(used_percent=7.0)),
        "smart": SmartReport(
            device=device, boot="b", seq=2, sampled_at=now, disk=disk, outcome=Outcome.MEASURED, passed=False,
            attributes=[Attribute(197, 100, 100, 0, 40)],
        ),
    }  # fmt: skip
    for kind, message in reports.items():
        publish = Publish("listener", device, up_topic(device, kind), encode(message), now)
        collector.journal.commit([accept(publish)])


class Api_:  # noqa: N801
    """The API of one collector, asked by whoever."""

    def __init__(self, running: Any) -> None:
        self.collector = running.collector
        self.data = running.data
        self.url = self.collector.api_url
        self.local = json.loads((self.data / "api.json").read_text())["token"]
        self.tokens: dict[str, str] = {}

    def ask(self, who: str | None, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        token = self.local if who == "local" else self.tokens.get(who or "", who)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.request(
            method, self.url + path, json=body, headers=headers | options.pop("headers", {}), trust_env=False,
            timeout=60, **options,
        )  # fmt: skip

    def login(self, user: str, password: str) -> httpx.Response:
        return self.ask(None, "POST", f"{V1}/login", {"user": user, "password": password})


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, start_collector: Callable[..., Any]) -> Iterator[Api_]:
    """Three devices of three customers with a ticket each; a user of each role with a password and a token."""
    entries = [DirectoryEntry(customer=name, devices=[f"{name.lower()}-*"]) for name in ("Acme", "Globex")]
    config = Config(listen=Listen(port=0), api=Api(port=0, requests_per_minute=100_000), directory=entries)
    running = start_collector(tmp_path_factory.mktemp("access") / "data", config)
    api = Api_(running)
    for device in DEVICES:
        report(api.collector, device)
    api.collector.judge.wake()
    deadline = time.monotonic() + 60
    while len(api.collector.desk.tickets()) < len(DEVICES):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for name, (role, customer) in USERS.items():
        made = api.ask("local", "POST", f"{V1}/users", {"name": name, "role": role, "customer": customer})
        assert made.status_code == 201, made.text
        assert api.ask("local", "POST", f"{V1}/users/{name}/password", {"password": PASSWORD}).status_code == 200
        api.tokens[name] = api.login(name, PASSWORD).json()["token"]
    yield api
    running.stop()


def ticket_of(api: Api_, device: str) -> int:
    (ticket,) = api.collector.desk.tickets(device=device)
    return int(ticket.number)


BODIES = {
    f"{V1}/devices/{{name}}/baseline": {"actor": "x"},
    f"{V1}/tickets/{{number}}/{{action}}": {"actor": "x"},
    f"{V1}/tickets/{{number}}/note": {"actor": "x", "text": "hm"},
    f"{V1}/watch/{{number}}/open": {"actor": "x"},
    f"{V1}/users": {"name": "new", "role": "customer", "customer": "Acme"},
    f"{V1}/users/{{user}}/role": {"role": "admin"},
    f"{V1}/users/{{user}}/password": {"password": PASSWORD, "current": "wrong wrong wrong"},
    f"{V1}/tokens": {"user": "root"},
}


def spelled(path: str) -> str:
    """The path with names that are nowhere, so that what is allowed changes nothing."""
    values = {"name": "nobody-1", "number": "999", "action": "close", "user": "nobody", "token_id": "0" * 12}
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], "x"), path)


@pytest.mark.once
@pytest.mark.parametrize("who", [None, *USERS])
@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_every_route_asks_for_its_role(api: Api_, method: str, path: str, who: str | None) -> None:
    least = PERMISSIONS[method, path].least
    assert least is not None
    if path.endswith(("/logout", "/users")) and method == "POST":
        who = {"root": "ann"}.get(who or "", who) if path.endswith("/users") else None
    answer = api.ask(who, method, spelled(path), BODIES.get(path))
    if who is None:
        assert answer.status_code == 401
    elif not Role(USERS[who][0]).includes(least):
        assert (answer.status_code, answer.json()["detail"]) == (403, f"this is not for the role {USERS[who][0]}")
    elif path == f"{V1}/users/{{user}}/password" or (method, path, who) in {
        ("POST", f"{V1}/tokens", "ann"),
        ("POST", f"{V1}/tokens", "boss"),
    }:
        assert answer.status_code in ((404,) if who == "root" else (403,))
    else:
        assert answer.status_code not in (401, 403), answer.text
        assert answer.status_code < 500


@pytest.mark.once
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECTX"])
def test_a_customer_gains_nothing_by_another_method(api: Api_, method: str) -> None:
    for _, path in CLOSED:
        row = PERMISSIONS.get(("GET" if method == "HEAD" else method, path))
        if row is None or row.least is not Role.CUSTOMER:
            answer = api.ask("boss", method, spelled(path))
            assert answer.status_code in (400, 403, 404, 405, 501), (method, path, answer.status_code)


def test_a_customer_sees_its_own_and_nothing_else(api: Api_) -> None:
    assert [line["name"] for line in api.ask("boss", "GET", f"{V1}/devices").json()] == ["acme-1"]
    assert set(api.ask("boss", "GET", f"{V1}/reports").json()) == {"acme-1"}
    assert {one["customer"] for one in api.ask("boss", "GET", f"{V1}/tickets?state=all").json()} == {"Acme"}
    assert api.ask("boss", "GET", f"{V1}/tickets?customer=Globex").json() == []
    assert api.ask("boss", "GET", f"{V1}/tickets?device=globex-1").json() == []
    assert len(api.ask("ann", "GET", f"{V1}/tickets").json()) == len(DEVICES)
    mine = ticket_of(api, "acme-1")
    assert api.ask("boss", "GET", f"{V1}/tickets/{mine}").json()["device"] == "acme-1"
    assert api.ask("boss", "GET", f"{V1}/devices/acme-1").json()["standing"]


@pytest.mark.once
@pytest.mark.parametrize("device", ["globex-1", "stray-1", "ACME-1", "acme-1%00", "acme-1/../globex-1"])
@pytest.mark.parametrize("below", ["", "/series?metric=cpu.used_percent&start=0&end=9e9"])
def test_what_another_customer_has_is_not_there(api: Api_, device: str, below: str) -> None:
    answer = api.ask("boss", "GET", f"{V1}/devices/{device}{below}")
    assert answer.status_code == 404
    nowhere = api.ask("boss", "GET", f"{V1}/devices/globex-9{below}")
    if device == "globex-1":
        assert answer.text.replace("globex-1", "") == nowhere.text.replace("globex-9", "")


def test_tickets_of_others_are_not_there_either(api: Api_) -> None:
    for device in ("globex-1", "stray-1"):
        number = ticket_of(api, device)
        answer = api.ask("boss", "GET", f"{V1}/tickets/{number}")
        assert (answer.status_code, answer.json()) == (404, {"detail": f"there is no ticket {number}"})
    assert api.ask("boss", "GET", f"{V1}/tickets/999").json() == {"detail": "there is no ticket 999"}


def test_internal_notes_are_hidden_from_customers(api: Api_) -> None:
    number = ticket_of(api, "acme-1")
    for text, visibility in (("they never pay", "internal"), ("we come on Friday", "customer")):
        body = {"actor": "x", "text": text, "visibility": visibility}
        assert api.ask("ann", "POST", f"{V1}/tickets/{number}/note", body).status_code == 200
    told = api.ask("boss", "GET", f"{V1}/tickets/{number}").text
    assert "they never pay" not in told
    assert "we come on Friday" in told
    assert "they never pay" in api.ask("ann", "GET", f"{V1}/tickets/{number}").text


def test_who_did_it_is_whose_token_it_was(api: Api_) -> None:
    number = ticket_of(api, "globex-1")
    note = {"actor": "somebody else", "text": "hm"}
    by_ann = api.ask("ann", "POST", f"{V1}/tickets/{number}/note", note).json()["timeline"][-1]
    by_local = api.ask("local", "POST", f"{V1}/tickets/{number}/note", note).json()["timeline"][-1]
    assert (by_ann["actor"], by_local["actor"]) == ("ann", "somebody else")


# Tokens


def made_token(api: Api_, who: str, **body: Any) -> tuple[str, str]:
    made = api.ask(who, "POST", f"{V1}/tokens", body)
    assert made.status_code == 201, made.text
    return made.json()["token"], made.json()["id"]


def works(api: Api_, token: str) -> bool:
    return api.ask(token, "GET", f"{V1}/whoami").status_code == 200


def test_a_revoked_token_works_no_more(api: Api_) -> None:
    token, id_ = made_token(api, "ann", note="a program")
    assert works(api, token)
    assert api.ask("boss", "POST", f"{V1}/tokens/{id_}/revoke").status_code == 404
    assert works(api, token)
    assert api.ask("ann", "POST", f"{V1}/tokens/{id_}/revoke").json()["revoked_at"] is not None
    assert not works(api, token)


def test_an_expired_token_works_no_more(api: Api_) -> None:
    token, _ = made_token(api, "ann", seconds=1)
    deadline = time.monotonic() + 60
    while works(api, token):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_disabled_user_s_tokens_do_not_work(api: Api_) -> None:
    api.ask("root", "POST", f"{V1}/users", {"name": "temp", "role": "engineer"})
    token, _ = made_token(api, "root", user="temp")
    assert works(api, token)
    assert api.ask("root", "POST", f"{V1}/users/temp/disable").json()["disabled_at"] is not None
    assert not works(api, token)
    api.ask("root", "POST", f"{V1}/users/temp/enable")
    assert works(api, token)


def test_another_role_holds_at_once(api: Api_) -> None:
    api.ask("root", "POST", f"{V1}/users", {"name": "riser", "role": "engineer"})
    token, _ = made_token(api, "root", user="riser")
    assert api.ask(token, "GET", f"{V1}/users").status_code == 403
    api.ask("root", "POST", f"{V1}/users/riser/role", {"role": "admin"})
    assert api.ask(token, "GET", f"{V1}/users").status_code == 200


def test_nobody_makes_or_sees_the_tokens_of_others(api: Api_) -> None:
    assert api.ask("ann", "POST", f"{V1}/tokens", {"user": "root"}).status_code == 403
    assert {one["user"] for one in api.ask("ann", "GET", f"{V1}/tokens").json()} == {"ann"}
    assert {one["user"] for one in api.ask("root", "GET", f"{V1}/tokens").json()} >= {"ann", "boss", "root"}


@pytest.mark.once
@pytest.mark.parametrize("change", ["last character", "another id", "longer", "prefix", "nothing", "two of them"])
def test_a_token_that_is_nearly_right_is_wrong(api: Api_, change: str) -> None:
    token = api.tokens["root"]
    prefix, id_, secret = token.split("_", 2)
    wrong = {
        "last character": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "another id": f"{prefix}_{'0' * 12}_{secret}",
        "longer": token + "x",
        "prefix": f"{prefix}_{id_}_",
        "nothing": f"{prefix}__{secret}",
        "two of them": f"{token}, Bearer {token}",
    }[change]
    assert api.ask(wrong, "GET", f"{V1}/whoami").status_code == 401


@pytest.mark.only_files
def test_only_hashes_are_stored(api: Api_) -> None:
    api.collector.desk.tickets()
    stored = b"".join(path.read_bytes() for path in api.data.iterdir() if path.name.startswith("state.db"))
    assert b"$argon2id$" in stored
    for secret in (PASSWORD, *(token.split("_", 2)[2] for token in api.tokens.values())):
        assert secret.encode() not in stored


def test_a_token_in_an_address_is_refused_even_beside_a_good_one(api: Api_) -> None:
    for name in ("token", "access_token", "Token", "api_key", "password"):
        answer = api.ask("root", "GET", f"{V1}/devices?{name}={api.tokens['root']}")
        assert answer.status_code == 400
        assert api.tokens["root"] not in answer.text


def test_two_authorizations_are_none(api: Api_) -> None:
    both = [("Authorization", f"Bearer {api.tokens['root']}"), ("Authorization", f"Bearer {api.tokens['boss']}")]
    assert httpx.get(f"{api.url}{V1}/whoami", headers=both, trust_env=False).status_code == 401


# Passwords


def test_a_new_password_ends_logins_and_leaves_api_tokens(api: Api_) -> None:
    api.ask("root", "POST", f"{V1}/users", {"name": "carl", "role": "engineer"})
    api.ask("root", "POST", f"{V1}/users/carl/password", {"password": PASSWORD})
    login = api.login("carl", PASSWORD).json()["token"]
    token, _ = made_token(api, login)
    own = f"{V1}/users/carl/password"
    assert api.ask(token, "POST", own, {"password": "another good one"}).status_code == 403
    assert api.ask(token, "POST", own, {"password": "another good one", "current": "wrong"}).status_code == 403
    assert api.ask(token, "POST", own, {"password": "another good one", "current": PASSWORD}).status_code == 200
    assert not works(api, login)
    assert works(api, token)
    assert api.login("carl", PASSWORD).status_code == 401
    assert api.login("carl", "another good one").status_code == 200


@pytest.mark.once
@pytest.mark.parametrize("password", ["short", "x" * 257, "aaaaaaaaaaaaaaaaaaaa", "boss12345678", ""])
def test_a_bad_password_is_refused(api: Api_, password: str) -> None:
    answer = api.ask("local", "POST", f"{V1}/users/boss/password", {"password": password})
    assert answer.status_code in (400, 409)
    assert api.login("boss", PASSWORD).status_code == 200


@pytest.fixture
def still(tmp_path: Path) -> Users:
    """Users of a collector whose waits do not pass: a loaded machine changes nothing."""
    users = Users(open_state(tmp_path / "state.db"), time.time, lambda: 0.0)
    users.add("ann", Role.ENGINEER, None)
    users.set_password("ann", PASSWORD)
    return users


@pytest.mark.once
def test_lock_out_is_the_same_for_a_user_that_is_not_there(still: Users) -> None:
    for name in ("ann", "nobody"):
        for _ in range(5):
            with pytest.raises(WrongPassword):
                still.check_password(name, "wrong wrong wrong", "192.0.2.1")
        with pytest.raises(Locked, match="too many tries; try again in 5 s"):
            still.check_password(name, PASSWORD, "192.0.2.2")


@pytest.mark.once
def test_an_address_is_locked_out_and_locks_out_nobody_else(still: Users) -> None:
    for n in range(20):
        with pytest.raises(WrongPassword):
            still.check_password(f"nobody-{n}", "wrong wrong wrong", "2001:db8::1")
    for _ in range(10):
        with pytest.raises(Locked):
            still.check_password("ann", PASSWORD, "2001:db8::2")
    assert still.check_password("ann", PASSWORD, "192.0.2.3").name == "ann"


@pytest.mark.once
def test_a_user_that_is_not_there_costs_the_same_time(still: Users) -> None:
    """argon2 is what takes the time: without it an answer is there in a tenth of it."""
    spent = {}
    for name in ("ann", "nobody"):
        began = time.thread_time()
        for n in range(4):
            with pytest.raises(WrongPassword):
                still.check_password(name, "wrong wrong wrong", f"192.0.2.{n}")
        spent[name] = time.thread_time() - began
    assert 0.3 < spent["ann"] / spent["nobody"] < 3.3


def test_a_locked_login_says_how_long_to_wait(api: Api_) -> None:
    answer = api.login("locked", "wrong wrong wrong")
    while answer.status_code == 401:
        assert answer.json() == {"detail": "user or password is wrong"}
        answer = api.login("locked", "wrong wrong wrong")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert api.ask("local", "GET", f"{V1}/whoami").status_code == 200


# The audit log


def test_every_change_is_written_down_and_reading_is_not(api: Api_) -> None:
    number = ticket_of(api, "stray-1")
    before = len(api.ask("root", "GET", f"{V1}/audit").json())
    api.ask("ann", "GET", f"{V1}/tickets")
    api.ask("boss", "POST", f"{V1}/tickets/{number}/close", {"actor": "x", "outcome": "failed"})
    api.ask("ann", "POST", f"{V1}/tickets/{number}/fly", {"actor": "x"})
    api.ask("ann", "POST", f"{V1}/tickets/{number}/close", {"actor": "x", "outcome": "false-alarm", "text": "none"})
    found = api.ask("root", "GET", f"{V1}/audit").json()
    assert len(found) == before + 1
    entry = found[0]
    assert (entry["who"], entry["role"], entry["address"]) == ("ann", "engineer", "127.0.0.1")
    assert entry["token"] == api.tokens["ann"].split("_")[1]
    assert (entry["action"], entry["status"]) == (f"POST {V1}/tickets/{number}/close", 200)
    assert entry["before"]["state"] == "open"
    assert (entry["after"]["state"], entry["after"]["outcome"]) == ("false alarm", "false-alarm")
    assert api.ask("root", "GET", f"{V1}/audit?user=ann&limit=1").json() == [entry]
    assert api.ask("root", "GET", f"{V1}/audit?since={entry['at'] + 1}").json() == []


def test_the_audit_log_tells_roles_and_hides_passwords(api: Api_) -> None:
    api.ask("root", "POST", f"{V1}/users", {"name": "dora", "role": "engineer"})
    api.ask("root", "POST", f"{V1}/users/dora/role", {"role": "admin"})
    api.ask("root", "POST", f"{V1}/users/dora/password", {"password": "a very secret one"})
    api.login("dora", "a wrong secret one")
    api.login("a very secret one", "dora")
    found = api.ask("root", "GET", f"{V1}/audit?limit=5")
    refused_name, refused, password, role, _ = found.json()
    assert "secret one" not in found.text
    assert (refused["who"], refused["status"]) == ("dora", 401)
    assert (refused_name["who"], refused_name["status"]) == ("(unknown)", 401)
    assert password["after"]["password"] == "(hidden)"
    assert (role["before"]["role"], role["after"]["role"]) == ("engineer", "admin")


@pytest.mark.only_files
@pytest.mark.parametrize("statement", ["DELETE FROM audit", "UPDATE audit SET who = 'nobody'"])
def test_the_database_itself_keeps_the_audit_log(api: Api_, statement: str) -> None:
    with sqlite3.connect(api.data / "state.db") as db, pytest.raises(sqlite3.IntegrityError, match="only ever added"):
        db.execute(statement)
