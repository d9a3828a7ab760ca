"""From the section ``notify`` to the senders. Whatever is wrong is a StartError, found before anything is written."""

from collections.abc import Callable

from forewarn_collector.addresses import address_parts, is_loopback
from forewarn_collector.notify.config import Channel, Notify
from forewarn_collector.notify.senders.dingtalk import DingTalk
from forewarn_collector.notify.senders.feishu import Feishu
from forewarn_collector.notify.senders.robot import Dialect, Robot
from forewarn_collector.notify.senders.sender import Sender
from forewarn_collector.notify.senders.wecom import WeCom
from forewarn_collector.start import StartError, optional_secret, secret_of

DIALECTS: dict[str, type[Dialect]] = {"dingtalk": DingTalk, "wecom": WeCom, "feishu": Feishu, "lark": Feishu}


def make_senders(notify: Notify, now: Callable[[], float]) -> list[Sender]:
    return [_sender(channel, now) for channel in notify.channels]


def _sender(channel: Channel, now: Callable[[], float]) -> Sender:
    url = secret_of(channel.url_file)
    if channel.kind not in DIALECTS:
        return _everything_else(channel, url)
    if problem := _url_problem(url):
        raise StartError(f"{channel.url_file}: {problem}; it must hold the robot's https address and nothing else")
    secret = optional_secret(channel.secret_file)
    return Robot(channel.name, channel.per_minute, DIALECTS[channel.kind](), url, secret, now)


def _everything_else(channel: Channel, url: str) -> Sender:
    # Only who uses it waits for what it imports.
    from forewarn_collector.notify.senders.everything_else import AddressError, EverythingElse

    try:
        return EverythingElse(channel.name, channel.per_minute, url)
    except AddressError as error:
        raise StartError(f"{channel.url_file}: {error}; it must hold an address of Apprise and nothing else") from None


def _url_problem(url: str) -> str | None:
    """What is wrong, without repeating the address: it is a secret."""
    scheme, host = address_parts(url)
    if scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        return "not an http or https address"
    return None if scheme == "https" or is_loopback(host) else "it would go in plain text"
