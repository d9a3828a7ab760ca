"""Reads a configuration file and names everything that is wrong with it at once: line, path, value and remedy."""

import difflib
import re
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import yaml
from msgspec.inspect import type_info

from forewarn_collector.config import Config
from forewarn_collector.config_mistakes import mistakes
from forewarn_rules.document import Document, Where, read_document

NAME = "collector.yaml"


class ConfigError(ValueError):
    """Every mistake of one file, a line each."""


def kept_with(data: Path) -> Path | None:
    """The configuration that lies in a data directory, if one does."""
    path = data / NAME
    return path if path.is_file() else None


def load_config(path: Path | None) -> Config:
    """Read ``path``, or take the defaults when there is none. Raise ConfigError."""
    if path is None:
        return Config()
    document = read_document(path, str(path), begin="listen: or another key", may_be_empty=True)
    config: Config | None = None
    if document.tree is not None:
        config = build(document, (), document.tree, Config)
    if config is not None and not document.problems:
        for where, text, remedy in mistakes(config):
            document.problem(where, text, remedy, show=not _may_be_a_secret(document.tree, where))
    if document.problems or config is None:
        in_order = sorted(document.problems, key=lambda problem: problem.line)
        raise ConfigError("\n".join(str(problem) for problem in in_order))
    return config


def _may_be_a_secret(tree: Any, where: Where) -> bool:
    """Whoever writes the secret itself where the name of its file belongs shall not find it in a log."""
    *sections, name = where
    if name == "ping_url":
        return True
    for section in sections:
        tree = tree[section]
    if name == "url" and isinstance(tree, dict) and "password=" in str(tree.get(name)):
        return True
    named = str(name).endswith("_file") or "secret_files" in sections
    return named and isinstance(tree, dict) and not set(str(tree.get(name, ""))) & set("/\\")


def build(document: Document, where: Where, tree: Any, type_: type[msgspec.Struct]) -> Any:
    """One section as its struct, or None when something in it is wrong (then it is noted)."""
    if not isinstance(tree, dict):
        document.problem(where, "this is not a section", "write its keys below it, indented")
        return None
    fields = {field.name: field for field in msgspec.structs.fields(type_)}
    for name in tree:
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(fields)}"
            document.problem((*where, name), "unknown key", hint, show=False)
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in tree:
            values[name] = _value(document, (*where, name), tree[name], field.type)
        elif field.required:
            document.problem((*where, name), "this key is missing", f"add {name}: {_example(field.type)}", show=False)
    try:
        return type_(**values)
    except TypeError:
        return None


def _value(document: Document, where: Where, value: Any, type_: Any) -> Any:
    if get_origin(type_) is list and (inner := _section(get_args(type_)[0])):
        if not isinstance(value, list):
            document.problem(where, "this is not a list", "begin each entry with a dash")
            return None
        return [build(document, (*where, n), item, inner) for n, item in enumerate(value)]
    section = _section(type_)
    if section is not None and not (value is None and type(None) in get_args(type_)):
        return build(document, where, value, section)
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        # A long pattern says less than the example.
        text = re.sub("matching regex '.{40,}'", "of another form", str(error).split(" - at")[0])
        document.problem(where, text[:1].lower() + text[1:], f"for example: {_example(type_)}")
        return None


def _section(type_: Any) -> type[msgspec.Struct] | None:
    for candidate in (type_, *get_args(type_)):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return candidate
    return None


def _example(type_: Any) -> str:
    """As it stands in the file: YAML would take the text 22:00 for a number."""
    if (inner := _section(type_)) is not None:
        needed = [field for field in msgspec.structs.fields(inner) if field.required]
        return "{" + ", ".join(f"{field.name}: {_example(field.type)}" for field in needed) + "}"
    info = type_info(type_)
    extra = getattr(info, "extra_json_schema", None) or {}
    examples = extra.get("examples") or []
    if examples and isinstance(examples[0], str) and yaml.safe_load(examples[0]) != examples[0]:
        return f'"{examples[0]}"'
    return str(examples[0] if examples else extra.get("description", "..."))
