"""Which missing reports are asked for, and what the answer makes of them. Pure.

A range is a pair of sequence numbers, both included.
"""

from collections.abc import Iterable, Sequence

from forewarn_collector.orders.model import Asked

Range = tuple[int, int]

# What is only late comes by itself: a window of reports on their way, a connection that broke.
SETTLE_SECONDS = 60.0
ORDERS_OPEN = 50
"""Of the whole fleet: after a restored backup each device is asked in its turn."""
RANGES, REPORTS = 100, 2000
"""Of one order."""
MOST_TRIES = 6
FIRST_AGAIN_SECONDS = 120.0
LONGEST_AGAIN_SECONDS = 86_400.0
NEW = Asked(0, 0.0, 0, ())


def wanted(missing: Sequence[Range], known: Asked, now: float) -> list[Range]:
    """What to ask for now, the newest first; nothing while the last answer is young."""
    if now < known.next_at:
        return []
    found: list[Range] = []
    reports = 0
    for first, last in reversed(subtract(missing, known.lost)):
        first = max(first, last - (REPORTS - reports) + 1)
        found.append((first, last))
        reports += last - first + 1
        if len(found) == RANGES or reports == REPORTS:
            break
    return found[::-1]


def after_order(known: Asked, head: int, now: float) -> Asked:
    """It was ordered, up to the number ``head``. While that one does not come, the next time is later each time."""
    tries = known.tries + 1 if head == known.head else 1
    return known._replace(tries=tries, next_at=now + _again(tries), head=head)


def after_reply(known: Asked, asked: Sequence[Range], coming: Sequence[Range], now: float) -> Asked:
    """What the device does not have either is lost. So is what it has said six times that it sends, and what is older
    than a whole order of which it had nothing: agents forget the oldest first."""
    lost = list(asked) if known.tries >= MOST_TRIES else subtract(asked, coming)
    if not coming and sum(last - first + 1 for first, last in asked) >= REPORTS:
        lost = [(1, asked[-1][1])]
    return known._replace(next_at=now + _again(known.tries) if coming else now, lost=union(known.lost, lost))


def _again(tries: int) -> float:
    return float(min(LONGEST_AGAIN_SECONDS, FIRST_AGAIN_SECONDS * 4 ** max(tries - 1, 0)))


def subtract(ranges: Iterable[Range], others: Iterable[Range]) -> list[Range]:
    """What of ``ranges`` is in none of ``others``; both in order and without overlap."""
    holes = list(others)
    left: list[Range] = []
    for first, last in ranges:
        for start, end in holes:
            if end < first or start > last:
                continue
            if first < start:
                left.append((first, start - 1))
            first = end + 1
        if first <= last:
            left.append((first, last))
    return left


def union(ranges: Iterable[Range], others: Iterable[Range]) -> tuple[Range, ...]:
    joined: list[Range] = []
    for first, last in sorted([*ranges, *others]):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)
