"""Prometheus Alertmanager from Debian on loopback, which also tells a sink of its own what it was told."""

import http.server
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import httpx
from servers.started import Process, free_port

CONFIG = """
route: {{receiver: sink, group_by: [forewarn_key], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}}
receivers:
- name: sink
  webhook_configs: [{{url: "http://127.0.0.1:{port}/", send_resolved: true}}]
"""


class Sink:
    """Keeps what it is posted."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sink.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Alertmanager:
    installed = shutil.which("prometheus-alertmanager") is not None

    def __init__(self, directory: Path) -> None:
        self.sink = Sink()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = directory / "am.yml"
        config.write_text(CONFIG.format(port=self.sink.port))
        options = [f"--config.file={config}", f"--storage.path={directory / 'data'}", "--cluster.listen-address="]
        options.append(f"--web.listen-address=127.0.0.1:{self.port}")
        self._process = Process(["prometheus-alertmanager", *options], directory / "log", {}, directory)

    def start(self) -> None:
        self._process.start(lambda: httpx.get(f"{self.url}/-/ready").raise_for_status())

    def stop(self) -> None:
        self._process.stop()

    def alerts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/api/v2/alerts").raise_for_status().json()
        return found

    def silence(self, key: str, who: str, comment: str) -> None:
        matcher = {"name": "forewarn_key", "value": key, "isRegex": False}
        times = {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z"}
        body = {"matchers": [matcher], "createdBy": who, "comment": comment, **times}
        httpx.post(f"{self.url}/api/v2/silences", json=body).raise_for_status()
