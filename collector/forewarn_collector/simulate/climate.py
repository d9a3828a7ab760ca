"""How busy a machine is, and how warm its room: by local hour, weekday and season. Openly made up. Pure."""

import math

DAY = 86_400.0
HOUR = 3_600.0
YEAR = 365.25 * DAY
# 1970-01-01 was a Thursday, three days after a Monday.
_THURSDAY = 3


def local(at: float, utc_offset: float) -> tuple[float, int]:
    """Hour of the day, and day of the week (0 is Monday), where clocks differ by ``utc_offset`` hours from UTC."""
    days, seconds = divmod(at + utc_offset * HOUR, DAY)
    return seconds / HOUR, (int(days) + _THURSDAY) % 7


def busy(shape: str, at: float, utc_offset: float) -> float:
    """Between 0 and 1. ``shape``: office (people work), server (people work, and backups at night), or steady."""
    if shape == "steady":
        return 0.3
    hour, weekday = local(at, utc_offset)
    people = 0.0
    if weekday < 5:
        morning, noon, evening = _ramp(hour, 7.5, 9.5), _ramp(hour, 11.5, 12.5), _ramp(hour, 16.5, 19.0)
        people = morning * (1 - evening) * (1 - 0.35 * (noon - _ramp(hour, 12.5, 13.5)))
    if shape == "office":
        return 0.03 + 0.45 * people
    backup = _ramp(hour, 1.0, 1.5) * (1 - _ramp(hour, 3.0, 4.0))
    return 0.12 + 0.35 * people + 0.4 * backup


def room_celsius(at: float, utc_offset: float) -> float:
    """Warmest in July and in the afternoon."""
    season = math.cos(2 * math.pi * (at / YEAR - 0.54))
    hour, _ = local(at, utc_offset)
    return 21.5 + 2.5 * season + 1.0 * math.cos(2 * math.pi * (hour - 16) / 24)


def _ramp(hour: float, start: float, end: float) -> float:
    """0 before ``start``, 1 after ``end``."""
    return min(1.0, max(0.0, (hour - start) / (end - start)))
