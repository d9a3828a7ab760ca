"""Finding the collector, and what is said when there is none."""

import os
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from forewarn_collector.api.server import leave_address
from forewarn_collector.cli.main import Lazy, LazyGroup, forewarn


def ask(*words: str) -> Result:
    return CliRunner().invoke(forewarn, words)


def one_line(result: Result) -> str:
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


COMMANDS = [
    ("status",), ("devices",), ("device", "shop-07"), ("series", "shop-07", "cpu.used_percent"), ("tickets",),
    ("ticket", "show", "1"), ("ticket", "ack", "1"), ("deliveries",), ("deadletters",), ("status", "--json"),
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_collector_is_one_line_that_says_what_to_do(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert f"no collector runs on {tmp_path}; start one with: forewarn up --data {tmp_path}" in one_line(
        ask("--data", str(tmp_path), *words)
    )


def test_a_collector_that_ended_and_left_its_address(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        leave_address(tmp_path, f"http://127.0.0.1:{nobody.getsockname()[1]}", "token")
        assert f"has ended (http://127.0.0.1:{nobody.getsockname()[1]}); start it with: forewarn up --data" in one_line(
            ask("--data", str(tmp_path), "status")
        )


@pytest.mark.parametrize("left", ["", "{", "[]", '{"url": "http://127.0.0.1:1"}', '{"url": "nonsense", "token": "x"}',
                                  '{"url": "http://127.0.0.1:1", "token": "two words"}', "\xff\xfe"])  # fmt: skip
def test_a_damaged_address_is_no_traceback(tmp_path: Path, left: str) -> None:
    (tmp_path / "api.json").write_text(left, encoding="latin-1")
    one_line(ask("--data", str(tmp_path), "status"))


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("collector.example", "is not an address of a collector"),
        ("http://[::1", "is not an address of a collector"),
        ("http://127.0.0.1:99999", "is not an address of a collector"),
        ("http://collector.example:8383", "would send the token in plain text"),
        ("ftp://127.0.0.1", "is not an address of a collector"),
    ],
)
def test_an_address_that_will_not_do(tmp_path: Path, server: str, said: str) -> None:
    (tmp_path / "token").write_text("token")
    assert said in one_line(ask("--server", server, "--token-file", str(tmp_path / "token"), "status"))


def test_a_token_file_that_will_not_do(tmp_path: Path) -> None:
    server = ("--server", "http://127.0.0.1:1", "--token-file")
    assert "cannot be read: No such file" in one_line(ask(*server, str(tmp_path / "none"), "status"))
    (tmp_path / "empty").write_text("\n")
    assert "holds no token" in one_line(ask(*server, str(tmp_path / "empty"), "status"))


def test_something_else_answers_at_the_address(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as other:
        try:
            assert other.stdout is not None
            url = other.stdout.readline().split("(")[1].split("/)")[0]
            leave_address(tmp_path, url, "token")
            assert "answers 404; is it a collector?" in one_line(ask("--data", str(tmp_path), "status"))
        finally:
            other.terminate()


def test_help_answers_without_loading_what_only_commands_need() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from forewarn_collector.cli.main import forewarn;"
        "result = CliRunner().invoke(forewarn, ['--help']); assert 'devices' in result.output;"
        "heavy = ('httpx', 'rich', 'numpy', 'litestar', 'sqlalchemy', 'plotext');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr


def test_a_command_whose_module_is_missing_spoils_nothing() -> None:
    group = LazyGroup("forewarn", families={"Some": {"gone": Lazy("nowhere", "Is not there.")}})
    assert "Is not there." in CliRunner().invoke(group, ["--help"]).output
    assert "gone is not part of this installation" in one_line(CliRunner().invoke(group, ["gone"]))


def test_version_and_usage_errors() -> None:
    assert ask("--version").stdout.split()[-1] == version("forewarn")
    assert ask("nonsense").exit_code == 2
    assert ask("series", "shop-07").exit_code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_of_the_shell(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "forewarn_collector", "completion", shell], capture_output=True, text=True, timeout=60,
        env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0
    assert f"_FOREWARN_COMPLETE={shell}_complete" in done.stdout
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=done.stdout, text=True, timeout=60).returncode == 0
