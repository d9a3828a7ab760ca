"""A YAML text as plain values that know their lines, and the problems found in it."""

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Step = str | int
Where = tuple[Step, ...]
Loader = yaml.SafeLoader | yaml.CSafeLoader
# A PyYAML that was built without libyaml has only its own.
_FAST: type[Loader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Problem:
    """One mistake in one file: where, what stands there, what is wrong with it and what would be right."""

    file: str
    line: int
    path: str
    value: str
    text: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " + (f"{self.path}: " if self.path else "")
        return f"{place}{self.text}" + (f" (found {self.value})" if self.value else "") + f"; {self.remedy}"


class RuleFileErrors(Exception):
    """All that is wrong with the rule files, every problem of every file at once."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line, problem.path)))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass
class Document:
    """One file's values. ``problem`` notes a mistake at a path, with the line and value that stand there."""

    file: str
    tree: Any = None
    lines: dict[Where, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, where: Where, text: str, remedy: str, *, show: bool = True) -> None:
        line = next((self.lines[where[:n]] for n in range(len(where), -1, -1) if where[:n] in self.lines), 1)
        value = self._shown(where) if show else ""
        self.problems.append(Problem(self.file, line, spell_path(where), value, text, remedy))

    def _shown(self, where: Where) -> str:
        value = self.tree
        if value is None:
            return ""
        for step in where:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return ""
        # An address may have a password in it.
        shown = re.sub(r"//[^/\s]*@", "//...@", repr(value))
        return shown if len(shown) <= 80 else shown[:77] + "..."


def spell_path(where: Where) -> str:
    """``levels.warning.raise.all[0]``"""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).removeprefix(".")


def read_document(
    path: Path, name: str, *, begin: str = "schema: 1 and id: ...", may_be_empty: bool = False
) -> Document:
    """Read a file; ``begin`` says how one begins. What is wrong with it as YAML is in ``problems``; then ``tree`` is
    None."""
    document = Document(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        document.problem((), f"cannot be read: {reason}", "make it a readable UTF-8 text file")
        return document
    try:
        tree = _tree(text, document)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line, reason, remedy = _explained(error, text)
        document.lines[()] = line or max(document.lines.values(), default=1)
        document.problem((), f"not YAML: {reason}", remedy)
        return document
    if tree is None and may_be_empty:
        tree = {}
    if not isinstance(tree, dict):
        document.problem((), "the file is not a mapping of keys to values", f"begin with {begin}")
        return document
    document.tree = tree
    return document


def _tree(text: str, document: Document) -> Any:
    """libyaml is faster, but says less of mistakes: what it refuses is read again without it."""
    try:
        return _read(_FAST(text), document)
    except (yaml.YAMLError, ValueError, RecursionError):
        document.lines.clear()
        document.problems.clear()
        return _read(yaml.SafeLoader(text), document)


def _read(loader: Loader, document: Document) -> Any:
    try:
        node = loader.get_single_node()
        return None if node is None else _plain(loader, node, (), document, set())
    finally:
        loader.dispose()


def _explained(error: Exception, text: str) -> tuple[int, str, str]:
    """The line (0: not known), what is wrong and what to do."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return line, f"the character U+{ord(text[error.position]):04X} is not allowed", "remove it"
    if isinstance(error, RecursionError):
        return 1, "it is nested too deeply", "close the brackets"
    if not isinstance(error, yaml.YAMLError):
        return 0, str(error), "write it as plain text, in quotes"
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or str(error)
    return mark.line + 1 if mark else 1, reason, "mind indentation, quotes and brackets on and above this line"


def _scalar(loader: Loader, node: yaml.Node) -> Any:
    value = loader.construct_object(node)
    if isinstance(value, str):
        value.encode()  # half characters are not text
        if "\0" in value:
            raise ValueError("a text holds a NUL character")
    return value


def _plain(loader: Loader, node: yaml.Node, where: Where, document: Document, seen: set[int]) -> Any:
    document.lines.setdefault(where, node.start_mark.line + 1)
    if id(node) in seen:
        document.problem(where, "this is an alias (*name)", "write the value out: aliases are not read")
        return None
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return [_plain(loader, item, (*where, n), document, seen) for n, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return _scalar(loader, node)
    mapping: dict[Hashable, Any] = {}
    for key_node, value_node in node.value:
        key = str(_scalar(loader, key_node)) if isinstance(key_node, yaml.ScalarNode) else "?"
        place = (*where, key)
        if key in mapping:
            document.lines[place] = key_node.start_mark.line + 1
            document.problem(place, f"the key {key!r} stands here twice", "keep one of them", show=False)
        document.lines[place] = key_node.start_mark.line + 1
        mapping[key] = _plain(loader, value_node, place, document, seen)
    return mapping
