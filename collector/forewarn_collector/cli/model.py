"""``forewarn model train|report``: the risk model, what it was trained from, how far it can be trusted."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import click
import msgspec
import numpy as np
from rich.console import Console

from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, heading, right, table
from forewarn_collector.cli.text import clean_lines
from forewarn_collector.replay.columns import EPOCH, find_files, read_history
from forewarn_collector.replay.histories import HistoryError
from forewarn_collector.replay.intervals import has_intervals, read_intervals
from forewarn_collector.training.fit import NoFitError
from forewarn_collector.training.protocol import Test, rolling_origins, unseen_models
from forewarn_collector.training.samples import Samples, gather, join
from forewarn_collector.training.train import empty_features, reliability, score, with_tables
from forewarn_collector.training.train import train as fit_model
from forewarn_rules.risk import Provenance, Reliability, RiskModel, Source, read_model, shipped_model, without_model

FILES = click.Path(path_type=Path, exists=True)
UNDATED_SHARE = 0.1
"""Of the drives without dates that do not fail; enough, and many times faster than all."""


@click.group("model", cls=Commands)
def model() -> None:
    """The risk model: train one, look at one.

    Example: forewarn model report
    """


@model.command("train")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=FILES)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Write the model here.")
@click.option("--evaluate", is_flag=True, help="First train and test on rolling origins and on models left out.")
@json_option
@pass_session
def train(session: Session, paths: tuple[Path, ...], out: Path, evaluate: bool, as_json: bool) -> None:
    """Learn from drive histories how likely a hard disk fails within 30 days, and write that as JSON.

    PATH is a file or directory in the form of Backblaze Drive Stats, or a table of stretches of power-on hours.

    Example: forewarn model train histories/ --out hdd.json
    """
    screen = Console(stderr=True)

    def say(text: str) -> None:
        screen.print(text, markup=False, highlight=False)

    try:
        files = find_files(paths)
        samples = read_samples(files, say)
        tests = protocol(samples, say) if evaluate else []
        say("training on everything")
        words = " ".join(["forewarn model train", *(file.name for file in files), "--out", out.name])
        found = with_tables(fit_model(samples, _provenance(samples, words)), samples)
        out.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    except (HistoryError, NoFitError, ValueError, OSError) as error:
        raise click.ClickException("\n".join(clean_lines(str(error)))) from None
    if as_json:
        print_json({"model": found, "tests": tests})
        return
    for test in tests:
        _show_test(session, test)
    _show(session, found)


@model.command("report")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=FILES)
@click.option("--model", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Another model than the one that comes with forewarn.")  # fmt: skip
@json_option
@pass_session
def report(session: Session, paths: tuple[Path, ...], file: Path | None, as_json: bool) -> None:
    """What the model looks at, what it was trained from, and predicted beside observed risk.

    With PATH, predicted and observed are those of these histories.

    Example: forewarn model report
    """
    try:
        found = shipped_model("hdd") if file is None else read_model(file.read_bytes())
        if found is None:
            raise ValueError("no model comes with this installation")
        tables = _measured(found, paths) if paths else {v.title: v.reliability for v in found.variants}
    except (HistoryError, ValueError, OSError) as error:
        raise click.ClickException("\n".join(clean_lines(str(error)))) from None
    without = without_model()
    if as_json:
        print_json({"model": found, "reliability": tables, "no_model": without})
        return
    _show(session, found, tables)
    session.screen.print(f"\nno model, for want of histories: {', '.join(without)}")


def read_samples(files: Sequence[Path], say: Callable[[str], None]) -> list[Samples]:
    """Each file's drive-days as samples; of files without dates, all drives that fail and a part of the others."""
    features = empty_features()
    wanted = {metric for feature in features for metric in feature.metrics}
    dated = [file for file in files if not has_intervals(file)]
    found = []
    for group in _groups(dated):
        say(f"reading {group[0].name}" + (f" and {len(group) - 1} more" if len(group) > 1 else ""))
        found.append(gather(read_history(group, wanted), features, group[0].stem))
    for file in files:
        if file not in dated:
            say(f"reading {file.name}")
            parts = read_intervals(file, wanted)
            pieces = [gather(part, features, file.stem, dated=False, share=UNDATED_SHARE) for part in parts]
            found.append(join(file.stem, pieces))
    return found


def _groups(files: Sequence[Path]) -> list[list[Path]]:
    """Daily files (CSV) of one directory are one fleet; every parquet file is one of its own."""
    found: dict[Path, list[Path]] = {}
    for file in files:
        found.setdefault(file if file.suffix == ".parquet" else file.parent, []).append(file)
    return list(found.values())


def protocol(samples: Sequence[Samples], say: Callable[[str], None]) -> list[Test]:
    tests = []
    for target in samples:
        if target.dated:
            tests += rolling_origins(samples, target, say)
            tests += unseen_models(samples, target, say)
    return tests


def _provenance(samples: Sequence[Samples], command: str) -> Provenance:
    sources = tuple(
        Source(
            piece.name,
            len(np.unique(piece.drives)),
            piece.failures,
            round(float(piece.weight.sum())),
            _date(int(piece.days.min())) if piece.dated else None,
            _date(int(piece.days.max())) if piece.dated else None,
        )
        for piece in samples
    )
    last = [source.last for source in sources if source.last]
    return Provenance(f"Backblaze Drive Stats, to {max(last)}" if last else "histories without dates", command, sources)


def _measured(found: RiskModel, paths: Sequence[Path]) -> dict[str, tuple[Reliability, ...]]:
    samples = [piece for piece in read_samples(find_files(paths), lambda _: None) if piece.dated]
    scores = [score(found, piece) for piece in samples]
    return {"these histories": reliability(samples, scores, found.horizon_days)}


def _date(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()


def _show(session: Session, found: RiskModel, tables: dict[str, tuple[Reliability, ...]] | None = None) -> None:
    screen = session.screen
    screen.print(f"{found.disk_kind}: P(fail within {found.horizon_days} days); {found.provenance.trained_on}")
    for source in found.provenance.sources:
        when = f", {source.first} to {source.last}" if source.first else ""
        screen.print(
            f"  {source.file}: {source.drives:,} drives, {source.failures:,} failures,"
            f" {source.drive_days:,} drive-days{when}"
        )
    for variant in found.variants:
        needs = f"reports {' or '.join(variant.needs)}" if variant.needs else "all others"
        screen.print(heading(f"{variant.title} ({needs}): log-odds {variant.intercept:.2f}, and"))
        shown = table(folding("feature"), right("1"), right("7"), right("63"), right("1023"), right("unknown"))
        for feature in variant.features:
            line = [f"{np.interp(np.log1p(at), np.log1p(feature.at), feature.log_odds):.2f}" for at in (1, 7, 63, 1023)]
            shown.add_row(*map(cell, (feature.name, *line, f"{feature.unknown.log_odds:.2f}")))
        screen.print(shown)
    for name, rows in (tables or {variant.title: variant.reliability for variant in found.variants}).items():
        _show_reliability(session, name, rows)


def _show_reliability(session: Session, name: str, rows: Sequence[Reliability]) -> None:
    session.screen.print(heading(f"Predicted and observed, {name}"))
    shown = table(
        fixed("predicted between"), right("drive-days"), right("failing drives"), right("predicted"), right("observed")
    )
    for row in rows:
        between = f"{100 * row.low:g} and {100 * row.high:g} %"
        numbers = (f"{row.drive_days:,}", row.failing, f"{100 * row.predicted:.3f} %", f"{100 * row.observed:.3f} %")
        shown.add_row(*map(cell, (between, *numbers)))
    session.screen.print(shown)


def _show_test(session: Session, test: Test) -> None:
    session.screen.print(heading(f"{test.fleet}, {test.tested}: {test.cut[0].failing} failing"))
    shown = table(
        right("cut for"), right(">= 1 d"), right(">= 7 d"), right("false"), right("days ahead, p50"),
        right("frozen: >= 1 d"), right(">= 7 d"), right("false"),
    )  # fmt: skip
    for budget, cut, frozen in zip(test.budgets, test.cut, test.frozen, strict=True):
        lead = "-" if cut.lead_p50 is None else f"{cut.lead_p50:.0f}"
        row = [f"{budget:g}", _percent(cut.recall_day), _percent(cut.recall_week), f"{cut.false_rate:.2f}", lead]
        row += [_percent(frozen.recall_day), _percent(frozen.recall_week), f"{frozen.false_rate:.2f}"]
        shown.add_row(*map(cell, row))
    session.screen.print(shown)
    if test.reliability and test.tested.startswith("all"):
        _show_reliability(session, test.tested, test.reliability)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"
