"""What is asked about tickets beside working on them: opened by hand, in words, rated by the customer, counted."""

import csv
import io
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from forewarn_collector.cli.main import forewarn
from forewarn_collector.cli.report import to_csv
from forewarn_collector.people.schema import Customer, Devices, DirectoryFile, Site
from forewarn_collector.tickets.life import TicketError
from forewarn_collector.tickets.quality import Quality, Served, month_of, report
from forewarn_collector.tickets.ratings import LONGEST_COMMENT, NoLink
from forewarn_collector.tickets.reported import Report
from forewarn_collector.tickets.service import Service

HOUR, DAY = 3_600.0, 86_400.0
CHINESE = Customer(
    name="Acme", language="zh", sites=[Site(name="Store 12", devices=[Devices(names=["good-*"])])]
)  # fmt: skip
BEEPS = Report("It beeps", "Since this morning.", "warning", "other", "customer")


@pytest.fixture(scope="module")
def shop(running: Any) -> Any:
    """A collector that knows two devices: good-one at Acme, whose language is Chinese, and other-one at nobody's."""
    running.take_a_good_report()
    running.take_a_good_report(name="other-one")
    running.collector.register.apply(DirectoryFile(customers=[CHINESE]), "ann")
    return running


@pytest.fixture
def service(shop: Any) -> Service:
    found: Service = shop.collector.service
    return found


@pytest.fixture
def cli(shop: Any) -> Callable[..., Result]:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(forewarn, ["--data", str(shop.data), *arguments], env={"COLUMNS": "80"})

    return run


def ended(service: Service, shop: Any, device: str = "good-one") -> int:
    number = service.open(device, BEEPS, "ann").number
    shop.collector.desk.act(number, "close", "ann", outcome="cleaned")
    return number


# Opened by a person


def test_a_customer_s_report_becomes_a_ticket(cli: Callable[..., Result], shop: Any) -> None:
    made = cli("ticket", "open", "good-one", "--reported-by-customer", "--title", "It beeps", "--text", "Loudly.")
    assert made.exit_code == 0, made.output
    number = int(re.search(r"ticket (\d+) \(good-one: It beeps\) is open", made.stdout)[1])  # type: ignore[index]
    ticket = shop.collector.desk.ticket(number)
    assert (ticket.customer, ticket.site, ticket.found_by, ticket.fault) == ("Acme", "Store 12", "customer", "other")
    assert ticket.timeline[0].text == "open: reported by the customer"
    assert "found by" in cli("ticket", "show", str(number)).stdout
    again = json.loads(cli("ticket", "open", "good-one", "--title", "It smells", "--json").stdout)
    assert (again["number"], again["found_by"]) != (number, "customer")


def test_what_is_known_already_gets_a_note(service: Service) -> None:
    hot = Report("It is hot", "", "warning", "cooling", "us")
    first = service.open("other-one", hot, "ann")
    again = service.open("other-one", hot._replace(found_by="customer", text="It burns."), "bob")
    assert (again.number, again.found_by) == (first.number, "us")
    assert again.timeline[-1].text == "reported by the customer too: It is hot. It burns."


def test_a_device_that_there_is_not(cli: Callable[..., Result]) -> None:
    refused = cli("ticket", "open", "nobody-s", "--title", "It beeps")
    assert (refused.exit_code, "nobody-s" in refused.stderr) == (1, True)


# In words


def test_a_ticket_in_the_language_of_its_customer_or_another(cli: Callable[..., Result], service: Service) -> None:
    number = service.open("good-one", Report("It is hot", "", "critical", "cooling", "us"), "ann").number
    assert service.explanation(number).language == "zh"
    chinese, english = (cli("ticket", "show", str(number), "--language", one).stdout for one in ("zh", "en"))
    assert "该带什么" in chinese
    assert "压缩空气、导热硅脂和同尺寸的风扇。" in chinese
    assert "What to bring\n  Compressed air, thermal paste and a fan of the same size." in english
    said = json.loads(cli("ticket", "show", str(number), "--language", "zh", "--json").stdout)
    assert [section["name"] for section in said["sections"]] == ["what", "when", "bring"]
    assert cli("ticket", "show", str(number), "--language", "tlh").exit_code == 2


# Rated


@pytest.fixture
def browser(shop: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shop.collector.api_url, trust_env=False) as client:
        yield client


def send(browser: httpx.Client, path: str, **form: str) -> httpx.Response:
    token = re.search(r'name="_csrf_token" value="([^"]+)"', browser.get(path).text)
    return browser.post(path, data={"_csrf_token": token[1] if token else "", **form})


def test_a_customer_rates_a_ticket_once(cli: Callable[..., Result], service: Service, shop: Any,
                                         browser: httpx.Client) -> None:  # fmt: skip
    number = ended(service, shop)
    made = cli("ticket", "rating-link", str(number))
    assert made.exit_code == 0, made.output
    path = "/rate/" + made.stdout.strip().rpartition("/")[2]
    asked = browser.get(path)
    assert (asked.status_code, '<html lang="zh">' in asked.text) == (200, True)
    assert "您对我们的服务满意吗？" in asked.text
    assert "default-src 'none'" in asked.headers["content-security-policy"]
    wrongs: list[dict[str, str]] = [
        {},
        {"stars": "0"},
        {"stars": "6"},
        {"stars": "five"},
        {"stars": "4", "comment": "x" * 2_001},
    ]
    for wrong in wrongs:
        refused = send(browser, path, **wrong)
        assert (refused.status_code, 'role="alert"' in refused.text) == (400, True)
    assert browser.post(path, data={"stars": "5"}).status_code == 403
    thanks = send(browser, path, stars="4", comment="Quick & <b>friendly</b>")
    assert (thanks.status_code, "谢谢" in thanks.text) == (200, True)
    assert browser.get(path).status_code == 404
    ticket = shop.collector.desk.ticket(number)
    assert ticket.timeline[-1].text == "rated 4 of 5: Quick & <b>friendly</b>"
    with pytest.raises(TicketError, match="was rated already"):
        service.ratings.make_link(number, "ann")
    entry = next(one for one in shop.collector.api.audit.entries(0.0, None, 50) if one.action.startswith("POST /rate/"))
    assert (entry.who, entry.after) == ("Acme", {"ticket": number, "stars": "4"})
    assert path.rpartition("/")[2] not in entry.action


def test_a_new_line_of_a_form_is_one_character(service: Service, shop: Any, browser: httpx.Client) -> None:
    number = ended(service, shop)
    code = service.ratings.make_link(number, "ann").code
    lines = "\n" * (LONGEST_COMMENT - 2)
    assert send(browser, f"/rate/{code}", stars="4", comment=f"a{lines}b".replace("\n", "\r\n")).status_code == 200
    assert shop.collector.desk.ticket(number).timeline[-1].text == f"rated 4 of 5: a{lines}b"


def test_only_what_is_done_is_rated(cli: Callable[..., Result], service: Service) -> None:
    number = service.open("other-one", BEEPS, "ann").number
    refused = cli("ticket", "rating-link", str(number))
    assert (refused.exit_code, "a customer rates what was done" in refused.stderr) == (1, True)


@pytest.mark.parametrize("code", ["", "x", "forewarn_0_0", "forewarn_" + "a" * 12 + "_" + "b" * 43, "../welcome"])
def test_a_link_that_was_never_made(browser: httpx.Client, code: str) -> None:
    assert browser.get(f"/rate/{code}").status_code == 404


def test_a_newer_link_voids_the_older_and_time_runs_out(service: Service, shop: Any) -> None:
    number = ended(service, shop)
    first, second = (service.ratings.make_link(number, "ann") for _ in range(2))
    with pytest.raises(NoLink, match="a newer one was made"):
        service.ratings.about(first.code)
    assert service.ratings.about(second.code).number == number
    now = service.ratings._now
    service.ratings._now = lambda: second.expires_at
    try:
        with pytest.raises(NoLink, match="its time is over"):
            service.ratings.rate(second.code, 5, "")
    finally:
        service.ratings._now = now
    assert second.expires_at - now() == pytest.approx(30 * DAY, abs=60)


def test_nobody_finds_the_secret_in_the_database(service: Service, shop: Any) -> None:
    link = service.ratings.make_link(ended(service, shop), "ann")
    secret = link.code.split("_", 2)[2]
    with sqlite3.connect(f"file:{shop.data / 'state.db'}?mode=ro", uri=True) as db:
        assert secret not in "\n".join(db.iterdump())


def test_of_two_who_rate_at_once_one_does(service: Service, shop: Any) -> None:
    number = ended(service, shop)
    code = service.ratings.make_link(number, "ann").code
    service.ratings.rate(code, 5, "")
    with pytest.raises(NoLink):
        service.ratings.rate(code, 1, "")
    assert [one.text for one in shop.collector.desk.ticket(number).timeline if one.kind == "rating"] == ["rated 5 of 5"]
    assert LONGEST_COMMENT == 2_000


# Counted

OCTOBER, NOVEMBER = month_of("2026-10", "UTC")


def one(number: int, day: float, **more: Any) -> Served:
    """Recorded on a day of October, acknowledged an hour later, ended a day later as replaced in time."""
    at = OCTOBER + day * DAY
    usual: dict[str, Any] = {
        "number": number, "customer": "Acme", "engineer": "Li Wei", "found_by": "us", "recorded_at": at,
        "acknowledged_at": at + HOUR, "ends": [(at + DAY, "replaced-in-time")],
    }  # fmt: skip
    both = usual | more
    return Served(**({"came_back": [False] * len(both["ends"])} | both))


def test_a_month_counted_by_hand() -> None:
    at = OCTOBER
    served = [
        one(1, 1),
        one(2, 2, found_by="customer", stars=5),
        one(3, 3, ends=[(at + 5 * DAY, "failed")], stars=2),
        one(4, 4, ends=[(at + 6 * DAY, "cleaned")], came_back=[True]),
        one(5, 5, ends=[(at + 6 * DAY, "cleaned"), (at + 9 * DAY, "configuration")], came_back=[True, False]),
        one(6, 6, ends=[(at + 7 * DAY, "false-alarm")]),
        one(7, 7, ends=[(at + 8 * DAY, "condition-cleared")], acknowledged_at=None),
        one(8, 30.5, customer="Globex", engineer=""),  # ends in November
        one(9, -3, ends=[(at - DAY, "cleaned")]),  # all of it in September
        one(10, 8, ends=[]),
    ]  # fmt: skip
    found = report(served, "2026-10", "UTC")
    # 1 to 7 ended in October: five real faults (1 to 5), of which the customer reported one and one failed.
    assert found.total == Quality(
        who="all", opened=9, found_by_us=8, reported_by_customer=1, ended=7, prevented=3 / 5, first_time_fix=3 / 5,
        seconds_to_acknowledge=HOUR, seconds_to_resolve=1.5 * DAY, ratings=2, stars=3.5,
    )  # fmt: skip
    assert [row.who for row in found.customers] == ["Acme", "Globex"]
    assert [row.who for row in found.engineers] == ["Li Wei", "nobody"]
    globex = found.customers[1]
    assert (globex.opened, globex.ended, globex.prevented, globex.stars) == (1, 0, None, None)


@pytest.mark.parametrize(
    ("month", "zone", "since", "seconds"),
    [
        ("2026-10", "UTC", 1_790_812_800.0, 31 * DAY),
        ("2026-10", "Asia/Shanghai", 1_790_812_800.0 - 8 * HOUR, 31 * DAY),
        ("2026-10", "Europe/Berlin", 1_790_812_800.0 - 2 * HOUR, 31 * DAY + HOUR),
        ("2026-12", "UTC", 1_796_083_200.0, 31 * DAY),
    ],
)
def test_when_a_month_begins_and_ends(month: str, zone: str, since: float, seconds: float) -> None:
    assert month_of(month, zone) == (since, since + seconds)


def test_the_report_on_the_command_line(cli: Callable[..., Result], shop: Any, service: Service) -> None:
    ended(service, shop)
    month = f"{datetime.fromtimestamp(shop.collector.clock.now(), UTC):%Y-%m}"
    table = cli("report", "quality", "--month", month)
    assert table.exit_code == 0, table.output
    assert max(map(len, table.stdout.splitlines())) <= 80
    found = json.loads(cli("report", "quality", "--month", month, "--json").stdout)
    assert found["total"]["opened"] == found["total"]["found_by_us"] + found["total"]["reported_by_customer"] > 0
    rows = list(csv.DictReader(io.StringIO(cli("report", "quality", "--month", month, "--csv").stdout)))
    assert (rows[0]["of"], rows[0]["who"]) == ("all", "all")
    assert int(rows[0]["opened"]) == found["total"]["opened"]
    assert cli("report", "quality", "--month", "2026-13").exit_code == 2
    wrong = cli("report", "quality", "--month", month, "--zone", "Mars/Olympus")
    assert (wrong.exit_code, "Mars/Olympus" in wrong.stderr) == (1, True)
    assert cli("report", "quality", "--month", month, "--csv", "--json").exit_code == 2


def test_a_name_is_no_formula_in_a_spreadsheet() -> None:
    found = report([one(1, 1, customer="=cmd()")], "2026-10", "UTC")
    assert "'=cmd()" in to_csv(found)
