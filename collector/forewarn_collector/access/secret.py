"""Secrets that are handed out once: tokens and the codes of one-time links. ``forewarn_<id>_<secret>``."""

import secrets
from typing import NamedTuple

PREFIX = "forewarn"
LONGEST = 200


class Secret(NamedTuple):
    id: str
    part: str

    def text(self) -> str:
        return f"{PREFIX}_{self.id}_{self.part}"


def new_secret() -> Secret:
    return Secret(secrets.token_hex(6), secrets.token_urlsafe(32))


def read_secret(text: str) -> Secret | None:
    """None when it is nothing that was ever handed out."""
    words = text.split("_", 2)
    if len(text) > LONGEST or not text.isascii() or len(words) != 3 or words[0] != PREFIX or not all(words):
        return None
    return Secret(words[1], words[2])
