"""What every way to a phone offers, and the one error type they share."""

from typing import NamedTuple, Protocol


class Message(NamedTuple):
    """``mobile``: whose phone shall ring in a group; empty: nobody's in particular."""

    title: str
    body: str
    mobile: str = ""

    @property
    def text(self) -> str:
        return f"{self.title}\n{self.body}"


class SendError(Exception):
    """It did not arrive. ``pause_seconds``: how long the channel wants to be left alone."""

    def __init__(self, text: str, pause_seconds: float = 0.0) -> None:
        super().__init__(text)
        self.pause_seconds = pause_seconds


class Sender(Protocol):
    """One channel. ``per_minute``: how many messages it takes."""

    name: str
    per_minute: int

    def send(self, message: Message) -> None:
        """Return when it is known to have been taken; raise SendError otherwise."""
        ...


def cut(text: str, most: int) -> str:
    """As much of a text as fits into ``most`` bytes of UTF-8."""
    data = text.encode("utf-8")
    if len(data) <= most:
        return text
    return data[: most - len("...")].decode("utf-8", "ignore") + "..."
