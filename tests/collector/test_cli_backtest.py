"""``forewarn backtest`` as it is typed."""

import csv
import importlib.util
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from forewarn_collector.cli.main import forewarn

HEAD = "date,serial_number,model,failure,smart_5_raw,smart_9_raw,smart_197_raw\n"


@pytest.fixture
def histories(tmp_path: Path) -> Path:
    """Three drives over January 2018: one grows sectors on the 10th and fails on the 20th, one grows some later, one
    does nothing."""
    for day in range(1, 32):
        lines = [f"2018-01-{day:02},C,ST1,0,0,{day * 24},0\n", f"2018-01-{day:02},B,ST1,0,{4000 * (day > 25)},,\n"]
        if day <= 20:
            lines.append(f"2018-01-{day:02},A,ST1,{int(day == 20)},{4000 * (day >= 10)},{day * 24},0\n")
        (tmp_path / f"2018-01-{day:02}.csv").write_text(HEAD + "".join(lines))
    return tmp_path


def ask(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(forewarn, ["backtest", *map(str, words)])


def test_it_prints_rules_beside_baselines(histories: Path) -> None:
    result = ask(histories)
    assert result.exit_code == 0, result.output
    assert "2018-01-01 to 2018-01-31: 3 drives, 82 drive-days, 1 failed" in result.output
    for method in ("hdd-risk", "all disk-failure rules", "smartd", "Scrutiny", "random ranking"):
        assert method in result.output
    visits = result.output.split("Visits")[1]
    assert re.search(r"hdd-risk +1 +1 +0 +1 of 1 +0 of 0", visits)


def test_every_ticket_and_every_score_is_written(histories: Path, tmp_path: Path) -> None:
    tickets, scores = tmp_path / "tickets.csv", tmp_path / "scores.csv"
    result = ask(histories, "--tickets", tickets, "--scores", scores, "--json")
    assert result.exit_code == 0, result.output
    first, second = csv.DictReader(tickets.open())
    assert (first["serial_number"], first["opened"], first["lead_days"]) == ("A", "2018-01-10", "10")
    assert (second["serial_number"], second["opened"], second["lead_days"]) == ("B", "2018-01-26", "")
    assert first["rule"] == "hdd-risk"
    assert float(first["probability"]) > 0
    assert len(list(csv.DictReader(scores.open()))) == 82
    told = json.loads(result.stdout)
    (together,) = [line for line in told["methods"] if line["method"] == "all disk-failure rules"]
    assert (together["outcome"]["found"], together["outcome"]["false"]) == (1, 1)
    assert together["outcome"]["lead_p50"] == 10


def test_only_the_days_between_from_and_to_are_judged(histories: Path) -> None:
    told = json.loads(ask(histories, "--from", "2018-01-21", "--to", "2018-01-24", "--json").stdout)
    assert (told["first"], told["last"], told["drive_days"], told["failing"]) == ("2018-01-21", "2018-01-24", 8, 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--from", "2019-01-01"], "no day to judge: the history goes from 2018-01-01 to 2018-01-31"),
        (["--budget", "77"], "no threshold for a budget of 77; it was measured for 0.125 to 20"),
        (["--config", __file__], "test_cli_backtest.py:"),
        (["--plot", "plot.docx"], "--plot takes a file that ends in .png or .svg"),
        (["--model", __file__], "not a risk model"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(histories: Path, words: list[str], says: str) -> None:
    result = ask(histories, *words)
    assert result.exit_code in (1, 2)
    assert says in result.output
    assert "Traceback" not in result.output


def test_a_file_that_is_no_history_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    result = ask(tmp_path / "a.csv")
    assert result.exit_code == 1
    assert "a.csv: not a drive history" in result.output


def test_the_plot_is_drawn_or_says_what_is_missing(histories: Path, tmp_path: Path) -> None:
    file = tmp_path / "plot.svg"
    result = ask(histories, "--plot", file)
    if importlib.util.find_spec("matplotlib"):
        assert result.exit_code == 0, result.output
        assert "<svg" in file.read_text()
    else:
        assert result.exit_code == 1
        assert "pip install 'forewarn[train]'" in result.output
