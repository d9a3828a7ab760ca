"""``destinations`` of the collector's configuration, and what can be wrong with them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from forewarn_collector.addresses import address_parts, is_loopback
from forewarn_collector.tickets.systems import maps
from forewarn_collector.tickets.systems.kind import Kind
from forewarn_collector.tickets.systems.kinds import KINDS

Words = dict[str, str]
Where = tuple[str | int, ...]


class DestinationEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is told about tickets; [destinations.md](destinations.md) has what each kind asks for."""

    name: Annotated[str, Meta(min_length=1, max_length=100, description="how it is shown", examples=["desk"])]
    kind: Annotated[str, Meta(description="what it is; destinations.md has the list", examples=["webhook"])]
    url: Annotated[str | None, Meta(description="where it is", examples=["https://desk.example/hook"])] = None
    token_file: Annotated[
        str | None, Meta(description="file with the token that it knows us by", examples=["desk.token"])
    ] = None
    hook_secret_file: Annotated[
        str | None,
        Meta(description="file with what its web-hooks must know; without it none are taken", examples=["hook.secret"]),
    ] = None
    secret_files: Annotated[
        Words, Meta(description="files with what a kind needs beyond the token", examples=[{"app_token": "app.token"}])
    ] = {}
    options: Annotated[Words, Meta(description="what the kind asks for", examples=[{"key_field": "DedupKey"}])] = {}
    states: Annotated[
        Words, Meta(description="its words for our states, where they are not the usual", examples=[{"open": "new"}])
    ] = {}
    heard: Annotated[Words, Meta(description="our states for words of its own", examples=[{"on hold": "waiting"}])] = {}
    priorities: Annotated[
        Words, Meta(description="its words for warning and critical", examples=[{"critical": "90"}])
    ] = {}
    queues: Annotated[
        Words,
        Meta(description="its queues, boards or projects for our queues", examples=[{"default": "Faults"}]),
    ] = {}
    users: Annotated[Words, Meta(description="its logins for our names", examples=[{"Li Wei": "liwei"}])] = {}
    poll_seconds: Annotated[
        int, Meta(ge=5, le=86_400, description="how often it is asked what was done there", examples=[30])
    ] = 30
    requests_per_minute: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None, Meta(description="more are not sent to it", examples=[60])
    ] = None

    def maps(self) -> maps.Maps:
        return maps.Maps(
            states=self.states, heard=self.heard, priorities=self.priorities, queues=self.queues, users=self.users
        )


class Mistake(NamedTuple):
    where: Where
    text: str
    remedy: str


def destination_mistakes(entries: list[DestinationEntry]) -> list[Mistake]:
    found: list[Mistake] = []
    names: set[str] = set()
    for index, entry in enumerate(entries):
        if entry.name in names:
            found.append(Mistake(("destinations", index, "name"), "two destinations of this name", "name them apart"))
        names.add(entry.name)
        found += [m._replace(where=("destinations", index, *m.where)) for m in _of_entry(entry)]
    return found


def _of_entry(entry: DestinationEntry) -> Iterator[Mistake]:
    kind = KINDS.get(entry.kind)
    if kind is None:
        yield Mistake(("kind",), "there is no such kind", f"write one of {', '.join(KINDS)}")
        return
    yield from _of_url(entry, kind)
    yield from _of_words(entry, kind)
    for (map_, word), text in maps.problems(entry.maps()):
        yield Mistake((map_, word), text, "write a known one, or remove the line")


def _of_url(entry: DestinationEntry, kind: Kind) -> Iterator[Mistake]:
    example = kind.url_example or "https://HOST/PATH"
    if entry.url is None:
        if not kind.url:
            yield Mistake(("url",), "this key is missing", f"add url: {example}")
        return
    scheme, host = address_parts(entry.url)
    if scheme not in kind.schemes or not host:
        yield Mistake(("url",), f"not an {' or '.join(sorted(kind.schemes))} address", f"write {example}")
    elif scheme == "http" and (entry.token_file or entry.secret_files) and not is_loopback(host):
        yield Mistake(("url",), "the token would go in plain text", f"write {example}")


def _of_words(entry: DestinationEntry, kind: Kind) -> Iterator[Mistake]:
    if kind.credential_needed and entry.token_file is None:
        yield Mistake(("token_file",), "this key is missing", f"add token_file: a file with the {kind.credential}")
    for name, file in (("token_file", entry.token_file), ("hook_secret_file", entry.hook_secret_file)):
        if file is not None and not Path(file).is_file():
            yield Mistake((name,), "there is no such file", "give the path of a readable file")
    for name, file in entry.secret_files.items():
        if not Path(file).is_file():
            yield Mistake(("secret_files", name), "there is no such file", "give the path of a readable file")
    for section, given, known in (
        ("options", entry.options, kind.options),
        ("secret_files", entry.secret_files, kind.secrets),
    ):
        for name in given:
            if name not in known:
                known_here = ", ".join(known) or "none"
                yield Mistake((section, name), f"{entry.kind} has no such key", f"known here: {known_here}")
        for name, key in known.items():
            if key.needed and name not in given:
                yield Mistake((section,), f"{name} is missing", f"add {name}: {key.example} ({key.meaning})")
