"""A backtest from drive-days to the table of what every method would have been worth. Pure."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from forewarn_collector.backtest.baselines import METRICS, baselines
from forewarn_collector.backtest.boosted import NoTreesError, boosted
from forewarn_collector.backtest.budgeted import within_budget
from forewarn_collector.backtest.evaluate import BUDGETS, Fleet, Outcome
from forewarn_collector.backtest.history import Floats, History, Period
from forewarn_collector.backtest.stepping import Stepped, step
from forewarn_collector.backtest.tickets import Ticket, intervals, open_tickets, reopened, risk_tickets
from forewarn_collector.tickets.budget import allowance
from forewarn_rules import Engine, Kind, RuleSet
from forewarn_rules.model_signals import USUAL_BUDGET
from forewarn_rules.risk import RiskModel, shipped_model

TOGETHER = "all disk-failure rules"
TREES = "gradient-boosted trees"
OF_THE_MODEL = "hdd-risk"
FAULT = "disk-failure"
"""What histories tell the truth about; of other faults they say nothing."""


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
    """``first`` and ``last`` are the judged days since 1970-01-01, ``drive_days`` and ``drives`` those in them.
    ``held_back``: predictive tickets for which the ticket budget never had room; ``notes``: what is not in the table,
    and why."""

    first: int
    last: int
    horizon_days: int
    drives: int
    drive_days: int
    failing: int
    held_back: int
    notes: list[str]
    lines: list[Line]


class Backtest(NamedTuple):
    """``tickets`` about the disk's failure, as live would open them; ``scores`` are by row of the history."""

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
    per_1000: float | None = None,
) -> Backtest:
    """Step through the whole history and judge what stood in ``period`` (None: all of it).

    With ``budget`` the risk model opens its tickets for so many false ones per 1,000 disks a month, as live where the
    provider has set that; None leaves the limits as the rules have them. ``per_1000`` is the ticket budget. Raise
    ValueError for a budget that the model was not measured for.
    """
    if budget is not None:
        if model is not None:
            model.thresholds(budget)
        rules = rules.for_budget(budget)
    another = model is not None and model != shipped_model(model.disk_kind)
    stepped = step(history, [rule for rule in rules if not another or rule.id != OF_THE_MODEL], model, progress)
    fleet = Fleet(history, period or history.period)
    wanted = [ticket for ticket in open_tickets(stepped.changes, history) if ticket.fault == FAULT]
    if another and model is not None:  # the rule asks the model that is shipped
        above = stepped.above(model, USUAL_BUDGET if budget is None else budget)
        wanted += risk_tickets(history, stepped.scores, above)
    tickets = within_budget(wanted, allowance(per_1000, len(history.serials)), history.period.last)
    trees, notes = _trees(fleet)
    lines = [
        *_rule_lines(fleet, tickets, open_tickets(stepped.changes, history, by_rule=True)),
        *(_model_lines(fleet, model, stepped) if model else ()),
        *baseline_lines(fleet),
        *trees,
    ]
    report = Report(
        first=fleet.period.first,
        last=fleet.period.last,
        horizon_days=fleet.horizon,
        drives=int((fleet.last_seen >= 0).sum()),
        drive_days=len(fleet.rows),
        failing=int(fleet.failing.sum()),
        held_back=len(wanted) - len(tickets),
        notes=notes,
        lines=lines,
    )
    return Backtest(report, tickets, stepped.scores)


def _rule_lines(fleet: Fleet, tickets: list[Ticket], by_rule: list[Ticket]) -> Iterator[Line]:
    for rule in sorted({ticket.rule for ticket in by_rule}):
        yield _ticket_line(fleet, rule, [ticket for ticket in by_rule if ticket.rule == rule])
    yield _ticket_line(fleet, TOGETHER, tickets)


def _ticket_line(fleet: Fleet, name: str, tickets: list[Ticket]) -> Line:
    outcome = fleet.outcome(fleet.first_standing(*intervals(tickets)))
    return Line(group="rules", method=name, reopened=reopened(tickets), outcome=outcome)


def _model_lines(fleet: Fleet, model: RiskModel, stepped: Stepped) -> Iterator[Line]:
    yield from ranked_lines(fleet, "model", "risk model", stepped.scores)
    least, most = model.budgets or (0.0, 0.0)
    for budget in BUDGETS:
        if least <= budget <= most:
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


def _trees(fleet: Fleet) -> tuple[list[Line], list[str]]:
    """Gradient-boosted trees as a further baseline, or why there are none."""
    try:
        scores = boosted(fleet.history, fleet.period, fleet.horizon)
    except NoTreesError as error:
        return [], [f"no {TREES}: {error}"]
    return list(ranked_lines(fleet, "baseline", TREES, scores)), []


def ranked_lines(fleet: Fleet, group: str, name: str, scores: Floats) -> Iterator[Line]:
    for budget in BUDGETS:
        threshold = fleet.threshold(scores, budget)
        outcome = fleet.outcome(fleet.first_flagged(scores > threshold))
        yield Line(group=group, method=name, budget=budget, threshold=threshold, outcome=outcome)
