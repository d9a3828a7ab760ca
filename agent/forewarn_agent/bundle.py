"""The support bundle: what a person far away needs to understand this agent. No secret and no user's file is in it."""

import io
import logging
import platform
import tarfile
import time
from collections import deque
from dataclasses import asdict

import msgspec

from forewarn_agent.doctor import examine
from forewarn_agent.machine import agent_version, read_inventory
from forewarn_agent.outbox import Outbox
from forewarn_agent.settings import Config

_LINES = 500


class LogTail(logging.Handler):
    """Keeps the last lines of the log in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=_LINES)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record)[:2000])


def make_bundle(config: Config, outbox: Outbox, tail: LogTail) -> bytes:
    """A tar.gz. Settings name files of secrets, never their content."""
    about = {
        "agent_version": agent_version(),
        "made_at": time.time(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "inventory": read_inventory(config.roots),
        "backlog": outbox.backlog(),
    }
    documents = {
        "about.json": about,
        "settings.json": asdict(config),
        "doctor.json": examine(config, "support bundle"),
    }
    files = {name: msgspec.json.format(_encode(document)) for name, document in documents.items()}
    files["log.txt"] = "\n".join(tail.lines).encode("utf-8", "replace")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"forewarn-agent/{name}")
            member.size, member.mtime = len(content), int(time.time())
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _encode(document: object) -> bytes:
    return msgspec.json.encode(document, enc_hook=str)
