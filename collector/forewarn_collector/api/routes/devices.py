"""Devices: what they are, what they measured, what their counters count from."""

import math
from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import FromPath, FromQuery, JSONBody

from forewarn_collector.access.caller import Caller
from forewarn_collector.api.baselines import Baselines
from forewarn_collector.api.described import PROBLEMS, After, Page, Points
from forewarn_collector.api.fleet import Fleet
from forewarn_collector.api.views import Accept, AcceptedView, BaselineView, DeviceLine, DeviceView, SeriesData
from forewarn_collector.store.sampling import Aggregate


def device_routes(fleet: Fleet, baselines: Baselines) -> list[Any]:
    @get("/devices", sync_to_thread=True, responses=PROBLEMS)
    def devices(
        caller: NamedDependency[Caller], customer: FromQuery[str | None] = None, after: After = "", limit: Page = None
    ) -> list[DeviceLine]:
        """Every device that has ever reported, or those of one customer, by name; a customer's own for a customer.

        With ``limit`` a page of them: the next one comes ``after`` the last name of this one.
        """
        return fleet.lines(lambda owner: caller.may_see(owner) and customer in (None, owner), after, limit)

    @get("/reports", sync_to_thread=True, responses=PROBLEMS)
    def reports(caller: NamedDependency[Caller]) -> dict[str, int]:
        """Stored reports of each device."""
        return {name: count for name, count in fleet.reports().items() if caller.may_see(fleet.customer(name))}

    @get("/devices/{name:str}", sync_to_thread=True, responses=PROBLEMS)
    def device(name: FromPath[str]) -> DeviceView:
        """One device: parts, last values, verdicts and what is unknown."""
        return fleet.device(name)

    @get("/devices/{name:str}/series", sync_to_thread=True, responses=PROBLEMS)
    def series(
        name: FromPath[str],
        metric: FromQuery[str],
        start: FromQuery[float],
        end: FromQuery[float],
        part: FromQuery[str | None] = None,
        points: Points = None,
        aggregate: FromQuery[Aggregate] = "last",
    ) -> list[SeriesData]:
        """Stored values of one metric, one list per part; with ``points``, thinned out to that many."""
        if not (math.isfinite(start) and math.isfinite(end)):
            raise ValidationException("start and end are Unix times in seconds")
        return fleet.read(name, metric, part, start, end, points, aggregate)

    @get("/devices/{name:str}/baseline", sync_to_thread=True, responses=PROBLEMS)
    def baseline(name: FromPath[str], part: FromQuery[str | None] = None) -> list[BaselineView]:
        """What the counters of a device's parts count from: first seen and accepted values."""
        return baselines.show(name, part)

    @post("/devices/{name:str}/baseline", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def accept_baseline(name: FromPath[str], data: JSONBody[Accept], caller: NamedDependency[Caller]) -> AcceptedView:
        """Take what the counters show now as known: they raise again only when they grow."""
        data.actor = caller.signature(data.actor)
        return baselines.accept(name, data)

    return [devices, reports, device, series, baseline, accept_baseline]
