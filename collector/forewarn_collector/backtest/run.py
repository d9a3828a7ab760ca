"""A backtest from drive-days to the table of what every method would have been worth. Pure."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from forewarn_collector.backtest.baselines import METRICS, baselines
from forewarn_collector.backtest.evaluate import BUDGETS, Fleet, Outcome
from forewarn_collector.backtest.history import Floats, History, Period
from forewarn_collector.backtest.stepping import Stepped, step
from forewarn_collector.backtest.tickets import Ticket, intervals, open_tickets, reopened, risk_tickets
from forewarn_rules import Engine, Kind, RuleSet
from forewarn_rules.risk import RiskModel

TOGETHER = "all disk-failure rules"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One method. ``group``: rules, model or baseline. ``budget`` is set where a threshold was chosen for it;
    ``frozen`` says that it was chosen before (it is the model's own), not on the days that are judged."""

    group: str
    method: str
    budget: float | None = None
    frozen: bool = False
    threshold: float | None = None
    reopened: int | None = None
    outcome: Outcome


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """``first`` and ``last`` are the judged days since 1970-01-01, ``drive_days`` and ``drives`` those in them."""

    first: int
    last: int
    horizon_days: int
    drives: int
    drive_days: int
    failing: int
    lines: list[Line]


class Backtest(NamedTuple):
    """``tickets`` are the live ones, or the model's at the budget; ``scores`` are by row of the history."""

    report: Report
    tickets: list[Ticket]
    scores: Floats


def wanted_metrics(rules: RuleSet, model: RiskModel | None) -> frozenset[str]:
    """What has to be read of a history."""
    of_model = {metric for feature in model.features for metric in feature.metrics} if model else set()
    return METRICS | of_model | set(Engine(rules).metrics(Kind.DISK))


def backtest(
    history: History,
    rules: RuleSet,
    model: RiskModel | None,
    period: Period | None = None,
    budget: float | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Backtest:
    """Step through the whole history and judge what stood in ``period`` (None: all of it).

    With ``budget`` the tickets are the model's, opened above its own frozen threshold. Raise ValueError for a budget
    without a model, or one for which the model has no threshold.
    """
    if budget is not None and (model is None or model.thresholds(budget) is None):
        raise ValueError(f"the model has no threshold for a budget of {budget:g}; it has: {_budgets(model)}")
    stepped = step(history, rules, model, progress)
    fleet = Fleet(history, period or history.period)
    tickets = open_tickets(stepped.changes, history)
    lines = [
        *_rule_lines(fleet, tickets, open_tickets(stepped.changes, history, by_rule=True)),
        *(_model_lines(fleet, model, stepped) if model else ()),
        *baseline_lines(fleet),
    ]
    if budget is not None and model is not None:
        tickets = risk_tickets(history, stepped.scores, stepped.above(model, budget))
    report = Report(
        first=fleet.period.first,
        last=fleet.period.last,
        horizon_days=fleet.horizon,
        drives=int((fleet.last_seen >= 0).sum()),
        drive_days=len(fleet.rows),
        failing=int(fleet.failing.sum()),
        lines=lines,
    )
    return Backtest(report, tickets, stepped.scores)


def _rule_lines(fleet: Fleet, tickets: list[Ticket], by_rule: list[Ticket]) -> Iterator[Line]:
    for rule in sorted({ticket.rule for ticket in by_rule}):
        yield _ticket_line(fleet, rule, [ticket for ticket in by_rule if ticket.rule == rule])
    yield _ticket_line(fleet, TOGETHER, [ticket for ticket in tickets if ticket.fault == "disk-failure"])


def _ticket_line(fleet: Fleet, name: str, tickets: list[Ticket]) -> Line:
    outcome = fleet.outcome(fleet.first_standing(*intervals(tickets)))
    return Line(group="rules", method=name, reopened=reopened(tickets), outcome=outcome)


def _model_lines(fleet: Fleet, model: RiskModel, stepped: Stepped) -> Iterator[Line]:
    yield from ranked_lines(fleet, "model", "risk model", stepped.scores)
    for budget in BUDGETS:
        if model.thresholds(budget) is not None:
            tickets = risk_tickets(fleet.history, stepped.scores, stepped.above(model, budget))
            yield Line(
                group="model",
                method="risk model",
                budget=budget,
                frozen=True,
                reopened=reopened(tickets),
                outcome=fleet.outcome(fleet.first_standing(*intervals(tickets))),
            )


def baseline_lines(fleet: Fleet) -> Iterator[Line]:
    for baseline in baselines(fleet.history):
        if baseline.ranks:
            yield from ranked_lines(fleet, "baseline", baseline.name, baseline.scores)
        else:
            outcome = fleet.outcome(fleet.first_flagged(baseline.scores > 0))
            yield Line(group="baseline", method=baseline.name, outcome=outcome)


def ranked_lines(fleet: Fleet, group: str, name: str, scores: Floats) -> Iterator[Line]:
    for budget in BUDGETS:
        threshold = fleet.threshold(scores, budget)
        outcome = fleet.outcome(fleet.first_flagged(scores > threshold))
        yield Line(group=group, method=name, budget=budget, threshold=threshold, outcome=outcome)


def _budgets(model: RiskModel | None) -> str:
    found = sorted({point.budget for point in model.variants[0].operating_points}) if model else []
    return ", ".join(f"{budget:g}" for budget in found) or "none"
