"""Phones: the delivery log, a test of one engineer, maintenance windows."""

from typing import Annotated, Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from forewarn_collector.access.caller import Caller
from forewarn_collector.api.audited import Noted
from forewarn_collector.api.described import PROBLEMS, Limit
from forewarn_collector.api.notify_views import EndWindow, NewWindow, TellTest
from forewarn_collector.notify.model import Notification, State, Window
from forewarn_collector.notify.switchboard import Switchboard

Number = Annotated[int | None, QueryParameter(ge=1, le=2**63 - 1)]


def notify_routes(switchboard: Switchboard) -> list[Any]:
    @get("/notifications", sync_to_thread=True, responses=PROBLEMS)
    def log(
        engineer: FromQuery[str | None] = None,
        notification_state: Annotated[str | None, QueryParameter(name="state")] = None,
        ticket: Number = None,
        limit: Limit = 100,
    ) -> list[Notification]:
        """Who was told what on which channel, what waits and why, what could not be told; the newest first."""
        if notification_state not in (None, *State):
            raise ValidationException(f"{notification_state!r} is not a state: {', '.join(State)}")
        return switchboard.log(engineer, notification_state, ticket, limit)

    @post("/notifications/test", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def test(data: JSONBody[TellTest], caller: NamedDependency[Caller]) -> list[Notification]:
        """Tell an engineer, on every channel and at any hour, that this is a test; the log says what became of it."""
        return switchboard.test(data.engineer, caller.signature(data.actor))

    @get("/maintenance", sync_to_thread=True, responses=PROBLEMS)
    def windows(past: FromQuery[bool] = False) -> list[Window]:
        """Maintenance windows that are open or to come; with ``past`` all of them."""
        return switchboard.maintenance.windows(past)

    @post("/maintenance", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def add(data: JSONBody[NewWindow], caller: NamedDependency[Caller]) -> Window:
        """Tell nobody about the tickets of a customer, site or device for a while; what still holds is told after."""
        return switchboard.maintenance.add(
            customer=data.customer,
            site=data.site,
            device=data.device,
            starts_at=data.starts_at,
            ends_at=data.ends_at,
            reason=data.reason,
            actor=caller.signature(data.actor),
        )

    @post("/maintenance/{number:int}/end", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def end(
        number: FromPath[int], data: JSONBody[EndWindow], caller: NamedDependency[Caller], noted: NamedDependency[Noted]
    ) -> Window:
        """End a maintenance window before its time."""
        ended = switchboard.maintenance.end(number, caller.signature(data.actor))
        noted.before = {"ends_at": ended.ends_at}
        noted.after = {"ends_at": ended.ended_at}
        return ended

    return [log, test, windows, add, end]
