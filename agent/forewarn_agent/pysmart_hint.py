"""pySMART's only user: a hint which disks there may be.

pySMART has no time limits, and logs and settings of its own, so it runs in a child process that can be killed:
``python -m forewarn_agent.pysmart_hint SMARTCTL`` prints a JSON list of ``{"name": ..., "type": ...}``.
"""

import sys

import msgspec

from forewarn_agent.runner import HungError, MissingError, Runner
from forewarn_agent.smartctl_socket import SocketRunner


class Hint(msgspec.Struct, frozen=True):
    """``name`` as pySMART gives it, without /dev on Linux."""

    name: str
    type: str | None = None


def read_hints(runner: Runner, smartctl: str, timeout: float) -> list[Hint]:
    """The disks that pySMART's DeviceList finds; none where it fails or takes too long, for it is only a hint.

    It needs a Python to start and smartctl itself: the single executable and a service without privileges go
    without."""
    if getattr(sys, "frozen", False) or isinstance(runner, SocketRunner):
        return []
    command = [sys.executable, "-m", "forewarn_agent.pysmart_hint", smartctl]
    try:
        return msgspec.json.decode(runner.run("pySMART", command, timeout).output, type=list[Hint])
    except (HungError, MissingError, msgspec.DecodeError):
        return []


def list_devices(smartctl: str) -> list[Hint]:
    """Ask pySMART, in this process. Call it only in the child."""
    from pySMART import DeviceList
    from pySMART.smartctl import Smartctl

    devices = DeviceList(init=False, smartctl=Smartctl(smartctl_path=smartctl))
    devices.initialize(catch_errors=True)
    return [Hint(device.name, device.interface) for device in devices]


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(list_devices(sys.argv[1])))
