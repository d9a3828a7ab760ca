"""From what was measured to what somebody has to look at. Pure."""

UNJUDGED_SECONDS = 300.0
UNSENT_SECONDS = 3600.0
UNTOLD_SECONDS = 900.0
UNFORWARDED_SECONDS = 900.0


def backlog_troubles(
    unjudged_seconds: float | None,
    unsent_seconds: float | None,
    untold_seconds: float | None,
    unforwarded_seconds: float | None,
    played: bool,
) -> list[str]:
    """Ages of the oldest report that is not judged, of the oldest delivery that is not sent, of the oldest notification
    that is due and reached nobody, and of the oldest row that the history store was not sent; None: there is none.

    Where time is only ``played``, hours of it pass at once, and nothing is old for that.

    A judge that fills the windows of a whole fleet takes minutes, and ticket systems are restarted: neither is trouble.
    """
    if played:
        return []
    found = []
    if unjudged_seconds is not None and unjudged_seconds > UNJUDGED_SECONDS:
        found.append(f"judging is {_minutes(unjudged_seconds)} behind: the log says why, if it is not just a backlog")
    if unsent_seconds is not None and unsent_seconds > UNSENT_SECONDS:
        found.append(f"tickets wait to be sent for {_minutes(unsent_seconds)}: `forewarn deliveries` says why")
    if untold_seconds is not None and untold_seconds > UNTOLD_SECONDS:
        found.append(f"phones are not reached for {_minutes(untold_seconds)}: `forewarn notify log` says why")
    if unforwarded_seconds is not None and unforwarded_seconds > UNFORWARDED_SECONDS:
        behind = f"the history store is {_minutes(unforwarded_seconds)} behind"
        found.append(f"{behind}: `forewarn status` shows how many rows wait in the journal and how fast it takes them")
    return found


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min"
