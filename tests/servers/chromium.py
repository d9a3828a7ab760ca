"""Debian's Chromium without a window."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

# WCAG 2.2, 1.4.3: how light a colour is, and by how much two must differ.
_CONTRAST = """
    const light = (text) => {
        const [r, g, b] = text.match(/[0-9.]+/g).slice(0, 3).map(Number).map((c) => c / 255)
            .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
        const colour = getComputedStyle(element).backgroundColor;
        return colour === "rgba(0, 0, 0, 0)" ? ground(element.parentElement) : colour;
    };
    return [...document.querySelectorAll("main *")].filter((e) => e.checkVisibility() && e.innerText).map((e) => {
        const both = [light(getComputedStyle(e).color), light(ground(e))].sort((a, b) => b - a);
        return [e.tagName + ": " + e.innerText.slice(0, 40), (both[0] + 0.05) / (both[1] + 0.05)];
    });"""


class Browser:
    """One page at a time; what goes wrong in it stands in its console."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def as_a_phone(self, width: int, height: int) -> None:
        """The size of a phone's screen."""
        size = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def in_colours(self, scheme: str) -> None:
        """light or dark: what the person has chosen for all pages."""
        chosen = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", chosen)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element("css selector", selector)

    @property
    def heading(self) -> str:
        return self.find("h1").text

    def wait_for_heading(self, *texts: str) -> None:
        """After what leads to another page: neither a key nor a click waits for it."""
        # Of a page that is just being left there are errors of many kinds.
        leaving = WebDriverWait(self.driver, 20, ignored_exceptions=[WebDriverException])
        leaving.until(lambda _: self.heading in texts)

    def too_wide(self) -> int:
        """By how many pixels one would have to move the page sideways."""
        wide: int = self.driver.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wide

    def contrasts(self) -> list[tuple[str, float]]:
        """Of each text with its ground: 1 cannot be read, 21 is black on white."""
        return [(text, contrast) for text, contrast in self.driver.execute_script(_CONTRAST)]

    def complaints(self) -> list[str]:
        """What the console says since it was asked last: what a policy kept out, what is not there, errors."""
        said: list[dict[str, Any]] = self.driver.get_log("browser")
        return [entry["message"] for entry in said]


@contextmanager
def chromium() -> Iterator[Browser]:
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("chromium is not installed; as root, make test does that")
    options = ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options, Service(driver)) as opened:
        opened.implicitly_wait(20)
        yield Browser(opened)
