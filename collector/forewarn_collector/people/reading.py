"""Reads a directory file, naming everything that is wrong with it at once, and writes one."""

import datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml

from forewarn_collector.config_file import build
from forewarn_collector.people.mistakes import mistakes
from forewarn_collector.people.schema import DirectoryFile
from forewarn_rules.document import Document, read_document


class DirectoryError(ValueError):
    """Every mistake of a directory, a line each."""


def read_directory(path: Path) -> DirectoryFile:
    """Raise DirectoryError."""
    document = read_document(path, str(path), begin="customers: or another key")
    file: DirectoryFile | None = None
    if document.tree is not None:
        file = build(document, (), document.tree, DirectoryFile)
    if file is not None and not document.problems:
        for where, text, remedy in mistakes(file):
            document.problem(where, text, remedy)
    if document.problems or file is None:
        in_order = sorted(document.problems, key=lambda problem: problem.line)
        raise DirectoryError("\n".join(str(problem) for problem in in_order))
    return file


def check_directory(file: DirectoryFile) -> None:
    """The same for a directory that came over the API: paths without lines. Raise DirectoryError."""
    document = Document("", msgspec.to_builtins(file))
    for where, text, remedy in mistakes(file):
        document.problem(where, text, remedy)
    if document.problems:
        raise DirectoryError("\n".join(str(problem).removeprefix(":1: ") for problem in document.problems))


def write_directory(file: DirectoryFile) -> str:
    """As YAML that reads back as the same. What is left at its default is left out."""
    plain = msgspec.to_builtins(file, builtin_types=(datetime.date,))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120) if plain else "{}\n"


def schema() -> dict[str, Any]:
    """JSON Schema, for editors."""
    return msgspec.json.schema(DirectoryFile)
