"""Orders and settings for those who give them and look after them."""

from collections.abc import Callable

import msgspec
from msgspec import UNSET

from forewarn_collector.api.not_here import NotHere, no_such_device
from forewarn_collector.api.order_views import Ask, Change, OrderView, SettingsView, SettingView
from forewarn_collector.orders.book import Book, new_id, sequences_of
from forewarn_collector.orders.model import COLLECTOR, COMMAND, Order, OrderError, State, Wanted
from forewarn_collector.orders.settings import checked
from forewarn_collector.store.reader import Reader
from forewarn_wire import Command, CommandOrder, ReplyReport, decode

MOST_OPEN = 10
"""Commands of one device: an agent takes so many at once."""
MOST_SETTINGS = 64
RANGES = 100


class Orders:
    def __init__(self, book: Book, reader: Reader, now: Callable[[], float], wake: Callable[[], None]) -> None:
        self._book = book
        self._reader = reader
        self._now = now
        self._wake = wake

    def ask(self, device: str, ask: Ask) -> OrderView:
        """Raise NotHere for a device that nobody knows, OrderError for what it cannot be told."""
        self._known(device)
        if ask.command not in list(Command):
            raise OrderError(f"there is no command {ask.command!r:.80}; known are {', '.join(Command)}")
        now = self._now()
        command = CommandOrder(id=new_id(), command=ask.command, expires_at=now + ask.expires_seconds)
        if ask.command == Command.SELF_TEST:
            if not ask.disk:
                raise OrderError("say which disk: its serial number or slot")
            command.disk = ask.disk
        elif ask.disk:
            raise OrderError(f"{ask.command} is not for one disk")
        if ask.command == Command.RESEND:
            command.boot, command.sequences = self._missing(device)
        waiting = [order for order in self._book.open() if order.device == device and order.kind == COMMAND]
        if len(waiting) >= MOST_OPEN:
            raise OrderError(f"{len(waiting)} commands for {device} wait already: `forewarn order list {device}`")
        order = self._book.add_command(device, command, ask.actor, now)
        self._wake()
        return self._view(order)

    def listing(self, device: str | None, automatic: bool, limit: int) -> list[OrderView]:
        if device is not None:
            self._known(device)
        return [self._view(order) for order in self._book.orders(device, limit, None if automatic else COLLECTOR)]

    def order(self, id_: str) -> OrderView:
        order = self._book.order(id_)
        if order is None:
            raise NotHere(f"there is no order {id_!r:.80}; `forewarn order list` lists them")
        return self._view(order)

    def attachment(self, id_: str) -> bytes:
        view = self.order(id_)
        if view.state != State.DONE or not view.attachment_bytes:
            raise NotHere(f"nothing has come with order {view.id}: it is {view.state}")
        return self._book.attachment(id_)

    def settings(self, device: str) -> SettingsView:
        self._known(device)
        order = self._book.newest_config(device)
        reply = None if order is None else _reply(order)
        views = [_setting(wanted, reply) for wanted in self._book.settings(device)]
        return SettingsView(device=device, settings=views, order=None if order is None else self._view(order))

    def change(self, device: str, change: Change) -> SettingsView:
        """Raise OrderError for a setting that is not known or out of its bounds."""
        self._known(device)
        known = {wanted.key for wanted in self._book.settings(device)}
        for key, value in change.settings.items():
            if value is None and key not in known:
                raise OrderError(
                    f"{key!r:.100} is not set on {device}; `forewarn settings show {device}` lists what is"
                )
        wanted = {key: None if value is None else checked(key, value) for key, value in change.settings.items()}
        if len(known | wanted.keys()) > MOST_SETTINGS:
            raise OrderError(f"a device takes at most {MOST_SETTINGS} settings")
        self._book.set(device, wanted, change.actor, self._now())
        self._wake()
        return self.settings(device)

    def _known(self, device: str) -> None:
        if self._reader.device(device) is None:
            raise no_such_device(device)

    def _missing(self, device: str) -> tuple[str, list[tuple[int, int]]]:
        """The boot that was heard of last of those that lack reports, and which."""
        gaps = self._reader.gaps(device)
        if not gaps:
            raise OrderError(f"no report of {device} is missing")
        return gaps[0].boot, [(gap.first, gap.last) for gap in gaps if gap.boot == gaps[0].boot][-RANGES:]

    def _view(self, order: Order) -> OrderView:
        view = OrderView(
            id=order.id, device=order.device, name=order.name, actor=order.actor, created_at=order.created_at,
            expires_at=order.expires_at, state=order.state, sent_at=order.sent_at, answered_at=order.answered_at,
            text=order.text,
        )  # fmt: skip
        if order.name == Command.SELF_TEST:
            view.disk = msgspec.json.decode(order.body, type=CommandOrder).disk
        elif order.name == Command.SUPPORT_BUNDLE and order.state == State.DONE:
            view.attachment_bytes = self._book.attachment_bytes(order.id)
        elif order.name == Command.RESEND:
            view.asked = _total(sequences_of(order)[1])
            reply = _reply(order)
            if reply is not None and reply.sequences is not UNSET:
                view.coming = _total(reply.sequences)
        return view


def _total(ranges: object) -> int:
    return sum(last - first + 1 for first, last in ranges)  # type: ignore[attr-defined]


def _reply(order: Order) -> ReplyReport | None:
    reply = None if order.reply is None else decode("reply", order.reply)
    return reply if isinstance(reply, ReplyReport) else None


def _setting(wanted: Wanted, reply: ReplyReport | None) -> SettingView:
    view = SettingView(key=wanted.key, value=wanted.value, actor=wanted.actor, at=wanted.at, state="waiting")
    if reply is not None:
        rejected = {} if reply.rejected is UNSET else reply.rejected
        applied = {} if reply.applied is UNSET else reply.applied
        if wanted.key in rejected:
            view.state, view.reason = "refused", rejected[wanted.key]
        elif wanted.key in applied:
            view.state = "holds"
    return view
