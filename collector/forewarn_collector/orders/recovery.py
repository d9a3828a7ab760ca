"""Asks for missing reports, in bounds, and notes what the answers say of them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from msgspec import UNSET

from forewarn_collector.orders import gaps
from forewarn_collector.orders.book import Book, new_id, sequences_of
from forewarn_collector.orders.decide import answered
from forewarn_collector.orders.model import COLLECTOR, Asked, Order, State
from forewarn_collector.store.model import Missing
from forewarn_collector.store.reader import Reader
from forewarn_wire import Command, CommandOrder, ReplyReport

EXPIRES_SECONDS = 900.0
OF_A_BEGINNING = 86_400.0
"""An agent keeps its reports for a day."""


class Recovery:
    """``settle_seconds``: a gap that is younger may close by itself. ``review`` is told of which device and between
    which times reports have come that were missing; ``mine`` says whose reports are asked for."""

    def __init__(self, book: Book, review: Callable[[str, float, float], object], mine: Callable[[str], bool]) -> None:
        self.settle_seconds = gaps.SETTLE_SECONDS
        self._book = book
        self._review = review
        self._mine = mine

    def ask(self, reader: Reader, now: float) -> bool:
        """Order what is missing of devices that are there; say whether anything was ordered."""
        missing: dict[tuple[str, str], list[Missing]] = defaultdict(list)
        for gap in reader.missing(now - self.settle_seconds):
            if self._mine(gap.device):
                missing[gap.device, gap.boot].append(gap)
        asked = {key: known for key, known in self._book.asked().items() if self._mine(key[0])}
        self._take_stock(asked, missing)
        if not missing:
            return False
        sessions = reader.sessions()
        busy = {order.device for order in self._book.open() if order.name == Command.RESEND}
        before = len(busy)
        for (device, boot), holes in missing.items():
            if len(busy) >= gaps.ORDERS_OPEN:
                break
            if device in busy or device not in sessions or not sessions[device].online:
                continue
            known = asked.get((device, boot), gaps.NEW)
            wanted = gaps.wanted(sorted((hole.first, hole.last) for hole in holes), known, now)
            if wanted:
                busy.add(device)
                since, until = _span(holes)
                known = gaps.after_order(known, wanted[-1][1], now)._replace(since=since, until=until)
                self._book.keep_asked(device, boot, known)
                order = CommandOrder(
                    id=new_id(), command=Command.RESEND, expires_at=now + EXPIRES_SECONDS, boot=boot, sequences=wanted
                )
                self._book.add_command(device, order, COLLECTOR, now)
        return len(busy) > before

    def _take_stock(
        self, asked: dict[tuple[str, str], Asked], missing: Mapping[tuple[str, str], Sequence[Missing]]
    ) -> None:
        """Let the judge look at what has come of what was asked for, and forget what is no longer missing."""
        for (device, boot), known in list(asked.items()):
            holes = missing.get((device, boot), ())
            if known.until and not any(hole.first <= known.head <= hole.last for hole in holes):
                self._review(device, known.since, known.until)
                asked[device, boot] = known = known._replace(until=0.0)
                self._book.keep_asked(device, boot, known)
            if not holes:
                self._book.keep_asked(device, boot, None)

    def take(self, order: Order, reply: ReplyReport, now: float) -> None:
        """What the device says of an order that was ours."""
        if order.name != Command.RESEND or order.actor != COLLECTOR or answered(reply).state is not State.DONE:
            return
        boot, asked = sequences_of(order)
        known = self._book.asked(order.device).get((order.device, boot), gaps.NEW)
        coming = [] if reply.sequences is UNSET else reply.sequences
        self._book.keep_asked(order.device, boot, gaps.after_reply(known, asked, coming, now))


def _span(holes: Sequence[Missing]) -> tuple[float, float]:
    """Between which times the missing reports were made. Of the first ones of a boot only their end is known."""
    until = max(hole.found if hole.before is None else hole.before for hole in holes)
    return min(until - OF_A_BEGINNING if hole.after is None else hole.after for hole in holes), until
