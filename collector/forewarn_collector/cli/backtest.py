"""``forewarn backtest``: what rules and model would have said on drive histories, and whether they were right."""

import csv
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from forewarn_collector.backtest.evaluate import Outcome
from forewarn_collector.backtest.history import NEVER, History, Period
from forewarn_collector.backtest.plot import FORMATS, NoPlotError, draw
from forewarn_collector.backtest.run import Backtest, Line, Report, wanted_metrics
from forewarn_collector.backtest.run import backtest as run_backtest
from forewarn_collector.backtest.stored import read_stored
from forewarn_collector.backtest.tickets import Ticket
from forewarn_collector.cli.rules import FOLDER
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, folding, heading, right, table
from forewarn_collector.cli.text import clean_lines
from forewarn_collector.config_file import ConfigError, kept_with, load_config
from forewarn_collector.configured import configured_directory, configured_rules
from forewarn_collector.paths import default_data
from forewarn_collector.people.register import applied_in
from forewarn_collector.replay.columns import EPOCH, find_files, read_history, write_scores
from forewarn_collector.replay.histories import HistoryError
from forewarn_collector.start import StartError
from forewarn_collector.state_place import state_place
from forewarn_collector.store.model import StoreError
from forewarn_rules import RuleFileErrors
from forewarn_rules.risk import RiskModel, read_model, shipped_model, without_model

OUT = click.Path(path_type=Path, dir_okay=False)
DAY = click.DateTime(["%Y-%m-%d"])
TITLES = {"rules": "Rules", "model": "Risk model", "baseline": "What others would have said"}


@click.command("backtest")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--store", is_flag=True, help="Of the collector's own stored history (--data), which may be running.")
@click.option("--from", "since", type=DAY, help="Judge from this day on; days before only fill the windows.")
@click.option("--to", "until", type=DAY, help="Judge up to this day; later ones only say who failed.")
@click.option("--config", "config_file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="The collector's configuration; with --store the one beside its data.")  # fmt: skip
@click.option("--budget", type=float, help="So many false tickets per 1,000 disks a month may the risk model cost.")
@click.option("--tickets", "tickets_file", type=OUT, help="Write every ticket about a disk's failure to this CSV file.")
@click.option("--scores", "scores_file", type=OUT, help="Write every drive-day's probability to this parquet file.")
@click.option("--plot", "plot_file", type=OUT, help="Draw recall over false tickets: a PNG or SVG file.")
@click.option("--rules", "directories", multiple=True, type=FOLDER, help="Rules of your own, too.")
@click.option("--model", "model_file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Another risk model than the one that comes with forewarn.")  # fmt: skip
@json_option
@pass_session
def backtest(
    session: Session,
    paths: tuple[Path, ...],
    store: bool,
    since: "date | None",
    until: "date | None",
    config_file: Path | None,
    budget: float | None,
    tickets_file: Path | None,
    scores_file: Path | None,
    plot_file: Path | None,
    directories: tuple[Path, ...],
    model_file: Path | None,
    as_json: bool,
) -> None:
    """Step the rules and the risk model through drive histories and count what they would have found.

    PATH is a file or a directory of files in the form of Backblaze Drive Stats (daily CSV or parquet); with --store it
    is what the collector itself has stored, and its closed tickets say which disks failed. Printed beside it is what
    smartd, Backblaze's five attributes, Scrutiny and simple rankings would have found on the same days.

    Example: forewarn backtest 2018-q1.parquet --from 2018-02-01 --tickets tickets.csv
    """
    if store == bool(paths):
        raise click.UsageError("name drive histories, or give --store for the collector's own, and not both")
    if plot_file is not None and plot_file.suffix not in FORMATS:
        raise click.UsageError(f"--plot takes a file that ends in {' or '.join(FORMATS)}")
    try:
        configured = config_file or (kept_with(session.data or default_data()) if store else None)
        config = load_config(configured)
        rules = configured_rules(config, directories)
        model = _model(model_file)
        wanted = wanted_metrics(rules, model)
        if store:
            data = session.data or Path(config.data or default_data())
            state = state_place(config.store, data)
            directory = configured_directory(config.directory, applied=applied_in(state).whose)
            history = read_stored(data, wanted, directory, state)
        else:
            history = read_history(find_files(paths), wanted)
        period = _period(history, since, until)
        with _progress() as progress:
            bar = progress.add_task(f"{len(history.serials):,} drives", total=history.rows)
            done = run_backtest(
                history, rules, model, period, budget, lambda count: progress.advance(bar, count),
                config.tickets.budget_per_1000_devices_a_month if configured or store else None,
            )  # fmt: skip
        if tickets_file is not None:
            write_tickets(tickets_file, history, done.tickets)
        if scores_file is not None:
            write_scores(scores_file, history, done.scores)
        if plot_file is not None:
            draw(done.report, plot_file)
    except (
        ConfigError,
        HistoryError,
        StartError,
        StoreError,
        NoPlotError,
        RuleFileErrors,
        ValueError,
        OSError,
    ) as error:
        raise click.ClickException("\n".join(clean_lines(str(error)))) from None
    if as_json:
        print_json(answer(done))
    else:
        show(session, done.report)


def _model(file: Path | None) -> RiskModel | None:
    return shipped_model("hdd") if file is None else read_model(file.read_bytes())


def _period(history: History, since: date | None, until: date | None) -> Period:
    whole = history.period
    first = whole.first if since is None else max(whole.first, _day(since))
    last = whole.last if until is None else min(whole.last, _day(until))
    if first > last:
        raise ValueError(f"no day to judge: the history goes from {_date(whole.first)} to {_date(whole.last)}")
    return Period(first, last)


def _day(given: date) -> int:
    return (date(given.year, given.month, given.day) - EPOCH).days


def _date(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()


def _progress() -> Progress:
    screen = Console(stderr=True)
    return Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=screen)


def write_tickets(file: Path, history: History, tickets: Sequence[Ticket]) -> None:
    """serial_number, opened, closed, rule, level, probability, lead_days, in the order of opening."""
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["serial_number", "opened", "closed", "rule", "level", "probability", "lead_days"])
        for ticket in sorted(tickets, key=lambda ticket: (ticket.opened, history.serials[ticket.drive])):
            failed = int(history.failed_on[ticket.drive])
            writer.writerow(
                [
                    history.serials[ticket.drive],
                    _date(ticket.opened),
                    "" if ticket.closed is None else _date(ticket.closed),
                    ticket.rule,
                    ticket.level,
                    "" if ticket.probability is None else f"{ticket.probability:.6g}",
                    "" if failed == NEVER else failed - ticket.opened,
                ]
            )


def answer(done: Backtest) -> dict[str, object]:
    report = done.report
    return {
        "first": _date(report.first),
        "last": _date(report.last),
        "horizon_days": report.horizon_days,
        "drives": report.drives,
        "drive_days": report.drive_days,
        "failing": report.failing,
        "tickets": len(done.tickets),
        "held_back": report.held_back,
        "no_model": without_model(),
        "notes": report.notes,
        "methods": report.lines,
    }


def show(session: Session, report: Report) -> None:
    session.screen.print(
        f"{_date(report.first)} to {_date(report.last)}: {report.drives:,} drives, {report.drive_days:,} drive-days,"
        f" {report.failing} failed"
    )
    for group, title in TITLES.items():
        lines = [line for line in report.lines if line.group == group]
        if not lines:
            continue
        session.screen.print(heading(title))
        shown = table(
            folding("method", least=20), right("cut for"), right(">= 1 d"), right(">= 7 d"), right("false"),
            right("precision"), right("days ahead"), gap=1,
        )  # fmt: skip
        for line in lines:
            shown.add_row(*map(cell, _row(line)))
        session.screen.print(shown)
    visits(session, report)
    if report.held_back:
        session.screen.print(f"\n{report.held_back} predictive tickets found no room in the ticket budget.")
    for note in report.notes:
        session.screen.print(f"\n{note}")
    session.screen.print(f"\nno risk model, for want of histories: {', '.join(without_model())}")
    session.screen.print(
        f"\n>= 1 d, >= 7 d: failing drives with a ticket so long ahead, within {report.horizon_days} days. false:"
        " tickets on drives that did not fail, per 1,000 drives a month. precision: with its 95 % interval."
        " days ahead: p10, p50, p90."
    )


def visits(session: Session, report: Report) -> None:
    """What it would have meant for the people who drive there. Rankings that were cut afterwards are left out."""
    session.screen.print(heading("Visits"))
    shown = table(
        folding("method", least=20), right("saved"), right("wasted"), right("reopened"), right("with signs"),
        right("without"), gap=1,
    )  # fmt: skip
    for line in report.lines:
        found = line.outcome
        if line.budget is not None and not line.frozen:
            continue
        method = line.method if line.budget is None else f"{line.method} for {line.budget:g} (frozen)"
        cells = (
            method,
            str(found.visits_saved),
            str(found.visits_wasted),
            "-" if line.reopened is None else str(line.reopened),
            f"{found.found_with_signs} of {found.failing_with_signs}",
            f"{found.found_without_signs} of {found.failing_without_signs}",
        )
        shown.add_row(*map(cell, cells))
    session.screen.print(shown)
    session.screen.print(
        "\nsaved: failures that a ticket announced a day ahead or more: visits that could be planned. wasted: tickets"
        " on drives that did not fail. reopened: tickets after one that was closed. with signs: found of the failed"
        " drives that showed 5, 187, 197 or 198 above 0 on the last day, and may have been replaced for it; without: of"
        " those that died without."
    )


def _row(line: Line) -> tuple[str, ...]:
    found = line.outcome
    return (
        f"{line.method} (frozen)" if line.frozen else line.method,
        "" if line.budget is None else f"{line.budget:g}",
        _percent(found.recall_day),
        _percent(found.recall_week),
        f"{found.false_rate:.2f}",
        _precision(found),
        "-" if found.lead_p50 is None else f"{found.lead_p10:.0f} {found.lead_p50:.0f} {found.lead_p90:.0f}",
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _precision(found: Outcome) -> str:
    if found.precision is None or found.precision_low is None or found.precision_high is None:
        return "-"
    return f"{100 * found.precision:.0f} % ({100 * found.precision_low:.0f}-{100 * found.precision_high:.0f})"
