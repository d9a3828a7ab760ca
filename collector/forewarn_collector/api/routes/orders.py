"""What goes down to devices: commands, settings, and what became of them."""

from typing import Annotated, Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, PathParameter

from forewarn_collector.access.caller import Caller
from forewarn_collector.api.described import PROBLEMS, Limit
from forewarn_collector.api.order_views import Ask, Change, OrderView, SettingsView
from forewarn_collector.api.orders import Orders

Id = Annotated[str, PathParameter(max_length=32)]


def order_routes(orders: Orders) -> list[Any]:
    @post("/devices/{name:str}/orders", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def ask(name: FromPath[str], data: JSONBody[Ask], caller: NamedDependency[Caller]) -> OrderView:
        """Tell a device to do one of the few things that it can be told."""
        data.actor = caller.signature(data.actor)
        return orders.ask(name, data)

    @get("/orders", sync_to_thread=True, responses=PROBLEMS)
    def listing(
        device: FromQuery[str | None] = None, automatic: FromQuery[bool] = False, limit: Limit = 100
    ) -> list[OrderView]:
        """What was sent or waits, the newest first; with ``automatic`` also what the collector asks for itself."""
        return orders.listing(device, automatic, limit)

    @get("/orders/{id:str}", sync_to_thread=True, responses=PROBLEMS)
    def order(id: Id) -> OrderView:  # noqa: A002 - the path's word
        """One order and what became of it."""
        return orders.order(id)

    @get("/orders/{id:str}/attachment", sync_to_thread=True, media_type="application/gzip", responses=PROBLEMS)
    def attachment(id: Id) -> Response[bytes]:  # noqa: A002 - the path's word
        """What a device has sent as an answer: its support bundle, a tar.gz."""
        return Response(orders.attachment(id), media_type="application/gzip")

    @get("/devices/{name:str}/settings", sync_to_thread=True, responses=PROBLEMS)
    def settings(name: FromPath[str]) -> SettingsView:
        """What a device's agent is to be set to, and whether it is."""
        return orders.settings(name)

    @post("/devices/{name:str}/settings", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def change(name: FromPath[str], data: JSONBody[Change], caller: NamedDependency[Caller]) -> SettingsView:
        """Change settings of a device's agent: known ones, within their bounds."""
        data.actor = caller.signature(data.actor)
        return orders.change(name, data)

    return [ask, listing, order, attachment, settings, change]
