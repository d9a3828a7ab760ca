"""``forewarn directory apply|check|show|export|import|versions|schema``"""

from pathlib import Path

import click
from rich.text import Text

from forewarn_collector.api.people_views import AppliedView, Apply, DirectoryView
from forewarn_collector.cli.complete import customers
from forewarn_collector.cli.format import ABSENT, Times, count
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.person import login_name
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, table
from forewarn_collector.cli.text import clean
from forewarn_collector.people.diff import difference
from forewarn_collector.people.imports import import_csv
from forewarn_collector.people.mistakes import not_configured
from forewarn_collector.people.model import Version
from forewarn_collector.people.reading import (
    DirectoryError,
    check_directory,
    read_directory,
    schema,
    write_directory,
)
from forewarn_collector.people.schema import Customer, DirectoryFile, Responsible, Site
from forewarn_rules.document import spell_path

STYLES = {"+": "green", "-": "red", "@": "cyan"}

file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
by_option = click.option("--by", "actor", default=login_name, help="Who does it; default your login.")


@click.group("directory", cls=Commands)
def directory() -> None:
    """Customers, sites, engineers, duty and service levels: apply a file, look at what counts.

    Example: forewarn directory apply directory.yaml --dry-run
    """


@directory.command("apply")
@file_argument
@dry_run_option
@by_option
@json_option
@pass_session
def apply(session: Session, file: Path, dry_run: bool, actor: str, as_json: bool) -> None:
    """Let a directory file count from now on, as a whole, and show what that changes.

    Example: forewarn directory apply directory.yaml --dry-run
    """
    _change(session, session.client.send(DirectoryView, "GET", "/directory"), _read(file), dry_run, actor, as_json)


@directory.command("import")
@click.argument("csv_file", metavar="CSV", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@dry_run_option
@by_option
@json_option
@pass_session
def import_(session: Session, csv_file: Path, dry_run: bool, actor: str, as_json: bool) -> None:
    """Put customers or engineers of a CSV file into the applied directory, and show what that changes.

    Example: forewarn directory import stores.csv --dry-run
    """
    known = session.client.send(DirectoryView, "GET", "/directory")
    try:
        found = import_csv(csv_file, known.document)
        check_directory(found)
    except DirectoryError as error:
        raise click.ClickException(_lines(error)) from None
    _change(session, known, found, dry_run, actor, as_json)


@directory.command("check")
@file_argument
@json_option
def check(file: Path, as_json: bool) -> None:
    """Say everything that is wrong with a directory file; asks no collector.

    Example: forewarn directory check directory.yaml
    """
    found = _read(file)
    if as_json:
        print_json(found)
    else:
        click.echo(f"{clean(str(file))}: {_summary(found)}")


@directory.command("show")
@click.option("--customer", shell_complete=customers, help="Only this customer.")
@json_option
@pass_session
def show(session: Session, customer: str | None, as_json: bool) -> None:
    """The applied directory: which devices where, and who looks after them.

    Example: forewarn directory show --customer Acme
    """
    found = session.client.send(DirectoryView, "GET", "/directory")
    if as_json:
        print_json(found)
        return
    click.echo(_heading(found, session.times))
    shown = table(
        folding("customer", least=8), folding("site", least=6), folding("devices", least=10),
        folding("responsible", least=10), folding("contact", least=8), fixed("sla"),
    )  # fmt: skip
    for one in found.document.customers:
        if customer not in (None, one.name):
            continue
        places: list[Customer | Site] = [one, *one.sites]
        for place in places:
            names = [name for entry in place.devices for name in entry.names]
            contact = next(iter(place.contacts), None)
            shown.add_row(
                cell(one.name if place is one else ""), cell(ABSENT if place is one else place.name),
                cell(" ".join(names) or ABSENT), cell(_who(place.responsible or one.responsible)),
                cell(f"{contact.name} {contact.phone or contact.mail}" if contact else ABSENT),
                cell(place.sla or one.sla or ABSENT),
            )  # fmt: skip
    if shown.row_count:
        session.screen.print(shown)


@directory.command("export")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file.")
@json_option
@pass_session
def export(session: Session, output: Path | None, as_json: bool) -> None:
    """The applied directory as a file that can be applied again.

    Example: forewarn directory export --output directory.yaml
    """
    document = session.client.send(DirectoryView, "GET", "/directory").document
    if as_json:
        print_json(document)
    elif output is None:
        click.echo(write_directory(document), nl=False)
    else:
        try:
            output.write_text(write_directory(document), encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"{output}: cannot be written: {error.strerror}") from None
        click.echo(f"{clean(str(output))}: {_summary(document)}")


@directory.command("versions")
@json_option
@pass_session
def versions(session: Session, as_json: bool) -> None:
    """Who applied a directory, and when; the newest first. `forewarn audit` has what changed.

    Example: forewarn directory versions
    """
    found = session.client.send(list[Version], "GET", "/directory/versions")
    if as_json:
        print_json(found)
    elif not found:
        click.echo("no directory was applied yet")
    else:
        shown = table(fixed("version"), fixed("applied"), folding("by"))
        for one in found:
            shown.add_row(cell(one.number), cell(session.times.moment(one.at)), cell(one.actor))
        session.screen.print(shown)


@directory.command("schema")
@click.option("--json", "as_json", is_flag=True, help="It always is one JSON document.")
def schema_(as_json: bool) -> None:
    """The JSON Schema of a directory file, for editors that complete and check.

    Example: forewarn directory schema > directory.schema.json
    """
    print_json(schema())


def _read(file: Path) -> DirectoryFile:
    try:
        return read_directory(file)
    except DirectoryError as error:
        raise click.ClickException(_lines(error)) from None


def _change(
    session: Session, known: DirectoryView, new: DirectoryFile, dry_run: bool, actor: str, as_json: bool
) -> None:
    """Show what changes; apply it unless it is a dry run or somebody was faster."""
    diff = difference(known.document, new)
    done = AppliedView(version=None, diff=diff)
    if (diff or known.version is None) and not dry_run:
        base = known.version.number if known.version else 0
        body = Apply(document=new, actor=actor, base=base)
        done = session.client.send(AppliedView, "POST", "/directory", body)
    for where, text, remedy in not_configured(new, known.channels):
        click.echo(clean(f"warning: {spell_path(where)}: {text}; {remedy}"), err=True)
    if as_json:
        print_json(done)
        return
    for line in diff:
        session.screen.print(Text(clean(line), style=STYLES.get(line[:1], ""), overflow="fold"))
    if done.version is not None:
        click.echo(f"version {done.version.number} counts now: {_summary(new)}")
    elif diff:
        click.echo("nothing was changed: this was a dry run")
    else:
        click.echo("nothing to change: the applied directory says the same")


def _heading(found: DirectoryView, times: Times) -> str:
    if found.version is None:
        return "no directory was applied" if found.document == DirectoryFile() else _summary(found.document)
    applied = f"version {found.version.number}, applied {times.both(found.version.at)} by {found.version.actor}"
    return clean(applied) + f"\n{_summary(found.document)}"


def _summary(file: DirectoryFile) -> str:
    sites = sum(len(one.sites) for one in file.customers)
    parts = (count(len(file.customers), "customer"), count(sites, "site"), count(len(file.engineers), "engineer"))
    return ", ".join(parts)


def _who(said: Responsible | None) -> str:
    if said is None:
        return ABSENT
    return f"{said.primary}, {said.backup}" if said.backup else said.primary


def _lines(error: DirectoryError) -> str:
    return "\n".join(clean(line) for line in str(error).split("\n"))
