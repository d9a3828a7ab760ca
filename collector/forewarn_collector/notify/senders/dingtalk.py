"""DingTalk: a group's custom robot.

Source: the vendor's "custom robot access" (open.dingtalk.com): the signature is base64(HMAC-SHA256(secret, "time in
milliseconds" + newline + secret)), sent with that time in the address; ``errcode`` 0 is the only success; a robot takes
20 messages a minute.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from forewarn_collector.notify.senders.robot import Refusal, Request, code_of
from forewarn_collector.notify.senders.sender import Message, cut

MOST_BYTES = 15_000
TOO_FAST = (130101, 410100)


class DingTalk:
    def request(self, url: str, secret: str | None, message: Message, now: float) -> Request:
        body: dict[str, Any] = {"msgtype": "text", "text": {"content": cut(message.text, MOST_BYTES)}}
        if message.mobile:
            body["at"] = {"atMobiles": [message.mobile], "isAtAll": False}
        if secret is not None:
            url += ("&" if "?" in url else "?") + urlencode(signature(secret, now))
        return Request(url, body)

    def refusal(self, answer: Mapping[str, Any]) -> Refusal | None:
        code = code_of(answer["errcode"])
        return None if code == 0 else Refusal(code, str(answer.get("errmsg", "")), code in TOO_FAST)


def signature(secret: str, now: float) -> dict[str, str]:
    """``timestamp`` and ``sign`` of the address."""
    timestamp = str(round(now * 1000))
    digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    return {"timestamp": timestamp, "sign": base64.b64encode(digest).decode()}
