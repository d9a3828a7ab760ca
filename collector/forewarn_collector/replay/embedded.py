"""A collector of one's own for the length of a run, as a process beside."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from forewarn_collector.api.server import FILE_NAME

START_SECONDS = 60.0


class EmbeddedError(Exception):
    """The collector did not start; the text holds the end of what it said."""


@contextlib.contextmanager
def embedded_collector(data: Path, options: Sequence[str] = (), *, apart: bool = False) -> Iterator[None]:
    """Run ``forewarn up`` on ``data`` with free ports; it is up inside the block and stopped in order after it.

    ``apart``: Ctrl-C on the terminal is not for it.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = [sys.executable, "-m", "forewarn_collector", "up", "--data", str(data)]
    command += ["--mqtt-port", "0", "--api-port", "0", *options]
    log_path = data / "collector.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=apart
        )
    try:
        _wait_until_up(process, data, log_path)
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_up(process: "subprocess.Popen[bytes]", data: Path, log_path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            if json.loads((data / FILE_NAME).read_text(encoding="utf-8"))["pid"] == process.pid:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    said = log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise EmbeddedError(said[-1] if said else f"the collector did not start within {START_SECONDS:.0f} s{os.linesep}")
