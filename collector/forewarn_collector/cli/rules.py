"""``forewarn rules list|check|test|explain``: without a running collector."""

from collections.abc import Sequence
from pathlib import Path

import click

from forewarn_collector.cli import account_page, rule_page
from forewarn_collector.cli.address import ClientError
from forewarn_collector.cli.complete import device_names, rule_ids
from forewarn_collector.cli.format import count
from forewarn_collector.cli.groups import Commands
from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, heading, paragraph, table
from forewarn_collector.cli.text import clean, clean_lines
from forewarn_collector.tickets.outcomes import Record
from forewarn_rules import CaseResult, RuleFileErrors, RuleSet, load_rules, run_rule_tests

FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
rules_option = click.option("--rules", "directories", multiple=True, type=FOLDER, help="Rules of your own, too.")
folders_argument = click.argument("directories", metavar="[DIR]...", nargs=-1, type=FOLDER)


@click.group("rules", cls=Commands)
def rules() -> None:
    """The rules: list, check, test, explain.

    Example: forewarn rules list
    """


@rules.command("list")
@rules_option
@json_option
@pass_session
def list_rules(session: Session, directories: tuple[Path, ...], as_json: bool) -> None:
    """Every rule: what it judges and which levels it knows.

    When a collector runs and engineers have closed tickets: how often those of each rule were right (with its 95 %
    interval and the number of tickets), and the median time from ticket to failure or replacement.

    Example: forewarn rules list --rules ./my-rules
    """
    found = _load(directories)
    records = _records(session)
    if as_json:
        print_json([{**rule_page.summary(rule), "record": records.get(rule.id)} for rule in found])
        return
    if records:
        session.screen.print(rule_page.record_table(found, records))
        return
    shown = table(fixed("rule"), fixed("of a"), fixed("up to"), folding("title"), gap=1)
    for rule in found:
        status = "" if rule.status == "stable" else f" ({rule.status})"
        shown.add_row(*map(cell, (rule.id, rule.kind, rule.levels[-1].name, f"{rule.title}{status}")))
    session.screen.print(shown)


@rules.command("check")
@folders_argument
@json_option
def check(directories: tuple[Path, ...], as_json: bool) -> None:
    """Read the built-in rules and those in DIR and name everything that is wrong with them.

    Exit code 1 when something is.

    Example: forewarn rules check ./my-rules
    """
    try:
        found = load_rules(directories=directories)
    except RuleFileErrors as error:
        if as_json:
            print_json({"rules": None, "problems": error.problems})
        else:
            for problem in error.problems:
                click.echo(clean(str(problem)))
            click.echo(count(len(error.problems), "problem"), err=True)
        raise click.exceptions.Exit(1) from None
    if as_json:
        print_json({"rules": len(found), "problems": []})
    else:
        click.echo(f"{count(len(found), 'rule')}, nothing wrong")


@rules.command("test")
@folders_argument
@json_option
def test(directories: tuple[Path, ...], as_json: bool) -> None:
    """Run the tests that lie beside the rules: those in DIR, or the built-in ones.

    Exit code 1 when one fails.

    Example: forewarn rules test ./my-rules
    """
    results = run_rule_tests(_load(directories, builtin=not directories))
    failed = [result for result in results if not result.passed]
    if as_json:
        print_json([_result(result) for result in results])
    else:
        _say_results(results, failed)
    if failed:
        raise click.exceptions.Exit(1)


@rules.command("explain")
@click.argument("rule", shell_complete=rule_ids)
@click.option("--device", shell_complete=device_names, help="What it sees there now, and what would change it.")
@rules_option
@json_option
@pass_session
def explain(session: Session, rule: str, device: str | None, directories: tuple[Path, ...], as_json: bool) -> None:
    """One rule in words: what it reads, when it raises and clears, what it says, and how it is tested.

    With --device, asks the collector what its rule sees there: each value, each condition (true, false or unknown, and
    why), each level, what is pending until when, and what would change it.

    Example: forewarn rules explain filesystem-full --device shop-07
    """
    if device is not None:
        _explain_device(session, rule, device, directories, as_json)
        return
    found = _load(directories)
    try:
        chosen = found[rule]
    except KeyError:
        raise click.ClickException(f"there is no rule {clean(rule)!r}; `forewarn rules list` shows them all") from None
    cases = [case.name for case in found.tests[rule].cases]
    if as_json:
        print_json({**rule_page.details(chosen), "tests": cases, "record": _records(session).get(rule)})
        return
    for block in rule_page.page(chosen, cases):
        session.screen.print(block)
    record = _records(session).get(rule)
    if record is not None:
        session.screen.print(heading("Outcomes"))
        session.screen.print(paragraph(rule_page.say_record(record)))


def _explain_device(session: Session, rule: str, device: str, directories: Sequence[Path], as_json: bool) -> None:
    if directories:
        raise click.UsageError("--rules is for rules in files; --device asks the collector, which judges by its own")
    explained = session.client.explain_rule(rule, device)
    if as_json:
        print_json(explained)
        return
    for block in account_page.page(explained, session.times):
        session.screen.print(block)


def _records(session: Session) -> dict[str, Record]:
    """What outcomes say, by rule; nothing when no collector runs here. One that was named must answer."""
    try:
        return {record.rule: record for record in session.client.rule_records()}
    except ClientError:
        if session.server is not None:
            raise
        return {}


def _load(directories: Sequence[Path], builtin: bool = True) -> RuleSet:
    try:
        return load_rules(builtin=builtin, directories=directories)
    except RuleFileErrors as error:
        raise click.ClickException("\n".join(clean_lines(str(error)))) from None


def _result(result: CaseResult) -> dict[str, object]:
    return {"rule": result.rule, "case": result.case, "passed": result.passed, "problems": result.problems}


def _say_results(results: Sequence[CaseResult], failed: Sequence[CaseResult]) -> None:
    for result in failed:
        click.echo(clean(f"FAILED {result.rule}: {result.case} ({result.file})"))
        for problem in result.problems:
            click.echo(clean(f"  {problem}"))
    many = count(len(results), "case")
    of_rules = count(len({result.rule for result in results}), "rule")
    click.echo(f"{many} of {of_rules}: " + (f"{len(failed)} failed" if failed else "all passed"))
