"""Feishu and Lark: a group's custom bot; the two differ in the address only.

Source: the vendor's "custom bot usage guide" (open.feishu.cn, open.larksuite.com): the signature is
base64(HMAC-SHA256(key = "time in seconds" + newline + secret, nothing)), sent with that time in the body; ``code`` 0 is
success, older answers say ``StatusCode`` instead; 11232 and 9499 are too many messages.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from forewarn_collector.notify.senders.robot import Refusal, Request, code_of
from forewarn_collector.notify.senders.sender import Message, cut

MOST_BYTES = 15_000
TOO_FAST = (9499, 11232)


class Feishu:
    def request(self, url: str, secret: str | None, message: Message, now: float) -> Request:
        signed = {} if secret is None else signature(secret, now)
        return Request(
            url, signed | {"msg_type": "text", "content": {"text": cut(_without_mentions(message.text), MOST_BYTES)}}
        )

    def refusal(self, answer: Mapping[str, Any]) -> Refusal | None:
        code = code_of(answer["code"] if "code" in answer else answer["StatusCode"])
        said = str(answer.get("msg") or answer.get("StatusMessage") or "")
        return None if code == 0 else Refusal(code, said, code in TOO_FAST)


def signature(secret: str, now: float) -> dict[str, Any]:
    """``timestamp`` and ``sign`` of the body."""
    timestamp = str(round(now))
    digest = hmac.new(f"{timestamp}\n{secret}".encode(), b"", hashlib.sha256).digest()
    return {"timestamp": timestamp, "sign": base64.b64encode(digest).decode()}


def _without_mentions(text: str) -> str:
    """A text may hold ``<at user_id="all">``, and everybody's phone rings; no device shall do that by its name."""
    return re.sub(r"<(?=at\b)", "< ", text, flags=re.IGNORECASE)
