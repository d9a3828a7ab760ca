"""One agent per outbox: a lock that the kernel gives back when the agent ends, however it ends."""

import os
import sys
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class AlreadyRunningError(Exception):
    """Another agent holds the data directory; the text names its process."""


def lock_data(data: Path) -> IO[str]:
    """Take the data directory for this process; it is free again when the file is closed. Raise OSError."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = (data / "agent.lock").open("a+")
    try:
        _lock(handle)
    except OSError:
        handle.seek(0)
        holder = handle.read().strip()
        handle.close()
        raise AlreadyRunningError(f"{data} is in use by the agent with process id {holder or 'unknown'}") from None
    handle.seek(0)
    handle.truncate()
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle


def _lock(handle: IO[str]) -> None:
    """Raise OSError where another process has it."""
    if sys.platform == "win32":
        # Windows locks bytes, and locked ones cannot be read: so one far beyond the process id.
        handle.seek(4096)
        msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
