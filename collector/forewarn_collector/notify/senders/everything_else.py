"""Everything else, through Apprise: mail, SMS providers, Telegram, ntfy, Pushover and many more.

Nothing of it is written to disk, no address of a picture goes out with a message, and it tries once: trying again is
our loop's.
"""

from urllib.parse import urlsplit

import apprise

from forewarn_collector.notify.senders.sender import Message, SendError

TIMEOUT_SECONDS = 30.0
LOG_BYTES = 4096
SHOWN = 200
OWN_SENDERS = ("dingtalk", "feishu", "lark", "wecombot")
"""Apprise takes HTTP 200 for success where only the code in the answer says so."""


class AddressError(ValueError):
    """Apprise cannot do anything with this address; the text does not repeat it."""


class EverythingElse:
    def __init__(self, name: str, per_minute: int, url: str) -> None:
        """Raise AddressError."""
        self.name = name
        self.per_minute = per_minute
        scheme = urlsplit(url).scheme.lower()
        if scheme in OWN_SENDERS:
            raise AddressError(f"a {scheme} address needs a channel of that kind, which reads the answer")
        self._apprise = apprise.Apprise(
            asset=apprise.AppriseAsset(
                storage_mode=apprise.PersistentStoreMode.MEMORY,
                image_path_mask=False,
                service_timeout=TIMEOUT_SECONDS,
                result_log_memory_size=LOG_BYTES,
            )
        )
        if not self._apprise.add(_without_pictures(url)):
            raise AddressError(f"not an address that Apprise knows: {scheme or 'it has no scheme'}")

    def send(self, message: Message) -> None:
        result = self._apprise.notify(title=message.title, body=message.body, body_format=apprise.NotifyFormat.TEXT)
        # Not `is True`: the result is an object that is true when all went well.
        if not bool(result):
            said = "; ".join(entry.message for entry in result.logs()) or "Apprise does not say why"
            raise SendError(" ".join(said.split())[:SHOWN])


def _without_pictures(url: str) -> str:
    if "image=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}image=no"
