"""Names of ATA SMART attributes that most drives share, so a report need not repeat them.

Released for ever with wire version 1: a name here is never changed, because older reports rely on it. A drive
whose smartctl name differs sends that name in ``attribute_names``.
"""

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


def attribute_name(attribute_id: int, names: dict[int, str] | None = None) -> str:
    """The smartctl name of an attribute; ``names`` are those that the report sent."""
    if names and attribute_id in names:
        return names[attribute_id]
    return WELL_KNOWN.get(attribute_id, "Unknown_Attribute")
