"""The kernel's messages from systemd's journal (journalctl(1), ``-o json``). They outlive the start of the machine."""

import os
from pathlib import Path
from typing import Any

import msgspec

from forewarn_agent.commands import Command, Commands, FailedError
from forewarn_agent.log.entry import FIRST_SECONDS, MOST_ENTRIES, NoAccessError

_SECONDS = 20.0


class Mark(msgspec.Struct, frozen=True):
    """Where the last reading ended: the journal's own cursor, and the time should it not be known any more."""

    cursor: str
    at: float


class Journal:
    """The journals below ``root``; there are none where ``files`` is empty."""

    def __init__(self, root: Path, commands: Commands) -> None:
        self._root = root
        self._commands = commands

    def files(self) -> list[Path]:
        return [
            path
            for place in ("var", "run")
            for path in sorted((self._root / place / "log" / "journal").glob("*/system*.journal"))
        ]

    def read(self, cursor: str, now: float) -> tuple[list[str], str]:
        """Messages and the next cursor. Raise NoAccessError, MissingError, HungError or FailedError."""
        if not any(os.access(path, os.R_OK) for path in self.files()):
            raise NoAccessError("the journal may not be read: put the agent's user into the group systemd-journal")
        mark = parse_mark(cursor) or Mark("", now - FIRST_SECONDS)
        try:
            output = self._commands.output(self._command(mark))
        except FailedError:
            if not mark.cursor:
                raise
            output = self._commands.output(self._command(Mark("", mark.at)))
        messages, newest = parse(output)
        return messages, msgspec.json.encode(Mark(newest or mark.cursor, now if newest else mark.at)).decode()

    def _command(self, mark: Mark) -> Command:
        where = [] if self._root == Path("/") else [f"--directory={self.files()[0].parents[1]}"]
        start = f"--after-cursor={mark.cursor}" if mark.cursor else f"--since=@{mark.at:.0f}"
        what = ["--quiet", "--no-pager", "--output=json", "--output-fields=MESSAGE", f"--lines={MOST_ENTRIES}"]
        return Command("journal", ("journalctl", *where, *what, start, "_TRANSPORT=kernel"), _SECONDS)


def parse_mark(cursor: str) -> Mark | None:
    try:
        return msgspec.json.decode(cursor, type=Mark)
    except msgspec.DecodeError:
        return None


def parse(output: str) -> tuple[list[str], str]:
    """One object a line; messages that are not plain text come as a list of bytes. Lines that are cut off are left."""
    messages: list[str] = []
    cursor = ""
    for line in output.splitlines():
        try:
            row: Any = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
        if not isinstance(row, dict):
            continue
        message = row.get("MESSAGE")
        if isinstance(message, list):
            message = bytes(byte for byte in message if isinstance(byte, int) and 0 <= byte < 256).decode(
                errors="replace"
            )
        if isinstance(message, str):
            messages.append(message)
        if isinstance(row.get("__CURSOR"), str):
            cursor = row["__CURSOR"]
    return messages, cursor
