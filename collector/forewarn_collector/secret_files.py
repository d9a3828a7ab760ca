"""Files that hold a secret: who else may read them."""

import logging
import os
import stat
from pathlib import Path

log = logging.getLogger(__name__)


def open_to_all(path: Path) -> bool:
    """Whether everybody on this machine may read or change it. A group may: so a service is given its files."""
    try:
        return os.name == "posix" and bool(stat.S_IMODE(path.stat().st_mode) & 0o007)
    except OSError:
        return False


def warn_if_open_to_all(path: str) -> None:
    if open_to_all(Path(path)):
        log.warning("%s holds a secret and may be read by everybody; put it right with: chmod o-rwx %s", path, path)
