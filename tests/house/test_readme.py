"""README's commands are those that exist and that CI runs."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent
RUNNABLE = [
    line
    for block in re.findall(r"<!-- runnable -->\n```sh\n(.*?)```", README, re.S)
    for line in block.splitlines()
    if line
]


def test_there_are_runnable_commands() -> None:
    assert len(RUNNABLE) >= 5


@pytest.mark.parametrize("line", RUNNABLE)
def test_a_runnable_command_runs(line: str, tmp_path: Path) -> None:
    program, *arguments = shlex.split(line, comments=True)
    assert program.startswith(".venv/bin/")
    done = subprocess.run(
        [str(BIN / Path(program).name), *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    # The doctor says with its exit code whether it found something, which depends on the machine.
    assert done.returncode in ((0, 1) if "doctor" in arguments else (0,)), done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


def test_it_opens_with_three_sentences_and_two_commands() -> None:
    opening = README.split("```")[0]
    assert opening.count(". ") + opening.count(".\n") == 3
    first = README.split("```sh\n")[1].split("```")[0].splitlines()
    assert [line.split("#")[0].strip() for line in first] == ["make run", "make test"]


def test_the_commands_that_are_not_run_here_are_commands(project: Path) -> None:
    shown = re.findall(r"^\.venv/bin/(forewarn \w+|forewarn-agent \w+)", README, re.M)
    assert {"forewarn demo", "forewarn replay"} <= set(shown)
    known = (project / "docs" / "cli.md").read_text() + (project / "agent" / "README.md").read_text()
    assert [command for command in shown if command not in known] == []


def test_the_live_line_is_what_is_printed() -> None:
    (line,) = [line for line in README.splitlines() if " is live: " in line]
    assert re.fullmatch(
        r"shop-07 is live: cpu \d+ %, memory \d+ %, / \d+ % full, \d+ °C, 2 disks \(1 without SMART\);"
        r" look closer with: \.venv/bin/forewarn --data run device shop-07",
        line,
    )


def test_every_document_is_linked(documents: dict[Path, str], document: Callable[[str], str]) -> None:
    text = document("README.md")
    names = [path for path in documents if path.name != "README.md" or path.parent.name in ("agent", "deploy")]
    assert [path.name for path in names if f"({path.relative_to(path.parents[1]).as_posix()})" not in text
            and f"({path.name})" not in text] == []  # fmt: skip
