"""The fleet as a whole: newest values, what grew most, where a rule speaks."""

from collections.abc import Callable
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from forewarn_collector.access.caller import Caller
from forewarn_collector.api.described import PROBLEMS, Limit
from forewarn_collector.api.fleet import Fleet
from forewarn_collector.api.fleet_questions import USUAL_WINDOW
from forewarn_collector.api.fleet_views import LatestValue, Top, VerdictLine

Window = Annotated[float, QueryParameter(ge=86_400, le=10 * 365 * 86_400)]


def fleet_routes(fleet: Fleet, now: Callable[[], float]) -> list[Any]:
    @get("/fleet/latest", sync_to_thread=True, responses=PROBLEMS)
    def latest(metric: FromQuery[str], caller: NamedDependency[Caller]) -> list[LatestValue]:
        """The newest value of a metric on every device."""
        return fleet.questions.latest(metric, caller.sees)

    @get("/fleet/top", sync_to_thread=True, responses=PROBLEMS)
    def top(
        metric: FromQuery[str], caller: NamedDependency[Caller], window: Window = USUAL_WINDOW, limit: Limit = 20
    ) -> Top:
        """Where a metric grew most within ``window`` seconds, counted from the beginning of that day (UTC)."""
        return fleet.questions.top(metric, window, limit, now(), caller.sees)

    @get("/fleet/verdicts", sync_to_thread=True, responses=PROBLEMS)
    def verdicts(caller: NamedDependency[Caller]) -> list[VerdictLine]:
        """Every part of every device on which a rule speaks, the worst first."""
        return fleet.questions.verdicts(caller.sees)

    return [latest, top, verdicts]
