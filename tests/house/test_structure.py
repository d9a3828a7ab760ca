"""Small modules, walls around libraries, and nothing of anybody's machine in the repository."""

import ast
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

QUESTIONED, REFUSED = 300, 500

# The adapters: which module may import a library that touches the outside.
ADAPTERS = {
    "psutil": ["forewarn_agent/system.py"],
    "pySMART": ["forewarn_agent/pysmart_hint.py"],
    "paho": ["forewarn_agent/publish.py", "forewarn_collector/ingest/subscriber.py"],
    "mqtt5": ["forewarn_collector/ingest/", "forewarn_collector/replay/sender.py"],
    "sqlite3": ["forewarn_agent/outbox_file.py", "forewarn_agent/doctor.py", "forewarn_collector/store/"],
    "sqlalchemy": [
        "forewarn_collector/store/state.py",
        "forewarn_collector/tickets/",
        "forewarn_collector/judge/judge.py",
    ],
    "httpx": ["forewarn_collector/tickets/webhook.py", "forewarn_collector/cli/client.py"],
    "litestar": ["forewarn_collector/api/"],
    "uvicorn": ["forewarn_collector/api/"],
    "pyarrow": ["forewarn_collector/replay/"],
}
# Written in pieces, or this file would be found.
MACHINE_PATHS = re.compile("|".join("/" + place for place in ("work/", "root/", "home/(?!user)[a-z]", "opt/pypi")))
REGISTRIES = re.compile("|".join(place + r"\.org" for place in ("pypi", "pythonhosted", r"deb\.debian", "npmjs")))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_module_is_too_long(project: Path, modules: list[Path]) -> None:
    counted = {path: lines(path) for path in [*modules, *(project / "benchmarks").glob("*.py")]}
    assert {str(path): length for path, length in counted.items() if length > REFUSED} == {}
    questioned = {path.name: length for path, length in counted.items() if length > QUESTIONED}
    questioned |= {path.name: lines(path) for path in (project / "tests").rglob("*.py") if lines(path) > REFUSED}
    if questioned:
        warnings.warn(f"long modules, worth a look: {questioned}", stacklevel=1)


@pytest.mark.parametrize("library", ADAPTERS)
def test_a_library_is_imported_by_its_adapters_only(library: str, modules: list[Path]) -> None:
    users = [path for path in modules if library in set(imported(path))]
    allowed = ADAPTERS[library]
    assert [str(path) for path in users if not any(place in str(path) for place in allowed)] == []
    idle = [place for place in allowed if not any(place in str(path) for path in users)]
    assert idle == [], "an adapter that imports it no more leaves the list"


def test_the_list_of_adapters_is_in_the_architecture(document: Callable[[str], str]) -> None:
    text = document("docs/architecture.md")
    for library, places in ADAPTERS.items():
        (row,) = [line for line in text.splitlines() if re.match(rf"  \| [a-z, ]*\b{library}\b[a-z, ]* \|", line, re.I)]
        assert [place for place in places if f"`{place}`" not in row] == []


def test_every_dependency_is_used(project: Path, modules: list[Path]) -> None:
    text = (project / "pyproject.toml").read_text()
    declared = text[text.index("dependencies = [") : text.index("dev = [")]
    names = {"paho-mqtt": "paho", "PyYAML": "yaml"}
    used = {name.lower() for path in modules for name in imported(path)}
    wanted = re.findall(r'^    "([A-Za-z0-9-]+)', declared, re.M)
    assert len(wanted) > 10
    assert [name for name in wanted if names.get(name, name).lower() not in used] == []


def test_nothing_names_a_machine_or_a_registry(tracked: list[Path], project: Path) -> None:
    found = []
    for path in tracked:
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), 1):
            if MACHINE_PATHS.search(line) or REGISTRIES.search(line):
                found.append(f"{path.relative_to(project)}:{number}: {line.strip()[:120]}")
    assert found == []


def test_the_search_for_paths_finds_some() -> None:
    assert MACHINE_PATHS.search("cd /" + "work/main")
    assert REGISTRIES.search("https://" + "pypi" + ".org/simple")
    assert not MACHINE_PATHS.search("/home/user and /dev/root and work/")
