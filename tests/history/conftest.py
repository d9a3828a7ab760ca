"""Every history store: the embedded one, and real servers from Debian, started once a file."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.forwarding import Site
from servers.histories import SERVERS, Tried, opened
from servers.postgresql import Database

from forewarn_collector.store.embedded import Embedded
from forewarn_collector.store.external.interface import HistoryStore, SeriesName
from forewarn_collector.store.postgres import Postgres
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.state_server import SCHEMA

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """started(kind): the server that this file's tests share, started when it is first asked for."""
    running: dict[str, Any] = {}

    def start(kind: str) -> Any:
        if kind not in running:
            if not SERVERS[kind].installed:
                pytest.skip(f"{kind} is not installed; as root, make test does that")
            running[kind] = SERVERS[kind](tmp_path_factory.mktemp(kind))
            running[kind].start()
        return running[kind]

    yield start
    for server in running.values():
        server.close()


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """make_server(kind, ...): one of the test's own, which it may kill."""
    made: list[Any] = []

    def make(kind: str, *options: str, **keys: Any) -> Any:
        if not SERVERS[kind].installed:
            pytest.skip(f"{kind} is not installed; as root, make test does that")
        directory = tmp_path / f"{kind}-{len(made)}"
        directory.mkdir()
        made.append(SERVERS[kind](directory, *options, **keys))
        made[-1].start()
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture(params=["embedded", *SERVERS])
def tried(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tried]:
    """Each store; those outside are shared by tests, so each writes about devices of its own."""
    if request.param == "embedded":
        store: HistoryStore = Embedded(tmp_path, writing=True)
        yield Tried(request.param, store, lambda: None)
    else:
        server = request.getfixturevalue("started")(request.param)
        store = opened(server.url)
        yield Tried(request.param, store, server.settle)
    store.close()


@pytest.fixture
def series() -> SeriesName:
    """One that nobody else writes about."""
    return SeriesName(f"shop-{next(_numbers)}", "load", "")


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Its journal is in SQLite where the test does not ask for PostgreSQL."""
    if getattr(request, "param", "sqlite") == "sqlite":
        (tmp_path / "site").mkdir()
        site = Site(tmp_path / "site", tmp_path / "site" / "state.db")
    else:
        database: Database = request.getfixturevalue("database")
        site = Site(Postgres(database.url, database.password), Server(database.url, database.password, SCHEMA))
    yield site
    site.close()
