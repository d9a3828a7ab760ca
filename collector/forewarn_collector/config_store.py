"""The configuration's part about where what is known is kept, and for how long."""

from typing import Annotated

import msgspec
from msgspec import Meta

Days = Annotated[float, Meta(gt=0, le=36_500)]


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """How many days history is kept; null keeps it for ever. Tickets, verdicts and the audit log always stay."""

    load_days: Annotated[
        Annotated[float, Meta(ge=2, le=36_500)] | None,
        Meta(description="load reports as they came; after that their hourly rollups are read", examples=[60]),
    ] = 30.0
    smart_days: Annotated[
        Annotated[float, Meta(ge=2, le=36_500)] | None,
        Meta(description="SMART reports as they came; after that their hourly rollups are read", examples=[800]),
    ] = 400.0
    rollup_days: Annotated[
        Days | None,
        Meta(description="least, greatest, sum, number and last of every hour", examples=[3652]),
    ] = 1826.0
    event_days: Annotated[Days | None, Meta(description="events of devices", examples=[90])] = 400.0
    dead_letter_days: Annotated[
        Days | None, Meta(description="messages that could not be accepted, the newest 10,000 at most", examples=[30])
    ] = 90.0
    message_days: Annotated[
        Days | None,
        Meta(description="deliveries and notifications that arrived, of tickets that are closed", examples=[90]),
    ] = 400.0


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """Where what is known is kept. Without this section: in the data directory, for which no server is needed."""

    keep: Keep = Keep()
