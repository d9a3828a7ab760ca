"""``forewarn backup``, ``forewarn restore`` and ``forewarn store``: the data directory as files, and out of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from forewarn_collector.cli.format import quantity
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.session import Session, json_option, mask_files, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, right, table
from forewarn_collector.config import Config
from forewarn_collector.config_file import ConfigError, kept_with, load_config
from forewarn_collector.config_history import HistoryStoreEntry
from forewarn_collector.config_store import Store, store_mistakes
from forewarn_collector.paths import default_data
from forewarn_collector.start import StartError
from forewarn_collector.start_store import journal_place
from forewarn_collector.state_place import state_place
from forewarn_collector.store.backup import Manifest, back_up
from forewarn_collector.store.backup import restore as put_back
from forewarn_collector.store.checking import check as check_all
from forewarn_collector.store.database import FILE_NAME as JOURNAL
from forewarn_collector.store.embedded import Embedded
from forewarn_collector.store.external.interface import HistoryStore
from forewarn_collector.store.external.opening import open_store
from forewarn_collector.store.migrating import migrate
from forewarn_collector.store.model import StoreError
from forewarn_collector.store.state_move import FILE as STATE
from forewarn_collector.store.state_move import move_state as move_all_state


class BackupView(msgspec.Struct, kw_only=True):
    """``made_at``: Unix seconds; ``bytes``: size of the backup."""

    file: str
    bytes: int
    made_at: float
    version: str
    files: list[str]


class MovedView(msgspec.Struct, kw_only=True):
    """``tables``: rows by table."""

    to: str
    rows: int
    tables: dict[str, int]


class CheckView(msgspec.Struct, kw_only=True):
    blocks: int
    rows_in_blocks: int
    unsealed_rows: int
    problems: list[str]


NOT_IN_IT = (
    (STATE, "tickets and users are not in it: there is no state.db here", "forewarn_state"),
    (JOURNAL, "reports are not in it: there is no journal.db here", "forewarn_journal"),
)
ONLY_BLOCKS = "what is in PostgreSQL was not looked through, but for the blocks of history: use pg_amcheck"
config_option = click.option(
    "--config", "config_path", type=click.Path(path_type=Path), help="The collector's configuration, YAML."
)
file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command("backup")
@file_argument
@config_option
@json_option
@pass_session
def backup(session: Session, file: Path, config_path: Path | None, as_json: bool) -> None:
    """Write all that the collector knows to FILE, while it runs: reports, tickets, users, authorities with their keys.

    Run it on the collector's machine as the collector's user. FILE must not be there yet, and is for its owner only.

    Example: forewarn backup /srv/backup/forewarn-monday.tar.gz
    """
    mask_files(0o077)
    with _plainly(), _bar("copied") as told:
        config, data = _configured(session, config_path)
        made = back_up(data, file, version("forewarn"), told, with_journal=config.store.journal is None)
    for name, text, schema in NOT_IN_IT:
        if name not in made.files:
            click.echo(
                f"{text}; where they are in PostgreSQL, run pg_dump --schema {schema} before the backup", err=True
            )
    _say(made, file, as_json)


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@pass_session
def restore(session: Session, file: Path, as_json: bool) -> None:
    """Put a backup back into the data directory, which must be empty; nothing is changed when FILE is not whole.

    Reports that came after the backup are asked for again: agents keep them for a day.

    Example: forewarn restore /srv/backup/forewarn-monday.tar.gz
    """
    mask_files(0o077)
    with _plainly():
        made = put_back(file, _data(session))
    _say(made, file, as_json)


@click.group("store", cls=Commands)
def store() -> None:
    """What is stored: look through it, move it, or copy history into another store.

    Example: forewarn store check
    """


@store.command("check")
@config_option
@json_option
@pass_session
def check(session: Session, config_path: Path | None, as_json: bool) -> None:
    """Look through the databases and unpack every block of history; exit code 1 when something is wrong.

    It changes nothing, and the collector may run. Of a journal in PostgreSQL the blocks are looked through; for the
    tables there, and for a state there, use pg_amcheck.

    Example: forewarn store check
    """
    with _plainly(), _bar("looked through") as told:
        config, data = _configured(session, config_path)
        found = check_all(data, journal_place(config.store, data), told)
    if config.store.state or config.store.journal:
        click.echo(ONLY_BLOCKS, err=True)
    if as_json:
        print_json(CheckView(**found._asdict()))
    else:
        for problem in found.problems:
            click.echo(problem)
        click.echo(
            f"{found.blocks} blocks with {found.rows_in_blocks} rows, {found.unsealed_rows} rows not sealed yet: "
            + (f"{len(found.problems)} problems" if found.problems else "nothing is wrong")
        )
    if found.problems:
        raise SystemExit(1)


@store.command("move-state")
@config_option
@json_option
@pass_session
def move_state(session: Session, config_path: Path | None, as_json: bool) -> None:
    """Move tickets, users and identities from state.db into PostgreSQL, as store.state of the configuration says.

    The collector must not run, and the database must be empty. Every row is counted there; state.db is set aside as
    state.db.moved. When something fails nothing is changed.

    Example: forewarn store move-state --config /etc/forewarn/collector.yaml
    """
    mask_files(0o077)
    with _plainly(), _bar("moved") as told:
        config, data = _configured(session, config_path)
        where = state_place(config.store, data)
        if isinstance(where, Path):
            raise StoreError("the configuration has no store.state; add it with its url")
        tables = move_all_state(data, where, told)
    if as_json:
        print_json(MovedView(to=where.name, rows=sum(tables.values()), tables=tables))
        return
    click.echo(f"{where.name}: {sum(tables.values()):,} rows of {len(tables)} tables, as many as in state.db")


@store.command("migrate")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@json_option
@pass_session
def migrate_history(session: Session, source: str, target: str, as_json: bool) -> None:
    """Copy all history of FROM into TO, and count both; exit code 1 when TO has less.

    Each is a data directory, the address of a history store that asks for no login, or a configuration (.yaml) with
    store.history. It may be broken off and called again: what is there already stays. No collector may run on a
    directory that is written.

    Example: forewarn store migrate /var/lib/forewarn /etc/forewarn/collector.yaml
    """
    mask_files(0o077)
    with _plainly(), closing(_end(source, False)) as have, closing(_end(target, True)) as want:
        have.check()
        want.check()
        with _bar("copied") as told:
            moved = migrate(have, want, told)
    if as_json:
        print_json(moved)
    else:
        shown = table(fixed("kind"), right("series"), right("rows in FROM"), right("rows in TO"), right("series short"))
        for kind in moved.kinds:
            numbers = (kind.series, kind.source, kind.target, kind.short)
            shown.add_row(cell(kind.kind), *(cell(f"{number:,}") for number in numbers))
        session.screen.print(shown)
        refused = f"; {moved.refused:,} were refused, the first: {moved.reason}" if moved.refused else ""
        click.echo(f"{moved.written:,} rows were sent{refused}")
    if any(kind.short for kind in moved.kinds):
        raise SystemExit(1)


def _end(name: str, writing: bool) -> HistoryStore:
    """The history store that FROM or TO names. Raise StoreError."""
    if "://" in name:
        entry = HistoryStoreEntry(url=name)
        for _, wrong, remedy in store_mistakes(Store(history=entry)):
            raise StoreError(f"{wrong}: {remedy}")
        return open_store(entry)
    if name.endswith((".yaml", ".yml")):
        try:
            configured = load_config(Path(name)).store.history
        except ConfigError as error:
            raise StoreError(str(error)) from None
        if configured is None:
            raise StoreError(f"{name}: it has no store.history; name a data directory, or add it")
        return open_store(configured)
    return Embedded(Path(name), writing)


def _configured(session: Session, path: Path | None) -> tuple[Config, Path]:
    """What the collector was told, and its data directory. Raise ConfigError."""
    config = load_config(path or kept_with(_data(session)))
    return config, Path(session.data or config.data or default_data())


def _data(session: Session) -> Path:
    return Path(session.data or default_data())


@contextmanager
def _plainly() -> Iterator[None]:
    try:
        yield
    except (StoreError, ConfigError, StartError) as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def _bar(words: str) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(words)
        yield lambda done, whole: progress.update(task, completed=done, total=whole)


def _say(made: Manifest, file: Path, as_json: bool) -> None:
    size = file.stat().st_size
    view = BackupView(file=str(file), bytes=size, made_at=made.made_at, version=made.version, files=[*made.files])
    if as_json:
        print_json(view)
        return
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(made.made_at))
    many = f"{len(made.files)} files of {at}, {quantity(size, 'bytes')}"
    click.echo(f"{file}: {many}, written by forewarn {made.version}")
