"""Rules: how often they were right, and what one sees on a device."""

from typing import Any

from litestar import get
from litestar.params import FromPath, FromQuery

from forewarn_collector.api.described import PROBLEMS
from forewarn_collector.api.explained import Explanations
from forewarn_collector.api.views import Explained
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.outcomes import Record


def rule_routes(desk: Desk, explanations: Explanations) -> list[Any]:
    @get("/rules/records", sync_to_thread=True, responses=PROBLEMS)
    def rule_records() -> list[Record]:
        """How often the tickets of each rule were right, and how long before; by engineers' outcomes."""
        return desk.rule_records()

    @get("/rules/{rule_id:str}/explain", sync_to_thread=True, responses=PROBLEMS)
    def explain_rule(rule_id: FromPath[str], device: FromQuery[str]) -> Explained:
        """What a rule sees on the components of a device, what it makes of that, and what would change it."""
        return explanations.explain(rule_id, device)

    return [rule_records, explain_rule]
