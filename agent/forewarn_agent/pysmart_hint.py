"""pySMART's only user: a hint which disks there may be.

pySMART has no time limits and logs and settings of its own, so it runs in a child process that can be killed:
``python -m forewarn_agent.pysmart_hint SMARTCTL`` prints a JSON list of ``{"name": ..., "type": ...}``.
"""

import os
import signal
import subprocess
import sys

import msgspec


class Hint(msgspec.Struct, frozen=True):
    """``name`` as pySMART gives it, without /dev on Linux."""

    name: str
    type: str | None = None


def read_hints(smartctl: str, timeout: float) -> list[Hint]:
    """The disks that pySMART's DeviceList finds; none where it fails or takes too long, for it is only a hint."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "forewarn_agent.pysmart_hint", smartctl],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return []
    try:
        output, _ = process.communicate(timeout=timeout)
        return msgspec.json.decode(output, type=list[Hint])
    except (subprocess.TimeoutExpired, msgspec.DecodeError):
        return []
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def list_devices(smartctl: str) -> list[Hint]:
    """Ask pySMART, in this process. Call it only in the child."""
    from pySMART import DeviceList
    from pySMART.smartctl import Smartctl

    devices = DeviceList(init=False, smartctl=Smartctl(smartctl_path=smartctl))
    devices.initialize(catch_errors=True)
    return [Hint(device.name, device.interface) for device in devices]


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(list_devices(sys.argv[1])))
