"""This collector among those that share its PostgreSQL, or alone: who judges what, and who does what is scheduled."""

from collections.abc import Callable, Sequence

from forewarn_collector.judge.judges import Judges
from forewarn_collector.repeat import Repeat
from forewarn_collector.several.claims import Claims
from forewarn_collector.several.members import Member
from forewarn_collector.several.shift import Shift, Work

REFRESH_SECONDS = 2.0


class Team:
    """``claims``: None where there is no other collector. ``scheduled``: what one of them does for all; ``changed`` is
    called when devices came to this one, each of ``refresh`` every few seconds, to take up what others changed;
    ``ended`` when a newer version has taken over for good."""

    def __init__(
        self,
        judges: Judges,
        claims: Claims | None,
        scheduled: Sequence[Work],
        changed: Callable[[], None],
        refresh: Sequence[Callable[[], None]],
        ended: Callable[[], None] | None = None,
    ) -> None:
        self._judges = judges
        self._claims = claims
        self._changed = changed
        self._ended = ended
        self._shift = Shift(scheduled, claims.runs if claims else None)
        self._refresh = refresh
        self._refreshing = Repeat("refresh", REFRESH_SECONDS, self.take_up)

    def start(self) -> None:
        if self._claims:
            self._claims.start(self._taken, self._judges.give, self._ended or (lambda: None))
            self._refreshing.start()
        else:
            self._judges.start_alone()
        self._shift.start()

    def stop(self) -> None:
        self._shift.stop()
        self._refreshing.stop()
        if self._claims:
            self._claims.stop()
        self._judges.stop()

    def take_up(self) -> None:
        """Learn what the other collectors were told, where there are any."""
        if self._claims:
            for take_up in self._refresh:
                take_up()

    @property
    def trouble(self) -> str | None:
        return (self._claims.trouble or self._refreshing.trouble) if self._claims else None

    @property
    def members(self) -> list[Member]:
        """Every collector that is there now; empty where there is no other."""
        return self._claims.members if self._claims else []

    def _taken(self, share: int) -> None:
        self._judges.take(share)
        self._changed()
