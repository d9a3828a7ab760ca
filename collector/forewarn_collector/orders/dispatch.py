"""The loop behind what goes down to devices: it sends what is due, takes answers, and asks for missing reports."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from forewarn_collector.orders.book import Book
from forewarn_collector.orders.decide import Ended, answered, by_the_clock_of, expiry, is_due
from forewarn_collector.orders.model import COMMAND, OPEN, Order, State
from forewarn_collector.orders.recovery import Recovery
from forewarn_collector.store.model import ReplyRow, Session, StoreError
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.state import database_trouble
from forewarn_wire import CommandOrder, ReplyReport, WireError, decode, encode

log = logging.getLogger(__name__)

TURN_SECONDS = 1.0
GAPS_EVERY_SECONDS = 10.0
FORGET_EVERY_SECONDS = 3600.0
REPLIES_AT_ONCE = 500


class WayDown(Protocol):
    """A way down. ``send`` says whether the message is on its way."""

    def send(self, device: str, kind: str, payload: bytes) -> bool: ...


class Dispatch:
    """One thread. ``turn`` does everything once."""

    def __init__(
        self,
        book: Book,
        open_reader: Callable[[], Reader],
        doors: Iterable[WayDown],
        now: Callable[[], float],
        review: Callable[[str, float, float], object],
        mine: Callable[[str], bool] = lambda _device: True,
    ) -> None:
        """``mine``: whether this collector looks after a device's orders; an answer may come in by any of them."""
        self.trouble: str | None = None
        self.recovery = Recovery(book, review, mine)
        self._mine = mine
        self._again = threading.Event()
        # After a start all that the journal holds are read again: only what is not answered yet takes an answer.
        self.replies_read = 0
        self._book = book
        self._open_reader = open_reader
        self._doors = list(doors)
        self._now = now
        self._arrived: set[str] = set()
        self._gaps_at = self._forget_at = 0.0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="orders")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        self._wake.set()

    def look_again(self) -> None:
        """More devices are this collector's now: their answers may have come before."""
        self._again.set()
        self._wake.set()

    def arrived(self, device: str) -> None:
        """A device listens now; from any thread. Its settings are what a broker would have retained for it."""
        with self._lock:
            self._arrived.add(device)

    def _run(self) -> None:
        with self._open_reader() as reader:
            while not self._stopping.is_set():
                try:
                    self.turn(reader)
                    self.trouble = None
                except (StoreError, SQLAlchemyError, TimeoutError) as error:
                    self._say(f"orders: {database_trouble(error) or f'{type(error).__name__}: {error}'}")
                except Exception as error:
                    self._say(f"orders: {type(error).__name__}: {error}")
                    log.exception("a turn of the orders failed")
                self._wake.wait(TURN_SECONDS)
                self._wake.clear()

    def _say(self, text: str) -> None:
        if text != self.trouble:
            log.error("%s", text)
        self.trouble = text

    def turn(self, reader: Reader) -> None:
        now = self._now()
        if self._again.is_set():
            self._again.clear()
            self.replies_read = 0
        self._take_replies(reader, now)
        self._retained()
        waiting = [order for order in self._book.open() if self._mine(order.device)]
        late = [(order, end, None) for order in waiting if (end := expiry(order, now))]
        if late:
            self._book.end(late, now)
        if waiting:
            ended = {order.number for order, _, _ in late}
            self._send([order for order in waiting if order.number not in ended], reader.sessions(), now)
        if time.monotonic() >= self._gaps_at:
            self._gaps_at = time.monotonic() + min(GAPS_EVERY_SECONDS, self.recovery.settle_seconds)
            if self.recovery.ask(reader, now):
                self._wake.set()
        if time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + FORGET_EVERY_SECONDS
            self._book.forget(now)

    def _retained(self) -> None:
        with self._lock:
            arrived, self._arrived = self._arrived, set()
        for device in arrived:
            order = self._book.newest_config(device)
            if order is not None and order.state not in OPEN:
                self._down(device, order.kind, order.body)

    def _send(self, waiting: Iterable[Order], sessions: dict[str, Session], now: float) -> None:
        sent = []
        for order in waiting:
            session = sessions.get(order.device)
            if (
                session is not None
                and is_due(order, session, now)
                and self._down(order.device, order.kind, _payload(order, session))
            ):
                sent.append(order)
        if sent:
            self._book.sent(sent, {name: session.session for name, session in sessions.items()}, now)

    def _down(self, device: str, kind: str, payload: bytes) -> bool:
        return any(door.send(device, kind, payload) for door in self._doors)

    def _take_replies(self, reader: Reader, now: float) -> None:
        while rows := reader.replies_after(self.replies_read, REPLIES_AT_ONCE):
            ended: dict[str, tuple[Order, Ended, bytes]] = {}
            for row in rows:
                if row.in_reply_to not in ended and (end := self._take(row, now)):
                    ended[row.in_reply_to] = end
            self._book.end(ended.values(), now)
            self.replies_read = rows[-1].id

    def _take(self, row: ReplyRow, now: float) -> tuple[Order, Ended, bytes] | None:
        """What an answer ends. One to nothing that we know, of another device, or a second one changes nothing."""
        order = self._book.order(row.in_reply_to) if self._mine(row.device) else None
        if order is None or order.device != row.device or order.state not in (*OPEN, State.EXPIRED):
            return None
        try:
            reply = decode("reply", row.body)
        except WireError as error:
            log.error("an answer of %s cannot be read again: %s", row.device, error)
            return None
        assert isinstance(reply, ReplyReport)
        if isinstance(reply.attachment, bytes):
            parts = max(reply.attachment_parts, 1)
            if not self._book.keep_piece(order.id, reply.attachment_part, parts, reply.attachment):
                return None
            reply.attachment = msgspec.UNSET
        self.recovery.take(order, reply, now)
        return order, answered(reply), encode(reply)


def _payload(order: Order, session: Session) -> bytes:
    if order.kind != COMMAND or order.expires_at is None:
        return order.body
    command = msgspec.json.decode(order.body, type=CommandOrder)
    command.expires_at = by_the_clock_of(order.expires_at, session)
    return encode(command)
