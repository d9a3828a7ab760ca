"""The keys of a test file that lies beside a rule: type, meaning, example. The reference page is made from this."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from forewarn_rules.schema_words import DURATION, Word


class Expectation(msgspec.Struct, forbid_unknown_fields=True):
    at: Annotated[
        float, Meta(description="When, counted from the first observation.", examples=["7h10m"], extra=DURATION)
    ]
    level: Annotated[
        Literal["none", "watch", "warning", "critical"], Meta(description="The level then.", examples=["warning"])
    ]
    says: Annotated[str, Meta(description="A piece of the text then.", examples=["'81 % full'"])] = ""


class Others(msgspec.Struct, forbid_unknown_fields=True):
    count: Annotated[int, Meta(description="How many they are.", examples=["30"], ge=1, le=1000)]
    series: Annotated[
        dict[str, str | float],
        Meta(
            description="What each of them measures, written as the component's own series.",
            examples=["{disk.temperature_celsius: '34+0x96'}"],
            min_length=1,
        ),
    ]
    labels: Annotated[
        dict[str, str | float],
        Meta(description="Their labels, over those of the component.", examples=["{model: N}"]),
    ] = {}


class Case(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[Word, Meta(description="What is shown, in words.", examples=["a burst of one hour is not a trend"])]
    series: Annotated[
        dict[str, str | float],
        Meta(
            description="Values by metric, one per step: start+stepxcount (count more values after the first), start, "
            "_ for a report that did not come, ? for could not be measured; _xN and ?xN for N of them.",
            examples=["{ata.5.raw: '0+0x7 8+2x3 _x2 ?'}"],
            min_length=1,
        ),
    ]
    expect: Annotated[list[Expectation], Meta(description="Levels at times.", min_length=1)]
    labels: Annotated[
        dict[str, str | float],
        Meta(description="Labels of this case, over those of the file.", examples=["{fstype: tmpfs}"]),
    ] = {}
    accept: Annotated[
        list[Annotated[float, Meta(extra=DURATION)]],
        Meta(
            description="When somebody accepts what is seen as known (`forewarn baseline accept`).", examples=["[5d]"]
        ),
    ] = []
    others: Annotated[
        list[Others],
        Meta(description="Other components of the fleet, each on a device of its own: the peers of this one."),
    ] = []
    siblings: Annotated[
        list[Others],
        Meta(description="Other components of the same device; they report a moment after this one."),
    ] = []
    transitions: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="How often the level changes in all.", examples=["2"])
    ] = None


class TestFile(msgspec.Struct, forbid_unknown_fields=True):
    __test__ = False

    rule: Annotated[Word, Meta(description="The id of the rule beside it.", examples=["ata-pending-sectors"])]
    step: Annotated[float, Meta(description="Time between two values of a series.", examples=["1d"], extra=DURATION)]
    cases: Annotated[
        list[Case],
        Meta(
            description="Cases; at least one that raises a level and one that stays at none throughout.", min_length=1
        ),
    ]
    labels: Annotated[
        dict[str, str | float], Meta(description="Labels of the component.", examples=["{device: pi-7}"])
    ] = {}
