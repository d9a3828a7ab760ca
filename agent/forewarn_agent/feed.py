"""Reports of many devices that another program makes up, through outboxes and publishers that are the agent's own.

``forewarn simulate`` starts it as a program: ``python -m forewarn_agent.feed CONFIG [KEYS]``. It reads lines of device,
kind and payload (JSON), and writes twice a second how many reports it has put into outboxes and how many of them the
server has not confirmed: ``{"made":120,"waiting":3}``. A birth's inventory is what its device tells of itself from then
on. CONFIG is an agent's configuration; KEYS a directory with NAME.pem and NAME.key of each device.
"""

import contextlib
import dataclasses
import sys
import threading
from pathlib import Path
from typing import IO

import msgspec

from forewarn_agent.config import parse_config
from forewarn_agent.outbox import Outbox
from forewarn_agent.outbox_file import OUTBOX_NAME
from forewarn_agent.publish import Publisher
from forewarn_agent.settings import Config, Tls
from forewarn_wire import Inventory, StatusReport, decode

TELL_SECONDS = 0.5
DRAIN_SECONDS = 60.0


class _Fed:
    """One device with an outbox and a connection of its own."""

    def __init__(self, config: Config, inventory: Inventory) -> None:
        self._inventory = inventory
        self.outbox = Outbox(config.data / OUTBOX_NAME, config.device, config.outbox)
        self.publisher = Publisher(config, self.outbox, lambda: self._inventory)
        self.publisher.start()


class Feed:
    """``common``: what holds for every device; each gets a directory below ``common.data``."""

    def __init__(self, common: Config, keys: Path | None) -> None:
        self._common = common
        self._keys = keys
        self._fed: dict[str, _Fed] = {}
        self._lock = threading.Lock()
        self._made = 0

    def take(self, line: bytes) -> None:
        """One line. Raise ValueError for one that is none, OutboxUnavailableError."""
        name, kind, payload = line.split(b" ", 2)
        message = decode(kind.decode(), payload)
        device = name.decode()
        if isinstance(message, StatusReport):
            inventory = message.inventory
            if device not in self._fed and isinstance(inventory, Inventory):
                fed = _Fed(self._config(device), inventory)
                with self._lock:
                    self._fed[device] = fed
            return
        self._fed[device].outbox.append(message)
        self._made += 1

    def said(self) -> bytes:
        with self._lock:
            waiting = sum(fed.outbox.backlog().reports for fed in self._fed.values())
        return msgspec.json.encode({"made": self._made, "waiting": waiting})

    def close(self) -> None:
        """Send what is left, and say goodbye."""
        stopping = [
            threading.Thread(target=fed.publisher.stop, args=(DRAIN_SECONDS,), daemon=True)
            for fed in self._fed.values()
        ]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()

    def _config(self, device: str) -> Config:
        tls = self._common.tls
        if self._keys is not None:
            tls = Tls(tls.ca, self._keys / f"{device}.pem", self._keys / f"{device}.key")
        return dataclasses.replace(self._common, device=device, tls=tls, data=self._common.data / device)


def run(source: IO[bytes], target: IO[bytes], common: Config, keys: Path | None = None) -> None:
    """Until ``source`` ends; what it brought is then sent, as far as the server takes it."""
    feed = Feed(common, keys)
    over = threading.Event()

    def tell() -> None:
        with contextlib.suppress(BrokenPipeError):
            target.write(feed.said() + b"\n")
            target.flush()

    def tell_again_and_again() -> None:
        while not over.wait(TELL_SECONDS):
            tell()

    telling = threading.Thread(target=tell_again_and_again)
    telling.start()
    try:
        for line in source:
            feed.take(line)
        feed.close()
    finally:
        over.set()
        telling.join()
    tell()


if __name__ == "__main__":
    path, *keys = (Path(argument) for argument in sys.argv[1:3])
    config = parse_config(str(path), path.read_text(encoding="utf-8"))
    run(sys.stdin.buffer, sys.stdout.buffer, config, *keys)
