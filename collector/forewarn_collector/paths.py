"""Where the collector keeps its data when nobody says."""

import os
from pathlib import Path

from platformdirs import user_data_path


def default_data() -> Path:
    """/var/lib/forewarn for root, the user's own data directory otherwise."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/forewarn")
    return user_data_path("forewarn")
