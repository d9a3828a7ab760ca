"""The service on Linux: units of systemd, and links to them, so that a version brings its own."""

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from forewarn_agent.identity import DIRECTORY
from forewarn_agent.machine import agent_version
from forewarn_agent.service import systemd
from forewarn_agent.service.manager import ServiceStatus
from forewarn_agent.service.places import HELPER, SERVICE, SOCKET, UNITS, USER, Places, packaged
from forewarn_agent.service.program import own_file
from forewarn_agent.service.systemd import ServiceError


class Linux:
    smartctl = "/run/forewarn-smartctl.socket"
    searched = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    files = (*UNITS, HELPER)

    def __init__(self, root: Path) -> None:
        self.places = Places(root)

    def check(self) -> None:
        if not systemd.is_running():
            raise ServiceError("systemd does not run here: start forewarn-agent run by whatever starts services here")
        if not packaged() and (Path("/usr/lib/systemd/system") / SERVICE).exists():
            raise ServiceError("the package forewarn-agent is installed: use its own /usr/bin/forewarn-agent")

    def add_user(self) -> None:
        if not packaged():
            self._write_sysusers()
            systemd.must("systemd-sysusers", str(self.places.sysusers))
        self._hand_over()

    def _hand_over(self) -> None:
        """What was enrolled before the service's user was there becomes that user's own."""
        identity = self.places.data / DIRECTORY
        if identity.is_dir():
            for path in (self.places.data, identity, *identity.iterdir()):
                shutil.chown(path, USER, USER)

    def _write_sysusers(self) -> None:
        self.places.sysusers.parent.mkdir(parents=True, exist_ok=True)
        self.places.sysusers.write_text(own_file("sysusers.conf"))

    def protect(self, path: Path) -> None:
        path.chmod(0o750 if path.is_dir() else 0o640)
        shutil.chown(path, "root", USER)

    def define(self) -> None:
        if packaged() and self.places == Places():
            return
        self._write_sysusers()
        for link, target in self._links():
            link.parent.mkdir(parents=True, exist_ok=True)
            if link.exists() and not link.is_symlink():
                raise ServiceError(f"{link} is there and is not ours: move it away")
            link.unlink(missing_ok=True)
            link.symlink_to(self.places.on_machine(target))

    def _links(self) -> list[tuple[Path, Path]]:
        """Units and the command are links through ``current``."""
        places = self.places
        units = [(places.definitions / name, places.current / name) for name in UNITS]
        return [*units, (places.command, places.program)]

    def start(self) -> None:
        systemd.must("systemctl", "daemon-reload")
        systemd.must("systemctl", "enable", "--quiet", SERVICE)
        systemd.must("systemctl", "restart", SOCKET)
        if systemd.call("systemctl", "restart", SERVICE).status:
            raise ServiceError(f"installed, but the service does not start: {systemd.last_words()}")

    def stop(self) -> None:
        if packaged():
            raise ServiceError(
                "installed by the package: apt-get purge forewarn-agent (remove keeps data and settings)"
            )
        systemd.call("systemctl", "disable", "--now", "--quiet", SERVICE, SOCKET)

    def remove(self, with_user: bool) -> None:
        for link, _ in self._links():
            if link.is_symlink():
                link.unlink()
        systemd.must("systemctl", "daemon-reload")
        systemd.call("systemctl", "reset-failed", SERVICE)
        if with_user:
            self.places.sysusers.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # others' files are in it, too
                self.places.sysusers.parent.rmdir()
            systemd.call("userdel", USER)

    def read(self, status: ServiceStatus) -> None:
        read_service(systemd.show(), status)
        if self.places.current.is_symlink():
            status.version = self.places.current.readlink().name
        elif packaged():
            status.version = agent_version()


def read_service(shown: Mapping[str, str], status: ServiceStatus) -> None:
    """Take over what ``systemctl show`` says."""
    if shown.get("LoadState") == "not-found":
        status.state = "not-installed"
        return
    status.state = shown.get("ActiveState") or "unknown"
    since = shown.get("ActiveEnterTimestamp", "").removeprefix("@")
    if status.state == "active" and since.isdigit():
        status.since = float(since)
    main = shown.get("MainPID", "0")
    status.process_id = int(main) if main.isdigit() and main != "0" else None
    restarts = shown.get("NRestarts", "")
    status.restarts = int(restarts) if restarts.isdigit() else None
    status.starts_with_machine = shown.get("UnitFileState") == "enabled"
    if shown.get("Result") not in (None, "", "success"):
        status.detail = f"ended last with: {shown['Result']}"
