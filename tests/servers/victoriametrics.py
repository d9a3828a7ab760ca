"""VictoriaMetrics from Debian on loopback."""

import shutil
from pathlib import Path

import httpx
from servers.started import Process, free_port


class Victoria:
    """``options``: further ones of its command line. ``storage``: where it keeps what it has. ``certificate``: PEM, its
    key beside it: it asks for TLS, at localhost."""

    installed = shutil.which("victoria-metrics") is not None

    def __init__(
        self, directory: Path, *options: str, storage: Path | None = None, certificate: Path | None = None
    ) -> None:
        self.port = free_port()
        self.http = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self.url = (
            f"victoriametrics+tls://localhost:{self.port}"
            if certificate
            else f"victoriametrics://127.0.0.1:{self.port}"
        )
        command = ["victoria-metrics", f"-storageDataPath={storage or directory / 'data'}", "-retentionPeriod=50y"]
        command += [f"-httpListenAddr=127.0.0.1:{self.port}", "-memory.allowedBytes=256MB", *options]
        if certificate:
            command += ["-tls", f"-tlsCertFile={certificate}", f"-tlsKeyFile={certificate.with_suffix('.key')}"]
        self._process = Process(command, directory / "log", {"GOMAXPROCS": "2"}, None)
        self._auth: tuple[str, str] | None = None
        for option in options:
            if option.startswith("-httpAuth.username="):
                self._auth = (option.partition("=")[2], "secret-of-the-store")

    def start(self) -> None:
        self._process.start(lambda: httpx.get(f"{self.http}/metrics", auth=self._auth, verify=False).raise_for_status())

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    def settle(self) -> None:
        """What was written can be read at once, not only after a second."""
        httpx.get(f"{self.http}/internal/force_flush", auth=self._auth, verify=False).raise_for_status()

    def close(self) -> None:
        self.stop()
