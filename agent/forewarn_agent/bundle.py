"""The support bundle: what a person far away needs to understand this agent. No secret and no user's file is in it."""

import io
import platform
import tarfile
import time
from dataclasses import asdict

import msgspec

from forewarn_agent.commands import Commands
from forewarn_agent.doctor import examine
from forewarn_agent.log_tail import LogTail
from forewarn_agent.machine import agent_version, inventory_of
from forewarn_agent.outbox import Outbox
from forewarn_agent.runner import Runner
from forewarn_agent.settings import Config


def make_bundle(config: Config, outbox: Outbox, tail: LogTail) -> bytes:
    """A tar.gz. Settings name files of secrets, never their content."""
    about = {
        "agent_version": agent_version(),
        "made_at": time.time(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "inventory": inventory_of(config, Commands(Runner(), config.roots.recorded)),
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
