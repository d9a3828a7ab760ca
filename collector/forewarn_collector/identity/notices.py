"""What the collector itself has to say about a device's identity: an event of the device, by the way of every event."""

import logging
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from forewarn_collector.ingest.accept import COLLECTOR, Publish
from forewarn_collector.ingest.intake import Intake, Item, Verdict
from forewarn_wire import EventReport, encode, up_topic

log = logging.getLogger(__name__)

AGAIN_SECONDS = 3600.0
REMEMBERED = 10_000


class Notices:
    """A door of its own. The same notice of a device is told once an hour."""

    def __init__(self, intake: Intake, now: Callable[[], float]) -> None:
        self._intake = intake
        self._now = now
        # Not a boot of any machine; a new one each start, so that the numbers may begin again.
        self._boot = f"collector-{secrets.token_hex(8)}"
        self._numbers: Counter[str] = Counter()
        self._told: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def tell(self, device: str, event: str, text: str) -> None:
        now = self._now()
        with self._lock:
            if now - self._told.get((device, event), -AGAIN_SECONDS) < AGAIN_SECONDS:
                return
            if len(self._told) >= REMEMBERED:
                self._told.clear()
            self._told[device, event] = now
            self._numbers[device] += 1
            number = self._numbers[device]
        log.warning("%s: %s: %s", device, event, text)
        report = EventReport(
            device=device, boot=self._boot, seq=number, sampled_at=now, event=event, text=text[:1000]
        )  # fmt: skip
        self._intake.offer(Item(self, None, Publish(COLLECTOR, device, up_topic(device, "event"), encode(report), now)))

    def finish(self, verdicts: Sequence[Verdict]) -> None:
        """Nobody waits for an acknowledgement."""
