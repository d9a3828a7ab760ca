"""A rule's parts in words: conditions, signals, where it judges. Pure."""

from forewarn_rules.conditions import Compare, Condition
from forewarn_rules.durations import spell_month, write_duration
from forewarn_rules.rule import Signal, Where

WORDS = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<=", "equals": "="}
TAKES = {
    "last": "the newest value",
    "growth": "growth above its lowest",
    "growth_since_baseline": "growth since first seen",
    "above_accepted": "what is above the accepted value",
    "min": "the least",
    "max": "the greatest",
    "mean": "the mean",
    "rate": "growth per day",
    "slope": "the median slope per day",
    "days_since_increase": "days since it last increased",
}
RESIDUALS = {
    "residual": "how far above {}",
    "residual_spreads": "how far above {}, in its usual spreads",
    "residual_growth": "how much farther above {}, than {} ago",
    "residual_learned_at": "when it was learned: {}",
}
"""Each with what explains it, and how long ago."""


_NOT_SAID = ("decoded raw value", "normalised value", "probability", "yes/no", "bits")


def number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.6g}"


def two_digits(value: float) -> str:
    """``1.1``, ``47``, ``1,300``: for what is an estimate."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:.2g}"


def say_value(value: float, unit: str) -> str:
    """``91.4 percent``, ``March 2026``; what only counts, or has a scale of its own, goes without a word behind it."""
    if unit == "time":
        return spell_month(value)
    return f"{number(value)} {unit}" if unit and unit not in _NOT_SAID else number(value)


def say_condition(condition: Condition, inside: bool = False) -> str:
    """``used >= 97 or (used >= 90 and hours_left <= 24)``"""
    if isinstance(condition, Compare):
        return _comparison(condition)
    if condition.how == "not":
        return f"not ({say_condition(condition.parts[0])})"
    joined = f" {'and' if condition.how == 'all' else 'or'} ".join(
        say_condition(part, True) for part in condition.parts
    )
    return f"({joined})" if inside and len(condition.parts) > 1 else joined


def _comparison(compare: Compare) -> str:
    if compare.comparison == "any_bit":
        bits = [str(bit) for bit in range(compare.bits.bit_length()) if compare.bits >> bit & 1]
        return f"{compare.signal} has bit {' or '.join(bits)}"
    limit = number(compare.limit)
    if compare.other is not None:
        share = "" if compare.times == 1 else f"{number(compare.times)} x "
        limit = f"{share}{compare.other}" + (
            f" {'+' if compare.limit > 0 else '-'} {number(abs(compare.limit))}" if compare.limit else ""
        )
    return f"{compare.signal} {WORDS.get(compare.comparison, compare.comparison)} {limit}"


def say_signal(signal: Signal) -> str:
    """``growth above its lowest within 7d``"""
    reach = signal.reach if isinstance(signal.reach, str) else number(signal.reach)
    if signal.take == "hours_until":
        likely = "" if signal.quantile == 0.5 else f", {100 * signal.quantile:.3g} % likely"
        return f"hours until it reaches {reach} at the pace of {write_duration(signal.window)}{likely}"
    if signal.take == "crossing":
        by = f"within {write_duration(signal.horizon)}"
        return f"how likely it reaches {reach} {by} at the paces of {write_duration(signal.window)}"
    if signal.take in ("usual", "distance_from_baseline"):
        usual = f"the median of its first {write_duration(signal.window)}"
        return usual if signal.take == "usual" else f"distance from {usual}"
    if signal.take == "grew_together":
        apart = write_duration(signal.apart)
        return f"most parts of the device that grew within {apart} of each other, of {write_duration(signal.window)}"
    if signal.take in RESIDUALS:
        learned = f"learned in its first {write_duration(signal.window)}"
        explained = f"what {' and '.join(signal.explained_by)} let expect, {learned}"
        return RESIDUALS[signal.take].format(explained, write_duration(signal.lately))
    if signal.take == "model_risk":
        return f"how likely the disk fails within {write_duration(signal.horizon)}, says the risk model"
    if signal.take == "model_limit":
        return f"the risk model's limit for {number(signal.budget)} false tickets per 1,000 drives a month"
    said = TAKES.get(signal.take, signal.take)
    if signal.window:
        return f"{said} within {write_duration(signal.window)}"
    return f"{said}, not older than {write_duration(signal.within)}" if signal.within else said


def say_where(where: Where) -> str:
    values = ", ".join(sorted(map(str, where.values)))
    verb = "is like" if where.like else "is"
    return f"{where.label} {verb} {'one' if where.wanted else 'none'} of {values}"
