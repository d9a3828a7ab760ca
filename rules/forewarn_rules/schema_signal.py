"""The keys of a signal in a rule file: type, meaning, example. The reference page is made from this."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from forewarn_rules.schema_words import DURATION, Word

Take = Literal[
    "last",
    "growth",
    "growth_since_baseline",
    "above_accepted",
    "min",
    "max",
    "mean",
    "rate",
    "slope",
    "days_since_increase",
    "usual",
    "distance_from_baseline",
    "distance_from_peers",
    "spreads_from_peers",
    "count_of_peers",
    "grew_together",
    "hours_until",
    "crossing",
    "residual",
    "residual_spreads",
    "residual_growth",
    "residual_learned_at",
    "model_risk",
    "model_limit",
]


class SignalFile(msgspec.Struct, forbid_unknown_fields=True):
    metric: Annotated[
        Word, Meta(description="The quantity to read, from the table of metrics.", examples=["ata.5.raw"])
    ]
    take: Annotated[
        Take,
        Meta(
            description="How: last (the newest value), growth (how far it is above its lowest within the window), "
            "growth_since_baseline (above the first value ever seen), above_accepted (above what was accepted "
            "as known with `forewarn baseline accept`; the value itself where nothing was), min, max, mean "
            "(over the window), rate (growth above the window's lowest per day of it, from its first bin that "
            "holds a value), slope (median slope, per day), days_since_increase (since the last bin that ended "
            "higher than the one before; infinite when none did within the window), usual (the component's own usual "
            "value: the median of the window in which it was first seen), distance_from_baseline (how far it is "
            "from that), distance_from_peers (how far it is above the median of the newest values of all components "
            "with the same `peers` labels; negative below it), spreads_from_peers (the same in scaled median "
            "absolute deviations of those values), count_of_peers (how many they are, itself among them), "
            "grew_together (the most components of the same device, itself or not, that were seen to grow in reports "
            "at most `apart` from each other within the window; 0 when none was), "
            "hours_until (at the window's pace, hours until the value reaches `reach`; infinite when it is not "
            "approaching), crossing (how likely it reaches `reach` within `horizon`, 0 to 1), residual (how far "
            "it is, in the median of the last day's bins, above what the metrics of `explained_by` let expect, by a "
            "robust line that is learned in the component's first window and never again; unknown while it is learned "
            "and where those metrics are far from all that was seen then), residual_spreads (the same in scaled median "
            "absolute deviations from the line while it was learned), residual_growth (how much of it came within "
            "`lately`), residual_learned_at (when it was learned, to be said as {NAME:month}), model_risk (of "
            "model.hdd: how likely the disk fails within the model's horizon, 0 to 1), model_limit (of model.hdd: "
            "the probability above which the model was measured to raise `budget` false tickets; it moves with "
            "the model).",
            examples=["growth"],
        ),
    ]
    within: Annotated[
        float,
        Meta(
            description="How old the newest value may be. Without it the value must be in the report that is judged, "
            "otherwise the signal is unknown.",
            examples=["20m"],
            extra=DURATION,
        ),
    ] = 0.0
    window: Annotated[
        float | None,
        Meta(
            description="How far to look back; for every take but last, growth_since_baseline and above_accepted. It "
            "reaches back to the beginning of the bin in which it starts. For usual, distance_from_baseline and "
            "residual: how long to learn. For peers: how far apart in time their newest values may be.",
            examples=["7d"],
            extra=DURATION,
        ),
    ] = None
    bin: Annotated[
        float | None,
        Meta(
            description="Width of the bins that hold the window. Default: a day for windows of three days and more, "
            "otherwise a 24th of the window.",
            examples=["6h"],
            extra=DURATION,
        ),
    ] = None
    reach: Annotated[
        float | dict[str, str] | None,
        Meta(
            description="For hours_until and crossing: the value that is waited for, or another signal's value.",
            examples=["100", "{signal: spare_threshold}"],
        ),
    ] = None
    direction: Annotated[
        Literal["up", "down"],
        Meta(description="For hours_until and crossing: from which side it comes.", examples=["down"]),
    ] = "up"
    quantile: Annotated[
        Annotated[float, Meta(gt=0, lt=1)] | None,
        Meta(
            description="For hours_until: how likely it is there by then; 0.1 is the soonest, 0.9 the latest that is "
            "worth planning for. Default: 0.5, at the median slope.",
            examples=["0.1"],
        ),
    ] = None
    peers: Annotated[
        Annotated[list[Word], Meta(min_length=1)] | None,
        Meta(
            description="For distance_from_peers, spreads_from_peers and count_of_peers: the labels that a component "
            "shares with its peers. One that lacks such a label has no peers.",
            examples=["[model, firmware]"],
        ),
    ] = None
    of: Annotated[
        Word | None,
        Meta(
            description="For distance_from_peers, spreads_from_peers and count_of_peers: another signal of the rule, "
            "of the same metric, that is compared instead of the newest value: how much it grew, how fast.",
            examples=["grown"],
        ),
    ] = None
    min_peers: Annotated[
        Annotated[int, Meta(ge=2)] | None,
        Meta(
            description="For distance_from_peers and spreads_from_peers: with fewer of them, itself counted, the "
            "signal is unknown. Default: 20.",
            examples=["50"],
        ),
    ] = None
    explained_by: Annotated[
        Annotated[list[Word], Meta(min_length=1)] | None,
        Meta(
            description="For residual and its like: the metrics that explain this one, of the same component or of "
            "its device. All must be in the report.",
            examples=["[cpu.used_percent, ambient.celsius]"],
        ),
    ] = None
    steady: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(
            description="For residual and its like: only reports count in which none of the metrics of `explained_by` "
            "has moved by more than this since the report before. Default: 10.",
            examples=["20"],
        ),
    ] = None
    lately: Annotated[
        float | None,
        Meta(description="For residual_growth: since how long ago.", examples=["5d"], extra=DURATION),
    ] = None
    apart: Annotated[
        float | None,
        Meta(
            description="For grew_together: how far apart their reports may be. Default: 15m.",
            examples=["30m"],
            extra=DURATION,
        ),
    ] = None
    horizon: Annotated[
        float | None, Meta(description="For crossing: within which time.", examples=["30d"], extra=DURATION)
    ] = None
    budget: Annotated[
        float | dict[str, float] | None,
        Meta(
            description="For model_limit: false tickets per 1,000 drives a month, within those that the model was "
            "measured for (`forewarn model report`); or that many times the provider's own "
            "(`tickets.false_per_1000_disks_a_month`).",
            examples=["2", "{times: 1}"],
        ),
    ] = None
    min_span: Annotated[
        float | None,
        Meta(
            description="With less history than this the signal is unknown; for rate, slope, hours_until and "
            "crossing. Default: a quarter of the window.",
            examples=["6h"],
            extra=DURATION,
        ),
    ] = None
    min_points: Annotated[
        int,
        Meta(
            description="With fewer bins that hold a value than this the signal is unknown; for slope, "
            "usual, distance_from_baseline, residual, hours_until and crossing.",
            examples=["6"],
            ge=2,
        ),
    ] = 3
