"""A data directory that a released version wrote opens with the present code, is brought up to date, and answers."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forewarn_collector.cli.client import Client
from forewarn_collector.store.history import History
from forewarn_collector.store.rollups import rolled_up_field

RELEASES = Path(__file__).parent.parent / "data" / "releases"
KEEP_ALL = (
    "store: {keep: {load_days: null, smart_days: null, rollup_days: null, event_days: null, message_days: null}}\n"
)


@pytest.mark.parametrize("release", sorted(path.name for path in RELEASES.iterdir() if path.is_dir()))
def test_what_a_released_version_wrote(
    release: str, tmp_path: Path, make_collector: Callable[..., Any], wait_until: Callable[..., None]
) -> None:
    data = tmp_path / "data"
    shutil.unpack_archive(RELEASES / release / "data.tar.xz", data)
    with (data / "collector.yaml").open("a", encoding="utf-8") as config:
        config.write(KEEP_ALL)  # whenever this is run
    said = json.loads((RELEASES / release / "answers.json").read_text(encoding="utf-8"))
    make_collector()
    with Client.connect(data, None, None) as client:
        answers = client.devices(), client.series("hb-quay-00", "filesystem.used_percent", 0.0, time.time())
        assert [shortened(line, said["devices"][0]) for line in sorted(answers[0], key=lambda line: line.name)] == said[
            "devices"
        ]
        assert [
            {
                "part": one.part, "points": len(one.at), "first": one.at[0], "last": one.at[-1],
                "sum": round(sum(value for value in one.values if value is not None), 3),
            }
            for one in answers[1]
        ] == said["series"]  # fmt: skip
        for known in said["tickets"]:
            ticket = client.ticket(known["number"])
            assert shortened(ticket, {key: "" for key in known if key != "timeline"}).items() <= known.items()
            texts = [entry.text for entry in ticket.timeline]
            assert texts[: len(known["timeline"])] == known["timeline"]
        assert client.status().troubles == []
    field, part = "filesystem.used_percent|/data", ""

    def rolled_up() -> bool:
        with History.open(data) as history:
            times, columns = history.read(
                "hb-quay-00", "load.hour", part, [rolled_up_field(field, "count")], 0.0, time.time()
            )
        return len(times) > 600 and columns[rolled_up_field(field, "count")].sum() == len(times)

    wait_until(rolled_up, 120, "what was sealed is not rolled up")


def shortened(struct: Any, known: dict[str, Any]) -> dict[str, Any]:
    return {key: getattr(struct, key) for key in known}
