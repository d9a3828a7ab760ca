"""What modules of several ticket systems need: times as systems write them, texts that fit, and the ways back that a
system does not have."""

import base64
import html
from collections.abc import Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser

from forewarn_collector.tickets.destination import DeliveryError
from forewarn_collector.tickets.systems.interface import Heard, Hint, HookRefused, HookRequest, Remote

KEY_PREFIX = "fw-"
BLOCKS = ("p", "div", "li", "blockquote")


class NoWayBack:
    """For systems that are only told: nothing is heard of there except what is read."""

    def notes(self, id_: str, after: str) -> Sequence[Heard]:
        return ()

    def poll(self, since: float) -> Sequence[Remote]:
        return ()

    def parse_hook(self, request: HookRequest) -> Sequence[Hint]:
        raise HookRefused("web-hooks of this system are not listened to")


def iso(at: float) -> str:
    """``2026-11-26T21:45:02Z``; fractions of a second are cut off."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unix(text: str) -> float:
    """Unix seconds of an ISO 8601 time; without a zone it is UTC. Raise DeliveryError when it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise DeliveryError(f"not a time: {text[:40]!r}") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def fit(text: str, most: int) -> str:
    """Not longer than the system takes."""
    return text if len(text) <= most else text[: most - 3] + "..."


def fit_note(text: str, most: int) -> str:
    """The same for a note; its last line, by which it is found again, stays."""
    if len(text) <= most:
        return text
    mark = text.rpartition("\n")[2]
    return f"{fit(text, most - len(mark) - 2)}\n\n{mark}"


def keyed(title: str, key: str, most: int) -> str:
    """A title that ends with the key, for systems that have no field for it."""
    return f"{fit(title, most - len(key) - 3)} [{key}]"


def key_in(title: str) -> str:
    """The key of ``keyed``; empty: the title has none."""
    _, found, rest = title.rpartition(f"[{KEY_PREFIX}")
    return KEY_PREFIX + rest.rstrip()[:-1] if found and rest.rstrip().endswith("]") else ""


class _Words(HTMLParser):
    """What a person reads; paragraphs and line breaks stay."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "br":
            self.text += "\n"
        elif tag in BLOCKS and self.text:
            self.text = self.text.rstrip("\n") + "\n\n"


def text_of(content: str) -> str:
    """The words of a piece of HTML."""
    words = _Words()
    words.feed(content)
    words.close()
    return words.text.strip()


def html_of(text: str) -> str:
    """Text as HTML: blocks between blank lines are paragraphs, their lines stay lines."""
    blocks = (html.escape(block).replace("\n", "<br>") for block in text.split("\n\n"))
    return "".join(f"<p>{block}</p>" for block in blocks)


def numbers(**fields: str | None) -> dict[str, int]:
    """What the configuration has as words, as the numbers that the system asks for; what is not said is left out. Raise
    DeliveryError for a word that is none."""
    found = {}
    for name, value in fields.items():
        if value:
            try:
                found[name] = int(value)
            except ValueError:
                raise DeliveryError(
                    f"{name} must be a number, not {value!r}; see the words of this destination", permanent=True
                ) from None
    return found


def by_customer(option: str, customer: str) -> str:
    """An option such as ``Acme=174; Beta Ltd=33; 21``: what it says for this customer, else what stands alone."""
    pairs = [item.rpartition("=") for item in option.split(";") if item.strip()]
    named = {name.strip(): value.strip() for name, found, value in pairs if found}
    alone = [value.strip() for _, found, value in pairs if not found]
    return named.get(customer) or (alone[0] if alone else "")


def basic(user: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617), for systems where the password is no secret."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
