"""A CloudEvents webhook against a real HTTP server that answers as it was told."""

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from forewarn_collector.config_destinations import DestinationEntry
from forewarn_collector.destinations import plan
from forewarn_collector.start import StartError
from forewarn_collector.tickets.destination import Busy, DeliveryError, Parcel, Unreachable
from forewarn_collector.tickets.webhook import Webhook

TOKEN = "s3cret-of-the-desk"
SIGNING_KEY = "whsec_c2lnbmluZy1rZXktb2YtdGhlLWRlc2s="
BODY = {"number": 7, "title": "Sectors cannot be read", "state": "open", "customer": "Ünï çødé GmbH"}
PARCEL = Parcel(
    id=3, ticket=7, destination="desk", event="opened", event_id="6f1c0a52-1", body=json.dumps(BODY),
    created_at=1_780_000_000.25, tries=0,
)  # fmt: skip

Answer = tuple[int, dict[str, str], bytes]


class Receiver:
    """Keeps what is posted. ``answer`` makes the answer of each request; None cuts the connection."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[], Answer | None] = lambda: (204, {}, b"")
        self.hold = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                answer = receiver.answer()
                if answer is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                code, headers, content = answer
                self.send_response(code)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def hangs(self) -> Answer:
        self.hold.wait(30)
        return 200, {}, b""

    def stop(self) -> None:
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.stop()


def webhook(receiver: Receiver, token: str | None = None, **options: Any) -> Webhook:
    return Webhook("desk", f"http://127.0.0.1:{receiver.port}/hook?a=b", token, **options)


def refusal(hook: Webhook) -> DeliveryError:
    with pytest.raises(DeliveryError) as refused:
        hook.send(PARCEL)
    return refused.value


def test_a_cloud_event_as_the_specification_has_it(receiver: Receiver) -> None:
    webhook(receiver, TOKEN).send(PARCEL)
    ((path, headers, body),) = receiver.requests
    assert path == "/hook?a=b"
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert headers["authorization"] == f"Bearer {TOKEN}"
    event = json.loads(body)
    assert datetime.fromisoformat(event.pop("time")).timestamp() == PARCEL.created_at
    assert event == {
        "specversion": "1.0",
        "id": "6f1c0a52-1",
        "source": "urn:forewarn:collector",
        "type": "forewarn.ticket.opened",
        "subject": "ticket/7",
        "datacontenttype": "application/json",
        "data": BODY,
    }


def test_sent_again_it_is_the_same_event(receiver: Receiver) -> None:
    hook = webhook(receiver)
    hook.send(PARCEL)
    hook.send(PARCEL._replace(tries=5))
    assert receiver.requests[0][2] == receiver.requests[1][2]
    assert "authorization" not in receiver.requests[0][1]


@pytest.mark.parametrize("code", [200, 201, 202, 204])
def test_what_is_taken(receiver: Receiver, code: int) -> None:
    receiver.answer = lambda: (code, {}, b"" if code == 204 else b"thank you")
    webhook(receiver).send(PARCEL)


@pytest.mark.parametrize(
    ("code", "permanent"),
    [(500, False), (502, False), (503, False), (429, False), (408, False), (425, False), (409, False),
     (400, True), (401, True), (403, True), (404, True), (410, True), (422, True), (301, True), (307, True)],
)  # fmt: skip
def test_what_is_refused_and_whether_another_try_can_help(receiver: Receiver, code: int, permanent: bool) -> None:
    receiver.answer = lambda: (code, {"Location": "http://127.0.0.1:1/elsewhere"}, b"no,\n  not\x1b[31m this\r\n")
    error = refusal(webhook(receiver))
    assert error.permanent is permanent
    assert not isinstance(error, Unreachable)
    assert str(error) == f"HTTP {code}: no, not[31m this"
    assert len(receiver.requests) == 1, "redirections are not followed: the token is for one address"


def test_a_connection_that_is_cut_after_the_request(receiver: Receiver) -> None:
    receiver.answer = lambda: None
    error = refusal(webhook(receiver))
    assert not error.permanent
    assert str(error).startswith(("RemoteProtocolError", "ReadError"))


def test_a_receiver_that_hangs(receiver: Receiver) -> None:
    receiver.answer = receiver.hangs
    error = refusal(webhook(receiver, timeout=0.2))
    assert not error.permanent
    assert not isinstance(error, Unreachable), "it is there, and may like the next one better"
    assert "ReadTimeout" in str(error)


def test_nobody_there() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        hook = Webhook("desk", f"http://127.0.0.1:{nobody.getsockname()[1]}/", TOKEN)
        assert isinstance(refusal(hook), Unreachable)


def test_an_answer_without_end_is_read_to_a_point(receiver: Receiver) -> None:
    receiver.answer = lambda: (200, {}, b"x" * 5_000_000)
    webhook(receiver).send(PARCEL)
    receiver.answer = lambda: (500, {}, b"y" * 5_000_000)
    assert len(str(refusal(webhook(receiver)))) == 200


@pytest.mark.parametrize("code", [401, 500])
def test_a_receiver_that_echoes_the_token_does_not_make_us_repeat_it(receiver: Receiver, code: int) -> None:
    receiver.answer = lambda: (code, {}, f"Bearer {TOKEN} is not valid".encode())
    said = str(refusal(webhook(receiver, TOKEN)))
    assert TOKEN not in said
    assert "is not valid" in said


def test_a_signed_event_is_verified_by_the_specification_s_own_library(receiver: Receiver) -> None:
    webhook(receiver, key=SIGNING_KEY).send(PARCEL)
    ((_, headers, body),) = receiver.requests
    assert headers["webhook-id"] == PARCEL.event_id
    reader = standardwebhooks.Webhook(SIGNING_KEY)
    assert reader.verify(body, headers) == json.loads(body)
    for changed in (headers | {"webhook-id": "another"}, headers | {"webhook-timestamp": "1780000000"}):
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            reader.verify(body, changed)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        reader.verify(body.replace(b"open", b"shut"), headers)
    webhook(receiver).send(PARCEL)
    assert not any(name.startswith("webhook-") for name in receiver.requests[-1][1])


@pytest.mark.parametrize("text", ["c2lnbmluZw==", "whsec_", "whsec_not base64"])
def test_a_key_that_cannot_sign(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text.replace(" ", "!"))
    files = {"signing_key": str(tmp_path / "key")}
    entry = DestinationEntry(name="desk", kind="webhook", url="https://desk.example/hook", secret_files=files)
    with pytest.raises(StartError) as refused:
        plan(entry)
    assert str(refused.value) == "destination desk: its signing key is not whsec_ and a key in base64"


@pytest.mark.parametrize("code", [429, 503])
def test_a_receiver_that_asks_for_time(receiver: Receiver, code: int) -> None:
    receiver.answer = lambda: (code, {"Retry-After": "40"}, b"later")
    error = refusal(webhook(receiver))
    assert isinstance(error, Busy)
    assert error.retry_after == 40
