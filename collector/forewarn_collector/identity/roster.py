"""What the front doors ask at every connection and every report: kept in memory, changed by the office."""

import threading
from collections.abc import Callable, Iterable, Mapping

from forewarn_collector.identity.admission import Standing, Visitor, admit, barred
from forewarn_collector.identity.clones import Birth, Births
from forewarn_collector.identity.naming import Known
from forewarn_collector.store.model import CLONED
from forewarn_wire.machine import Machine

Tell = Callable[[str, str, str], None]


class Roster:
    """Called from the event loop, the intake's thread and the API's threads; never waits for a disk."""

    def __init__(self) -> None:
        self.tell: Tell = lambda _device, _event, _text: None
        self._lock = threading.Lock()
        self._known: dict[str, Known] = {}
        self._newest: dict[str, str] = {}
        self._newest_used: set[str] = set()
        self._revoked_serials: set[str] = set()
        self._retired: frozenset[str] = frozenset()
        self._births = Births()

    def load(
        self, identities: Iterable[Known], newest: Mapping[str, str], revoked: Iterable[str], retired: frozenset[str]
    ) -> None:
        """Everything anew."""
        with self._lock:
            self._known = {known.device: known for known in identities}
            self._newest_used = {
                device for device in self._newest_used if self._newest.get(device) == newest.get(device)
            }
            self._newest = dict(newest)
            self._revoked_serials = set(revoked)
            self._retired = retired

    def refusal(self, device: str) -> str | None:
        """Why nothing of this device is taken, or None."""
        known = self._known.get(device)
        if known is None or known.revoked_at is None:
            return None
        return f"{device} is revoked: {known.reason}"

    def enrolled(self, device: str) -> tuple[str, str] | None:
        """Customer and site that its token gave it; None when it was not enrolled here."""
        known = self._known.get(device)
        return None if known is None or known.enrolled_at is None else (known.customer, known.site)

    def admit(self, visitor: Visitor, rival: Machine | None) -> str | None:
        """Why this client may not come in, or None. What is odd is told as an event."""
        device = visitor.device
        with self._lock:
            newest = self._newest.get(device, "")
            standing = Standing(self._known.get(device), newest, device in self._newest_used)
            admission = admit(visitor, standing, rival, self._revoked_serials, self._retired)
            if admission.refusal is None and newest and visitor.serial == newest:
                self._newest_used.add(device)
        if admission.notice is not None:
            self.tell(device, *admission.notice)
        return admission.refusal

    def barred(self, visitor: Visitor) -> str | None:
        """Why one that is connected may not stay, or None."""
        with self._lock:
            return barred(visitor, self._known.get(visitor.device), self._revoked_serials, self._retired)

    def born(self, device: str, birth: Birth) -> None:
        """A birth has arrived, by whichever door."""
        with self._lock:
            text = self._births.take(device, birth)
        if text is not None:
            self.tell(device, CLONED, text)
