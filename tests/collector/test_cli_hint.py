"""The command that `forewarn up` prints works as it is printed."""

from pathlib import Path

import pytest

from forewarn_collector.cli.hint import spell, start


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter in a virtual environment, with the installed script beside it."""
    directory = tmp_path / "checkout" / ".venv" / "bin"
    directory.mkdir(parents=True)
    (directory / "forewarn").touch(mode=0o755)
    return directory / "python"


@pytest.mark.parametrize(
    ("on_path", "data", "told_where", "said"),
    [
        (True, "usual", False, "forewarn"),
        (True, "usual", True, "forewarn --data {top}/usual"),
        (True, "checkout/run", False, "forewarn --data run"),
        (False, "checkout/run", False, ".venv/bin/forewarn --data run"),
        (False, "else where", False, ".venv/bin/forewarn --data '{top}/else where'"),
    ],
)
def test_it_says_what_works_here(
    tmp_path: Path, python: Path, on_path: bool, data: str, told_where: bool, said: str
) -> None:
    environment = {"PATH": str(python.parent) if on_path else "/nowhere"}
    if told_where:
        environment["FOREWARN_DATA"] = "elsewhere"
    here = tmp_path / "checkout"
    assert spell(python, tmp_path / data, here, environment, tmp_path / "usual") == said.format(top=tmp_path)


def test_another_forewarn_on_the_path_is_not_taken_for_ours(tmp_path: Path, python: Path) -> None:
    other = tmp_path / "other" / "forewarn"
    other.parent.mkdir()
    other.touch(mode=0o755)
    said = spell(python, tmp_path / "usual", tmp_path / "away", {"PATH": str(other.parent)}, tmp_path / "usual")
    assert said == str(python.with_name("forewarn"))


def test_from_the_directory_of_the_script_itself(tmp_path: Path, python: Path) -> None:
    assert spell(python, tmp_path / "usual", python.parent, {"PATH": "/nowhere"}, tmp_path / "usual") == "./forewarn"


def test_a_service_says_whole_paths(tmp_path: Path, python: Path) -> None:
    said = spell(python, tmp_path / "data", Path("/"), {"PATH": "/nowhere"}, tmp_path / "usual")
    assert said == f"{python.with_name('forewarn')} --data {tmp_path}/data"


def test_without_a_script_the_module_is_named(tmp_path: Path) -> None:
    said = spell(tmp_path / "python3", tmp_path / "usual", tmp_path, {}, tmp_path / "usual")
    assert said == f"{tmp_path}/python3 -m forewarn_collector"


def test_the_command_that_starts_one_names_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    *_, up, option, data = start(tmp_path / "kept").split()
    assert (up, option, data) == ("up", "--data", "kept")
    assert start(Path("kept")) == start(tmp_path / "kept")
