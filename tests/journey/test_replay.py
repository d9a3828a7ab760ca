"""Real drive histories through the real front door: tickets stand before the drives fail, and nothing is lost."""

import csv
import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from forewarn_collector.store.periods import SERIES_SHIFT

FLEET = "drive-stats/st4000dm000-2018-01..05.parquet"


@pytest.mark.slow
def test_it_predicts_failures_a_day_ahead(shared_data: Path, tmp_path: Path, run_forewarn: Callable[..., Any]) -> None:
    data = tmp_path / "data"
    arguments = ("replay", shared_data / FLEET, "--failed", "40", "--healthy", "400", "--data", data, "--json")
    done = run_forewarn(*arguments, timeout=300)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["failing"], result["healthy"]) == (40, 400)
    assert result["sent"] == result["acknowledged"] == result["stored"] > 50_000
    # What the model finds at its usual budget of false tickets, which is half of what single attributes would cost.
    assert result["failing_with_ticket"] >= 15, "more than a third of the failing drives, a day or more ahead"
    assert result["failing_with_ticket"] == len(result["lead_days"])
    assert min(result["lead_days"]) >= 1
    assert result["healthy_with_ticket"] <= 4, "few drives that live on are accused"
    assert _rows_stored(data) == result["sent"]


def _rows_stored(data: Path) -> int:
    """Counted in the file itself, by distinct device and time; what was rolled up of them is no report."""
    raw = "ON series.id = {} WHERE kind NOT LIKE '%.hour'"
    with closing(sqlite3.connect(data / "journal.db")) as journal:
        (head,) = journal.execute(f"SELECT COUNT(*) FROM head JOIN series {raw.format('head.series')}").fetchone()
        in_blocks = f"SELECT COALESCE(SUM(rows), 0) FROM block JOIN series {raw.format(f'key >> {SERIES_SHIFT}')}"
        (sealed,) = journal.execute(in_blocks).fetchone()
    return int(head) + int(sealed)


@pytest.mark.slow
def test_ten_kills_in_the_middle_lose_and_double_nothing(
    shared_data: Path,
    tmp_path: Path,
    make_collector: Callable[..., Any],
    run_forewarn: Callable[..., Any],
    wait_until: Callable[..., None],
) -> None:
    # As in a collector that replay starts itself: five months go by in a minute, too many for a month's budget.
    unlimited = tmp_path / "collector.yaml"
    unlimited.write_text("tickets: {budget_per_1000_devices_a_month: null}\n")
    collector = make_collector("--config", str(unlimited))
    collector_token = collector.data.parent / "token"
    collector_token.write_text(json.loads((collector.data / "api.json").read_text())["token"])
    command = [sys.executable, "-m", "forewarn_collector", "replay", str(shared_data / FLEET), "--json"]
    command += ["--failed", "20", "--healthy", "130", "--server", collector.api_url]
    command += ["--token-file", str(collector_token)]
    replay = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    chance = random.Random(7)
    killed_while_running = 0
    wait_until(lambda: _rows_stored(collector.data) > 0 or replay.poll() is not None, 60, "nothing is replayed")
    for _ in range(10):
        time.sleep(chance.uniform(0.1, 0.5))
        killed_while_running += replay.poll() is None
        collector.kill()
        collector.start()
    out, err = replay.communicate(timeout=240)
    assert replay.returncode == 0, err
    assert killed_while_running == 10
    result = json.loads(out)
    assert result["sent"] == result["acknowledged"] == result["stored"]
    assert _rows_stored(collector.data) == result["sent"]
    assert "Traceback" not in collector.said()
    quiet = run_forewarn(*command[3:], "--data", collector.data.parent / "never-killed", timeout=240)
    assert quiet.returncode == 2, "--data and --server together are refused"
    calm = run_forewarn(*command[3:10], "--data", collector.data.parent / "never-killed", timeout=240)
    undisturbed = json.loads(calm.stdout)
    same = ("tickets", "failing_with_ticket", "healthy_with_ticket", "lead_days", "stored")
    assert {key: result[key] for key in same} == {key: undisturbed[key] for key in same}


def test_daily_csv_as_published_gives_the_same_as_parquet(
    shared_data: Path, tmp_path: Path, run_forewarn: Callable[..., Any]
) -> None:
    table = pyarrow.parquet.read_table(shared_data / FLEET, filters=[("serial_number", "in", ["Z302A0DD"])])
    serial = "Z302A0DD" if table.num_rows else _any_failed(shared_data)
    table = pyarrow.parquet.read_table(shared_data / FLEET, filters=[("serial_number", "=", serial)])
    files = _as_daily_csv(table.to_pylist(), tmp_path)
    from_csv = run_forewarn("replay", *files, "--serial", serial, "--data", tmp_path / "a", "--json")
    from_parquet = run_forewarn("replay", shared_data / FLEET, "--serial", serial, "--data", tmp_path / "b", "--json")
    assert from_csv.returncode == 0, from_csv.stderr
    first, second = json.loads(from_csv.stdout), json.loads(from_parquet.stdout)
    for result in (first, second):
        del result["seconds"], result["reports_per_second"]
    assert first == second
    assert first["sent"] == table.num_rows


def _any_failed(shared_data: Path) -> str:
    table = pyarrow.parquet.read_table(shared_data / FLEET, filters=[("failure", "=", 1)])
    return str(sorted(table["serial_number"].to_pylist())[0])


def _as_daily_csv(rows: list[dict[str, Any]], directory: Path) -> list[Path]:
    """One file a day, with the columns that Backblaze publishes beside ours, some of them empty."""
    files = []
    for row in rows:
        file = directory / f"{row['date']}.csv"
        published = row | {"capacity_bytes": 4000787030016, "smart_197_normalized": 100, "smart_255_raw": ""}
        with file.open("w", newline="") as out:
            writer = csv.DictWriter(out, list(published))
            writer.writeheader()
            writer.writerow({key: "" if value is None else value for key, value in published.items()})
        files.append(file)
    return files


def test_a_second_replay_of_the_same_files_stores_nothing_twice(
    shared_data: Path, tmp_path: Path, run_forewarn: Callable[..., Any]
) -> None:
    arguments = ("replay", shared_data / FLEET, "--failed", "2", "--healthy", "3", "--data", tmp_path / "d", "--json")
    first, second = (json.loads(run_forewarn(*arguments).stdout) for _ in range(2))
    assert second["acknowledged"] == second["sent"] == first["sent"]
    assert _rows_stored(tmp_path / "d") == first["sent"]
    assert second["tickets"] == first["tickets"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("no,history\n1,2\n", "serial_number"),
        ("", "not a drive history"),
        ("date,serial_number,model,failure\nyesterday,S1,M,0\n", "not a drive history"),
    ],
)
def test_a_file_that_is_no_history_is_one_clear_line(
    tmp_path: Path, run_forewarn: Callable[..., Any], content: str, said: str
) -> None:
    file = tmp_path / "x.csv"
    file.write_text(content)
    done = run_forewarn("replay", file, "--data", tmp_path / "d")
    assert done.returncode == 1
    assert said in done.stderr
    assert str(file) in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_unknown_serial_number_is_named(shared_data: Path, tmp_path: Path, run_forewarn: Callable[..., Any]) -> None:
    done = run_forewarn("replay", shared_data / FLEET, "--serial", "NOSUCH", "--data", tmp_path / "d")
    assert done.returncode == 1
    assert "NOSUCH" in done.stderr
    assert "Traceback" not in done.stderr
