"""What the collector finds out about itself. The API answers with these."""

import msgspec


class CanaryView(msgspec.Struct, frozen=True, kw_only=True):
    """The newest canary of one door: ``door`` is listener or broker.

    ``stored_seconds`` and ``judged_seconds`` are from sending to the committed row and to the judge having passed it;
    null: that did not happen, and ``trouble`` says so.
    """

    door: str
    sent_at: float
    stored_seconds: float | None = None
    judged_seconds: float | None = None
    trouble: str = ""


class PingView(msgspec.Struct, frozen=True, kw_only=True):
    """The dead man's ping: when the last one arrived, and why the newest did not ("" when it did)."""

    arrived_at: float | None = None
    error: str = ""
