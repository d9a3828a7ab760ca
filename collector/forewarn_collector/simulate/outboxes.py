"""A sample of the fleet that reports as real agents do: through outboxes on disk and the agent's own publisher.

They run in a program of their own (``forewarn_agent.feed``), which is told what to report.
"""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any

import msgspec
import yaml

from forewarn_collector.replay.sender import SendError
from forewarn_wire import Message, encode

CONFIG_NAME = "feed.yaml"


class _Told(msgspec.Struct):
    made: int = 0
    waiting: int = 0


class Outboxes:
    """``sent``: reports that were handed over. ``acknowledged``: those that the server has confirmed since."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.sent = 0
        self._told = _Told()
        self._process = process
        self._log = log
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, directory: Path, server: str, ca: Path | None, keys: Path | None) -> "Outboxes":
        """``directory`` holds the outboxes; ``keys`` the devices' certificates, NAME.pem with NAME.key."""
        settings: dict[str, Any] = {"device": "feed", "server": server, "data": str(directory), "reconnect_spread": 1}
        if ca is not None:
            settings["tls"] = {"ca": str(ca.absolute())}
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        config, log = directory / CONFIG_NAME, directory / "feed.log"
        config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        with log.open("ab") as said:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "forewarn_agent.feed", str(config), *([str(keys.absolute())] if keys else []),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=said,
                start_new_session=True,  # Ctrl-C is for us; it is to send what it has
            )  # fmt: skip
        return cls(process, log)

    @property
    def acknowledged(self) -> int:
        return self._told.made - self._told.waiting

    def send(self, kind: str, message: Message) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"%s %s %s\n" % (message.device.encode(), kind.encode(), encode(message)))
        self.sent += kind != "status"

    async def wait_below(self, owed: int) -> None:
        """Wait until fewer than ``owed`` reports are not confirmed. Raise SendError when the program has ended."""
        while self.sent - self.acknowledged >= owed:
            self.check()
            await asyncio.sleep(0.05)

    def check(self) -> None:
        """Raise SendError when the program has ended."""
        if self._process.returncode is not None:
            said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise SendError(f"the agents have ended: {said[-1] if said else self._process.returncode}")

    async def finish(self) -> None:
        """Let them send what they have, and end."""
        with contextlib.suppress(ConnectionError):
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.stdin.wait_closed()
        await self._process.wait()
        await self._listening

    async def kill(self) -> None:
        """End at once; what waits is lost with the directory."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._told = msgspec.json.decode(line, type=_Told)
