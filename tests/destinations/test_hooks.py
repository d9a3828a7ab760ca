"""Who may tell that something was done to a ticket, and what waits until it is looked at."""

import hashlib
import hmac
from collections.abc import Callable

import pytest

from forewarn_collector.config_destinations import DestinationEntry
from forewarn_collector.destinations import plan
from forewarn_collector.start import StartError
from forewarn_collector.tickets.systems.hooks import check_secret, check_signature, json_object
from forewarn_collector.tickets.systems.http import retry_after
from forewarn_collector.tickets.systems.interface import HookRefused, HookRequest

SECRET = "known-to-both"
BODY = b'{"ticket": 12}'
RIGHT = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()


def test_the_secret_in_its_header() -> None:
    check_secret(HookRequest({"x-forewarn-secret": SECRET}, BODY, SECRET))
    for headers in ({}, {"x-forewarn-secret": ""}, {"x-forewarn-secret": "Known-to-both"}, {"x-other": SECRET}):
        with pytest.raises(HookRefused) as refused:
            check_secret(HookRequest(headers, BODY, SECRET))
        assert SECRET not in str(refused.value)


@pytest.mark.parametrize("given", [f"v1={RIGHT}", f"v1=00, v1={RIGHT}", f"v1={RIGHT},v1=00"])
def test_a_signature_of_the_body(given: str) -> None:
    check_signature(HookRequest({"x-signature": given}, BODY, SECRET), "x-signature", prefix="v1=")


@pytest.mark.parametrize("given", ["", RIGHT, "v1=", f"v1={RIGHT.upper()}", f"v2={RIGHT}", "v1=ü"])
def test_no_signature_of_the_body(given: str) -> None:
    with pytest.raises(HookRefused):
        check_signature(HookRequest({"x-signature": given}, BODY, SECRET), "x-signature", prefix="v1=")
    with pytest.raises(HookRefused):
        check_signature(HookRequest({"x-signature": f"v1={RIGHT}"}, BODY + b" ", SECRET), "x-signature", prefix="v1=")


@pytest.mark.parametrize("body", [b"", b"[12]", b"{", b"\xff", b"12"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(HookRefused):
        json_object(HookRequest({}, body, SECRET))
    assert json_object(HookRequest({}, BODY, SECRET)) == {"ticket": 12}


def test_an_empty_secret_lets_nobody_in(tokens: Callable[[str], str]) -> None:
    entry = DestinationEntry(
        name="rt", kind="rt", url="http://127.0.0.1:1", token_file=tokens("1-2-3"), hook_secret_file=tokens(" \n")
    )
    with pytest.raises(StartError, match="holds no token"):
        plan(entry)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, None), ("soon", None), ("5", 5.0), ("0", 0.0), ("-3", 0.0), ("86400", 900.0), ("nan", None),
        ("Thu, 26 Nov 2026 21:00:30 GMT", 30.0), ("Thu, 26 Nov 2026 20:00:00 GMT", 0.0),
    ],
)  # fmt: skip
def test_how_long_we_are_asked_to_wait(said: str | None, seconds: float | None) -> None:
    now = 1_795_726_800.0  # 2026-11-26 21:00:00 UTC
    assert retry_after(said, now) == seconds
