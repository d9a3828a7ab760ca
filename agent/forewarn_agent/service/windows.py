"""The service on Windows: two services of the Service Control Manager, made with sc.exe. The agent runs as LocalService
with one privilege; smartctl runs as LocalSystem behind a named pipe that only the agent's service may open.

https://learn.microsoft.com/windows-server/administration/windows-commands/sc-create; each option of sc.exe ends with
its equals sign, and its value is an argument of its own.
"""

import re
import subprocess
import time
from pathlib import Path, PureWindowsPath

from forewarn_agent.service.manager import ServiceStatus
from forewarn_agent.service.places import WindowsPlaces
from forewarn_agent.service.systemd import ServiceError, call, must
from forewarn_agent.smartctl_socket import PIPE

AGENT = "forewarn-agent"
SMARTCTL = "forewarn-smartctl"
# Where its installer puts it. What runs as the system is not looked for where others may write.
SMARTCTL_PROGRAM = r"C:\Program Files\smartmontools\bin\smartctl.exe"
ACCOUNT = rf"NT SERVICE\{AGENT}"
_SYSTEM, _ADMINISTRATORS = "*S-1-5-18", "*S-1-5-32-544"
_SCRIPT = "service.cmd"
_START_SECONDS = 60.0


class Windows:
    smartctl = PIPE
    searched = str(PureWindowsPath(SMARTCTL_PROGRAM).parent)
    files = ()

    def __init__(self, root: Path) -> None:
        self.places = WindowsPlaces(root)

    def check(self) -> None:
        if call("net", "session").status:
            raise ServiceError("needs an administrator: run it from a command prompt that was started as one")

    def add_user(self) -> None:
        """The service is its own user: Windows makes ``NT SERVICE\\forewarn-agent`` with the service."""

    def protect(self, path: Path) -> None:
        """What lies below the settings inherits their rights; see ``service_commands``."""

    def define(self) -> None:
        """The commands as a script: run by ``start``, or by whoever lays out the machine."""
        for directory in (self.places.programs, self.places.data):
            directory.mkdir(parents=True, exist_ok=True)
        lines = ["@echo off", *(subprocess.list2cmdline(command) for command in self.service_commands())]
        (self.places.programs / _SCRIPT).write_bytes("".join(f"{line}\r\n" for line in lines).encode())

    def service_commands(self) -> list[list[str]]:
        places = self.places
        program = places.on_machine(places.program)
        settings, data = places.on_machine(places.settings), places.on_machine(places.data)

        def service(name: str, account: str, title: str, about: str, privileges: str) -> list[list[str]]:
            return [
                ["sc.exe", "create", name, "binPath=", f'"{program}" serve {name}', "start=", "delayed-auto",
                 "obj=", account, "DisplayName=", title],
                ["sc.exe", "description", name, about],
                # Only with an identity of its own can a service be given files that others of its account cannot read.
                ["sc.exe", "sidtype", name, "unrestricted"],
                ["sc.exe", "privs", name, privileges],
                # After 5, 30 and then every 60 seconds; a day without a failure forgets the count.
                ["sc.exe", "failure", name, "reset=", "86400", "actions=", "restart/5000/restart/30000/restart/60000"],
                # Ending with an error is a failure, too, not only falling over.
                ["sc.exe", "failureflag", name, "1"],
            ]  # fmt: skip

        # Writing raw commands to a disk is a matter of the disk's access list, not of a privilege.
        least = "SeChangeNotifyPrivilege"
        return [
            *service(
                SMARTCTL, "LocalSystem", "forewarn smartctl", "Runs smartctl for the forewarn agent, and nothing else.",
                least,
            ),
            *service(
                AGENT, r"NT AUTHORITY\LocalService", "forewarn agent",
                "Reports this machine's disks, temperatures and load to a forewarn collector.", least,
            ),
            ["icacls.exe", settings, "/inheritance:r", "/grant:r", f"{_SYSTEM}:(OI)(CI)F",
             f"{_ADMINISTRATORS}:(OI)(CI)F", f"{ACCOUNT}:(OI)(CI)RX"],
            ["icacls.exe", data, "/grant:r", f"{ACCOUNT}:(OI)(CI)M"],
        ]  # fmt: skip

    def start(self) -> None:
        self.stop()
        for command in self.service_commands():
            must(*command)
        for name in (SMARTCTL, AGENT):
            must("sc.exe", "start", name)
        status = ServiceStatus("unknown")
        deadline = time.monotonic() + _START_SECONDS
        while status.state != "active":
            if time.monotonic() > deadline:
                raise ServiceError("installed, but the service does not start: see the event log, Application")
            time.sleep(0.2)
            self.read(status)

    def stop(self) -> None:
        for name in (AGENT, SMARTCTL):
            call("sc.exe", "stop", name)
            deadline = time.monotonic() + _START_SECONDS
            while _state(call("sc.exe", "query", name).text) not in (1, None) and time.monotonic() < deadline:
                time.sleep(0.2)
            call("sc.exe", "delete", name)

    def remove(self, with_user: bool) -> None:
        """Settings, outbox and program are files; the services went with ``stop``, and their accounts with them."""

    def read(self, status: ServiceStatus) -> None:
        queried = call("sc.exe", "queryex", AGENT).text
        number = _state(queried)
        status.state = "not-installed" if number is None else _STATES.get(number, "unknown")
        process = re.search(r"^\s*PID\s*:\s*([1-9]\d*)", queried, re.M)
        status.process_id = int(process[1]) if process else None


# winsvc.h, SERVICE_STOPPED to SERVICE_PAUSED, in systemd's words.
_STATES = {1: "inactive", 2: "activating", 3: "deactivating", 4: "active", 5: "activating", 6: "deactivating"}


def _state(queried: str) -> int | None:
    """The number in the line ``STATE : 4  RUNNING``: the words are translated, the order and numbers are not."""
    numbers = re.findall(r"^\s*[^:\n]+:\s*([0-9A-Fa-f]+)\s+(?:[A-Z_]+)", queried, re.M)
    return int(numbers[1]) if len(numbers) > 1 else None
