"""The kernel's ring buffer, /dev/kmsg (Documentation/ABI/testing/dev-kmsg). It begins anew with every start."""

import errno
import os
from pathlib import Path
from typing import NamedTuple

from forewarn_agent.log.entry import FIRST_SECONDS, MOST_ENTRIES

# One record; the kernel gives EINVAL to a shorter read.
_RECORD_BYTES = 8192
# Larger than any ring buffer in use (CONFIG_LOG_BUF_SHIFT is 17 to 20 in distributions).
_MOST_BYTES = 8 * 1024**2


class Record(NamedTuple):
    """``sequence`` counts from the start of the machine, ``seconds`` too."""

    sequence: int
    seconds: float
    message: str


def read(path: Path) -> str:
    """Everything that the buffer holds now. Raise OSError."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    pieces: list[bytes] = []
    size = 0
    try:
        while size < _MOST_BYTES:
            try:
                piece = os.read(handle, _RECORD_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                # The record was overwritten while it was to be read; the next one is there.
                if error.errno == errno.EPIPE:
                    continue
                raise
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
    finally:
        os.close(handle)
    return b"".join(pieces).decode(errors="replace")


def parse(text: str) -> list[Record]:
    """``6,339,5140900,-;message``; lines with a blank before them belong to the record above. What programs have
    written into the buffer (facilities other than 0) is left out."""
    records = []
    for line in text.splitlines():
        head, semicolon, message = line.partition(";")
        fields = head.split(",")
        if line.startswith(" ") or not semicolon or len(fields) < 3 or not all(map(str.isdecimal, fields[:3])):
            continue
        if int(fields[0]) < 8:
            records.append(Record(int(fields[1]), int(fields[2]) / 1e6, message))
    return records


def choose(records: list[Record], cursor: str, boot: str, uptime: float) -> tuple[list[str], str]:
    """The messages after ``cursor`` (boot id and sequence number), and the next cursor. The first reading of all takes
    those of the last day; after a restart of the machine all are new."""
    known_boot, _, last = cursor.partition(" ")
    after = int(last) if known_boot == boot and last.isdecimal() else -1
    oldest = uptime - FIRST_SECONDS if not cursor else 0.0
    fresh = [record for record in records if record.sequence > after and record.seconds >= oldest]
    newest = max((record.sequence for record in records), default=after)
    return [record.message for record in fresh[-MOST_ENTRIES:]], f"{boot} {max(newest, after)}"
