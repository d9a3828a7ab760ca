"""Prints the reference of the collector's configuration as Markdown, from the types that check it.

python -m forewarn_collector.config_reference
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, get_args, get_origin

import msgspec
import yaml
from msgspec import NODEFAULT
from msgspec.inspect import type_info
from msgspec.structs import FieldInfo

from forewarn_collector.config import Config


class Key(NamedTuple):
    """One key of the file. ``path``: ``listen.port``, or ``directory[].customer`` in a list of entries."""

    path: str
    default: str
    meaning: str
    example: str


def keys(struct: type[msgspec.Struct] = Config, prefix: str = "") -> Iterator[Key]:
    """Every key that holds a value, those of sections below their path."""
    for field in msgspec.structs.fields(struct):
        inner, dots = _section(field.type)
        if inner is None:
            extra = getattr(type_info(field.type), "extra_json_schema", None) or {}
            yield Key(prefix + field.name, _default(field), _meaning(field, extra), _write(extra["examples"][0]))
        else:
            yield from keys(inner, f"{prefix}{field.name}{dots}")


def reference(struct: type[msgspec.Struct] = Config) -> str:
    """A table for the keys at the top and for each section."""
    return "\n".join(_lines(struct, ""))


def _lines(struct: type[msgspec.Struct], prefix: str) -> Iterator[str]:
    own = [key for key in keys(struct, prefix) if key.path.count(".") == prefix.count(".")]
    if own:
        yield "| key | default | meaning | example |"
        yield "|" + " --- |" * 4
        for key in own:
            example = f"`{key.example}`"
            yield "| " + " | ".join((f"`{key.path}`", key.default, key.meaning, example)) + " |"
        yield ""
    for field in msgspec.structs.fields(struct):
        inner, dots = _section(field.type)
        if inner is not None:
            yield f"### `{prefix}{field.name}`{_kind_of(field, dots)}\n"
            yield f"{' '.join((inner.__doc__ or '').split())}\n"
            yield from _lines(inner, f"{prefix}{field.name}{dots}")


def _section(type_: Any) -> tuple[type[msgspec.Struct] | None, str]:
    """The struct below a key and what stands between their names; a list has one struct for each entry."""
    for candidate in (type_, *get_args(type_)):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return candidate, "[]." if get_origin(type_) is list else "."
    return None, ""


def _kind_of(field: FieldInfo, dots: str) -> str:
    if dots == "[].":
        return ": a list, one entry each"
    return "" if isinstance(field.default, msgspec.Struct) else ": off when it is left out"


def _default(field: FieldInfo) -> str:
    if field.required:
        return "must be there"
    default = field.default_factory() if field.default is NODEFAULT else field.default
    return "none" if default is None or default in ("", []) else f"`{_write(default)}`"


def _meaning(field: FieldInfo, extra: dict[str, Any]) -> str:
    bounds = getattr(type_info(field.type), "type", None)
    least, most = getattr(bounds, "ge", None), getattr(bounds, "le", None)
    limits = f" ({least} to {most})" if least is not None and most is not None else ""
    return f"{extra['description']}{limits}"


def _write(value: object) -> str:
    """As it stands in the file."""
    return yaml.safe_dump(value, default_flow_style=True, width=200).removesuffix("...\n").strip()


if __name__ == "__main__":
    print(reference())
