"""Devices that send what a test wants."""

import asyncio
import threading
from typing import Any

from forewarn_collector.replay.sender import VirtualAgents
from forewarn_wire import SmartReport


class Sending:
    """Virtual agents in a thread of their own; they keep what is not acknowledged."""

    def __init__(self, port: int, *messages: Any) -> None:
        self.crowd = VirtualAgents(f"mqtt://127.0.0.1:{port}")
        self.messages = messages
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send()))
        self._thread.start()

    async def _send(self) -> None:
        for message in self.messages:
            self.crowd.send("smart" if isinstance(message, SmartReport) else "load", message)
        await self.crowd.finish()

    @property
    def stored(self) -> int:
        return self.crowd.acked[0]

    def finish(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()
        assert self.crowd.acked == {0: len(self.messages)}
