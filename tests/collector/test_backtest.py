"""The backtest: what it counts, what it reads, and that it judges as live judging does."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet
import pytest

from forewarn_collector.backtest.baselines import baselines
from forewarn_collector.backtest.boosted import NoTreesError, boosted
from forewarn_collector.backtest.budgeted import within_budget
from forewarn_collector.backtest.evaluate import Fleet, wilson
from forewarn_collector.backtest.history import NEVER, History, Period
from forewarn_collector.backtest.run import wanted_metrics
from forewarn_collector.backtest.stepping import labels_of, step
from forewarn_collector.backtest.stored import read_stored
from forewarn_collector.backtest.tickets import Ticket, intervals, open_tickets, reopened, risk_tickets
from forewarn_collector.ingest.shape import smart_point
from forewarn_collector.judge.rounds import rounds
from forewarn_collector.replay.columns import find_files, read_history, write_scores
from forewarn_collector.replay.histories import HistoryError, days
from forewarn_collector.replay.virtual import Reporter
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Row, Series
from forewarn_collector.store.state import open_state
from forewarn_rules import Change, Engine, Kind, Labels, load_rules
from forewarn_rules.risk import shipped_model

HDD_LABELS: Labels = {"disk_kind": "hdd"}


def history(failed_on: dict[int, int], length: int, drives: int, **metrics: np.ndarray) -> History:
    """Every drive on days 0 to length - 1, or to its failure; metrics are given as [drive, day]."""
    grid = [(day, drive) for day in range(length) for drive in range(drives) if day <= failed_on.get(drive, NEVER)]
    at, who = np.array(grid).T
    columns = {f"ata.{name[1:]}.raw": values[who, at].astype(float) for name, values in metrics.items()}
    dead = np.array([failed_on.get(drive, NEVER) for drive in range(drives)], dtype=np.int64)
    return History(at, who, [f"D{n}" for n in range(drives)], ["ST1"] * drives, dead, columns)


def test_a_failing_drive_is_found_from_the_first_day_of_its_horizon_on() -> None:
    fleet = Fleet(history({0: 50, 1: 40, 2: 45, 3: 30}, 60, 6), Period(0, 59))
    first = fleet.first_standing(
        np.array([0, 1, 2, 4]), np.array([5, 34, 45, 20]), np.array([NEVER, NEVER, NEVER, 21])
    )  # standing since for ever, 6 days before, on the day itself, on a healthy drive for a day
    outcome = fleet.outcome(first)
    assert (outcome.failing, outcome.found, outcome.found_week, outcome.late, outcome.false) == (4, 2, 1, 1, 1)
    assert outcome.recall_day == 0.5
    assert (outcome.lead_p10, outcome.lead_p90) == (8.4, 27.6)  # between 6 and 30, not 45
    assert outcome.precision == pytest.approx(2 / 3)
    assert outcome.undecided == 0
    assert outcome.false_rate == pytest.approx(1000 / outcome.drive_months)


def test_failures_with_signs_on_the_last_day_are_counted_apart() -> None:
    pending = np.zeros((5, 60))
    pending[0, 50] = 8  # a sign on the last day
    pending[1, 10:20] = 8  # gone again
    pending[2] = math.nan  # not reported
    told = history({0: 50, 1: 40, 2: 45}, 60, 5, a197=pending)
    outcome = Fleet(told, Period(0, 59)).outcome(np.array([30, NEVER, 40, 20, NEVER]))
    assert (outcome.failing, outcome.visits_saved, outcome.visits_wasted) == (3, 2, 1)
    assert (outcome.failing_with_signs, outcome.found_with_signs) == (1, 1)
    assert (outcome.failing_without_signs, outcome.found_without_signs) == (1, 0)
    assert Fleet(told, Period(0, 44)).outcome(np.full(5, NEVER)).failing_with_signs == 0, "fails after the period"


def test_a_ticket_that_was_closed_before_the_horizon_finds_nothing() -> None:
    fleet = Fleet(history({0: 50}, 60, 2), Period(0, 59))
    first = fleet.first_standing(np.array([0]), np.array([5]), np.array([15]))
    assert fleet.outcome(first).found == 0


def test_a_drive_that_fails_soon_after_the_period_is_neither_found_nor_false() -> None:
    told = history({0: 50, 1: 95}, 100, 3)
    fleet = Fleet(told, Period(0, 40))
    outcome = fleet.outcome(fleet.first_flagged(np.ones(told.rows, dtype=bool)))
    assert (outcome.failing, outcome.false) == (0, 2)  # the one that fails 55 days later is false
    assert outcome.recall_day is None
    assert outcome.undecided == 0


def test_a_threshold_leaves_no_more_false_tickets_than_the_budget() -> None:
    told = history({0: 50}, 61, 500)
    fleet = Fleet(told, Period(0, 60))
    scores = np.arange(500.0)[told.drives]
    for budget in (0.5, 1, 5):
        outcome = fleet.outcome(fleet.first_flagged(scores > fleet.threshold(scores, budget)))
        assert budget - 1000 / fleet.drive_months < outcome.false_rate <= budget
    assert fleet.outcome(fleet.first_flagged(np.ones(told.rows) > fleet.threshold(np.ones(told.rows), 5))).false == 0


def test_wilsons_interval() -> None:
    assert wilson(0, 0) == (None, None)
    low, high = wilson(10, 40)
    assert (low, high) == (pytest.approx(0.1419, abs=1e-4), pytest.approx(0.4019, abs=1e-4))


def test_baselines_say_what_they_are_known_for() -> None:
    reallocated = np.zeros((4, 10))
    reallocated[0] = 20
    reallocated[1, 5:] = 3
    pending = np.zeros((4, 10))
    pending[2, 8:] = 1
    told = history({}, 10, 4, a5=reallocated, a197=pending)
    flagged = {
        found.name: sorted(set(told.drives[found.scores > 0].tolist())) for found in baselines(told) if not found.ranks
    }
    assert flagged == {
        "smartd: 197 or 198 > 0": [2],
        "Backblaze: any of 5, 187, 188, 197, 198 > 0": [0, 1, 2],
        "Scrutiny's failing buckets": [0, 2],
        "5, 187 or 197 grew within 7 days": [1, 2],
    }


def test_one_ticket_stands_for_all_rules_of_a_fault() -> None:
    growing = np.zeros((2, 60))
    growing[0, 10:] = 8
    told = history({}, 60, 2, a5=growing, a197=np.roll(growing, 5, axis=1))
    told = replace(told, labels=[{**labels_of(name, "M"), "disk_kind": "unknown"} for name in told.serials])
    changes = step(told, load_rules(), None).changes
    (ticket,) = open_tickets(changes, told)
    assert (ticket.drive, ticket.rule, ticket.opened) == (0, "ata-reallocated-growth", 10)
    assert ticket.closed == max(int(change.at // 86400) for change in changes)
    assert len(open_tickets(changes, told, by_rule=True)) == 2


def test_the_ticket_budget_of_a_backtest_is_that_of_the_desk() -> None:
    def ticket(drive: int, opened: int, probability: float | None, closed: int | None = None, **more: str) -> Ticket:
        return Ticket(
            drive=drive, fault="disk-failure", rule="r", level="warning", opened=opened, closed=closed,
            probability=probability, **more,
        )  # fmt: skip

    asked = [
        ticket(0, 1, 0.1), ticket(1, 1, 0.3), ticket(2, 2, 0.2), ticket(3, 2, None, kind="fact"),
        ticket(4, 3, 0.9, closed=20), ticket(5, 40, None),
    ]  # fmt: skip
    opened = [(found.drive, found.opened) for found in within_budget(asked, 1, 100)]
    assert opened == [(1, 1), (3, 2), (2, 32), (0, 63), (5, 94)], "a month apart, ranked; what cleared never opens"
    assert within_budget(asked, None, 100) == asked
    assert [found.drive for found in within_budget(asked, 0, 100)] == [3]
    assert within_budget([], 1, 100) == []


def test_trees_learn_from_the_days_before_and_from_nothing_later() -> None:
    pytest.importorskip("sklearn", reason="the baseline needs the extra [train]")
    pending = np.zeros((300, 120))
    failed = {drive: 30 + drive for drive in range(80)}
    for drive, day in failed.items():
        pending[drive, day - 10 :] = 50
    told = history(failed, 120, 300, a197=pending, a5=np.full((300, 120), math.nan))
    judged = Period(90, 119)
    scores = boosted(told, judged, 30)
    assert np.isnan(scores[told.days < 90]).all()
    signs = told.metric("ata.197.raw")[told.days >= 90] > 0
    assert scores[told.days >= 90][signs].min() > 5 * scores[told.days >= 90][~signs].max()
    later = replace(told, failed_on=np.where(told.failed_on < 90, told.failed_on, NEVER))
    assert np.array_equal(boosted(later, judged, 30), scores, equal_nan=True), "who fails later was not known"
    with pytest.raises(NoTreesError, match="need 5 failures"):
        boosted(told, Period(32, 119), 30)


def test_tickets_of_a_ranking_close_after_quiet_days_and_reopen() -> None:
    told = history({}, 100, 2)
    scores = np.where((told.drives == 1) & np.isin(told.days, [10, 20, 80]), 0.5, np.nan)
    tickets = risk_tickets(told, scores, scores > 0.4, quiet_days=30)
    assert [(t.drive, t.opened, t.closed) for t in tickets] == [(1, 10, 50), (1, 80, None)]
    assert reopened(tickets) == 1
    assert [column.tolist() for column in intervals(tickets)] == [[1, 1], [10, 80], [50, NEVER]]
    assert intervals([])[0].size == 0
    assert isinstance(tickets[0], Ticket)


DAY_ONE = date(2018, 1, 1)


def write(file: Path, rows: list[dict[str, object]]) -> Path:
    parquet.write_table(pa.Table.from_pylist(rows), file)
    return file


def row(serial: str, day: int, failure: int = 0, **smart: int | None) -> dict[str, object]:
    cells = {f"smart_{name[1:]}_raw": value for name, value in smart.items()}
    return {
        "date": DAY_ONE + timedelta(days=day),
        "serial_number": serial,
        "model": "ST1",
        "failure": failure,
        **cells,
    }


def test_a_repeated_day_counts_once_and_days_after_the_failure_do_not(tmp_path: Path) -> None:
    rows = [
        row("A", 1, a5=1, a188=4295032833),
        row("A", 0, a5=0, a188=0),
        row("A", 1, 1, a5=2, a188=4295032833),
        row("A", 5, a5=3, a188=0),
        row("B", 0, a5=None, a188=None),
    ]
    told = read_history([write(tmp_path / "a.parquet", rows)], {"ata.5.raw", "ata.188.raw", "ata.9.raw"})
    assert [(told.serials[drive], value) for drive, value in zip(told.drives, told.metric("ata.5.raw"), strict=True)][
        :1
    ] == [("A", 0.0)]
    assert told.rows == 3
    assert told.metric("ata.5.raw")[-1] == 2
    assert told.metric("ata.188.raw")[-1] == 1
    assert np.isnan(told.metric("ata.9.raw")).all()
    assert told.failed_on.tolist() == [(DAY_ONE - date(1970, 1, 1)).days + 1, NEVER]


def test_a_directory_is_all_files_in_it(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="no parquet or CSV"):
        find_files([tmp_path])
    write(tmp_path / "a.parquet", [row("A", 0, a5=1)])
    (tmp_path / "b.csv").write_text("date,serial_number,model,failure,smart_5_raw\n2018-01-02,A,ST1,0,7\n")
    told = read_history(find_files([tmp_path]), {"ata.5.raw"})
    assert told.metric("ata.5.raw").tolist() == [1, 7]
    write_scores(tmp_path / "scores.parquet", told, np.array([0.25, np.nan]))
    assert parquet.read_table(tmp_path / "scores.parquet").to_pylist() == [
        {"serial_number": "A", "date": DAY_ONE, "probability": 0.25},
        {"serial_number": "A", "date": DAY_ONE + timedelta(days=1), "probability": None},
    ]


@pytest.fixture(scope="module")
def slice_of_a_fleet(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some that fail and some that do not, as a file."""
    table = parquet.read_table(shared_data / "drive-stats" / "mixed-2013-04..08.parquet")
    dead = pc.unique(table.filter(pc.equal(table["failure"], 1))["serial_number"]).to_pylist()[:120]
    alive = pc.unique(table["serial_number"]).to_pylist()[:200]
    chosen = table.filter(pc.is_in(table["serial_number"], pa.array([*dead, *alive])))
    file = tmp_path_factory.mktemp("slice") / "slice.parquet"
    parquet.write_table(chosen, file)
    return file


def live(file: Path) -> Iterator[Change]:
    """Changes as the collector finds them: reports of virtual agents, as stored rows, in rounds."""
    engine = Engine(load_rules())
    reporter = Reporter("test")
    wanted = tuple((kind, frozenset(engine.metrics(kind))) for kind in Kind)
    series: dict[str, Series] = {}
    serials = set(parquet.read_table(file)["serial_number"].to_pylist())
    models: dict[str, str] = {}
    layouts: dict[tuple[str, ...], tuple[str, ...]] = {}
    for today in days([file], serials):
        rows = []
        for drive in today:
            point = smart_point(reporter.report(drive))
            number = len(series)
            known = series.setdefault(
                drive.serial, Series(number, drive.serial, point.kind, point.part, point.facts, point.at, point.at)
            )
            models[drive.serial] = drive.model
            fields = layouts.setdefault(point.fields, point.fields)
            rows.append(Row(len(rows), known.id, point.at, point.at, fields, np.asarray(point.values).tobytes()))
        for batches in rounds(rows, {known.id: known for known in series.values()}, wanted):
            for batch in batches:
                yield from engine.observe(
                    batch.kind, batch.keys, lambda key: labels_of(key[0], models[key[0]]), batch.at, batch.metrics
                )


def test_stepping_live_and_backtesting_give_the_same_changes(slice_of_a_fleet: Path) -> None:
    rules = load_rules()
    told = read_history([slice_of_a_fleet], set(Engine(rules).metrics(Kind.DISK)))
    backtested = step(told, rules, None).changes

    def what(change: Change) -> tuple[object, ...]:
        return change.key[0], change.at // 86400, change.rule, change.before, change.after, change.text

    assert sorted(map(what, backtested)) == sorted(map(what, live(slice_of_a_fleet)))
    assert len(backtested) > 30
    assert any(change.rule == "hdd-risk" for change in backtested)


def test_what_the_collector_stored_gives_the_same_changes(slice_of_a_fleet: Path, tmp_path: Path) -> None:
    """Reports of virtual agents in a real journal, read back as days."""
    rules = load_rules()
    serials = read_history([slice_of_a_fleet], {"ata.197.raw"}).serials[::5]
    file = tmp_path / "some.parquet"
    table = parquet.read_table(slice_of_a_fleet)
    parquet.write_table(table.filter(pc.is_in(table["serial_number"], pa.array(serials))), file)
    wanted = set(Engine(rules).metrics(Kind.DISK))
    open_state(tmp_path / "state.db").dispose()
    reporter = Reporter("test")
    with Journal(tmp_path) as journal:
        for today in days([file], set(serials)):
            reports = [reporter.report(drive) for drive in today]
            journal.commit(
                [Accepted(r.device, r.boot, r.seq, r.sampled_at, r.sampled_at, (smart_point(r),)) for r in reports]
            )

    def changes(told: History) -> list[tuple[object, ...]]:
        found = step(told, rules, None).changes
        return sorted((change.key, change.at, change.rule, change.before, change.after) for change in found)

    stored = changes(read_stored(tmp_path, wanted))
    assert stored == changes(read_history([file], wanted))
    assert len(stored) > 10


def test_the_rule_of_the_risk_model_sees_the_probabilities_of_the_backtest(slice_of_a_fleet: Path) -> None:
    model, rule = shipped_model("hdd"), load_rules()["hdd-risk"]
    assert model is not None
    told = read_history([slice_of_a_fleet], wanted_metrics(load_rules(), model))
    stepped = step(told, [], model)
    engine = Engine([rule])
    keys = [(serial, serial) for serial in told.serials]
    compared = 0
    for day, rows in told.rounds():
        drives = told.drives[rows].tolist()
        metrics = {name: column[rows] for name, column in told.metrics.items()}
        at = np.full(len(drives), day * 86400.0)
        engine.observe(Kind.DISK, [keys[n] for n in drives], lambda key: HDD_LABELS, at, metrics)
        for drive, score in zip(drives, stepped.scores[rows].tolist(), strict=True):
            if day % 5 == 0 and not np.isnan(score):
                (standing,) = engine.levels(Kind.DISK, keys[drive])
                assert standing.values["risk"] == score
                compared += score > 0.01
    assert compared > 50
