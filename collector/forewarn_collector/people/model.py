"""The applied directory's versions and errors, as values. Times are Unix seconds."""

import msgspec


class Version(msgspec.Struct, frozen=True):
    """Which version of the directory counts since when, and who applied it."""

    number: int
    at: float
    actor: str


class Changed(Exception):
    """The directory was changed by somebody else since it was looked at."""


class NoEntry(LookupError):
    """The directory has nothing of this name."""
