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
        "demo", "--data", data, "--devices", "20", "--days", "75", "--days-per-minute", "500", "--json", timeout=280
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
