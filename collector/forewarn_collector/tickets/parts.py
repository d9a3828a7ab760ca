"""Which part of whose machine a component is: what a ticket is keyed by."""

from typing import NamedTuple

from forewarn_collector.directory import Whose


class Part(NamedTuple):
    """``part_serial`` is "" when the machine itself is meant; a mount point stands for itself."""

    device: str
    device_serial: str
    part_serial: str
    whose: Whose
