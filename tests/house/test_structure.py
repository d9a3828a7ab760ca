"""Small modules, walls around libraries, and nothing of anybody's machine in the repository."""

import ast
import re
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

QUESTIONED, REFUSED = 300, 500

# Written in pieces, or this file would be found.
MACHINE_PATHS = re.compile("|".join("/" + place for place in ("work/", "root/", "home/(?!user)[a-z]", "opt/pypi")))
REGISTRIES = re.compile("|".join(place + r"\.org" for place in ("pypi", "pythonhosted", r"deb\.debian", "npmjs")))


@cache
def imported(path: Path) -> frozenset[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return frozenset(name.split(".")[0] for name in names)


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_module_is_too_long(project: Path, modules: list[Path]) -> None:
    counted = {path: lines(path) for path in [*modules, *(project / "benchmarks").glob("*.py")]}
    assert {str(path): length for path, length in counted.items() if length > REFUSED} == {}
    questioned = {path.name: length for path, length in counted.items() if length > QUESTIONED}
    questioned |= {path.name: lines(path) for path in (project / "tests").rglob("*.py") if lines(path) > REFUSED}
    if questioned:
        warnings.warn(f"long modules, worth a look: {questioned}", stacklevel=1)


def test_the_architecture_tells_which_module_imports_which_library(
    modules: list[Path], document: Callable[[str], str]
) -> None:
    """import-linter holds the walls; this holds the table to what is behind them."""
    table = document("docs/architecture.md").split("| library | adapter |")[1].split("\n\n")[0]
    told = [line.split("|")[1:3] for line in table.splitlines() if "`" in line]
    assert len(told) > 5
    for libraries, cell in told:
        wanted = set(re.findall(r"\w+", libraries))
        users = [str(path) for path in modules if wanted & imported(path)]
        places = re.findall(r"`([^`]+)`", cell)
        assert [user for user in users if not any(place in user for place in places)] == [], libraries
        assert [place for place in places if not any(place in user for user in users)] == [], libraries


def test_every_dependency_is_used(project: Path, modules: list[Path]) -> None:
    text = (project / "pyproject.toml").read_text()
    declared = text[text.index("dependencies = [") : text.index("dev = [")]
    names = {
        "argon2-cffi": "argon2", "influxdb-client": "influxdb_client", "paho-mqtt": "paho",
        "prometheus-client": "prometheus_client", "PyYAML": "yaml", "pywin32": "win32service",
        "scikit-learn": "sklearn",
    }  # fmt: skip
    used = {name.lower() for path in modules for name in imported(path)}
    wanted = re.findall(r'^    "([A-Za-z0-9-]+)', declared, re.M)
    assert len(wanted) > 10
    # Time zones are read by the standard library, from the system or from this package.
    assert {name for name in wanted if names.get(name, name).lower() not in used} == {"tzdata"}


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
