"""Orders and settings of devices as the API answers and takes them."""

from typing import Annotated

import msgspec
from msgspec import Meta


class OrderView(msgspec.Struct, kw_only=True):
    """What was sent down to a device, or waits to be. ``state``: waiting, sent, done, refused, failed, expired, or
    replaced (settings only).

    ``text`` is what the device says, or why there is no answer. ``asked`` and ``coming`` count reports of a ``resend``.
    """

    id: str
    device: str
    name: str
    actor: str
    created_at: float
    expires_at: float | None
    state: str
    sent_at: float | None
    answered_at: float | None
    text: str
    disk: str = ""
    asked: int | None = None
    coming: int | None = None
    attachment_bytes: int = 0


class Ask(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Tell a device to do something: probe-now, self-test (of ``disk``), support-bundle, resend (what is missing)."""

    actor: Annotated[str, Meta(min_length=1, max_length=200)]
    command: Annotated[str, Meta(max_length=64)]
    disk: Annotated[str, Meta(max_length=200)] = ""
    expires_seconds: Annotated[float, Meta(ge=10, le=7 * 86_400)] = 900.0


class SettingView(msgspec.Struct, kw_only=True):
    """One setting that is wanted of a device. ``state``: holds, refused (``reason`` says why) or waiting."""

    key: str
    value: bool | int | float | str | list[str]
    actor: str
    at: float
    state: str
    reason: str = ""


class SettingsView(msgspec.Struct, kw_only=True):
    """What a device is to be set to. ``order`` is the one that says so to it; null when nothing was ever set."""

    device: str
    settings: list[SettingView]
    order: OrderView | None


class Change(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Settings by key; null takes one back."""

    actor: Annotated[str, Meta(min_length=1, max_length=200)]
    settings: Annotated[
        dict[
            Annotated[str, Meta(max_length=200)],
            bool | float | Annotated[str, Meta(max_length=1000)] | list[Annotated[str, Meta(max_length=200)]] | None,
        ],
        Meta(min_length=1, max_length=64),
    ]
