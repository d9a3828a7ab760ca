"""A real Mosquitto before the collector."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from peers import free_port


@contextlib.contextmanager
def mosquitto(directory: Path) -> Iterator[str]:
    """A broker with the settings of a collector's broker; its address."""
    port = free_port()
    configuration = directory / "mosquitto.conf"
    lines = ("user root", f"listener {port} 127.0.0.1", "allow_anonymous true", "max_queued_messages 0")
    configuration.write_text("\n".join((*lines, "max_inflight_messages 100", "")))
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise SystemExit("mosquitto is not installed; take --door listener")
    process = subprocess.Popen([program, "-c", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as answering:
                if answering.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"mqtt://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
