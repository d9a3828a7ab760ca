"""Destinations: how they are, trying them, what is parked; and the web-hooks by which they tell what was done there."""

from collections.abc import Callable
from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import PermissionDeniedException
from litestar.params import FromPath, JSONBody

from forewarn_collector.access.caller import Caller, Role
from forewarn_collector.api.audited import Noted
from forewarn_collector.api.described import PROBLEMS, Limit
from forewarn_collector.api.destination_views import DestinationView, Elsewhere, Retried, Retry
from forewarn_collector.api.not_here import NotHere
from forewarn_collector.destinations import Destinations
from forewarn_collector.tickets.push import Push
from forewarn_collector.tickets.systems.interface import HookRefused
from forewarn_collector.tickets.trial import Step, run_trial


def destination_routes(destinations: Destinations, push: Push, now: Callable[[], float]) -> list[Any]:
    def known(name: str) -> str:
        names = [sender.name for sender in destinations.senders]
        if name not in names:
            raise NotHere(f"there is no destination {name!r}; known: {', '.join(names) or 'none'}")
        return name

    @get("/destinations", sync_to_thread=True, responses=PROBLEMS)
    def listing() -> list[DestinationView]:
        """Every destination: what waits and what is parked, when it last took something and last answered."""
        counts, sent = push.outbox.by_destination(), push.outbox.last_sent()
        return [
            DestinationView(
                name=heard.name,
                kind=heard.kind,
                address=heard.address,
                waiting=counts.get(heard.name, {}).get("pending", 0),
                parked=counts.get(heard.name, {}).get("parked", 0),
                sent_at=sent.get(heard.name),
                polled_at=heard.polled_at,
                hooks=heard.hooks,
                trouble=heard.trouble,
            )
            for heard in destinations.heard()
        ]

    @post("/destinations/{name:str}/test", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def test(name: FromPath[str], noted: NamedDependency[Noted]) -> list[Step]:
        """Open a ticket of nobody there and close it again, the whole way; answers when that is done."""
        steps = run_trial(push.outbox, known(name), push.wake, now())
        noted.after = {"failed": [step.event for step in steps if step.error]}
        return steps

    @post("/destinations/{name:str}/retry", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def retry(name: FromPath[str], data: JSONBody[Retry]) -> Retried:
        """Give what is parked another chance."""
        found = push.outbox.retry(known(name), data.ticket)
        push.wake()
        return Retried(deliveries=found)

    @get("/tickets/{number:int}/elsewhere", sync_to_thread=True, responses=PROBLEMS)
    def elsewhere(number: FromPath[int], caller: NamedDependency[Caller]) -> list[Elsewhere]:
        """The same ticket in ticket systems, for those who work there."""
        if caller.role is Role.CUSTOMER:
            return []
        found = destinations.elsewhere(number)
        return [Elsewhere(destination=name, id=link.remote, address=link.url) for name, link in found]

    @get("/deliveries", sync_to_thread=True, responses=PROBLEMS)
    def deliveries(limit: Limit = 100) -> list[dict[str, Any]]:
        """What was sent, waits, or is parked."""
        return push.outbox.listing(limit)

    return [listing, test, retry, elsewhere, deliveries]


def hook_route(destinations: Destinations) -> Any:
    @post("/hooks/{name:str}", status_code=202, responses=PROBLEMS, include_in_schema=False)
    async def hook(name: FromPath[str], request: Request[Any, Any, Any]) -> dict[str, str]:
        """A ticket system tells that something was done there. What is true is asked of it afterwards."""
        headers = {key.lower(): value for key, value in request.headers.items()}
        try:
            if not destinations.hook(name, headers, await request.body()):
                raise NotHere(f"no web-hooks are taken for {name!r}; see hook_secret_file")
        except HookRefused as refused:
            raise PermissionDeniedException(str(refused)) from None
        return {"status": "heard"}

    return hook
