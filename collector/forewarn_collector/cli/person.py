"""Who sits at this machine."""

import getpass
import os


def login_name() -> str:
    """Who works here: behind sudo the one who called it."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"
