"""The words of a ticket about a whole site: what no rule says, because it judges devices one by one. Pure."""

from typing import Any

SITE_OFFLINE = "site-offline"
TITLE = "Site {site} is offline"
WHAT = "Nothing is heard from site {site}: {silent} of its {known} devices fell silent within an hour of each other."
WHY = "Devices fail one by one: what a whole site shares is to blame, its power or its way to the network."
DO = (
    "Ask the site whether it has power, and whether it is closed.",
    "Is its router on, and does its line work? Ask the provider of the line.",
)
CALM_WHEN = ("The site is closed: holiday, move, building work.",)


def site_words(site: str, silent: int, known: int) -> dict[str, Any]:
    """Title and explanation of the ticket."""
    labels = {"site": site, "silent": silent, "known": known}
    explanation = {
        "what": WHAT.format_map(labels),
        "why": WHY,
        "do": list(DO),
        "calm_when": list(CALM_WHEN),
        "said": {"rule": SITE_OFFLINE, "labels": labels, "values": {}},
    }
    return {"title": TITLE.format_map(labels), "explanation": explanation}
