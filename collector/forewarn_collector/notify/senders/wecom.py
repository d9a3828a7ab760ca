"""WeCom (Enterprise WeChat): a group's robot.

Source: the vendor's "group robot configuration" (developer.work.weixin.qq.com): a text has at most 2,048 bytes;
``errcode`` 0 is the only success; a robot takes 20 messages a minute and answers 45009 beyond that. Nothing is signed:
the key in the address is the secret.
"""

from collections.abc import Mapping
from typing import Any

from forewarn_collector.notify.senders.robot import Refusal, Request, code_of
from forewarn_collector.notify.senders.sender import Message, cut

MOST_BYTES = 2048
TOO_FAST = (45009,)


class WeCom:
    def request(self, url: str, secret: str | None, message: Message, now: float) -> Request:
        text: dict[str, Any] = {"content": cut(message.text, MOST_BYTES)}
        if message.mobile:
            text["mentioned_mobile_list"] = [message.mobile]
        return Request(url, {"msgtype": "text", "text": text})

    def refusal(self, answer: Mapping[str, Any]) -> Refusal | None:
        code = code_of(answer["errcode"])
        return None if code == 0 else Refusal(code, str(answer.get("errmsg", "")), code in TOO_FAST)
