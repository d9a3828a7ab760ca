"""``forewarn replay``: real drive histories through the real front door."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from forewarn_collector.cli import hint
from forewarn_collector.cli.client import Client, ClientError
from forewarn_collector.cli.session import typed_before
from forewarn_collector.config_file import NAME as CONFIG_NAME
from forewarn_collector.replay.embedded import EmbeddedError, embedded_collector
from forewarn_collector.replay.histories import HistoryError, choose, count_rows
from forewarn_collector.replay.run import replay as run_replay
from forewarn_collector.replay.score import Result
from forewarn_collector.replay.sender import SendError


@click.command("replay")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--failed", type=click.IntRange(0), help="How many drives that failed (a seeded sample); default all.")
@click.option("--healthy", type=click.IntRange(0), help="How many drives that did not fail; default all.")
@click.option("--serial", "serials", multiple=True, help="Only this drive; may be given several times.")
@click.option("--seed", default=1, show_default=True, help="Another seed takes another sample.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Start a collector on this directory.")
@click.option("--server", help="Use the collector whose API is here, instead of one of its own.")
@click.option("--token-file", type=click.Path(path_type=Path, exists=True), help="Token for --server.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def replay(
    files: tuple[Path, ...],
    failed: int | None,
    healthy: int | None,
    serials: tuple[str, ...],
    seed: int,
    data: Path | None,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Send drive histories (Backblaze Drive Stats, daily CSV or parquet) as virtual agents and see what is predicted.

    Each drive is a device that reports at its own timestamps over MQTT. Without --server a collector is started for
    the run, on --data or on a fresh directory.

    Example: forewarn replay 2018-01-*.csv --failed 40 --healthy 400
    """
    data, server = data or typed_before("data"), server or typed_before("server")
    token_file = token_file or typed_before("token_file")
    if data is not None and server is not None:
        raise click.UsageError("--data starts a collector of its own, --server uses one that runs: choose one")
    screen = Console(stderr=True)
    try:
        choice = choose(files, failed, healthy, serials, seed)
        if not choice.serials:
            raise click.ClickException("no drive is left to replay; raise --failed or --healthy")
        total = count_rows(files, choice.serials)
        with _collector(data, server, token_file, screen) as client, _progress(screen) as progress:
            bar = progress.add_task(f"{len(choice.serials)} drives", total=total)
            result = run_replay(client, files, choice, lambda count: progress.advance(bar, count))
    except (HistoryError, SendError, EmbeddedError, ClientError, TimeoutError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(json.dumps(msgspec.to_builtins(result)) if as_json else describe(result))


def _progress(screen: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=screen
    )


@contextlib.contextmanager
def _collector(data: Path | None, server: str | None, token_file: Path | None, screen: Console) -> Iterator[Client]:
    if server is not None:
        yield Client.connect(data, server, token_file)
        return
    data = data or Path(tempfile.mkdtemp(prefix="forewarn-replay-"))
    _without_budget(data)
    with embedded_collector(data):
        yield Client.connect(data, None, None)
    screen.print(f"kept in {data}; look at it with: {hint.start(data)}", markup=False, highlight=False, soft_wrap=True)


def _without_budget(data: Path) -> None:
    """Years go by in minutes here, the ticket budget counts the collector's own months, and what is years old counts as
    too old to be kept."""
    file = data / CONFIG_NAME
    if not file.exists():
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(
            "tickets: {budget_per_1000_devices_a_month: null}\nstore: {keep: {smart_days: null, rollup_days: null}}\n",
            encoding="utf-8",
        )


def describe(result: Result) -> str:
    """The result in words, a line each."""
    lead = result.lead_days
    lines = [
        f"{result.drives} drives, {result.sent} reports in {result.seconds:.1f} s"
        f" ({result.reports_per_second:.0f} reports/s); {result.acknowledged} acknowledged, {result.stored} stored"
        + (f", {result.refused} refused" if result.refused else ""),
        f"{result.tickets} tickets",
        f"{result.failing_with_ticket} of {result.failing} failing drives had a disk-failure ticket"
        " at least a day ahead" + (f" ({100 * result.failing_with_ticket / result.failing:.0f} %)" if lead else ""),
        f"{result.healthy_with_ticket} of {result.healthy} drives that did not fail had one too",
    ]
    if lead:
        lines.insert(3, f"days ahead: {', '.join(map(str, lead))} (median {lead[len(lead) // 2]})")
    return "\n".join(lines)
