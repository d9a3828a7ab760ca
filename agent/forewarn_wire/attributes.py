"""Names of ATA SMART attributes that most drives share, so a report need not repeat them.

Released for ever with wire version 1: a name here is never changed, because older reports rely on it. A drive
whose smartctl name differs sends its number in ``VENDOR_NAMES``, or else the name itself in ``attribute_names``.
"""

from collections import Counter

import msgspec
from msgspec import UNSET

from forewarn_wire.codec import encode
from forewarn_wire.messages import Attribute, SmartReport, UsualAttributes

WELL_KNOWN: dict[int, str] = {
    1: "Raw_Read_Error_Rate",
    2: "Throughput_Performance",
    3: "Spin_Up_Time",
    4: "Start_Stop_Count",
    5: "Reallocated_Sector_Ct",
    7: "Seek_Error_Rate",
    8: "Seek_Time_Performance",
    9: "Power_On_Hours",
    10: "Spin_Retry_Count",
    11: "Calibration_Retry_Count",
    12: "Power_Cycle_Count",
    183: "Runtime_Bad_Block",
    184: "End-to-End_Error",
    187: "Reported_Uncorrect",
    188: "Command_Timeout",
    189: "High_Fly_Writes",
    190: "Airflow_Temperature_Cel",
    191: "G-Sense_Error_Rate",
    192: "Power-Off_Retract_Count",
    193: "Load_Cycle_Count",
    194: "Temperature_Celsius",
    195: "Hardware_ECC_Recovered",
    196: "Reallocated_Event_Count",
    197: "Current_Pending_Sector",
    198: "Offline_Uncorrectable",
    199: "UDMA_CRC_Error_Count",
    200: "Multi_Zone_Error_Rate",
    220: "Disk_Shift",
    222: "Loaded_Hours",
    223: "Load_Retry_Count",
    224: "Load_Friction",
    226: "Load-in_Time",
    240: "Head_Flying_Hours",
    241: "Total_LBAs_Written",
    242: "Total_LBAs_Read",
    254: "Free_Fall_Sensor",
}

VENDOR_NAMES: tuple[str, ...] = (
    "Available_Reservd_Space",
    "Average_Erase_Count",
    "Avg_Block-Erase_Count",
    "Bad_Blk_Ct_Erl/Lat",
    "Bad_Block_Rate",
    "Bckgnd_Program_Page_Cnt",
    "CRC_Error_Count",
    "Case_Temperature",
    "Drive_Temperature",
    "ECC_Error_Rate",
    "End-to-End_Error_Count",
    "Erase_Fail_Count",
    "Erase_Fail_Count_Chip",
    "Erase_Fail_Count_Total",
    "Exception_Mode_Status",
    "Flash_Writes_GiB",
    "Gas_Gauge",
    "Head_Health",
    "Helium_Condition_Lower",
    "Helium_Condition_Upper",
    "Helium_Level",
    "Host_Program_Page_Count",
    "Host_Reads_32MiB",
    "Host_Writes_32MiB",
    "Initial_Bad_Block_Count",
    "Integ_Scan_Complete_Cnt",
    "Integ_Scan_Folding_Cnt",
    "Lifetime_Reads_GiB",
    "Lifetime_Writes_GiB",
    "MAMR_Health_Monitor",
    "MaxAvgErase_Ct",
    "Max_Erase_Count",
    "Max_Erase_Count_of_Spec",
    "Media_Wearout_Indicator",
    "Min_Erase_Count",
    "NAND_Writes",
    "NAND_Writes_32MiB",
    "Not_In_Use",
    "POR_Recovery_Count",
    "Pending_Sector_Count",
    "Percent_Lifetime_Remain",
    "Power_Loss_Cap_Test",
    "Pressure_Limit",
    "Program_Fail_Cnt_Total",
    "Program_Fail_Count",
    "Program_Fail_Count_Chip",
    "RAIN_Success_Recovered",
    "Remaining_Lifetime_Perc",
    "Reserved_Block_Pct",
    "Retired_Block_Count",
    "Runtime_Invalid_Blk_Cnt",
    "SATA_CRC_Error_Count",
    "SATA_Downshift_Count",
    "SATA_Downshift_Ct",
    "SATA_Int_Downshift_Ct",
    "SATA_Phy_Error_Count",
    "SSD_Life_Left",
    "TLC_Writes_32MiB",
    "Temperature_Case",
    "Temperature_Internal",
    "Thermal_Throttle",
    "Thermal_Throttle_St",
    "Thermal_Throttle_Status",
    "Timed_Workld_Media_Wear",
    "Timed_Workld_RdWr_Ratio",
    "Timed_Workld_Timer",
    "Total_Erase_Count",
    "Total_LBAs_Read",
    "Total_LBAs_Written",
    "Uncorrectable_Error_Cnt",
    "Unexpect_Power_Loss_Ct",
    "Unknown_HDD_Attribute",
    "Unknown_SSD_Attribute",
    "Unsafe_Shutdown_Count",
    "Unused_Rsvd_Blk_Cnt_Tot",
    "Used_Rsvd_Blk_Cnt_Chip",
    "Used_Rsvd_Blk_Cnt_Tot",
    "Valid_Spare_Block_Cnt",
    "Wear_Leveling_Count",
    "Workld_Host_Reads_Perc",
    "Workld_Media_Wear_Indic",
    "Workload_Minutes",
    "Write_Error_Rate",
    "Write_Protect_Mode",
)
"""Other names that recorded drives give, so a report need only say which. The first is number 1; names are added at
the end and never moved."""

UNKNOWN = "Unknown_Attribute"
LONG_BYTES = 850
"""A report without its device, boot and seq, which take up to 140 bytes, that is above this is shortened."""

_NUMBERS = {name: number for number, name in enumerate(VENDOR_NAMES, start=1)}


def vendor_number(name: str) -> int:
    """The number of a name in ``VENDOR_NAMES``; 0 where it has none."""
    return _NUMBERS.get(name, 0)


def all_attributes(report: SmartReport) -> list[Attribute]:
    """The attributes of a report, however it tells them. One that is told twice is there twice."""
    rows = [] if report.attributes is UNSET else list(report.attributes)
    if (usual := report.usual_attributes) is not UNSET:
        rows += [Attribute(id_, usual.value, usual.worst, usual.threshold, raw) for id_, raw in usual.rows]
    return rows


def shortened(report: SmartReport) -> SmartReport:
    """A long report with the normalised figures that most of its attributes share said once; others as they are.

    Only long ones, because a collector that does not know ``usual_attributes`` misses what is in it.
    """
    if not report.attributes or report.usual_attributes is not UNSET or len(encode(report)) <= LONG_BYTES:
        return report
    numbers = [0] * len(report.attributes)
    if report.attribute_name_numbers is not UNSET:
        numbers = [*report.attribute_name_numbers, *numbers][: len(numbers)]
    figures = Counter((row.value, row.worst, row.threshold) for row in report.attributes)
    ((usual, _),) = figures.most_common(1)
    kept: list[tuple[Attribute, int]] = []
    folded: list[tuple[Attribute, int]] = []
    for row, number in zip(report.attributes, numbers, strict=True):
        (folded if (row.value, row.worst, row.threshold) == usual else kept).append((row, number))
    value, worst, threshold = usual
    rows = [(row.id, row.raw) for row, _ in folded]
    return msgspec.structs.replace(
        report,
        attributes=[row for row, _ in kept],
        usual_attributes=UsualAttributes(value=value, worst=worst, threshold=threshold, rows=rows),
        attribute_name_numbers=[number for _, number in kept + folded] if any(numbers) else UNSET,
    )


def sent_names(report: SmartReport) -> dict[int, str]:
    """The names of a report's attributes that differ from ``WELL_KNOWN``. A number that is not known here comes from
    a newer agent: its attribute is unknown, whatever other drives mean by it."""
    names: dict[int, str] = {}
    numbers = [] if report.attribute_name_numbers is UNSET else report.attribute_name_numbers
    for attribute, number in zip(all_attributes(report), numbers, strict=False):
        if number:
            names[attribute.id] = VENDOR_NAMES[number - 1] if number <= len(VENDOR_NAMES) else UNKNOWN
    return names | ({} if report.attribute_names is UNSET else report.attribute_names)


def attribute_name(attribute_id: int, names: dict[int, str] | None = None) -> str:
    """The smartctl name of an attribute; ``names`` are those that the report sent."""
    if names and attribute_id in names:
        return names[attribute_id]
    return WELL_KNOWN.get(attribute_id, UNKNOWN)
