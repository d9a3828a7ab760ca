"""What a device listens to of what is sent down to it. Pure."""

from functools import lru_cache

from forewarn_wire import DOWN_KINDS


def kinds(pattern: str, below: str) -> set[str]:
    """Of what is sent below ``down/``: what a topic filter lets through."""
    return {kind for kind in DOWN_KINDS if pattern in (f"{below}#", f"{below}+", below + kind)}


@lru_cache
def one_of(taken: frozenset[str]) -> frozenset[str]:
    """The same object for all devices that listen to the same."""
    return taken
