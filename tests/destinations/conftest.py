"""Real ticket systems, started once and emptied for each test, and a forewarn that speaks to them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.office import Office
from servers.redmine_5 import Redmine
from servers.request_tracker import RequestTracker

from forewarn_collector.config_destinations import DestinationEntry

SYSTEMS: dict[str, Any] = {"rt": RequestTracker, "redmine": Redmine}


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """started(kind): the server, started when it is first asked for."""
    running: dict[str, Any] = {}

    def start(kind: str) -> Any:
        if kind not in running:
            if not SYSTEMS[kind].installed:
                pytest.skip(f"{kind} is not installed; as root, make test does that")
            running[kind] = SYSTEMS[kind](tmp_path_factory.mktemp(kind))
            running[kind].start()
        return running[kind]

    yield start
    for server in running.values():
        server.stop()


@pytest.fixture(params=list(SYSTEMS))
def system(request: pytest.FixtureRequest, started: Callable[[str], Any]) -> Any:
    """Each real system, empty."""
    server = started(request.param)
    server.fresh()
    return server


@pytest.fixture
def tokens(tmp_path: Path) -> Callable[[str], str]:
    """tokens(word): the path of a file that holds it."""

    def write(word: str) -> str:
        path = tmp_path / f"token-{len(list(tmp_path.iterdir()))}"
        path.write_text(word)
        path.chmod(0o600)
        return str(path)

    return write


@pytest.fixture
def make_office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """make_office(kind=..., url=..., ...): a desk with this destination."""
    made: list[Office] = []

    def make(**entry: Any) -> Office:
        made.append(Office(tmp_path, DestinationEntry(**{"name": "there", "poll_seconds": 5} | entry)))
        return made[-1]

    yield make
    for office in made:
        office.end()
