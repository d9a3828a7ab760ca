"""The demonstration: each story leads to its ticket, and machines without a story have none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXPECTED = {
    "growing pending sectors": {"disk-failure"},
    "SSD wearing out": {"disk-wear"},
    "filling file system": {"filesystem-full"},
    "flaky cable": {"cable"},
    "silent laptop": {"device-silent"},
    "sleeping disk": set(),
    "virtual disk": set(),
    "bridge hides SMART": set(),
}


@pytest.mark.slow
def test_each_story_has_its_ticket_and_nobody_else(tmp_path: Path, run_forewarn: Callable[..., Any]) -> None:
    data = tmp_path / "demo"
    done = run_forewarn(
        "--data", data, "demo", "--devices", "20", "--days", "75", "--days-per-minute", "500", "--json", timeout=280
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    told = {story: {ticket["fault"] for ticket in found["tickets"]} for story, found in result["stories"].items()}
    assert told == EXPECTED
    assert result["tickets_without_story"] == 0
    assert result["tickets"] == 5
    assert "Traceback" not in (data / "collector.log").read_text()


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path, run_forewarn: Callable[..., Any]) -> None:
    (tmp_path / "file").write_text("")
    done = run_forewarn("demo", "--data", tmp_path / "file" / "below")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("--data", "{}", "demo"), ("demo", "--data", "{}")])
def test_a_directory_that_holds_something_is_refused_and_left_alone(
    words: tuple[str, ...], tmp_path: Path, run_forewarn: Callable[..., Any]
) -> None:
    (tmp_path / "collector.yaml").write_text("listen: {port: 1883}\n")
    done = run_forewarn(*(word.format(tmp_path) for word in words))
    assert done.returncode == 1
    assert f"{tmp_path} is not empty: name a new directory" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["collector.yaml"]
    assert (tmp_path / "collector.yaml").read_text() == "listen: {port: 1883}\n"


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("--server", "http://127.0.0.1:9", "demo"), "leave --server out"),
        (("--server", "http://127.0.0.1:9", "replay", __file__, "--data", "{}"), "choose one"),
        (("--data", "{}", "simulate", "--server", "http://127.0.0.1:9"), "choose one"),
    ],
)
def test_a_server_does_not_go_with_a_collector_of_ones_own(
    words: tuple[str, ...], remedy: str, tmp_path: Path, run_forewarn: Callable[..., Any]
) -> None:
    done = run_forewarn(*(word.format(tmp_path) for word in words))
    assert done.returncode == 2
    assert remedy in done.stderr
