"""docs/architecture.md names rooms and modules that are there, and every room."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOTS = ("", "agent", "rules", "collector", "collector/forewarn_collector", "agent/forewarn_agent")


@pytest.fixture(scope="module")
def text(document: Callable[[str], str]) -> str:
    return document("docs/architecture.md")


@pytest.fixture(scope="module")
def missing(project: Path, modules: list[Path]) -> Callable[[str], list[str]]:
    """Of the files that a document names: those that are nowhere, whether it names them whole or by their last part."""
    ends = {path.name for path in [*modules, *(project / "tests").rglob("*.py")]}

    def find(document: str) -> list[str]:
        named = set(re.findall(r"`([\w/.-]+\.(?:py|txt|md|yaml|toml))`", document))
        assert len(named) > 15
        elsewhere = sorted(named - ends)
        return [name for name in elsewhere if not any((project / root / name).exists() for root in ROOTS)]

    return find


def test_every_room_is_in_the_table(text: str, modules: list[Path], project: Path) -> None:
    packages = {path.parent.relative_to(project).as_posix() for path in modules if path.parent.name != "probes"}
    table = "\n".join(line for line in text.splitlines() if line.startswith("| `"))
    assert [name for name in sorted(packages) if f"`{name}/`" not in table] == ["collector/forewarn_collector"]


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_file_that_is_named_is_there(
    document: Callable[[str], str], missing: Callable[[str], list[str]], name: str
) -> None:
    assert missing(document(name)) == []
