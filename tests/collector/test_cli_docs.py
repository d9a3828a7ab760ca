"""Every command and option is in docs/cli.md and has help."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from forewarn_collector.cli.main import FAMILIES, forewarn

DOCS = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def commands(group: click.Group = forewarn, before: str = "forewarn") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{before} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{before} {name}")


EVERY = dict(commands())


def options(command: click.Command) -> list[click.Option]:
    return [param for param in command.params if isinstance(param, click.Option) and not param.hidden]


def section(title: str) -> str:
    """The text below a command's own heading, up to the next one."""
    found = re.search(rf"^#+ `{re.escape(title)}`$(.*?)(?=^#|\Z)", DOCS.read_text(encoding="utf-8"), re.M | re.S)
    assert found is not None, f"docs/cli.md has no heading `{title}`"
    return found[1]


@pytest.mark.parametrize("title", EVERY)
def test_a_command_has_help_with_an_example(title: str) -> None:
    assert f"Example: {title}" in (EVERY[title].help or "") or "Example:" in (EVERY[title].help or "")
    assert not [option.name for option in options(EVERY[title]) if not option.help]


@pytest.mark.parametrize("title", EVERY)
def test_a_command_and_its_options_are_documented(title: str) -> None:
    text = section(title)
    if not isinstance(EVERY[title], click.Group):
        assert re.search(rf"^\s*(\$ )?{title}", text, re.M), f"no example of {title}"
    assert not [option.opts[-1] for option in options(EVERY[title]) if option.opts[-1] not in text]


def test_the_options_of_the_group_are_documented() -> None:
    text = section("forewarn")
    assert not [option.opts[-1] for option in options(forewarn) if option.opts[-1] not in text]
    for variable in ("FOREWARN_DATA", "FOREWARN_SERVER", "FOREWARN_TOKEN_FILE"):
        assert variable in text


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    for family in FAMILIES.values():
        for name, lazy in family.items():
            first = (EVERY[f"forewarn {name}"].help or "").split("\n\n")[0].replace("\n", " ")
            assert first.startswith(lazy.summary)


def test_the_documentation_names_no_command_that_is_not_there() -> None:
    headings = re.findall(r"^#+ `(forewarn[^`]*)`$", DOCS.read_text(encoding="utf-8"), re.M)
    assert set(headings) == {"forewarn", *EVERY}


@pytest.mark.parametrize("title", [title for title, command in EVERY.items() if not isinstance(command, click.Group)])
def test_every_command_that_comes_to_an_end_can_answer_in_json(title: str) -> None:
    assert ("--json" in [option.opts[-1] for option in options(EVERY[title])]) == (title != "forewarn up")


@pytest.mark.parametrize("title", [title for title, command in EVERY.items() if isinstance(command, click.Group)])
def test_the_help_of_a_group_cuts_no_sentence_off(title: str) -> None:
    command = EVERY[title]
    shown = command.get_help(click.Context(command, info_name=title))
    assert "..." not in shown.split("\nCommands:\n")[1]


def test_a_slip_of_the_finger_gets_a_hint() -> None:
    assert (
        CliRunner()
        .invoke(forewarn, ["tikets"])
        .stderr.endswith("Error: No such command 'tikets'. Did you mean 'tickets'?\n")
    )
    assert CliRunner().invoke(forewarn, ["xyzzy"]).stderr.endswith("Error: No such command 'xyzzy'.\n")
