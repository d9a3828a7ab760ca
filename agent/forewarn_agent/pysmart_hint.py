"""pySMART's only user: a hint which disks there may be.

pySMART has no time limits, and logs and settings of its own, so it runs in a child process that can be killed:
``forewarn-agent hint SMARTCTL`` prints a JSON list of ``{"name": ..., "type": ...}``.
"""

import msgspec

from forewarn_agent.runner import HungError, MissingError, Runner, own_program
from forewarn_agent.smartctl_socket import PipeRunner, SocketRunner


class Hint(msgspec.Struct, frozen=True):
    """``name`` as pySMART gives it, without /dev on Linux."""

    name: str
    type: str | None = None


def read_hints(runner: Runner, smartctl: str, timeout: float) -> list[Hint]:
    """The disks that pySMART's DeviceList finds; none where it fails or takes too long, for it is only a hint.

    It starts smartctl itself, so a service without privileges goes without."""
    if isinstance(runner, SocketRunner | PipeRunner):
        return []
    try:
        return msgspec.json.decode(
            runner.run("pySMART", [*own_program(), "hint", smartctl], timeout).output, type=list[Hint]
        )
    except (HungError, MissingError, msgspec.DecodeError):
        return []


def list_devices(smartctl: str) -> list[Hint]:
    """Ask pySMART, in this process. Call it only in the child."""
    from pySMART import DeviceList
    from pySMART.smartctl import Smartctl

    devices = DeviceList(init=False, smartctl=Smartctl(smartctl_path=smartctl))
    devices.initialize(catch_errors=True)
    return [Hint(device.name, device.interface) for device in devices]
