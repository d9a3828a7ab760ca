"""Wear by attribute name; the rows are those of real drives' smartctl output (id, name, normalised value, raw)."""

import json
from pathlib import Path

import pytest

from forewarn_collector.ingest.shape import smart_point
from forewarn_collector.ingest.wear import LIFE_LEFT, SPARE_LEFT, wear_metrics
from forewarn_wire import Attribute, Disk, Outcome, SmartReport
from forewarn_wire.attributes import WELL_KNOWN

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "smartctl"


def wear(*rows: tuple[int, str, int | None, int]) -> dict[str, float]:
    attributes = [Attribute(number, value, value, 0, raw) for number, _, value, raw in rows]
    return wear_metrics(attributes, {number: name for number, name, _, _ in rows})


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(233, "Media_Wearout_Indicator", 15, 0)], {"wear.percent_used": 85}),
        ([(177, "Wear_Leveling_Count", 90, 1773)], {"wear.percent_used": 10}),
        ([(173, "Wear_Leveling_Count", 90, 1773)], {"wear.percent_used": 10}),
        ([(202, "Percent_Lifetime_Remain", 99, 1)], {"wear.percent_used": 1}),
        ([(170, "Reserved_Block_Pct", 97, 0)], {"wear.spare_percent": 97}),
        ([(232, "Available_Reservd_Space", 99, 0)], {"wear.spare_percent": 99}),
        ([(202, "Percent_Lifetime_Used", 40, 60)], {}),
        ([(169, "Bad_Block_Count", 100, 3)], {}),
        ([(233, "NAND_GB_Written_TLC", 100, 4711)], {}),
        ([(177, "Wear_Range_Delta", 100, 3)], {}),
        ([(233, "Media_Wearout_Indicator", 253, 0)], {}),
        ([(233, "Media_Wearout_Indicator", None, 0)], {}),
        ([(5, "Reallocated_Sector_Ct", 100, 0), (231, "SSD_Life_Left", 98, 98)], {"wear.percent_used": 2}),
        (
            [(177, "Wear_Leveling_Count", 70, 401), (169, "Remaining_Lifetime_Perc", 96, 96)],
            {"wear.percent_used": 4},
        ),
    ],
)
def test_the_name_decides(rows: list[tuple[int, str, int | None, int]], expected: dict[str, float]) -> None:
    assert wear(*rows) == expected


def test_none_of_the_names_is_well_known() -> None:
    """A report leaves out names that are well known; those of wear are always in it."""
    assert not {*LIFE_LEFT, *SPARE_LEFT} & set(WELL_KNOWN.values())


def test_a_report_without_names_says_nothing_of_wear() -> None:
    rows = [Attribute(233, 15, 15, 0, 0)]
    head = {"device": "pc", "boot": "b", "seq": 1, "sampled_at": 1.0, "disk": Disk(slot="/dev/sda", kind="ssd")}
    for names, expected in (({}, set()), ({233: "Media_Wearout_Indicator"}, {"wear.percent_used"})):
        report = SmartReport(**head, outcome=Outcome.MEASURED, attributes=rows, attribute_names=names)  # type: ignore[arg-type]
        fields = smart_point(report).fields
        assert {field for field in fields if field.startswith("wear.")} == expected


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data/smartctl is not here")
def test_what_real_drives_say() -> None:
    found = {}
    for path in SHARED.rglob("*.json"):
        try:
            table = json.loads(path.read_text(encoding="utf-8"))["ata_smart_attributes"]["table"]
            model = json.loads(path.read_text(encoding="utf-8"))["model_name"]
        except (ValueError, KeyError, TypeError):
            continue
        rows = [(row["id"], row["name"], row.get("value"), 0) for row in table]
        for metric, value in wear(*rows).items():
            found.setdefault(metric, {})[model] = value
    used, spare = found["wear.percent_used"], found["wear.spare_percent"]
    assert len(used) >= 25
    assert (used["INTEL SSDSC2BB016T4"], used["INTEL SSDSC2BB240G6"]) == (85, 50)
    assert all(0 <= value <= 85 for value in used.values())
    assert set(spare.values()) <= {99, 100}
