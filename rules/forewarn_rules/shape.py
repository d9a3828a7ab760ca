"""Plain values to the structs of ``schema``, noting every mistake instead of stopping at the first."""

import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Final, TypeVar, cast

import msgspec
from msgspec.structs import FieldInfo, fields

from forewarn_rules.document import Document, Where
from forewarn_rules.durations import REMEDY, parse_duration
from forewarn_rules.schema_words import DURATION

T = TypeVar("T", bound=msgspec.Struct)
WRONG: Final = object()


def shape(document: Document, struct: type[T]) -> T | None:
    """The document as ``struct``, or None when it is not one; why not is in ``document.problems``."""
    if document.tree is None:
        return None
    value = _struct(document, struct, document.tree, ())
    return None if value is WRONG else cast(T, value)


def suggest(word: str, known: Iterable[str]) -> str:
    """A remedy for a name that is not known."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(names[:40])}"


def describe(field: FieldInfo) -> msgspec.Meta:
    """What ``schema`` says about a key."""
    for meta in _bare(field.type)[1]:
        if meta.description:
            return meta
    raise TypeError(f"schema says nothing about {field.name}")


@cache
def _keys(struct: type[msgspec.Struct]) -> Mapping[str, FieldInfo]:
    """By the name in the file. msgspec evaluates all annotations anew at each question."""
    return {field.encode_name: field for field in fields(struct)}


def _struct(document: Document, struct: type[msgspec.Struct], value: Any, where: Where) -> Any:
    if not isinstance(value, dict):
        document.problem(where, "this is not a mapping of keys to values", "write key: value below it or in {braces}")
        return WRONG
    known = _keys(struct)
    fine = True
    for key in value:
        if key not in known:
            document.problem((*where, key), f"there is no key {key!r} here", suggest(key, known), show=False)
            fine = False
    shaped: dict[str, Any] = {}
    for key, field in known.items():
        if key not in value:
            if field.required:
                text = describe(field).description or ""
                document.problem(
                    where, f"the key {key!r} is missing", f"add {key}: {_first_sentence(text)}", show=False
                )
                fine = False
            continue
        shaped[field.name] = _value(document, field.type, value[key], (*where, key))
        fine = fine and shaped[field.name] is not WRONG
    return struct(**shaped) if fine else WRONG


def _value(document: Document, kind: Any, value: Any, where: Where) -> Any:
    bare, metas = _bare(kind)
    if any(meta.extra == DURATION for meta in metas):
        return _duration(document, value, where)
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        return _struct(document, bare, value, where)
    origin, arguments = typing.get_origin(bare), typing.get_args(bare)
    if origin is dict and isinstance(value, dict) and arguments[1] is not Any:
        return _mapping(document, kind, arguments, value, where)
    if origin is list and isinstance(value, list):
        items = [_value(document, arguments[0], item, (*where, n)) for n, item in enumerate(value)]
        return WRONG if any(item is WRONG for item in items) else _converted(document, kind, items, where, len(items))
    return _converted(document, kind, value, where)


def _mapping(document: Document, kind: Any, arguments: tuple[Any, ...], value: dict[str, Any], where: Where) -> Any:
    shaped = {}
    for key, item in value.items():
        name = _converted(document, arguments[0], key, (*where, key), show=False)
        shaped[key] = WRONG if name is WRONG else _value(document, arguments[1], item, (*where, key))
    if any(item is WRONG for item in shaped.values()):
        return WRONG
    if not shaped:
        document.problem(where, "this is empty", "write at least one entry")
        return WRONG
    return shaped


def _converted(
    document: Document, kind: Any, value: Any, where: Where, size: int | None = None, show: bool = True
) -> Any:
    """``size`` is that of a list whose items are converted already."""
    bare, metas = _bare(kind)
    try:
        if size is None:
            return msgspec.convert(value, kind)
        if size == 0 and any(meta.min_length for meta in metas):
            raise msgspec.ValidationError("this is empty")
        return value
    except msgspec.ValidationError as error:
        if typing.get_origin(bare) is typing.Literal:
            options = ", ".join(map(str, typing.get_args(bare)))
            document.problem(where, f"{str(value)!r} is not a choice here", f"choose of {options}", show=False)
        else:
            document.problem(where, _plain_words(str(error)), "see the key's description in docs/rules.md", show=show)
        return WRONG


def _duration(document: Document, value: Any, where: Where) -> Any:
    try:
        return parse_duration(value)
    except ValueError as error:
        document.problem(where, str(error), REMEDY, show=False)
        return WRONG


@cache
def _bare(kind: Any) -> tuple[Any, tuple[msgspec.Meta, ...]]:
    """The type without its Annotated coat and without ``| None`` around a single type, and the coat's Metas."""
    metas: tuple[msgspec.Meta, ...] = ()
    if typing.get_origin(kind) is Annotated:
        metas = tuple(extra for extra in kind.__metadata__ if isinstance(extra, msgspec.Meta))
        kind = kind.__origin__
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(kind) if option is not type(None)]
        if len(options) == 1:
            kind = options[0]
    return kind, metas


def _plain_words(text: str) -> str:
    words = {"`str`": "text", "`int`": "a whole number", "`float`": "a number", "`array`": "a list [...]",
             "`object`": "a mapping", "`bool`": "yes or no", "`null`": "nothing", "`date`": "a date"}  # fmt: skip
    for machine, human in words.items():
        text = text.replace(machine, human)
    return text[0].lower() + text[1:].replace("got", "not")


def _first_sentence(text: str) -> str:
    return text.split(". ")[0].rstrip(".").lower()
