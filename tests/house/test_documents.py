"""What the programs know, some document tells; what documents point to is there."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from forewarn_agent.cli import main as forewarn_agent
from forewarn_agent.config_keys import KEYS
from forewarn_collector.cli.main import forewarn
from forewarn_collector.config_reference import keys
from forewarn_rules import METRICS, load_rules
from forewarn_rules.metrics import ATA_PATTERNS


@pytest.fixture(scope="module")
def everything(documents: dict[Path, str]) -> str:
    return "\n".join(documents.values())


def commands(group: click.Group, before: str) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        yield f"{before} {name}"
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{before} {name}")


EVERY_COMMAND = [*commands(forewarn, "forewarn"), *commands(forewarn_agent, "forewarn-agent")]


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_every_command_is_in_a_document(everything: str, command: str) -> None:
    assert re.search(rf"(?<![\w-]){command}(?![\w-])", everything)


@pytest.mark.parametrize("path", [*(key.path for key in KEYS), *(key.path for key in keys())])
def test_every_configuration_key_is_in_a_document(everything: str, path: str) -> None:
    assert f"| `{path}` |" in everything


@pytest.mark.parametrize("metric", [*METRICS, *(pattern.name for pattern in ATA_PATTERNS)])
def test_every_metric_is_in_a_document(everything: str, metric: str) -> None:
    assert f"`{metric}`" in everything


@pytest.mark.parametrize("rule", [rule.id for rule in load_rules()])
def test_every_rule_is_in_a_document(everything: str, rule: str) -> None:
    assert f"`{rule}`" in everything


def test_links_lead_somewhere(documents: dict[Path, str]) -> None:
    for path, text in documents.items():
        targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text.replace("\n", " "))
        near = [target for target in targets if not target.startswith("http")]
        assert [target for target in near if not (path.parent / target).exists()] == [], path


def test_links_to_headings_lead_to_one(documents: dict[Path, str]) -> None:
    for path, text in documents.items():
        for target, anchor in re.findall(r"\]\(([^)#]*)#([^)]*)\)", text):
            other = (path.parent / target).resolve() if target else path
            if other in documents:
                headings = re.findall(r"^#+ (.+)$", documents[other], re.M)
                assert anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in headings}


def test_every_change_is_typed(document: Callable[[str], str]) -> None:
    changes = [line for line in document("CHANGELOG.md").splitlines() if line.startswith("-")]
    assert changes
    typed = r"- \[(CHANGE|FEATURE|ENHANCEMENT|BUGFIX)\] [A-Za-z ]+: .+"
    assert [line for line in changes if not re.fullmatch(typed, line)] == []


def test_the_changelog_begins_with_the_version_in_work(document: Callable[[str], str], project: Path) -> None:
    (version,) = re.findall(
        r'^VERSION = "(.+)"$', (project / "agent" / "forewarn_agent" / "__init__.py").read_text(), re.M
    )
    first = re.search(r"^## (\S+)", document("CHANGELOG.md"), re.M)
    assert first is not None
    assert first[1] == version
