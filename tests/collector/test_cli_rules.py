"""The rules on the command line, without a collector."""

import io
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from forewarn_collector.cli import rule_page
from forewarn_collector.cli.main import forewarn
from forewarn_rules import load_rules
from forewarn_rules.rule import Rule


def ask(*words: str) -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(forewarn, ["rules", *words])


@pytest.fixture
def own_rules(tmp_path: Path) -> Path:
    """A rule of the provider's own: a built-in one under another name."""
    directory = tmp_path / "my-rules"
    directory.mkdir()
    original = load_rules()["filesystem-full"]
    for source, name in ((original.file, "own-full.yaml"), (original.test_file, "own-full.test.yaml")):
        text = source.read_text(encoding="utf-8").replace("filesystem-full", "own-full")
        (directory / name).write_text(text.replace("fault: own-full", "fault: filesystem-full"), encoding="utf-8")
    return directory


def test_list_shows_every_rule_and_those_of_ones_own(own_rules: Path) -> None:
    shown = ask("list", "--rules", str(own_rules)).stdout
    for rule in load_rules():
        assert rule.id in shown
    assert "own-full" in shown
    assert "own-full" not in ask("list").stdout
    assert {row["id"] for row in json.loads(ask("list", "--json").stdout)} == {rule.id for rule in load_rules()}


def test_check_names_every_mistake_with_file_and_line(own_rules: Path) -> None:
    fine = ask("check", str(own_rules))
    assert fine.exit_code == 0
    assert fine.stdout.endswith("rules, nothing wrong\n")
    path = own_rules / "own-full.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("take: last", "take: lasst"), encoding="utf-8")
    wrong = ask("check", str(own_rules))
    assert wrong.exit_code == 1
    assert "my-rules/own-full.yaml:" in wrong.stdout
    assert "'lasst' is not a choice here" in wrong.stdout
    document = ask("check", str(own_rules), "--json")
    assert document.exit_code == 1
    assert json.loads(document.stdout)["problems"][0]["path"] == "signals.used.take"
    assert ask("list", "--rules", str(own_rules)).exit_code == 1


def test_test_runs_the_tests_of_a_directory_and_says_what_failed(own_rules: Path) -> None:
    assert "of 1 rule: all passed" in ask("test", str(own_rules)).stdout
    path = own_rules / "own-full.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("at_least: 80", "at_least: 85"), encoding="utf-8")
    failed = ask("test", str(own_rules))
    assert failed.exit_code == 1
    assert "FAILED own-full: steady fill raises warning" in failed.stdout
    assert "none instead of warning" in failed.stdout
    results = json.loads(ask("test", str(own_rules), "--json").stdout)
    assert {result["rule"] for result in results} == {"own-full"}
    assert not all(result["passed"] for result in results)


def test_explain_says_when_it_raises_and_clears() -> None:
    shown = ask("explain", "filesystem-full").stdout
    for piece in (
        "every filesystem (device, mount)",
        "fstype is none of",
        "raised when used >= 97 or (used >= 90 and hours_left <= 24), for 10m",
        "cleared when",
        "hours until it reaches 100 at the pace of 1d",
        "Why it matters",
        "What to do",
    ):
        assert piece in shown
    assert json.loads(ask("explain", "filesystem-full", "--json").stdout)["levels"]


@pytest.mark.parametrize("rule", list(load_rules()), ids=lambda rule: rule.id)
def test_every_rule_can_be_explained(rule: Rule) -> None:
    """What ``explain`` prints; the command would read all rules anew for each."""
    screen = Console(width=160, file=io.StringIO())
    for block in rule_page.page(rule, ["a case"]):
        screen.print(block)
    shown = screen.file.getvalue()
    for level in rule.levels:
        assert level.name in shown
    assert rule.title in shown
    assert json.loads(json.dumps(rule_page.details(rule)))["levels"]


def test_an_unknown_rule_or_directory() -> None:
    unknown = ask("explain", "no-such-rule")
    assert unknown.exit_code == 1
    assert unknown.stderr == "Error: there is no rule 'no-such-rule'; `forewarn rules list` shows them all\n"
    assert ask("check", "/nowhere/at/all").exit_code == 2


def test_an_empty_directory_has_no_rules_to_test(own_rules: Path) -> None:
    shutil.rmtree(own_rules)
    own_rules.mkdir()
    assert ask("test", str(own_rules)).stdout == "0 cases of 0 rules: all passed\n"
