"""What a search for disks has found, kept in a file, so that a restart of the agent need not search again."""

import contextlib
import logging
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)


class Member(msgspec.Struct, frozen=True):
    """A disk behind a controller that answered to ``smartctl -d type device``."""

    device: str
    type: str
    serial: str | None = None


class Bridge(msgspec.Struct, frozen=True):
    """The type with which a disk behind a USB bridge answered at ``tried_at`` (Unix seconds); None where none did."""

    type: str | None
    tried_at: float


class StartedTest(msgspec.Struct, frozen=True):
    """A self-test that was started, or tried, at ``at`` (Unix seconds) and at ``hours`` of the disk's power-on time."""

    at: float
    hours: float | None = None


class SelfTestMemory(msgspec.Struct, frozen=True):
    """What is remembered of one disk's self-tests; ``since`` is when the schedule first saw it (Unix seconds)."""

    since: float
    short: StartedTest | None = None
    extended: StartedTest | None = None


class Known(msgspec.Struct):
    """``seen`` is what the kernel showed when the controllers were searched; ``bridges`` goes by disk, ``self_tests``
    by serial number."""

    searched_at: float = 0.0
    seen: list[str] = []
    members: list[Member] = []
    bridges: dict[str, Bridge] = {}
    self_tests: dict[str, SelfTestMemory] = {}


class Remembered:
    """``known``, read from ``path`` and written back by ``keep``. Without a path, or where ``path`` cannot be read, it
    begins empty; a file that cannot be written costs another search, nothing else."""

    def __init__(self, path: Path | None, writable: bool = True) -> None:
        self._path = path
        self._writable = writable
        self.known = Known()
        self._kept = b""
        if path is not None:
            with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
                self._kept = path.read_bytes()
                self.known = msgspec.json.decode(self._kept, type=Known)

    def keep(self) -> None:
        encoded = msgspec.json.encode(self.known)
        if self._path is None or not self._writable or encoded == self._kept:
            return
        part = self._path.with_suffix(".part")
        try:
            part.write_bytes(encoded)
            part.replace(self._path)
        except OSError as error:
            log.warning("what the search for disks found is not kept: %s", error)
            return
        self._kept = encoded
