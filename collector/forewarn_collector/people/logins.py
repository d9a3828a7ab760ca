"""Engineers' logins at another system: the configuration's first, then the external ids of the directory."""

from collections.abc import Callable, Iterator, Mapping

from msgspec.structs import replace

from forewarn_collector.people.lookup import People
from forewarn_collector.tickets.systems.kind import Setup


class Logins(Mapping[str, str]):
    """By name of the engineer, as the directory says it now. ``configured`` goes before it."""

    def __init__(self, system: str, configured: Mapping[str, str], people: Callable[[], People]) -> None:
        self._system = system
        self._configured = configured
        self._people = people

    def __getitem__(self, name: str) -> str:
        return self._known()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())

    def _known(self) -> dict[str, str]:
        engineers = self._people().file.engineers
        said = {one.name: other.id for one in engineers for other in one.external if other.system == self._system}
        return said | dict(self._configured)


def with_logins(setup: Setup, people: Callable[[], People]) -> Setup:
    """A destination that knows engineers by the directory, too."""
    return replace(setup, maps=replace(setup.maps, users=Logins(setup.name, setup.maps.users, people)))
