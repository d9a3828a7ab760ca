"""Which operating system the agent reads, and where each probe gets its numbers there."""

import enum
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Result = TypeVar("Result", covariant=True)


class Platform(enum.StrEnum):
    LINUX = "linux"
    WINDOWS = "windows"
    MACOS = "macos"


def this_platform() -> Platform:
    """What the agent runs on; other Unix systems are read as Linux is, as far as they have its files."""
    return {"win32": Platform.WINDOWS, "darwin": Platform.MACOS}.get(sys.platform, Platform.LINUX)


@dataclass(frozen=True)
class Source(Generic[Result]):
    """Where a probe's numbers come from on one platform, in words, and what reads them there."""

    text: str
    measure: Callable[[Any], Result]


@dataclass(frozen=True)
class Absent:
    """Why a platform cannot give what a probe measures."""

    reason: str
