"""Waiting for the judge to have seen everything that the store holds."""

import time

from forewarn_collector.cli.client import Client, NoAnswerError

AWAY_SECONDS = 60.0


def wait_until_judged(client: Client, seconds: float = 600.0) -> None:
    """Raise TimeoutError when the judge does not catch up, and NoAnswerError when the collector is away for a minute:
    one that is started again goes on with what it has stored."""
    answered = time.monotonic()
    deadline = answered + seconds
    while time.monotonic() < deadline:
        try:
            status = client.status()
        except NoAnswerError:
            if time.monotonic() - answered > AWAY_SECONDS:
                raise
        else:
            answered = time.monotonic()
            if status.judged_position >= status.position and not status.queue:
                return
        time.sleep(0.1)
    raise TimeoutError("the judge has not caught up; `forewarn status` says what troubles it")
