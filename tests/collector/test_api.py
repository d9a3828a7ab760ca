"""The HTTP API of a running collector."""

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from servers.reporting import fleet, store

from forewarn_collector.api.views import DeadLetters, DeviceLine, DeviceView, Health, SeriesData
from forewarn_collector.config import Api, Config, DestinationEntry, DirectoryEntry, Listen
from forewarn_collector.tickets.model import Ticket
from forewarn_wire import (
    Attribute,
    Cpu,
    Disk,
    EventReport,
    Inventory,
    LoadReport,
    Message,
    Outcome,
    SmartReport,
    StatusReport,
)

pytestmark = pytest.mark.filterwarnings("error::DeprecationWarning")

V1 = "/api/v1"
NOBODY = "http://127.0.0.1:9/hook"

BEYOND_64_BITS = (2**63, 2**64, 10**40, -(2**63) - 1, -(10**40))

# method, path, body
ENDPOINTS = [
    ("GET", "/status", None),
    ("GET", "/devices", None),
    ("GET", "/devices?customer=Acme", None),
    ("GET", "/devices?after=pc-007&limit=5", None),
    ("GET", "/reports", None),
    ("GET", "/fleet/latest?metric=cpu.used_percent", None),
    ("GET", "/fleet/top?metric=cpu.used_percent", None),
    ("GET", "/fleet/verdicts", None),
    ("GET", "/devices/shop-07", None),
    ("GET", "/devices/no-such-device", None),
    ("GET", "/devices/shop-07/series?metric=cpu.used_percent&start=0&end=9999999999", None),
    ("GET", "/devices/shop-07/baseline", None),
    ("POST", "/devices/shop-07/baseline", {"actor": "mallory"}),
    ("POST", "/devices/shop-07/revoke", {"reason": "mallory"}),
    ("POST", "/devices/shop-07/reinstate", {}),
    ("GET", "/enrol-tokens", None),
    ("POST", "/enrol-tokens", {"customer": "Acme", "actor": "mallory"}),
    ("DELETE", "/enrol-tokens/1", None),
    ("POST", "/devices/shop-07/orders", {"actor": "mallory", "command": "probe-now"}),
    ("GET", "/devices/shop-07/settings", None),
    ("POST", "/devices/shop-07/settings", {"actor": "mallory", "settings": {"load_interval": 60}}),
    ("GET", "/orders?device=shop-07", None),
    ("GET", "/orders/none", None),
    ("GET", "/orders/none/attachment", None),
    ("GET", "/notifications", None),
    ("POST", "/notifications/test", {"engineer": "Li Wei", "actor": "mallory"}),
    ("GET", "/maintenance", None),
    ("POST", "/maintenance", {"customer": "Acme", "ends_at": 99999999999.0, "actor": "mallory"}),
    ("POST", "/maintenance/1/end", {"actor": "mallory"}),
    ("GET", "/tickets", None),
    ("GET", "/destinations", None),
    ("POST", "/destinations/none/test", None),
    ("POST", "/destinations/none/retry", {}),
    ("GET", "/tickets/1/elsewhere", None),
    ("GET", "/tickets/1", None),
    ("GET", "/tickets/999", None),
    ("POST", "/tickets/1/note", {"actor": "mallory", "text": "hello"}),
    ("POST", "/tickets/1/close", {"actor": "mallory", "outcome": "false-alarm"}),
    ("POST", "/tickets", {"actor": "mallory", "device": "shop-07", "title": "It beeps"}),
    ("GET", "/tickets/1/explanation?language=zh", None),
    ("POST", "/tickets/1/rating-link", {"actor": "mallory"}),
    ("GET", "/reports/quality?month=2026-10", None),
    ("GET", "/tickets/1/people", None),
    ("POST", "/tickets/1/assign", {"actor": "mallory", "engineer": "Li Wei"}),
    ("GET", "/directory", None),
    ("POST", "/directory", {"actor": "mallory", "document": {}}),
    ("GET", "/directory/versions", None),
    ("GET", "/on-call", None),
    ("POST", "/on-call/overrides", {"actor": "mallory", "engineer": "Li Wei", "start": 1, "end": 2}),
    ("DELETE", "/on-call/overrides/1", None),
    ("GET", "/engineers/Li Wei", None),
    ("GET", "/watch", None),
    ("POST", "/watch/1/open", {"actor": "mallory"}),
    ("GET", "/rules/records", None),
    ("GET", "/rules/ata-pending-sectors/explain?device=shop-07", None),
    ("GET", "/dead-letters", None),
    ("GET", "/deliveries", None),
    ("POST", "/logout", None),
    ("GET", "/whoami", None),
    ("GET", "/users", None),
    ("POST", "/users", {"name": "mallory", "role": "admin"}),
    ("POST", "/users/ann/link", None),
    ("POST", "/users/ann/role", {"role": "admin"}),
    ("POST", "/users/ann/disable", None),
    ("POST", "/users/ann/enable", None),
    ("POST", "/users/ann/password", {"password": "correct horse battery"}),
    ("GET", "/tokens", None),
    ("POST", "/tokens", {}),
    ("POST", "/tokens/0123456789ab/revoke", None),
    ("GET", "/audit", None),
    ("GET", "/schema", None),
    ("GET", "/schema/openapi.json", None),
]


@pytest.fixture(scope="module")
def collector(running: Any) -> Any:
    """One device with everything, and a ticket; the directory knows its customer."""
    now = time.time()
    disk = Disk(slot="/dev/sda", kind="unknown", serial="S3Z1", model="ST4000")
    inventory = Inventory(hostname="shop", serial="MB-1", chassis="server", disks=[disk])
    messages: list[Message] = [
        StatusReport(
            device="shop-07", boot="b", seq=1, sampled_at=now, state="online", session=1, inventory=inventory
        ),
        LoadReport(device="shop-07", boot="b", seq=1, sampled_at=now - 60, cpu=Cpu(used_percent=7.0)),
        SmartReport(
            device="shop-07", boot="b", seq=2, sampled_at=now, disk=disk, outcome=Outcome.MEASURED, passed=False,
            attributes=[Attribute(197, 100, 100, 0, 40)],
        ),
        EventReport(device="shop-07", boot="b", seq=4, sampled_at=now, event="reboot"),
    ]  # fmt: skip
    store(running.collector, *messages)
    return running.collector


def token_in(data: Path) -> str:
    return str(json.loads((data / "api.json").read_text())["token"])


@pytest.fixture(scope="module")
def client(collector: Any) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {token_in(collector.data)}"}
    with httpx.Client(base_url=collector.api_url, headers=headers, trust_env=False, timeout=30) as found:
        yield found


@pytest.fixture(scope="module")
def stranger(collector: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=collector.api_url, trust_env=False, timeout=30) as found:
        yield found


INTEGERS_TESTED = {"limit", "points", "number", "ticket"}


def test_every_integer_is_asked_for_with_more_than_64_bits(client: httpx.Client) -> None:
    """A new one needs its bound, and its row in the tables of this file."""
    described = client.get(f"{V1}/schema/openapi.json").json()["paths"]
    parameters = [one for path in described.values() for way in path.values() for one in way.get("parameters", [])]
    integers = {one["name"] for one in parameters if "integer" in json.dumps(one["schema"])}
    assert integers == INTEGERS_TESTED


def test_the_table_names_every_path(client: httpx.Client) -> None:
    described = client.get(f"{V1}/schema/openapi.json").json()["paths"]
    patterns = [re.sub(r"\{[^}]*\}", "[^/?]+", path) for path in described if path.startswith(V1)]
    patterns.remove(f"{V1}/login")
    for pattern in patterns:
        assert [path for _, path, _ in ENDPOINTS if re.fullmatch(pattern, V1 + path.split("?")[0])], pattern


def wrong_tokens() -> list[tuple[str, dict[str, Any]]]:
    return [
        ("none", {}),
        ("empty", {"Authorization": ""}),
        ("no scheme", {"Authorization": "TOKEN"}),
        ("another scheme", {"Authorization": "Basic TOKEN"}),
        ("wrong", {"Authorization": "Bearer " + "x" * 43}),
        ("shorter", {"Authorization": "Bearer TOKEN-1"}),
        ("longer", {"Authorization": "Bearer TOKENx"}),
        ("bytes", {"Authorization": b"Bearer \xff\xfe"}),
        ("in another header", {"X-Token": "TOKEN"}),
    ]


@pytest.mark.parametrize(("name", "headers"), wrong_tokens(), ids=lambda value: value if isinstance(value, str) else "")
def test_without_the_token_nothing_is_told_and_nothing_done(
    stranger: httpx.Client, client: httpx.Client, collector: Any, name: str, headers: dict[str, Any]
) -> None:
    token = token_in(collector.data)
    before = collector.desk.ticket(1)
    given = {
        key: value.replace("TOKEN-1", token[:-1]).replace("TOKEN", token) if isinstance(value, str) else value
        for key, value in headers.items()
    }
    answers = set()
    for method, path, body in ENDPOINTS:
        answer = stranger.request(method, V1 + path, json=body, headers=given)
        assert answer.status_code == 401, path
        answers.add(answer.text)
    assert len(answers) == 1, "the same words whether it is there or not"
    (said,) = answers
    assert token not in said
    assert collector.desk.ticket(1) == before


def test_healthz_is_open_and_says_no_more_than_that(stranger: httpx.Client) -> None:
    answer = stranger.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_healthz_in_trouble(make_running: Callable[..., Any]) -> None:
    collector = make_running().collector
    collector.intake._trouble = "journal.db: disk full"
    answer = httpx.get(f"{collector.api_url}/healthz", trust_env=False)
    assert (answer.status_code, answer.json()) == (503, {"status": "in trouble"})
    headers = {"Authorization": f"Bearer {token_in(collector.data)}"}
    status = httpx.get(f"{collector.api_url}{V1}/status", headers=headers, trust_env=False).json()
    assert status["troubles"] == ["journal.db: disk full"]


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        ("/status", Health),
        ("/devices", list[DeviceLine]),
        ("/reports", dict[str, int]),
        ("/devices/shop-07", DeviceView),
        ("/devices/shop-07/series?metric=cpu.used_percent&start=0&end=9999999999", list[SeriesData]),
        ("/devices/shop-07/series?metric=event.reboot&start=0&end=9999999999", list[SeriesData]),
        ("/tickets", list[Ticket]),
        ("/tickets?state=all&device=shop-07&customer=unassigned&fault=disk-failure&limit=5", list[Ticket]),
        ("/tickets/1", Ticket),
        ("/dead-letters?limit=3&reason=wrong-type", DeadLetters),
        ("/deliveries", list[dict[str, Any]]),
    ],
)
def test_answers_are_what_they_promise(client: httpx.Client, path: str, type_: Any) -> None:
    answer = client.get(V1 + path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert msgspec.json.decode(answer.content, type=type_) is not None


def test_devices_of_one_customer(client: httpx.Client) -> None:
    every = client.get(f"{V1}/devices").json()
    for customer in {line["customer"] for line in every} | {"Nobody"}:
        found = client.get(f"{V1}/devices", params={"customer": customer}).json()
        assert found == [line for line in every if line["customer"] == customer]


def test_a_device_in_full(client: httpx.Client) -> None:
    found = client.get(f"{V1}/devices/shop-07").json()
    assert found["line"]["level"] == "critical"
    assert found["line"]["tickets"] == 1
    (gap,) = found["gaps"]
    assert (gap["boot"], gap["first"], gap["last"], gap["reports"]) == ("b", 3, 3, 1)
    assert gap["after"] <= gap["before"] <= time.time()
    assert [event["name"] for event in found["events"]] == ["reboot"]
    assert found["standing"][0]["rule"] == "drive-reports-failed"
    assert found["inventory"]["serial"] == "MB-1"
    (line,) = [line for line in client.get(f"{V1}/devices").json() if line["name"] == "shop-07"]
    assert line == found["line"]


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        *(("GET", f"/tickets/{number}", f"there is no ticket {number}") for number in BEYOND_64_BITS),
        *(("POST", f"/tickets/{number}/note", f"there is no ticket {number}") for number in BEYOND_64_BITS),
        *(("POST", f"/tickets/{number}/start", f"there is no ticket {number}") for number in BEYOND_64_BITS),
        *(("POST", f"/watch/{number}/open", f"has the number {number}") for number in BEYOND_64_BITS),
        ("GET", "/devices/nobody", "no device 'nobody' has reported"),
        ("GET", "/devices/nobody/series?metric=cpu.used_percent&start=0&end=1", "no device 'nobody' has reported"),
        ("GET", "/devices/shop-07/series?metric=cpu.colour&start=0&end=1", "'cpu.colour' is not a metric"),
        ("GET", "/devices/%00", "no device"),
        ("GET", "/devices/..%2f..%2fetc%2fpasswd", ""),
        ("GET", "/devices/%ff%fe", "no device"),
        ("GET", "/devices/" + "x" * 5000, "no device"),
        ("GET", "/devices/';DROP TABLE device;--", "no device"),
        ("GET", "/tickets/999", "there is no ticket 999"),
        ("GET", "/tickets/0", "there is no ticket 0"),
        ("GET", "/tickets/-1", "there is no ticket -1"),
        ("GET", "/tickets/1e3", ""),
        ("POST", "/tickets/999/start", "there is no ticket 999"),
        ("POST", "/tickets/1/fly", "'fly' is not an action: acknowledge, start, wait, resolve, close, reopen, note"),
        ("GET", "/nothing", "Not Found"),
        ("PUT", "/clock", "Not Found"),
    ],
)
def test_what_is_not_there(client: httpx.Client, method: str, path: str, said: str) -> None:
    answer = client.request(method, V1 + path, json=None if method == "GET" else {"actor": "ann", "text": "hm"})
    assert answer.status_code == 404
    assert said in one_line(answer)


SERIES = "/devices/shop-07/series?metric=cpu.used_percent"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/tickets?limit=0", "limit: Expected `int` >= 1"),
        ("/tickets?limit=100001", "limit: Expected `int` <= 100000"),
        ("/tickets?limit=many", "limit"),
        ("/devices?limit=0", "limit: Expected `int` >= 1"),
        ("/tickets?limit=99999999999999999999", "limit"),
        ("/tickets?state=broken", "'broken' is not a state: open, acknowledged"),
        *(
            (f"/{name}?limit={n}", "limit")
            for name in ("devices", "tickets", "dead-letters", "deliveries")
            for n in BEYOND_64_BITS
        ),
        *((f"{SERIES}&start=0&end=1&points={n}", "points") for n in BEYOND_64_BITS),
        *((f"/notifications?ticket={n}", "ticket") for n in BEYOND_64_BITS),
        ("/dead-letters?limit=-5", "limit"),
        ("/deliveries?limit=1e9", "limit"),
        (SERIES, "Missing required query parameter"),
        (f"{SERIES}&start=0", "Missing required query parameter 'end'"),
        (f"{SERIES}&start=yesterday&end=1", "start"),
        (f"{SERIES}&start=nan&end=1", "Unix times"),
        (f"{SERIES}&start=0&end=inf", "Unix times"),
        (f"{SERIES}&start=0&end=1&points=0", "points"),
        (f"{SERIES}&start=0&end=1&aggregate=median", "aggregate"),
        ("/devices/shop-07/series?start=0&end=1", "metric"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named_in_one_line(client: httpx.Client, path: str, said: str) -> None:
    answer = client.get(V1 + path)
    assert answer.status_code == 400
    assert said in one_line(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/tickets?device=%ff%00&customer=%27%20OR%201=1--",
        "/tickets?" + "&".join(f"limit={n}" for n in range(1, 300)),
        "/dead-letters?reason=%f0%9f%92%a9",
        "/devices?limit=1&after=%ff%00%f0%9f%92%a9",
        f"{SERIES}&start=-1e308&end=1e308&part=%00",
        f"{SERIES}&start=5&end=1",
        "/status?" + "a" * 30_000,
    ],
)
def test_hostile_queries_find_nothing_and_break_nothing(client: httpx.Client, path: str) -> None:
    answer = client.get(V1 + path)
    assert answer.status_code < 500
    assert client.get(f"{V1}/status").status_code == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", ""),
        (b"{", "truncated"),
        (b"\xff\xfe", "malformed"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field `actor`"),
        (b'{"actor": ""}', "actor: Expected `str` of length >= 1"),
        (b'{"actor": 5}', "actor: Expected `str`, got `int`"),
        (b'{"actor": "ann", "text": null}', "text: Expected `str`, got `null`"),
        (b'{"actor": "ann", "txt": "hello"}', "unknown field `txt`"),
        (b'{"actor": "ann", "text": "  "}', "a note needs a text"),
        (b'{"actor": "ann", "text": "hm", "visibility": "everybody"}', "visibility"),
        (json.dumps({"actor": "a" * 201, "text": "hm"}).encode(), "actor: Expected `str` of length <= 200"),
        (json.dumps({"actor": "ann", "text": "x" * 20_001}).encode(), "text"),
    ],
)
def test_a_body_that_does_not_fit_changes_nothing(client: httpx.Client, body: bytes, said: str) -> None:
    before = client.get(f"{V1}/tickets/1").json()
    answer = client.post(f"{V1}/tickets/1/note", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert said in one_line(answer)
    assert client.get(f"{V1}/tickets/1").json() == before


def one_line(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"detail"}
    said = str(answer.json()["detail"])
    assert "\n" not in said
    assert "Traceback" not in said
    return said


def test_an_engineer_s_work_over_http(make_running: Callable[..., Any]) -> None:
    entry = DirectoryEntry(customer="Acme", site="Store 12", engineer="Li Wei", devices=["pc-*"])
    nobody = DestinationEntry(name="desk", kind="webhook", url=NOBODY)
    config = Config(listen=Listen(port=0), api=Api(port=0), directory=[entry], destinations=[nobody])
    collector = make_running(config).collector
    store(collector, *fleet(8, time.time()))
    headers = {"Authorization": f"Bearer {token_in(collector.data)}"}
    with httpx.Client(base_url=collector.api_url + V1, headers=headers, trust_env=False) as client:
        (found,) = client.get("/tickets?customer=Acme").json()
        assert (found["device"], found["state"], found["evidence"]) == ("pc-007", "open", [])
        assert client.get("/tickets?customer=Globex").json() == []

        def act(action: str, **body: str) -> httpx.Response:
            return client.post(f"/tickets/1/{action}", json={"actor": "ann", **body})

        assert act("acknowledge").json()["owner"] == "ann"
        refused = act("acknowledge")
        assert refused.status_code == 409
        assert one_line(refused) == (
            "cannot acknowledge a ticket that is acknowledged; possible now: start, wait, resolve, close"
        )
        assert act("wait", waiting_for="part").json()["waiting_for"] == "part"
        assert act("note", text="told them", visibility="customer").json()["timeline"][-1]["visibility"] == "customer"
        refused = act("close", outcome="magic")
        assert (refused.status_code, "choose one of failed" in one_line(refused)) == (409, True)
        refused = act("start", outcome="failed")
        assert (refused.status_code, "takes no outcome" in one_line(refused)) == (409, True)
        assert act("close", outcome="replaced-in-time").json()["state"] == "closed"
        refused = act("start")
        assert (refused.status_code, "possible now: reopen" in one_line(refused)) == (409, True)
        assert client.get("/tickets").json() == []
        assert [one["state"] for one in client.get("/tickets?state=all").json()] == ["closed"]
        assert {one["destination"] for one in client.get("/deliveries").json()} == {"desk"}
        assert client.get("/status").json()["tickets"] == {"closed": 1}


def test_many_ask_at_once(client: httpx.Client) -> None:
    paths = [V1 + path for method, path, _ in ENDPOINTS if method == "GET"] * 8
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda path: client.get(path).status_code, paths))
    assert set(answers) == {200, 404}


PAGE_ENDS = ("", "pc-199", "pc-399", "pc-499")


def test_five_hundred_devices_are_listed_within_a_second(make_running: Callable[..., Any]) -> None:
    collector = make_running().collector
    store(collector, *fleet(500, time.time()))
    headers = {"Authorization": f"Bearer {token_in(collector.data)}"}
    with httpx.Client(base_url=collector.api_url + V1, headers=headers, trust_env=False) as client:
        client.get("/status")
        began = time.monotonic()
        answer = client.get("/devices")
        took = time.monotonic() - began
        pages = [client.get("/devices", params={"limit": 200, "after": name}).json() for name in PAGE_ENDS]
    lines = answer.json()
    assert [len(page) for page in pages] == [200, 200, 100, 0]
    assert list(itertools.chain(*pages)) == lines
    assert len(lines) == 500
    assert sum(line["tickets"] for line in lines) == 10
    assert {line["level"] for line in lines} == {"none", "warning"}
    assert {line["disks"] for line in lines} == {1}
    assert took < 1.0
