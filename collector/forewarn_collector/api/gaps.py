"""Missing reports as they are shown: their times, and whether anybody still has them. Pure."""

from collections.abc import Iterable, Mapping

from forewarn_collector.api.views import GapView
from forewarn_collector.orders.gaps import NEW, subtract
from forewarn_collector.orders.model import Asked
from forewarn_collector.store.model import Gap


def gap_views(gaps: Iterable[Gap], asked: Mapping[str, Asked]) -> list[GapView]:
    """``asked``: what was asked for, by boot."""
    return [_view(gap, asked.get(gap.boot, NEW)) for gap in gaps]


def _view(gap: Gap, asked: Asked) -> GapView:
    reports = gap.last - gap.first + 1
    left = sum(last - first + 1 for first, last in subtract([(gap.first, gap.last)], asked.lost))
    state = "lost" if not left else "asked" if asked.tries else "missing"
    return GapView(
        boot=gap.boot, first=gap.first, last=gap.last, reports=reports, after=gap.after, before=gap.before,
        state=state, lost=reports - left,
    )  # fmt: skip
