"""The pages of one-time links, in a real browser."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from selenium.webdriver import ActionChains, Keys
from servers.chromium import Browser, chromium

from forewarn_collector.people.schema import Customer, Devices, DirectoryFile, Site
from forewarn_collector.tickets.reported import Report

pytestmark = pytest.mark.server

PHONE = 360, 640
READABLE = 4.5
"""WCAG 2.2, 1.4.3."""
TITLE = "The till beeps, and a word that is as long as thisonewhichnobodywouldeverwritebutsomeprogramsdowithoutanyspace"
PASSWORD = "five small words that rhyme"


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def browser(opened: Browser) -> Iterator[Browser]:
    opened.as_a_phone(*PHONE)
    opened.in_colours("light")
    opened.complaints()
    yield opened
    assert opened.complaints() == []


@pytest.fixture(scope="module", params=["en", "zh"])
def shop(request: pytest.FixtureRequest, running: Any) -> Any:
    running.take_a_good_report()
    site = Site(name="Store 12", devices=[Devices(names=["good-*"])])
    running.collector.register.apply(
        DirectoryFile(customers=[Customer(name="Acme", language=request.param, sites=[site])]), "ann"
    )
    return running


def rating_link(shop: Any) -> tuple[int, str]:
    number: int = shop.collector.service.open(
        "good-one", Report(TITLE, "", "warning", "other", "customer"), "ann"
    ).number
    shop.collector.desk.act(number, "close", "ann", outcome="cleaned")
    code = shop.collector.service.ratings.make_link(number, "ann").code
    return number, f"{shop.collector.api_url}/rate/{code}"


def password_link(running: Any, name: str) -> str:
    users = running.collector.api.users
    users.add(name, "engineer", None)
    return f"{running.collector.api_url}/welcome/{users.make_link(name).secret}"


def assert_readable(browser: Browser) -> None:
    assert browser.too_wide() == 0
    for scheme in ("light", "dark"):
        browser.in_colours(scheme)
        found = browser.contrasts()
        assert found
        assert [(text, contrast) for text, contrast in found if contrast < READABLE] == []
    browser.in_colours("light")


def test_a_customer_rates_with_a_finger(browser: Browser, shop: Any) -> None:
    number, link = rating_link(shop)
    browser.driver.get(link)
    question = browser.heading
    assert_readable(browser)
    browser.find("button").click()
    assert browser.heading == question, "it is not sent without a star"
    finger = ActionChains(browser.driver)
    for star in (2, 4):
        finger.move_to_element(browser.find(f"label[for=star-{star}]")).click().perform()
    assert [browser.find(f"#star-{star}").is_selected() for star in range(1, 6)] == [False, False, False, True, False]
    browser.find("#comment").send_keys("Quick & <b>friendly</b>\n很好")
    assert_readable(browser)
    browser.find("button").click()
    browser.wait_for_heading("Thank you", "谢谢")
    assert_readable(browser)
    rated = shop.collector.desk.ticket(number).timeline[-1].text
    assert rated == "rated 4 of 5: Quick & <b>friendly</b>\n很好"
    browser.driver.get(link)
    assert browser.heading == "This link is not valid"
    assert_readable(browser)
    assert [line.partition(" - ")[2] for line in browser.complaints()] == [
        "Failed to load resource: the server responded with a status of 404 (Not Found)"
    ]


def test_a_customer_rates_without_a_mouse(browser: Browser, shop: Any) -> None:
    number, link = rating_link(shop)
    browser.driver.get(link)
    keys = ActionChains(browser.driver)
    keys.send_keys(
        Keys.TAB, Keys.SPACE, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.TAB, "Fine", Keys.TAB, Keys.ENTER
    ).perform()
    browser.wait_for_heading("Thank you", "谢谢")
    assert shop.collector.desk.ticket(number).timeline[-1].text == "rated 3 of 5: Fine"


def test_who_is_new_sets_a_password(browser: Browser, running: Any) -> None:
    link = password_link(running, "eve")
    browser.driver.get(link)
    assert_readable(browser)
    for one, other in ((PASSWORD, f"{PASSWORD}."), (PASSWORD, PASSWORD)):
        browser.find("#password").send_keys(one)
        browser.find("#again").send_keys(other)
        browser.find("button").click()
        if one != other:
            assert browser.find("[role=alert]").text.startswith("The two passwords differ")
            assert_readable(browser)
            assert len(browser.complaints()) == 1, "400 Bad Request"
    browser.wait_for_heading("Password is set")
    assert_readable(browser)
    login = {"user": "eve", "password": PASSWORD}
    assert httpx.post(f"{running.collector.api_url}/api/v1/login", json=login, trust_env=False).is_success
