"""The configuration's section ``tickets``."""

from typing import Annotated

import msgspec
from msgspec import Meta


class Tickets(msgspec.Struct, frozen=True, kw_only=True):
    """How many predictions become tickets. Facts always do."""

    false_per_1000_disks_a_month: Annotated[
        float,
        Meta(
            ge=0.5,
            le=8,
            description="how many tickets on hard disks that will not fail the risk model may cost: it opens them "
            "above the probability at which it was measured to cost that many. More finds more failures",
            examples=[3],
        ),
    ] = 2.0

    budget_per_1000_devices_a_month: Annotated[
        Annotated[float, Meta(ge=0, le=1_000_000)] | None,
        Meta(
            description="predictive tickets within a month (30.4 days), never less than 5 for the fleet; the rest "
            "wait on the watch list. 0 allows none, null allows all",
            examples=[8],
        ),
    ] = 20.0

    again_within_days: Annotated[
        Annotated[float, Meta(ge=0, le=365)],
        Meta(
            description="a fault that comes back within so many days after its ticket ended is the same story: a "
            "ticket that ended because its evidence was calm is opened again. 0: every fault is a new ticket",
            examples=[14],
        ),
    ] = 7.0

    after_a_close: Annotated[
        str,
        Meta(
            pattern="^(link|reopen)$",
            description="what becomes of a ticket that a person closed when its fault comes back within that time. "
            "link: it stays closed, and a new one says which it follows; reopen: it is opened again",
            examples=["reopen"],
        ),
    ] = "link"

    rating_within_days: Annotated[
        Annotated[float, Meta(gt=0, le=365)],
        Meta(description="how long a link serves by which a customer rates a ticket", examples=[14]),
    ] = 30.0
