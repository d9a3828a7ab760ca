"""What engineers' outcomes say about rules: precision with its interval, and lead time."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner
from scipy.special import betaincinv

from forewarn_collector.cli.main import forewarn
from forewarn_collector.directory import Whose
from forewarn_collector.tickets.outcomes import DAY, Ended, Record, beta_quantile, records
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change, Kind


@pytest.mark.parametrize("a", [0.5, 1.5, 7.5, 120.5, 9000.5])
@pytest.mark.parametrize("b", [0.5, 3.5, 80.5, 4000.5])
@pytest.mark.parametrize("share", [0.025, 0.5, 0.975])
def test_the_quantile_is_scipy_s(share: float, a: float, b: float) -> None:
    assert beta_quantile(share, a, b) == pytest.approx(betaincinv(a, b, share), rel=1e-8, abs=1e-10)


def ended(outcome: str, days: float = 0.0, *rules: str) -> Ended:
    return Ended(rules or ("pending",), outcome, 100.0, 100.0 + days * DAY)


def only(*tickets: Ended) -> Record:
    (found,) = records(tickets)
    return found


def test_right_and_wrong_are_counted_and_the_rest_is_not() -> None:
    found = only(
        ended("failed", 10), ended("replaced-in-time", 20), ended("replaced-in-time", 30), ended("false-alarm", 99),
        ended("could-not-reproduce"), ended("configuration"), ended("cleaned"), ended("condition-cleared"),
    )  # fmt: skip
    assert (found.right, found.wrong) == (3, 2)
    assert found.precision == pytest.approx(3.5 / 6)
    assert (found.low, found.high) == pytest.approx(betaincinv(3.5, 2.5, [0.025, 0.975]))
    assert (found.lead_p10, found.lead_p50, found.lead_p90) == pytest.approx((12, 20, 28))


def test_a_ticket_counts_for_every_rule_that_found_it_once() -> None:
    found = records([ended("failed", 5, "pending", "reallocated", "pending"), ended("false-alarm", 1, "reallocated")])
    assert [(one.rule, one.right, one.wrong) for one in found] == [("pending", 1, 0), ("reallocated", 1, 1)]


def test_only_wrong_ones_have_no_lead_time() -> None:
    found = only(ended("false-alarm", 5))
    assert (found.precision, found.lead_p50) == (0.25, None)
    assert records([ended("configuration", 5)]) == []


def test_engineers_outcomes_stand_beside_the_rules(make_running: Callable[..., Any]) -> None:
    running = make_running()
    desk, now = running.collector.desk, running.collector.clock.now()

    def raised(serial: str, days_ago: float) -> None:
        change = Change(
            rule="ata-pending-sectors", title="Sectors wait", kind=Kind.DISK, key=("shop-07", serial), labels={},
            at=now - days_ago * DAY, before="none", after="warning", text="8 sectors", why="", do=(), calm_when=(),
            values={}, forecast=None, fault="disk-failure", queue="storage", status="stable",
        )  # fmt: skip
        desk.record(None, [(change, Part("shop-07", "MB-1", serial, Whose("Acme")))], [])

    def ask(*words: str) -> str:
        result = CliRunner(env={"COLUMNS": "80", "TERM": "dumb"}).invoke(
            forewarn, ["--data", str(running.data), *words]
        )
        assert result.exit_code == 0, result.output
        assert "--json" in words or all(len(line) <= 80 for line in result.output.splitlines())
        return result.stdout

    assert "precision" not in ask("rules", "list")
    for number, (serial, outcome) in enumerate([("A", "failed"), ("B", "replaced-in-time"), ("C", "false-alarm")], 1):
        raised(serial, 12)
        ask("ticket", "close", str(number), "--outcome", outcome)
    shown = " ".join(ask("rules", "list").split())
    assert "0.62" in shown
    assert "n=3" in shown
    assert "12 d" in shown
    by_rule = {rule["id"]: rule["record"] for rule in json.loads(ask("rules", "list", "--json"))}
    assert by_rule["ata-pending-sectors"]["right"] == 2
    assert by_rule["device-silent"] is None
    assert "2 right, 1 wrong" in " ".join(ask("rules", "explain", "ata-pending-sectors").split())
