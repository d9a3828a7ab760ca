"""What the start of the agent says about the machine. Pure."""

import enum


class Start(enum.Enum):
    """Why the agent runs now."""

    FIRST = "first"
    SAME_BOOT = "same-boot"
    REBOOT = "reboot"
    UNEXPECTED_REBOOT = "unexpected-reboot"
    UNKNOWN = "unknown"


def judge_start(stored_boot: str | None, current_boot: str | None, stopped_in_order: bool) -> Start:
    """``stored_boot`` is the machine's boot id when the agent ran last, None in a new outbox.

    An orderly stop is one of the agent, or of the machine, which stops the agent first. So a new boot without it
    means that the power went, the machine crashed, or the agent was killed before an orderly restart.
    """
    if current_boot is None:
        return Start.UNKNOWN
    if stored_boot is None:
        return Start.FIRST
    if stored_boot == current_boot:
        return Start.SAME_BOOT
    return Start.REBOOT if stopped_in_order else Start.UNEXPECTED_REBOOT
