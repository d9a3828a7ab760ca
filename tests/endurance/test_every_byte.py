"""`make corpus`: every recorded smartctl output, cut off at every byte."""

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from forewarn_agent.smart_parse import parse_report
from forewarn_wire import Outcome, encode


def is_json(output: bytes) -> bool:
    try:
        return isinstance(json.loads(output), dict)
    except ValueError:
        return False


def cut_everywhere(path: Path) -> int:
    output = path.read_bytes()
    whole = is_json(output)
    for length in range(len(output)):
        report = parse_report("/dev/sda", output[:length], None, 1.0)
        encode(report)
        cut_json = whole and report.outcome is Outcome.MEASURED and not is_json(output[:length])
        assert not cut_json, f"{path.name} cut at {length} is taken for a measurement"
    return len(output)


def test_cut_off_at_any_byte_is_no_exception(shared_data: Path) -> None:
    files = [path for path in sorted((shared_data / "smartctl").rglob("*")) if path.is_file() and path.suffix != ".csv"]
    with ProcessPoolExecutor() as pool:
        places = sum(pool.map(cut_everywhere, files))
    print(f"{len(files)} outputs, cut at each of {places} bytes: no exception, no cut JSON taken for a measurement")
    assert len(files) > 200
