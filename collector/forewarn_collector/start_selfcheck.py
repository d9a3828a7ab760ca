"""Wires the canaries: one through each front door."""

from collections.abc import Callable
from functools import partial

from forewarn_collector.ingest.listener import Listener
from forewarn_collector.ingest.subscriber import Subscriber
from forewarn_collector.judge.judges import Judges
from forewarn_collector.selfcheck.canary import Canary, Way
from forewarn_collector.selfcheck.ways import BrokerWay, ListenerWay
from forewarn_collector.store.history import History
from forewarn_collector.store.reader import Reader
from forewarn_wire import CANARY


def make_canaries(
    listener: Listener | None,
    subscriber: Subscriber | None,
    reader: Reader,
    history: History,
    judge: Judges,
    now: Callable[[], float],
) -> list[Canary]:
    """``listener`` and ``subscriber``: None where that door is closed."""
    ways: list[Way] = []
    if listener:
        ways.append(ListenerWay(listener.connect_inside))
    if subscriber:
        ways.append(BrokerWay(subscriber.publish))
    return [Canary(way, reader, history, partial(judge.judged_of, CANARY), now) for way in ways]
