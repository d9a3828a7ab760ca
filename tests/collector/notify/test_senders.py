"""The senders against servers that answer as the vendors document it: HTTP 200, and the truth in the body."""

import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote_plus

import pytest
from apprise.plugins.dingtalk import NotifyDingTalk

from forewarn_collector.notify.senders.dingtalk import DingTalk, signature
from forewarn_collector.notify.senders.everything_else import AddressError, EverythingElse
from forewarn_collector.notify.senders.feishu import Feishu
from forewarn_collector.notify.senders.robot import Robot
from forewarn_collector.notify.senders.sender import Message, SendError, cut
from forewarn_collector.notify.senders.wecom import WeCom

DIALECTS: dict[str, Any] = {"dingtalk": DingTalk, "wecom": WeCom, "feishu": Feishu}
MESSAGE = Message("[critical] 北京门店, pos-1: 磁盘将失效", "- replace it\nticket 7, open", "13800000000")
VENDORS = pytest.mark.parametrize("vendor", list(DIALECTS))


def sender(vendor: str, url: str, secret: str | None, now: Callable[[], float] = time.time) -> Robot:
    return Robot("group", 20, DIALECTS[vendor](), url, None if vendor == "wecom" else secret, now)


@VENDORS
def test_a_robot_takes_a_message(make_robot: Callable[..., Any], secret: str, vendor: str) -> None:
    robot = make_robot(vendor)
    sender(vendor, robot.url, secret).send(MESSAGE)
    assert robot.received == [MESSAGE.text]


def test_a_phone_rings_where_the_vendor_knows_how(make_robot: Callable[..., Any], secret: str) -> None:
    dingtalk, wecom = make_robot("dingtalk"), make_robot("wecom")
    sender("dingtalk", dingtalk.url, secret).send(MESSAGE)
    sender("wecom", wecom.url, secret).send(MESSAGE)
    assert dingtalk.bodies[0]["at"] == {"atMobiles": ["13800000000"], "isAtAll": False}
    assert wecom.bodies[0]["text"]["mentioned_mobile_list"] == ["13800000000"]
    sender("dingtalk", dingtalk.url, secret).send(MESSAGE._replace(mobile=""))
    assert "at" not in dingtalk.bodies[1]


REFUSALS = [
    ("dingtalk", "the wrong secret", "code 310000: sign not match"),
    ("dingtalk", "a clock two hours late", "code 310000: sign not match"),
    ("dingtalk", "no secret", "code 310000: sign not match"),
    ("dingtalk", "the wrong token", "code 300001: token is not exist"),
    ("dingtalk", "too many", "code 130101: send too fast, exceed 20 times per minute"),
    ("wecom", "the wrong token", "code 93000: invalid webhook url"),
    ("wecom", "too many", "code 45009: api freq out of limit"),
    ("feishu", "the wrong secret", "code 19021: sign match fail"),
    ("feishu", "a clock two hours late", "code 19021: sign match fail"),
    ("feishu", "no secret", "code 19021: sign match fail"),
    ("feishu", "the wrong token", "code 19001: param invalid"),
    ("feishu", "too many", "code 11232: frequency limited"),
]


@pytest.mark.parametrize(("vendor", "mistake", "said"), REFUSALS)
def test_http_200_with_a_code_is_a_failure(
    make_robot: Callable[..., Any], secret: str, vendor: str, mistake: str, said: str
) -> None:
    robot = make_robot(vendor, per_minute=0 if mistake == "too many" else 20)
    url = robot.url[:-4] + "beef" if mistake == "the wrong token" else robot.url
    given = {"the wrong secret": "SEC" + "0" * 32, "no secret": None}.get(mistake, secret)
    late = 7200.0 if mistake == "a clock two hours late" else 0.0
    with pytest.raises(SendError) as failed:
        sender(vendor, url, given, lambda: time.time() - late).send(MESSAGE)
    assert str(failed.value).startswith(said)
    assert failed.value.pause_seconds == (60.0 if mistake == "too many" else 0.0)
    assert robot.received == []


ANSWERS = [
    (500, b"oh", "HTTP 500: oh", 0.0),
    (404, b"<html>\x1b[31mno\x00", "HTTP 404: <html>[31mno", 0.0),
    (429, b"", "HTTP 429:", 60.0),
    (302, b"", "HTTP 302:", 0.0),
    (200, b"", "the answer does not say whether it was taken:", 0.0),
    (200, b"<html>login please</html>", "the answer does not say whether it was taken: <html>login please", 0.0),
    (200, b"[]", "the answer does not say whether it was taken: []", 0.0),
    (200, b"{}", "the answer does not say whether it was taken: {}", 0.0),
    (200, b'{"errcode": null, "code": "?"}', "the answer does not say whether it was taken", 0.0),
    (200, b'{"errcode": false, "code": "0"}', "the answer does not say whether it was taken", 0.0),
    (200, b'{"errcode": [0], "code": {}}', "the answer does not say whether it was taken", 0.0),
    (200, b"\xff\xfe", "the answer does not say whether it was taken", 0.0),
    (200, b'{"errcode": 0' + b" " * 5000 + b"}", "the answer does not say whether it was taken", 0.0),
]


@VENDORS
@pytest.mark.parametrize(("status", "answer", "said", "pause"), ANSWERS)
def test_no_other_answer_is_a_success(
    make_robot: Callable[..., Any], secret: str, vendor: str, status: int, answer: bytes, said: str, pause: float
) -> None:
    robot = make_robot(vendor)
    robot.trouble = [(status, answer)]
    with pytest.raises(SendError) as failed:
        sender(vendor, robot.url, secret).send(MESSAGE)
    assert str(failed.value).startswith(said)
    assert failed.value.pause_seconds == pause


@VENDORS
def test_nobody_there_and_no_answer_are_failures(secret: str, vendor: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/robot/send?access_token=t0ken-of-nobody"
        with pytest.raises(SendError, match="ConnectError"):
            sender(vendor, url, secret).send(MESSAGE)


@VENDORS
def test_neither_address_nor_secret_stands_in_an_error(
    make_robot: Callable[..., Any], secret: str, vendor: str
) -> None:
    robot = make_robot(vendor)
    token = robot.url[-32:]
    echo = json.dumps({"errcode": 1, "code": 1, "errmsg": f"{token} {secret}", "msg": f"{robot.url} {secret}"})
    robot.trouble = [(200, echo.encode()), (500, robot.url.encode())]
    one = sender(vendor, robot.url, secret)
    for _ in range(2):
        with pytest.raises(SendError) as failed:
            one.send(MESSAGE)
        assert token not in str(failed.value)
        assert vendor == "wecom" or secret not in str(failed.value)


def test_a_device_that_calls_itself_everybody_rings_nobody(make_robot: Callable[..., Any], secret: str) -> None:
    robot = make_robot("feishu")
    sender("feishu", robot.url, secret).send(Message('<at user_id="all">all</at>', "<AT<at>", ""))
    assert robot.received == ['< at user_id="all">all</at>\n< AT< at>']


def test_older_answers_of_feishu_are_understood() -> None:
    assert Feishu().refusal({"Extra": None, "StatusCode": 0, "StatusMessage": "success"}) is None
    refusal = Feishu().refusal({"StatusCode": 11232, "StatusMessage": "frequency limited"})
    assert refusal is not None
    assert refusal.too_fast


def test_another_program_signs_for_dingtalk_as_we_do(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_780_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    timestamp, sign = NotifyDingTalk(token="a" * 32, secret=secret).get_signature()
    ours = signature(secret, now)
    assert ours["timestamp"] == str(timestamp)
    assert ours["sign"] == unquote_plus(sign)


def test_a_text_is_cut_where_the_vendor_cuts_and_never_within_a_character(make_robot: Callable[..., Any]) -> None:
    robot = make_robot("wecom")
    sender("wecom", robot.url, None).send(Message("磁盘", "坏" * 2000))
    (text,) = robot.received
    assert 2040 < len(text.encode()) <= 2048
    assert text.endswith("坏...")
    assert cut("short", 5) == "short"


class Sink:
    """A plain HTTP server: what Apprise sent, and a status for it."""

    def __init__(self) -> None:
        self.status = 200
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.seen.append((self.path, dict(self.headers), body))
                self.send_response(sink.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_everything_else_goes_through_apprise(sink: Sink) -> None:
    EverythingElse("ntfy", 20, f"ntfy://ann:s3cret-word@{sink.host}/phones").send(MESSAGE)
    ((_, headers, body),) = sink.seen
    assert json.loads(body) == {"topic": "phones", "title": MESSAGE.title, "message": MESSAGE.body}
    assert not [value for value in headers.values() if "github" in value], "no address of a picture"


def test_what_apprise_could_not_send_is_a_failure_with_its_reason(sink: Sink) -> None:
    sink.status = 500
    with pytest.raises(SendError, match="error=500") as failed:
        EverythingElse("ntfy", 20, f"ntfy://ann:s3cret-word@{sink.host}/phones").send(MESSAGE)
    assert "s3cret-word" not in str(failed.value)
    assert len(sink.seen) == 1, "trying again is ours"


def test_apprise_with_nobody_there_is_a_failure() -> None:
    with pytest.raises(SendError, match="Connection error"):
        EverythingElse("json", 20, "json://127.0.0.1:1/x").send(MESSAGE)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "it has no scheme"),
        ("carrier-pigeon://loft/s3cret", "not an address that Apprise knows: carrier-pigeon"),
        ("dingtalk://s3cret", "a dingtalk address needs a channel of that kind"),
        ("feishu://s3cret", "a feishu address needs a channel of that kind"),
        ("lark://s3cret", "a lark address needs a channel of that kind"),
        ("wecombot://s3cret", "a wecombot address needs a channel of that kind"),
    ],
)
def test_addresses_that_apprise_must_not_have(url: str, said: str) -> None:
    with pytest.raises(AddressError) as refused:
        EverythingElse("x", 20, url)
    assert said in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_apprise_writes_nothing_to_disk(sink: Sink, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    EverythingElse("ntfy", 20, f"ntfy://{sink.host}/phones").send(MESSAGE)
    assert list(tmp_path.rglob("*")) == []
