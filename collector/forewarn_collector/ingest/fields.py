"""What values are called in the store, and facts as JSON; what is the same in many reports is remembered."""

from functools import lru_cache

import msgspec

FACTS = msgspec.json.Encoder(order="deterministic")
NO_FACTS = FACTS.encode({})


@lru_cache(maxsize=65536)
def field_name(prefix: str, name: str, instance: str) -> str:
    return f"{prefix}.{name}|{instance}" if instance else f"{prefix}.{name}"


@lru_cache(maxsize=4096)
def shared(fields: tuple[str, ...]) -> tuple[str, ...]:
    """The same tuple object for the same layout, so that later look-ups are cheap."""
    return fields
