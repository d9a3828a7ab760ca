"""Waiting for the judge to have seen everything that the store holds."""

import time

from forewarn_collector.cli.client import Client


def wait_until_judged(client: Client, seconds: float = 600.0) -> None:
    """Raise TimeoutError when the judge does not catch up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = client.status()
        if status.judged_position >= status.position and not status.queue:
            return
        time.sleep(0.1)
    raise TimeoutError("the judge has not caught up; `forewarn status` says what troubles it")
