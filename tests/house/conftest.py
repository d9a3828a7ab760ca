"""The project as files: what is tracked, what its documents say."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

PROJECT = Path(__file__).resolve().parents[2]
ROOMS = ("agent/forewarn_wire", "agent/forewarn_agent", "rules/forewarn_rules", "collector/forewarn_collector")


@pytest.fixture(scope="session")
def project() -> Path:
    return PROJECT


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """Every file of the repository, whether committed already or only not ignored."""
    if not (PROJECT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=PROJECT, capture_output=True, check=True).stdout.decode().split("\0")
    paths = [PROJECT / name for name in names if name]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


@pytest.fixture(scope="session")
def modules() -> list[Path]:
    """The product's own modules."""
    return sorted(path for room in ROOMS for path in (PROJECT / room).rglob("*.py"))


@pytest.fixture(scope="session")
def documents() -> dict[Path, str]:
    paths = [
        *PROJECT.glob("*.md"),
        *PROJECT.glob("docs/*.md"),
        PROJECT / "agent/README.md",
        PROJECT / "deploy/README.md",
    ]
    return {path: path.read_text(encoding="utf-8") for path in paths}


@pytest.fixture(scope="session")
def document(documents: dict[Path, str]) -> Callable[[str], str]:
    return lambda name: documents[PROJECT / name]


@pytest.fixture(scope="session")
def rows() -> Callable[[str], list[list[str]]]:
    """The cells of every table row below a heading, up to the next one."""

    def below(text: str, heading: str) -> list[list[str]]:
        found = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#|\Z)", text, re.M | re.S)
        assert found is not None, f"there is no heading {heading!r}"
        lines = [line for line in found[1].splitlines() if line.startswith("| ") and not line.startswith("| ---")]
        return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[1:]]

    return below  # type: ignore[return-value]


@pytest.fixture(scope="session")
def runnable() -> Callable[[str], list[str]]:
    """The blocks of a document that are marked as runnable."""
    return lambda text: re.findall(r"<!-- runnable -->\n```sh\n(.*?)```", text, re.S)


@pytest.fixture(scope="session")
def type_of() -> Callable[[type[msgspec.Struct], str], Any]:
    """type_of(struct, "notify.channels[].kind"): what the key of a YAML file takes."""

    def find(struct: type[msgspec.Struct], path: str) -> Any:
        *above, name = path.replace("[]", "").split(".")
        for part in above:
            struct = next(
                inner
                for field in msgspec.structs.fields(struct)
                if field.name == part
                for inner in (field.type, *getattr(field.type, "__args__", ()))
                if isinstance(inner, type) and issubclass(inner, msgspec.Struct)
            )
        (type_,) = [field.type for field in msgspec.structs.fields(struct) if field.name == name]
        return type_

    return find
