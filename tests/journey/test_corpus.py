"""Every recorded smartctl output, read by the agent, travels to the collector's door and is accepted there."""

import json
from pathlib import Path

import pytest

from forewarn_agent.smart_parse import parse_report
from forewarn_collector.ingest.accept import Publish, accept
from forewarn_collector.store.model import Accepted
from forewarn_wire import encode, up_topic

NOW = 1_790_000_000.0


def test_every_recorded_disk_is_stored_with_values_or_a_named_outcome(shared_data: Path) -> None:
    files = sorted(
        path for path in (shared_data / "smartctl").rglob("*") if path.is_file() and path.name != "index.csv"
    )
    assert len(files) > 200
    measured = 0
    for number, file in enumerate(files, start=1):
        report = parse_report("/dev/sda", file.read_bytes(), 0, NOW)
        report.device, report.boot, report.seq = "corpus", "b", number
        found = accept(Publish("listener", "corpus", up_topic("corpus", "smart"), encode(report), NOW))
        assert isinstance(found, Accepted), f"{file.name}: {found}"
        facts = json.loads(found.points[0].facts)
        assert facts["outcome"] == str(report.outcome)
        if facts["outcome"] == "measured":
            measured += 1
            assert len(found.points[0].fields) == len(set(found.points[0].fields)), file.name
        else:
            assert facts["detail"], f"{file.name}: an outcome without its reason"
    assert measured > 100


@pytest.mark.parametrize("cut", [10, 200, 1500])
def test_a_truncated_output_is_accepted_as_unreadable_or_with_what_it_holds(shared_data: Path, cut: int) -> None:
    for file in sorted((shared_data / "smartctl").rglob("*.json")):
        report = parse_report("/dev/sda", file.read_bytes()[:cut], 0, NOW)
        report.device, report.boot, report.seq = "corpus", "b", 1
        found = accept(Publish("listener", "corpus", up_topic("corpus", "smart"), encode(report), NOW))
        assert isinstance(found, Accepted), file.name
