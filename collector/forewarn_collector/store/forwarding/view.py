"""How the forwarding is. The API answers with it."""

import msgspec


class ForwardingView(msgspec.Struct, frozen=True, kw_only=True):
    """``store``: its address. ``unsent``: rows that wait to be sent; ``unsent_seconds``: since when the oldest came in,
    null when there is none. ``unsafe``: rows that were sent and that the store may still lose. ``rate``: rows a second,
    over the last minute. Since the start of the collector: ``again``, rows that were sent once more because the store
    was started anew; ``parked``, rows that it refused, kept as dead letters; ``too_old``, values that were older than
    what it keeps. ``trouble``: "" when all is well.
    """

    store: str
    unsent: int
    unsent_seconds: float | None
    unsafe: int
    rate: float
    again: int
    parked: int
    too_old: int
    trouble: str
