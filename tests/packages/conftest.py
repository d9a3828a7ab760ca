"""The built packages on machines of their own: a new Debian root, and one that systemd boots in systemd-nspawn."""

import contextlib
import hashlib
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
# Written by every machine that boots or installs anything, whatever it is.
_ELSEWHERE = ("proc", "sys", "dev", "run", "tmp", "var/tmp", "var/log", "var/cache", "var/lib/apt", "var/lib/systemd")
_BACKUPS = {
    "var/lib/dpkg/status-old",
    *(f"etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")),
}


@pytest.fixture(scope="session")
def executable() -> Path:
    return _built("forewarn-agent-*-linux-*")


@pytest.fixture(scope="session")
def debian_package() -> Path:
    return _built("forewarn-agent_*.deb")


def _built(pattern: str) -> Path:
    found = list((PROJECT / "dist").glob(pattern))
    if len(found) != 1:
        pytest.skip(f"dist/{pattern} is not built: make package")
    return found[0]


class Root:
    """The file tree of a machine, and commands in it while nothing else runs there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *command: str, status: int | None = 0, timeout: float = 180) -> str:
        """What ``command`` prints, both ways. Any exit status will do where ``status`` is None."""
        environment = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"]
        done = subprocess.run(
            [*self._entered(), *environment, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        assert status is None or done.returncode == status, f"{' '.join(command)}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def _entered(self) -> list[str]:
        mounted = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", mounted, str(self.path)]

    def put(self, source: Path, target: str) -> str:
        shutil.copy(source, self.path / target.lstrip("/"))
        return target

    def files(self) -> dict[str, str]:
        """Every file with kind, rights, owner and content."""
        found: dict[str, str] = {}
        for directory, names, files in os.walk(self.path):
            here = Path(directory)
            for name in [*names, *files]:
                path = here / name
                inner = str(path.relative_to(self.path))
                if inner not in _BACKUPS:
                    found[inner] = _describe(path)
            names[:] = [name for name in names if str((here / name).relative_to(self.path)) not in _ELSEWHERE]
        return found


def _describe(path: Path) -> str:
    about = path.lstat()
    text = f"{stat.filemode(about.st_mode)} {about.st_uid}:{about.st_gid}"
    if stat.S_ISLNK(about.st_mode):
        return f"{text} -> {path.readlink()}"
    return f"{text} {hashlib.sha256(path.read_bytes()).hexdigest()}" if stat.S_ISREG(about.st_mode) else text


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What appeared, vanished or changed. A directory whose content changes is still the same."""
    names = sorted(before.keys() | after.keys())
    return [f"{name}: {before.get(name)} -> {after.get(name)}" for name in names if before.get(name) != after.get(name)]


@pytest.fixture(scope="session")
def compare() -> Callable[[dict[str, str], dict[str, str]], list[str]]:
    return differences


@pytest.fixture(scope="session")
def make_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Unpack a Debian 12 with systemd and smartmontools. Whoever is not root, or has none, skips."""
    image = Path(os.environ.get("DEBIAN_ROOT", PROJECT / "build" / "debian.tar"))
    if os.geteuid() != 0 or not image.exists():
        pytest.skip("a Debian root needs root: make package or make nspawn makes it")
    made: list[Path] = []

    def make(name: str) -> Path:
        path = tmp_path_factory.mktemp(name) / "root"
        path.mkdir()
        subprocess.run(["tar", "--extract", "--file", str(image), "--directory", str(path)], check=True)
        made.append(path)
        return path

    yield make
    for path in made:
        shutil.rmtree(path, ignore_errors=True)


class Machine(Root):
    """A root that systemd has booted. It shares this machine's network, so a collector here is on its loopback."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._log = path.parent / "boot.log"
        self._leader = 0

    def boot(self) -> None:
        options = ["--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe"]
        with self._log.open("wb") as log:
            self._container = subprocess.Popen(
                ["systemd-nspawn", *options, "--directory", str(self.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.wait(self._is_up, 120)

    def _is_up(self) -> bool:
        assert self._container.poll() is None, f"the machine does not boot:\n{self._log.read_text(errors='replace')}"
        children = Path(f"/proc/{self._container.pid}/task/{self._container.pid}/children").read_text().split()
        if not children:
            return False
        self._leader = int(children[0])
        return self.run("systemctl", "is-system-running", status=None).strip() in ("running", "degraded")

    def _entered(self) -> list[str]:
        return ["nsenter", "--target", str(self._leader), "--mount", "--pid", "--uts", "--ipc", "--cgroup"]

    def power_off(self) -> None:
        """In order, as somebody who presses the button."""
        if self._container.poll() is None:
            self.run("systemctl", "poweroff", status=None)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._container.wait(60)
            self._container.kill()
            self._container.wait()

    def wait(self, condition: Callable[[], Any], seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
            time.sleep(0.1)
        return found


@pytest.fixture(scope="session")
def make_machine(make_root: Callable[[str], Path]) -> Iterator[Callable[[str], Machine]]:
    if shutil.which("systemd-nspawn") is None:
        pytest.skip("systemd-nspawn is not here: install systemd-container")
    made: list[Machine] = []

    def make(name: str) -> Machine:
        machine = Machine(make_root(name))
        made.append(machine)
        machine.boot()
        return machine

    yield make
    for machine in made:
        machine.power_off()


@pytest.fixture(scope="session")
def new_root(make_root: Callable[[str], Path]) -> Callable[[str], Root]:
    return lambda name: Root(make_root(name))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and what it signed: ``server`` for 127.0.0.1, and the device ``shop-07``."""
    directory = tmp_path_factory.mktemp("keys")
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    openssl(
        "req", "-x509", *new_key, "-subj", "/CN=test authority", "-days", "2", "-keyout", "ca.key", "-out", "ca.crt"
    )
    (directory / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("server", "shop-07"):
        openssl("req", *new_key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.crt")
    return directory
