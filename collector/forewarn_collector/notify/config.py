"""The section ``notify`` of the configuration: which phones there are, and whose."""

from collections import Counter
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from forewarn_collector.language.catalogue import ENGLISH, LANGUAGES
from forewarn_collector.notify.model import Hours

Mistake = tuple[tuple[str | int, ...], str, str]
KINDS = ("dingtalk", "wecom", "feishu", "lark", "apprise")
ChannelName = Annotated[str, Meta(min_length=1, max_length=100)]


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """Where messages go: a group with a robot, or whatever Apprise reaches. Its address is a secret and stands in a
    file."""

    name: Annotated[str, Meta(min_length=1, max_length=100, description="how it is called", examples=["field-group"])]
    kind: Annotated[
        str,
        Meta(
            description="dingtalk, wecom, feishu, lark: a group's robot; apprise: everything else",
            examples=["dingtalk"],
        ),
    ]
    url_file: Annotated[
        str,
        Meta(min_length=1, description="file that holds the robot's address, or Apprise's", examples=["field.url"]),
    ]
    secret_file: Annotated[
        str | None,
        Meta(description="file that holds the secret by which a robot's messages are signed", examples=["field.key"]),
    ] = None
    per_minute: Annotated[
        int, Meta(ge=1, le=6000, description="messages that it takes within a minute", examples=[20])
    ] = 20


class Engineer(msgspec.Struct, frozen=True, kw_only=True):
    """How an engineer is reached where no directory file says so; by the name that `directory` uses."""

    name: Annotated[str, Meta(min_length=1, max_length=200, description="the engineer", examples=["Li Wei"])]
    channels: Annotated[
        list[ChannelName], Meta(description="names of channels; each is told", examples=[["field-group"]])
    ] = []
    urgent_channels: Annotated[
        list[ChannelName], Meta(description="beside them, for what is urgent", examples=[["li-wei-sms"]])
    ] = []
    language: Annotated[str, Meta(description="of messages", examples=["zh"])] = ENGLISH
    time_zone: Annotated[str, Meta(description="of the hours below", examples=["Asia/Shanghai"])] = "UTC"
    quiet_hours: Annotated[
        str | None,
        Meta(description="nothing but what is urgent is told then; may go over midnight", examples=["22:00-07:00"]),
    ] = None
    digest_at: Annotated[
        str | None,
        Meta(description="warnings are told together at this hour; default each at once", examples=["08:30"]),
    ] = None
    mobile: Annotated[
        str, Meta(description="number by which DingTalk and WeCom mention the engineer", examples=["13800000000"])
    ] = ""


class Notify(msgspec.Struct, frozen=True, kw_only=True):
    """Phones: who is told about tickets at once. Off while there are no channels."""

    gather_seconds: Annotated[
        float,
        Meta(ge=0, le=60, description="a message waits this long for others to be told with", examples=[10]),
    ] = 5.0
    storm_after: Annotated[
        int,
        Meta(ge=1, le=1000, description="more messages for one engineer within a minute become one", examples=[10]),
    ] = 5
    channels: list[Channel] = []
    engineers: list[Engineer] = []


def read_time(text: str) -> time:
    """``HH:MM``. Raise ValueError."""
    if len(text) != 5:
        raise ValueError(text)
    return time.fromisoformat(text)


def read_hours(text: str) -> Hours:
    """``HH:MM-HH:MM``. Raise ValueError."""
    start, _, end = text.partition("-")
    found = Hours(read_time(start), read_time(end))
    if found.start == found.end:
        raise ValueError(text)
    return found


def notify_mistakes(notify: Notify) -> Iterator[Mistake]:
    """What the types cannot tell, as ``config.mistakes`` tells it."""
    names = {channel.name for channel in notify.channels}
    yield from _doubles("channels", [channel.name for channel in notify.channels])
    yield from _doubles("engineers", [engineer.name for engineer in notify.engineers])
    for number, channel in enumerate(notify.channels):
        if channel.kind not in KINDS:
            yield ("notify", "channels", number, "kind"), "there is no such kind", f"write one of {', '.join(KINDS)}"
        for key in ("url_file", "secret_file"):
            file = getattr(channel, key)
            if file is not None and not Path(file).is_file():
                yield ("notify", "channels", number, key), "there is no such file", "give the path of a readable file"
        if channel.secret_file is not None and channel.kind in ("wecom", "apprise"):
            where = ("notify", "channels", number, "secret_file")
            yield where, f"{channel.kind} signs nothing", "remove it: the address is the secret"
    for number, engineer in enumerate(notify.engineers):
        for path, text, remedy in engineer_mistakes(engineer, names):
            yield ("notify", "engineers", number, *path), text, remedy


def engineer_mistakes(engineer: Engineer, channels: set[str]) -> Iterator[Mistake]:
    for key in ("channels", "urgent_channels"):
        for index, name in enumerate(getattr(engineer, key)):
            if name not in channels:
                yield (key, index), "no channel of this name", "name one of notify.channels"
    if not engineer.channels + engineer.urgent_channels:
        yield ("channels",), "this engineer cannot be reached", "name a channel"
    if engineer.language not in LANGUAGES:
        yield ("language",), "not a language of messages", f"write one of {', '.join(LANGUAGES)}"
    if not _is_zone(engineer.time_zone):
        yield ("time_zone",), "not a time zone", "write a name such as Asia/Shanghai"
    for key, read, form in (("quiet_hours", read_hours, "22:00-07:00"), ("digest_at", read_time, "08:30")):
        text = getattr(engineer, key)
        try:
            if text is not None:
                read(text)
        except ValueError:
            yield (key,), "not a time of the day", f"write it as {form}"


def _doubles(key: str, names: list[str]) -> Iterator[Mistake]:
    for name, count in Counter(names).items():
        if count > 1:
            last = len(names) - 1 - names[::-1].index(name)
            yield ("notify", key, last, "name"), f"two {key} of this name", "name them apart"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False
    return True
