"""What the server asks of this agent: settings and a few commands, each answered once through the outbox.

There is no order that runs a program or reads a file of the sender's choice.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import UNSET

from forewarn_agent.outbox import Outbox
from forewarn_agent.outbox_file import OutboxUnavailableError
from forewarn_agent.remote_settings import Applied
from forewarn_agent.stamp import UNSTAMPED
from forewarn_wire import (
    Answer,
    Command,
    CommandOrder,
    ConfigOrder,
    Order,
    ReplyReport,
    Setting,
    WireError,
    decode_order,
)

log = logging.getLogger(__name__)

CONFIG_KEY, ANSWERED_KEY = "config order", "answered orders"
_REMEMBERED = 200
_WAITING = 20
# A packet has to pass servers that take 256 kB; base64 makes four bytes of three.
PIECE_BYTES = 90_000
MOST_PIECES = 50


class Refused(Exception):
    """The order is understood and not carried out; the text says why."""


@dataclass(frozen=True)
class Actions:
    """What orders can set in motion. Each returns what to say of it, or raises Refused."""

    configure: Callable[[Mapping[str, Setting]], Applied]
    probe_now: Callable[[], str]
    self_test: Callable[[str], str]
    support_bundle: Callable[[], bytes]
    resend: Callable[[str, Sequence[tuple[int, int]]], list[tuple[int, int]]]


def refusal(order: CommandOrder, now: float) -> tuple[Answer, str] | None:
    """Why a command is not carried out, or None. Pure."""
    if order.command not in list(Command):
        return Answer.REFUSED, f"there is no command {order.command!r:.80}; known are {', '.join(Command)}"
    if now > order.expires_at:
        return Answer.EXPIRED, f"it came {now - order.expires_at:.0f} s too late by this machine's clock"
    return None


class Orders:
    """``receive`` is called from the network's thread and never waits; a thread of its own carries out."""

    def __init__(self, outbox: Outbox, actions: Actions, clock: Callable[[], float] = time.time) -> None:
        self._outbox = outbox
        self._actions = actions
        self._clock = clock
        self._waiting: queue.Queue[Order | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="orders", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            log.warning("%d orders are not carried out: the agent stops", self._waiting.qsize())

    def receive(self, kind: str, payload: bytes) -> None:
        try:
            self._waiting.put_nowait(decode_order(kind, payload))
        except WireError as error:
            log.warning("an order on down/%s is not understood: %s", kind, error)
        except queue.Full:
            log.warning("too many orders at once: one is dropped, the server will ask again")

    def carry_out(self, order: Order) -> None:
        """Do what is asked and put the answer into the outbox, unless this order was answered before."""
        if isinstance(order, ConfigOrder):
            self._configure(order)
        elif order.id not in self._answered():
            self._command(order)

    def _run(self) -> None:
        while (order := self._waiting.get()) is not None:
            try:
                self.carry_out(order)
            except OutboxUnavailableError as error:
                log.warning("order %s cannot be answered now: %s", order.id, error)
            except Exception:
                log.exception("order %s failed", order.id)

    def _configure(self, order: ConfigOrder) -> None:
        """A retained order comes again with every connection."""
        if (known := kept_order(self._outbox)) is not None and known.id == order.id:
            return
        result = self._actions.configure(order.settings)
        reply = _reply(order, Answer.DONE, f"{len(result.applied)} settings hold, {len(result.rejected)} do not")
        reply.applied, reply.rejected = result.applied, result.rejected
        self._outbox.append(reply, (CONFIG_KEY, msgspec.json.encode(order).decode()))

    def _command(self, order: CommandOrder) -> None:
        refused = refusal(order, self._clock())
        if refused is not None:
            replies = [_reply(order, *refused)]
        else:
            try:
                replies = self._do(order)
            except Refused as reason:
                replies = [_reply(order, Answer.REFUSED, str(reason))]
            except OutboxUnavailableError:
                raise
            except Exception as error:
                log.exception("command %s failed", order.command)
                replies = [_reply(order, Answer.FAILED, f"{type(error).__name__}: {error}")]
        log.info("command %s (%s): %s", order.command, order.id, replies[-1].answer.value)
        for reply in replies[:-1]:
            self._outbox.append(reply)
        answered = [*self._answered(), order.id][-_REMEMBERED:]
        self._outbox.append(replies[-1], (ANSWERED_KEY, msgspec.json.encode(answered).decode()))

    def _do(self, order: CommandOrder) -> list[ReplyReport]:
        match Command(order.command):
            case Command.PROBE_NOW:
                return [_reply(order, Answer.DONE, self._actions.probe_now())]
            case Command.SELF_TEST:
                return [_reply(order, Answer.DONE, self._actions.self_test(order.disk))]
            case Command.RESEND:
                return [self._resend(order)]
            case Command.SUPPORT_BUNDLE:
                return _pieces(order, self._actions.support_bundle())

    def _resend(self, order: CommandOrder) -> ReplyReport:
        found = self._actions.resend(order.boot, order.sequences)
        asked = sum(last - first + 1 for first, last in order.sequences)
        here = sum(last - first + 1 for first, last in found)
        reply = _reply(order, Answer.DONE, f"{here} of {asked} reports are on their way again; others are not kept")
        reply.sequences = found[:1000]
        return reply

    def _answered(self) -> list[str]:
        return msgspec.json.decode(self._outbox.recall(ANSWERED_KEY) or "[]", type=list[str])


def kept_order(outbox: Outbox) -> ConfigOrder | None:
    """The configuration that was sent last; it holds over restarts."""
    text = outbox.recall(CONFIG_KEY)
    return msgspec.json.decode(text, type=ConfigOrder) if text else None


def _pieces(order: CommandOrder, content: bytes) -> list[ReplyReport]:
    pieces = [content[start : start + PIECE_BYTES] for start in range(0, len(content), PIECE_BYTES)]
    if len(pieces) > MOST_PIECES:
        raise Refused(f"the bundle has {len(content)} bytes, which is too much to send")
    replies = []
    for number, piece in enumerate(pieces, 1):
        reply = _reply(order, Answer.DONE, f"support bundle, {len(content)} bytes")
        reply.attachment, reply.attachment_part, reply.attachment_parts = piece, number, len(pieces)
        replies.append(reply)
    return replies


def _reply(order: Order, answer: Answer, text: str) -> ReplyReport:
    return ReplyReport(
        device=UNSTAMPED,
        boot=UNSTAMPED,
        seq=0,
        sampled_at=time.time(),
        in_reply_to=order.id,
        answer=answer,
        text=text[:1000],
        attachment=UNSET,
    )
