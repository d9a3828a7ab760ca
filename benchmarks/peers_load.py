"""What all that are compared by benchmarks/peers_intake.py are given, and what is said of each of them."""

from pathlib import Path
from typing import TypedDict

from forewarn_collector.ingest.load_shape import load_point
from forewarn_wire import LoadReport

KILL_AFTER_SECONDS = 5.0


class Figures(TypedDict):
    """``verdict_p95_ms``: from sending a report to what it means, at the fixed pace; None: it judges nothing.
    ``acknowledged`` and ``lost``: reports of a run that ended with SIGKILL after ``KILL_AFTER_SECONDS``."""

    reports_per_second: float
    cpu_ms_per_report: float
    bytes_per_value: float
    memory_mb: float
    verdict_p95_ms: float | None
    acknowledged: int
    lost: int


def told(report: LoadReport) -> list[tuple[str, float]]:
    """The 15 values of a report by name; the room's temperature, which the collector reckons, is none of them."""
    point = load_point(report)
    return [pair for pair in zip(point.fields, point.values, strict=True) if pair[0] != "ambient.celsius"]


def directory_bytes(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
