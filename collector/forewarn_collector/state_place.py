"""Where the configuration says that the state is."""

from pathlib import Path

from forewarn_collector.config_store import Store
from forewarn_collector.start import optional_secret
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.state_server import SCHEMA


def state_place(store: Store, data: Path) -> Path | Server:
    """``state.db`` in the data directory unless there is a server for it. Raise StartError for its password file."""
    if store.state is None:
        return data / "state.db"
    return Server(store.state.url, optional_secret(store.state.password_file), SCHEMA)
