"""The keys of a rule file: type, meaning, example. The reference page is made from this."""

import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from forewarn_rules.schema_signal import SignalFile
from forewarn_rules.schema_words import DURATION, Word

SCHEMA = 1

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]


class Scope(msgspec.Struct, forbid_unknown_fields=True):
    per: Annotated[
        list[Word],
        Meta(
            description="What one verdict is about: [device], [device, mount], [device, sensor], [device, disk], "
            "[device, dimm], [device, battery] or [device, interface]. It must be what the metrics belong to.",
            examples=["[device, disk]"],
            min_length=1,
        ),
    ]
    where: Annotated[
        dict[str, list[str | float]],
        Meta(
            description="Only components whose label is one of these values; with _not behind the label's name, only "
            "those whose label is none of them. With _like (or _like_not) the values are shell patterns: *, ?, [ab].",
            examples=["{disk_kind: [hdd], model_like: ['ST4000*'], customer_not: [Acme]}"],
        ),
    ] = {}


class ForecastFile(msgspec.Struct, forbid_unknown_fields=True):
    source: Annotated[
        Word, Meta(description="Where the numbers come from: measured on what.", examples=["2,073 drives, 5 months"])
    ]
    probability: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        Meta(description="Share of the raised that did fail within the time.", examples=["0.08"]),
    ] = None
    within: Annotated[float | None, Meta(description="That time.", examples=["30d"], extra=DURATION)] = None
    within_signal: Annotated[
        str | None,
        Meta(description="Instead of within: a signal of take hours_until that says by when.", examples=["hours_left"]),
    ] = None
    probability_signal: Annotated[
        str | None,
        Meta(
            description="Instead of probability and within: a signal of take crossing or model_risk, whose horizon is "
            "the time.",
            examples=["likely"],
        ),
    ] = None


class LevelFile(msgspec.Struct, forbid_unknown_fields=True):
    raise_: Annotated[
        dict[str, Any],
        Meta(description="The condition that raises the level.", examples=["{used: {at_least: 97}}"], min_length=1),
    ] = msgspec.field(name="raise")
    where: Annotated[
        dict[str, list[str | float]],
        Meta(
            description="Labels that a component must have for this level, as in `scope.where`. On others of the "
            "scope the level is never raised, and ends.",
            examples=["{disk_kind_not: [hdd]}"],
        ),
    ] = {}
    unless: Annotated[
        Annotated[dict[str, Any], Meta(min_length=1)] | None,
        Meta(
            description="A cause that explains it away: while this is true the level is not raised, and one that is "
            "raised is cleared. While it is unknown nothing is decided.",
            examples=["{host_silent: {at_least: 3600}}"],
        ),
    ] = None
    for_: Annotated[
        float,
        Meta(description="How long it must hold before it counts. Default: at once.", examples=["30m"], extra=DURATION),
    ] = msgspec.field(name="for", default=0.0)
    clear: Annotated[
        Annotated[dict[str, Any], Meta(min_length=1)] | None,
        Meta(
            description="The condition that ends the level. Default: that the raising condition is false.",
            examples=["{used: {below: 95}}"],
        ),
    ] = None
    hold: Annotated[
        float,
        Meta(
            description="How long that must hold before the level ends. Default: at once.",
            examples=["2h"],
            extra=DURATION,
        ),
    ] = 0.0
    forecast: Annotated[
        ForecastFile | None,
        Meta(description="How likely the fault is and by when; measured, never guessed. Left out where not measured."),
    ] = None


class Explain(msgspec.Struct, forbid_unknown_fields=True):
    what: Annotated[
        Word,
        Meta(
            description="What is seen, in one sentence, with labels and signals in braces. Text in [brackets] is "
            "left out when a signal in it is unknown or infinite.",
            examples=["'{mount} is {used:.0f} % full[, in {hours_left:duration} it is full]'"],
        ),
    ]
    why: Annotated[Word, Meta(description="Why it matters.", examples=["At 100 % logs stop."])]
    do: Annotated[
        list[Word], Meta(description="What to do, in order.", examples=["[Replace the cable.]"], min_length=1)
    ]
    calm_when: Annotated[
        list[Word], Meta(description="What would make us calm about it.", examples=["[The count stands still.]"])
    ] = []
    cleared: Annotated[
        str,
        Meta(
            description="What to say when it is over. Default: the title with 'no longer'.",
            examples=["'It is heard again.'"],
        ),
    ] = ""


class Ticket(msgspec.Struct, forbid_unknown_fields=True):
    fault: Annotated[
        Word,
        Meta(
            description="Fault class: one ticket per customer, device, part and fault class.", examples=["disk-failure"]
        ),
    ]
    queue: Annotated[Word, Meta(description="Which queue the ticket goes to.", examples=["storage"])]
    kind: Annotated[
        Literal["prediction", "fact"],
        Meta(
            description="prediction: what may come; it becomes a ticket only within the ticket budget, unless it is "
            "critical and carries no probability. fact: what is so already, and always a ticket.",
            examples=["fact"],
        ),
    ] = "prediction"
    about: Annotated[
        Literal["part", "device"],
        Meta(
            description="part: each component has a ticket of its own. device: one ticket for the whole device, "
            "however many of its components show the fault; for a cause that they share.",
            examples=["device"],
        ),
    ] = "part"


class RuleFile(msgspec.Struct, forbid_unknown_fields=True):
    schema: Annotated[int, Meta(description="The number of this file format: 1.", examples=["1"])]
    id: Annotated[
        str,
        Meta(
            description="The rule's name for ever, also the file's name: tickets hang on it, it is never reused.",
            examples=["ata-pending-sectors"],
            pattern="^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
            max_length=64,
        ),
    ]
    title: Annotated[Word, Meta(description="A few words for lists.", examples=["Sectors wait for reallocation"])]
    status: Annotated[
        Literal["experimental", "stable", "retired"],
        Meta(
            description="experimental is judged and shown but opens no ticket; retired is not judged.",
            examples=["stable"],
        ),
    ]
    since: Annotated[datetime.date, Meta(description="The day the rule was written.", examples=["2026-11-23"])]
    scope: Annotated[Scope, Meta(description="What the rule judges.")]
    signals: Annotated[
        dict[Name, SignalFile],
        Meta(description="Named values that conditions and texts use; they never alarm by themselves.", min_length=1),
    ]
    levels: Annotated[
        dict[Literal["watch", "warning", "critical"], LevelFile],
        Meta(
            description="One to three levels: watch, warning, critical. A higher one implies the lower.", min_length=1
        ),
    ]
    explain: Annotated[Explain, Meta(description="What a ticket says.")]
    ticket: Annotated[Ticket, Meta(description="Which ticket it becomes.")]
    overrides: Annotated[
        bool,
        Meta(
            description="This rule stands for the built-in one of the same id, which is not judged.", examples=["true"]
        ),
    ] = False
    owner: Annotated[str, Meta(description="Who looks after the rule.", examples=["storage"])] = ""
    references: Annotated[
        list[Word],
        Meta(description="Where its numbers come from.", examples=["['NVM Express base specification, log page 02h']"]),
    ] = []
    max_gap: Annotated[
        float | None,
        Meta(
            description="Between two observations farther apart than this, no time is counted for `for` and `hold`. "
            "Default: 3 days for disks, an hour for everything else.",
            examples=["3d"],
            extra=DURATION,
        ),
    ] = None
