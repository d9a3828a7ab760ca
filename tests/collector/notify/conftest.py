"""Robots as the vendors document them: strict servers that answer HTTP 200 to nearly everything."""

import base64
import hashlib
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

SECRET = "SEC0f1e2d3c4b5a69788796a5b4c3d2e1f0"
TOKEN = "b7e1c2d3f4a5968778695a4b3c2d1e0f"
PATHS = {
    "dingtalk": f"/robot/send?access_token={TOKEN}",
    "wecom": f"/cgi-bin/webhook/send?key={TOKEN}",
    "feishu": f"/open-apis/bot/v2/hook/{TOKEN}",
}
HOUR = 3600.0


def hmac_sha256(key: bytes, message: bytes) -> str:
    """By the letter of RFC 2104, in base64."""
    key = key.ljust(64, b"\0") if len(key) <= 64 else hashlib.sha256(key).digest().ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + message).digest()
    return base64.b64encode(hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).digest()).decode()


class RobotServer:
    """One vendor's robot. ``received``: texts that it took. ``trouble``: what it answers instead, next first."""

    def __init__(self, vendor: str, now: Callable[[], float], per_minute: int = 20) -> None:
        self.vendor = vendor
        self.now = now
        self.per_minute = per_minute
        self.received: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.asked: list[float] = []
        self.trouble: list[tuple[int, bytes]] = []
        self.hold = threading.Event()
        self.hold.set()
        self.on_taken: Callable[[], None] = lambda: None
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.asked.append(server.now())
                server.hold.wait(60)
                if server.trouble:
                    status, answer = server.trouble.pop(0)
                else:
                    status, answer = 200, server.answer(self.path, self.headers["Content-Type"], body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}{PATHS[vendor]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str, content_type: str, body: bytes) -> bytes:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        found = json.loads(body) if content_type.startswith("application/json") else {}
        lately = [at for at in self.asked if self.now() - 60 < at <= self.now()]
        refusal: dict[str, Any] | None = getattr(self, f"_{self.vendor}")(parts.path, query, found, len(lately))
        if refusal is not None:
            return json.dumps(refusal).encode()
        self.bodies.append(found)
        self.received.append(found["content"]["text"] if self.vendor == "feishu" else found["text"]["content"])
        self.on_taken()
        if self.vendor == "feishu":
            said = {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}
        else:
            said = {"errcode": 0, "errmsg": "ok"}
        return json.dumps(said).encode()

    def _dingtalk(self, _: str, query: dict[str, str], body: dict[str, Any], lately: int) -> dict[str, Any] | None:
        if query.get("access_token") != TOKEN:
            return {"errcode": 300001, "errmsg": "token is not exist"}
        stamp = query.get("timestamp", "0")
        if (
            abs(int(stamp) / 1000 - self.now()) > HOUR
            or hmac_sha256(SECRET.encode(), f"{stamp}\n{SECRET}".encode()) != query["sign"]
        ):
            return {"errcode": 310000, "errmsg": "sign not match, more: [https://ding-doc.example]"}
        if lately > self.per_minute:
            return {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}
        if body.get("msgtype") != "text" or not body["text"]["content"]:
            return {"errcode": 40035, "errmsg": "param error"}
        return None

    def _wecom(self, _: str, query: dict[str, str], body: dict[str, Any], lately: int) -> dict[str, Any] | None:
        if query.get("key") != TOKEN:
            return {"errcode": 93000, "errmsg": "invalid webhook url, hint: [16]"}
        if lately > self.per_minute:
            return {"errcode": 45009, "errmsg": "api freq out of limit"}
        if body.get("msgtype") != "text" or len(body["text"]["content"].encode()) > 2048:
            return {"errcode": 45002, "errmsg": "content size out of limit"}
        return None

    def _feishu(self, path: str, _: dict[str, str], body: dict[str, Any], lately: int) -> dict[str, Any] | None:
        if not path.endswith(TOKEN):
            return {"code": 19001, "msg": "param invalid: incoming webhook access token invalid"}
        stamp = str(body.get("timestamp", "0"))
        if abs(int(stamp) - self.now()) > HOUR or hmac_sha256(f"{stamp}\n{SECRET}".encode(), b"") != body["sign"]:
            said = "sign match fail or timestamp is not within one hour from current time"
            return {"code": 19021, "msg": said, "data": {}}
        if lately > self.per_minute:
            return {"code": 11232, "msg": "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]"}
        if body.get("msg_type") != "text":
            return {"code": 9499, "msg": "Bad Request", "data": {}}
        return None


@pytest.fixture(scope="session")
def secret() -> str:
    return SECRET


@pytest.fixture
def make_robot() -> Iterator[Callable[..., RobotServer]]:
    """make_robot(vendor, now): a robot that listens."""
    made: list[RobotServer] = []

    def make(vendor: str, now: Callable[[], float] = time.time, per_minute: int = 20) -> RobotServer:
        made.append(RobotServer(vendor, now, per_minute))
        return made[-1]

    yield make
    for robot in made:
        robot.close()


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., None]:
    """wait_for(condition, what): fail when it does not come true within a minute."""

    def wait(condition: Callable[[], bool], what: str = "it", seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
            time.sleep(0.01)

    return wait
