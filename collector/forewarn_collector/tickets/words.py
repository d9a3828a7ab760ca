"""What a change of level says, as the columns of a ticket and of its evidence. Pure."""

import math
from typing import Any

from forewarn_collector.tickets import life
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change


def of_evidence(change: Change) -> dict[str, Any]:
    return {"values": plain(change.values), "title": change.title, **_explanation(change)}


def of_ticket(change: Change) -> dict[str, Any]:
    return {"title": change.title, "explanation": {"what": change.text, **_explanation(change), "said": _said(change)}}


def forecast(change: Change) -> dict[str, float | None]:
    said = change.forecast
    return {
        "probability": said.probability if said else None,
        "within_seconds": said.within_seconds if said else None,
    }


def new_ticket(change: Change, part: Part, now: float) -> dict[str, Any]:
    return {
        "device": part.device,
        "site": part.whose.site,
        "engineer": part.whose.engineer,
        "queue": change.queue,
        "state": life.OPEN,
        "severity": change.after,
        "opened_at": change.at,
        "recorded_at": now,
        "updated_at": now,
        "owner": "",
        "waiting_for": "",
        **of_ticket(change),
        **forecast(change),
    }


def plain(values: dict[str, float | None]) -> dict[str, float | str | None]:
    """JSON has no infinity: a forecast that never comes is said in words."""
    return {name: "not approaching" if value is not None and math.isinf(value) else value
            for name, value in values.items()}  # fmt: skip


def _said(change: Change) -> dict[str, Any]:
    """What it takes to say the same in another language."""
    return {"rule": change.rule, "labels": change.labels, "values": plain(change.values)}


def _explanation(change: Change) -> dict[str, Any]:
    return {"why": change.why, "do": list(change.do), "calm_when": list(change.calm_when)}
