"""Keeps the certificate of a running agent from ending: asks for a new one in time, in a process of its own."""

import logging
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from forewarn_agent.identity import Identity, IdentityError, read_identity
from forewarn_agent.runner import HungError, MissingError, Runner, own_program

log = logging.getLogger(__name__)

CHILD_SECONDS = 120.0
_LONGEST_PAUSE = 3600.0
_SHORTEST_PAUSE = 1.0


def renewal_time(identity: Identity, share: float) -> float:
    """When to ask: from ``renew_at`` on, spread over a tenth of what is left then, so that a fleet that was enrolled
    in one hour is not renewed in one."""
    return identity.renew_at + share * 0.1 * (identity.not_after - identity.renew_at)


def pause(identity: Identity, now: float, due: float, failures: int) -> float:
    """Seconds until the next look: often enough that a clock that was set does not matter, and after failures with
    growing pauses that leave at least twenty tries before the end."""
    left = identity.not_after - now
    twentieth = left / 20 if left > 0 else _LONGEST_PAUSE
    wanted = due - now if not failures else 2.0 ** min(failures, 10) * 5
    least = min(twentieth, 60.0) if not failures else _SHORTEST_PAUSE
    return max(min(wanted, twentieth if failures else _LONGEST_PAUSE, _LONGEST_PAUSE), least, _SHORTEST_PAUSE)


class Renewal:
    """A thread that mostly sleeps. ``directory`` is the identity's."""

    def __init__(self, directory: Path, runner: Runner, now: Callable[[], float] = time.time) -> None:
        self._directory = directory
        self._runner = runner
        self._now = now
        self._share = random.random()  # noqa: S311 - not a secret
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="renew", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                identity = read_identity(self._directory)
            except IdentityError as error:
                log.error("the certificate cannot be renewed: %s", error)
                identity = None
            if identity is None:
                self._stopping.wait(_LONGEST_PAUSE)
                continue
            due = renewal_time(identity, self._share)
            if self._now() >= due:
                failures = 0 if self._renew(identity) else failures + 1
            self._stopping.wait(pause(identity, self._now(), due, failures))

    def _renew(self, identity: Identity) -> bool:
        try:
            done = self._runner.run("renew", [*own_program(), "renew", str(self._directory)], CHILD_SECONDS)
        except (MissingError, HungError) as error:
            said = str(error)
        else:
            said = done.output.decode("utf-8", "replace").strip()[-500:]
            if done.exit_status == 0:
                log.info("the certificate of %s is renewed", identity.device)
                return True
        left = (identity.not_after - self._now()) / 86_400
        log.error("the certificate is not renewed, it serves for %.1f more days: %s", left, said)
        return False
