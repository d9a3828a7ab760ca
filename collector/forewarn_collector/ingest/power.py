"""How often a disk has lost power without notice, in one number for all kinds of disks. Pure."""

from msgspec import UNSET

from forewarn_wire import SmartReport

_COUNTS = (174, 192)
"""ATA attributes that count it, the first that is there: SSDs' unexpected power losses, and power-off retracts."""


def power_losses(report: SmartReport) -> float | None:
    """None where the disk does not count it."""
    nvme = report.nvme
    if nvme is not UNSET and nvme is not None and isinstance(nvme.unsafe_shutdowns, int):
        return float(nvme.unsafe_shutdowns)
    attributes = () if report.attributes is UNSET else report.attributes
    counted = {attribute.id: attribute.raw for attribute in attributes if attribute.id in _COUNTS}
    return next((float(raw) for number in _COUNTS if (raw := counted.get(number)) is not None), None)
