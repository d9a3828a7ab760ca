"""Prints what each kind of destination asks for as Markdown, from the kinds themselves.

python -m forewarn_collector.destination_reference
"""

from collections.abc import Iterator, Mapping

from forewarn_collector.tickets.systems.kind import Key, Kind
from forewarn_collector.tickets.systems.kinds import KINDS


def tried() -> str:
    """How far each was tried, as a table."""
    rows = [f"| `{name}` | {kind.summary} | {kind.proof} |" for name, kind in KINDS.items()]
    return "\n".join(["| kind | what | tried against |", "| --- | --- | --- |", *rows])


def reference() -> str:
    """A section for each kind: its keys, and its usual words for states and severities."""
    return "\n".join(line for name, kind in KINDS.items() for line in _section(name, kind))


def _section(name: str, kind: Kind) -> Iterator[str]:
    yield f"### `{name}`\n"
    yield f"{kind.summary}.{_heard(kind)}\n"
    yield "| key | default | meaning | example |"
    yield "|" + " --- |" * 4
    default = f"`{kind.url}`" if kind.url else "must be there"
    yield f"| `url` | {default} | where it is | `{kind.url_example or kind.url}` |"
    if kind.credential:
        needed = "must be there" if kind.credential_needed else "none"
        yield f"| `token_file` | {needed} | {kind.credential} | `{name}.token` |"
    yield from _keys("options", kind.options)
    yield from _keys("secret_files", kind.secrets)
    yield ""
    for title, words in (("States", kind.maps.states), ("Heard", kind.maps.heard), ("Severities", kind.maps.priorities),
                         ("Queues", kind.maps.queues)):  # fmt: skip
        if words:
            yield f"{title}: {', '.join(f'{ours} `{theirs}`' for ours, theirs in words.items())}.\n"


def _heard(kind: Kind) -> str:
    if kind.system is None:
        return ""
    ways = ([kind.hooks] if kind.hooks else []) + (["being asked for changes"] if kind.polls else [])
    return f" What is done there is heard by {' and by '.join(ways) or 'asking for each ticket'}."


def _keys(section: str, keys: Mapping[str, Key]) -> Iterator[str]:
    for name, key in keys.items():
        default = "must be there" if key.needed else f"`{key.default}`" if key.default else "none"
        yield f"| `{section}.{name}` | {default} | {key.meaning} | `{key.example}` |"


if __name__ == "__main__":
    print(reference())
