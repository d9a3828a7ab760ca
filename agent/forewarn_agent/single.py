"""One agent per outbox: a lock that the kernel gives back when the agent ends, however it ends."""

import os
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # no such lock on Windows
    fcntl = None  # type: ignore[assignment]


class AlreadyRunningError(Exception):
    """Another agent holds the data directory; the text names its process."""


def lock_data(data: Path) -> IO[str]:
    """Take the data directory for this process; it is free again when the file is closed. Raise OSError."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = (data / "agent.lock").open("a+")
    if fcntl is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
