"""The service on macOS: two daemons of launchd, launchd.plist(5). The agent has a user of its own; smartctl runs as
root behind a socket that launchd listens on, started by the same helper as on Linux."""

import grp
import plistlib
import re
import shutil
import time
from pathlib import Path
from typing import Any

from forewarn_agent.service.manager import ServiceStatus
from forewarn_agent.service.places import HELPER, MacPlaces
from forewarn_agent.service.systemd import ServiceError, call, must

USER = "_forewarn"
AGENT = "org.forewarn.agent"
SMARTCTL = "org.forewarn.smartctl"
# Of the numbers that Apple keeps for services, some that it does not use.
_IDS = range(450, 500)
_START_SECONDS = 60.0


class MacOS:
    smartctl = "/var/run/forewarn-smartctl.socket"
    searched = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    files = (HELPER,)

    def __init__(self, root: Path) -> None:
        self.places = MacPlaces(root)

    def check(self) -> None:
        if shutil.which("launchctl") is None:
            raise ServiceError("launchctl is not here: this is not macOS")

    def add_user(self) -> None:
        if call("dscl", ".", "-read", f"/Users/{USER}").status == 0:
            return
        used = (
            call("dscl", ".", "-list", "/Users", "UniqueID").text
            + call("dscl", ".", "-list", "/Groups", "PrimaryGroupID").text
        )
        for command in user_commands(free_id(used)):
            must(*command)

    def protect(self, path: Path) -> None:
        path.chmod(0o750 if path.is_dir() else 0o640)
        shutil.chown(path, "root", USER)

    def define(self) -> None:
        places = self.places
        for label, definition in ((AGENT, self.agent_definition()), (SMARTCTL, self.smartctl_definition())):
            path = self._definition(label)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(plistlib.dumps(definition))
            path.chmod(0o644)
        places.log_rotation.parent.mkdir(parents=True, exist_ok=True)
        # newsyslog.conf(5): five old logs of 1000 kB, compressed.
        places.log_rotation.write_text(f"{places.on_machine(places.log)} {USER}:{USER} 640 5 1000 * J\n")
        places.command.parent.mkdir(parents=True, exist_ok=True)
        places.command.unlink(missing_ok=True)
        places.command.symlink_to(places.on_machine(places.program))

    def _definition(self, label: str) -> Path:
        return self.places.definitions / f"{label}.plist"

    def agent_definition(self) -> dict[str, Any]:
        places = self.places
        return {
            "Label": AGENT,
            "ProgramArguments": [
                places.on_machine(places.program),
                "run",
                "--config",
                places.on_machine(places.config),
            ],
            "UserName": USER,
            "GroupName": USER,
            "InitGroups": False,
            "Umask": 0o077,
            "WorkingDirectory": "/",
            "RunAtLoad": True,
            "KeepAlive": True,
            "ThrottleInterval": 10,
            "ExitTimeOut": 20,
            # It must not be noticed on the machine that it watches.
            "ProcessType": "Background",
            "LowPriorityIO": True,
            "Nice": 5,
            "SoftResourceLimits": {"Core": 0},
            "HardResourceLimits": {"Core": 0},
            "StandardErrorPath": places.on_machine(places.log),
        }

    def smartctl_definition(self) -> dict[str, Any]:
        places = self.places
        return {
            "Label": SMARTCTL,
            "ProgramArguments": ["/bin/sh", places.on_machine(places.current / HELPER)],
            # As inetd does it: launchd accepts, and each connection has a process of its own.
            "inetdCompatibility": {"Wait": False},
            "Sockets": {
                "Listeners": {
                    "SockPathName": self.smartctl,
                    "SockPathMode": 0o660,
                    "SockPathOwner": 0,
                    "SockPathGroup": _group_number(),
                }
            },
            "Umask": 0o077,
            "ProcessType": "Background",
            "LowPriorityIO": True,
        }

    def start(self) -> None:
        places = self.places
        places.data.mkdir(parents=True, exist_ok=True)
        places.log.touch()
        for path, mode in ((places.data, 0o700), (places.log, 0o640)):
            path.chmod(mode)
            shutil.chown(path, USER, USER)
        self.stop()
        for label in (SMARTCTL, AGENT):
            must("launchctl", "bootstrap", "system", str(self._definition(label)))
        status = ServiceStatus("unknown")
        deadline = time.monotonic() + _START_SECONDS
        while status.state != "active":
            if time.monotonic() > deadline:
                raise ServiceError(f"installed, but the service does not start: see {places.log}")
            time.sleep(0.2)
            self.read(status)

    def stop(self) -> None:
        for label in (AGENT, SMARTCTL):
            call("launchctl", "bootout", f"system/{label}")

    def remove(self, with_user: bool) -> None:
        places = self.places
        for path in (*map(self._definition, (AGENT, SMARTCTL)), places.command, places.log_rotation):
            path.unlink(missing_ok=True)
        Path(self.smartctl).unlink(missing_ok=True)
        if with_user:
            for log in places.log.parent.glob(f"{places.log.name}*"):
                log.unlink()
            for record in ("Users", "Groups"):
                call("dscl", ".", "-delete", f"/{record}/{USER}")

    def read(self, status: ServiceStatus) -> None:
        listed = call("launchctl", "list", AGENT)
        if listed.status:
            status.state = "inactive" if self._definition(AGENT).exists() else "not-installed"
            return
        process = re.search(r'"PID" = (\d+);', listed.text)
        status.state = "active" if process else "activating"
        status.process_id = int(process[1]) if process else None
        status.starts_with_machine = True
        if self.places.current.is_symlink():
            status.version = self.places.current.readlink().name


def _group_number() -> int:
    """That of the agent's group; on a machine to be, the first of those that it may get."""
    try:
        return grp.getgrnam(USER).gr_gid
    except KeyError:
        return _IDS.start


def free_id(listed: str) -> int:
    """A number that no line of ``dscl . -list`` ends with. Raise ServiceError."""
    used = {int(number) for number in re.findall(r"(-?\d+)$", listed, re.M)}
    for number in _IDS:
        if number not in used:
            return number
    raise ServiceError(f"no free user id between {_IDS.start} and {_IDS.stop}: make the user {USER} by hand")


def user_commands(number: int) -> list[tuple[str, ...]]:
    """What dscl(1) is told for a user that nobody can log in as and no window shows."""

    def create(path: str, *value: str) -> tuple[str, ...]:
        return ("dscl", ".", "-create", path, *value)

    group, user = f"/Groups/{USER}", f"/Users/{USER}"
    return [
        create(group),
        create(group, "PrimaryGroupID", str(number)),
        create(user),
        create(user, "UniqueID", str(number)),
        create(user, "PrimaryGroupID", str(number)),
        create(user, "UserShell", "/usr/bin/false"),
        create(user, "NFSHomeDirectory", "/var/empty"),
        create(user, "RealName", "forewarn agent"),
        create(user, "IsHidden", "1"),
    ]
