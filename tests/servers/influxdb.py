"""InfluxDB 1.6.7 from Debian on loopback, behind a shim that gives it the one path of version 2 which it lacks.

The shim can also ask for TLS, and answer with errors now and then. Version 1.8 maps ``/api/v2/write`` to ``/write``
itself: bucket is database and policy. Source: InfluxDB 1.8, "InfluxDB 2.x API compatibility endpoints".
"""

import http.client
import http.server
import itertools
import shutil
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from servers.started import Process, free_port

CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{storage}/meta"
[data]
  dir = "{storage}/data"
  wal-dir = "{storage}/wal"
  index-version = "tsi1"
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
  auth-enabled = {auth}
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
"""
LOGIN = ("forewarn", "secret-of-the-store")


class Influx:
    """``url`` goes through the shim, with ``tls`` at localhost. With ``auth`` it asks for `LOGIN`."""

    installed = shutil.which("influxd") is not None

    def __init__(
        self, directory: Path, *, auth: bool = False, storage: Path | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.port = free_port()
        self.http = f"http://127.0.0.1:{self.port}"
        self.shim = Shim(self.port, tls)
        where = "influxdb+tls://localhost" if tls else "influxdb://127.0.0.1"
        self.url = f"{where}:{self.shim.port}/forewarn"
        self._auth = LOGIN if auth else None
        config = directory / "influxdb.conf"
        settings = {"storage": storage or directory / "data", "port": self.port, "rpc": free_port()}
        config.write_text(CONFIG.format(**settings, auth=str(auth).lower()))
        self._process = Process(["influxd", "-config", str(config)], directory / "log", {"GOMAXPROCS": "2"}, None)

    def start(self) -> None:
        self._process.start(lambda: httpx.get(f"{self.http}/ping").raise_for_status())
        if self._auth:
            name, password = self._auth
            self.ask(f"CREATE USER {name} WITH PASSWORD '{password}' WITH ALL PRIVILEGES")
        self.ask("CREATE DATABASE forewarn")

    def ask(self, query: str) -> Any:
        """In InfluxQL, past the shim."""
        return httpx.post(f"{self.http}/query", data={"q": query}, auth=self._auth).raise_for_status().json()

    def stop(self) -> None:
        self._process.stop()

    def close(self) -> None:
        self.stop()
        self.shim.close()

    def kill(self) -> None:
        self._process.kill()

    def settle(self) -> None:
        """What was written can be read at once."""


class Shim:
    """Passes everything on; ``/api/v2/write`` as ``/write``. ``fails(number)``: whether the answer to this request is
    an error, though it was passed on."""

    def __init__(self, target: int, tls: ssl.SSLContext | None = None) -> None:
        self.fails: Callable[[int], bool] = lambda _number: False
        shim, requests = self, itertools.count(1)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                path, asked = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
                if path == "/api/v2/write":
                    database, _, policy = asked["bucket"][0].partition("/")
                    named = {"db": database, "precision": asked["precision"][0]} | ({"rp": policy} if policy else {})
                    self.path = f"/write?{urlencode(named)}"
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                there = http.client.HTTPConnection("127.0.0.1", target, timeout=60)
                try:
                    there.request(self.command, self.path, body, dict(self.headers))
                    answer = there.getresponse()
                    content = answer.read()
                except OSError:
                    self.close_connection = True
                    return
                finally:
                    there.close()
                status = 500 if shim.fails(next(requests)) else answer.status
                self.send_response(status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            # The handshake in the thread of the connection: who does not trust us must not keep others out.
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
