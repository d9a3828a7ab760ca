"""How far an SSD is worn, from its ATA attributes by name. Pure.

The same number means different things on different drives (233 is wear on one and gigabytes on the next; 169 is life
or bad blocks), so only the name that smartctl's drive database gives counts. All of these are normalised values that
begin at 100 and count down; names whose raw value counts instead, or whose scale is not known, are left out.
"""

from collections.abc import Iterable, Mapping

from forewarn_wire import Attribute
from forewarn_wire.attributes import attribute_name

# Names of normalised values, the plainest first: a drive may have several.
LIFE_LEFT = (
    "Percent_Lifetime_Remain",
    "Remaining_Lifetime_Perc",
    "SSD_Life_Left",
    "Media_Wearout_Indicator",
    "Wear_Leveling_Count",
)
SPARE_LEFT = ("Available_Reservd_Space", "Reserved_Block_Pct")


def wear_metrics(attributes: Iterable[Attribute], names: Mapping[int, str]) -> dict[str, float]:
    """``wear.percent_used`` and ``wear.spare_percent`` (0 to 100), as far as the drive tells them."""
    by_name: dict[str, int] = {}
    for attribute in attributes:
        if attribute.value is not None and attribute.value <= 100:
            by_name.setdefault(attribute_name(attribute.id, dict(names)), attribute.value)
    found = {}
    for metric, known in (("wear.percent_used", LIFE_LEFT), ("wear.spare_percent", SPARE_LEFT)):
        left = next((by_name[name] for name in known if name in by_name), None)
        if left is not None:
            found[metric] = float(100 - left if metric == "wear.percent_used" else left)
    return found
