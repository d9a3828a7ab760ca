"""What ``install`` writes for each platform, laid out below a directory; and who may ask smartctl what on Windows."""

import io
import plistlib
import shlex
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest
import yaml
from click.testing import CliRunner

from forewarn_agent.cli import main
from forewarn_agent.config_keys import KEYS
from forewarn_agent.runner import Runner
from forewarn_agent.service.macos import free_id, user_commands
from forewarn_agent.service.manager import manager_of
from forewarn_agent.service.smartctl_door import answer, refusal
from forewarn_agent.service.systemd import ServiceError

SERVER = "mqtts://collector.example.org:8883"
# launchd.plist(5): the keys that it documents and that are used here.
LAUNCHD_KEYS = {
    "Label": str, "ProgramArguments": list, "UserName": str, "GroupName": str, "InitGroups": bool, "Umask": int,
    "WorkingDirectory": str, "RunAtLoad": bool, "KeepAlive": bool, "ThrottleInterval": int, "ExitTimeOut": int,
    "ProcessType": str, "LowPriorityIO": bool, "Nice": int, "SoftResourceLimits": dict, "HardResourceLimits": dict,
    "StandardErrorPath": str, "Sockets": dict, "inetdCompatibility": dict,
}  # fmt: skip


@pytest.fixture
def laid_out(tmp_path: Path) -> "LayOut":
    return LayOut(tmp_path)


class LayOut:
    def __init__(self, directory: Path) -> None:
        self.root = directory / "root"
        self.files = [directory / name for name in ("ca.pem", "device.pem", "key.pem")]
        for file in self.files:
            file.write_text(f"{file.name}\n")

    def __call__(self, platform: str) -> Path:
        ca, certificate, key = map(str, self.files)
        command = ["install", "--root", str(self.root), "--platform", platform, "--server", SERVER]
        command += ["--device", "shop-07", "--ca", ca, "--certificate", certificate, "--key", key]
        for _ in range(2):  # safe to repeat
            done = CliRunner().invoke(main, command)
            assert done.exit_code == 0, done.output
        assert "nothing is started" in done.output
        return self.root


@pytest.mark.parametrize(
    ("platform", "settings", "data"),
    [
        ("linux", "etc/forewarn-agent", "/var/lib/forewarn-agent"),
        ("macos", "etc/forewarn-agent", "/var/db/forewarn-agent"),
        ("windows", "ProgramData/forewarn-agent", r"C:\ProgramData\forewarn-agent\data"),
    ],
)
def test_the_settings_name_what_is_on_the_machine(laid_out: LayOut, platform: str, settings: str, data: str) -> None:
    root = laid_out(platform)
    written = yaml.safe_load((root / settings / "agent.yaml").read_text())
    assert (written["device"], written["server"], written["data"]) == ("shop-07", SERVER, data)
    assert "smartctl" in written["smartctl"]
    for name, source in zip(("ca", "certificate", "key"), laid_out.files, strict=True):
        told = written["tls"][name]
        inner = PureWindowsPath(told).parts[1:] if platform == "windows" else Path(told).parts[1:]
        assert root.joinpath(*inner).read_text() == source.read_text()
    assert set(written) <= {key.path.split(".")[0] for key in KEYS}


def test_links_on_linux_lead_to_the_version_s_files(laid_out: LayOut) -> None:
    root = laid_out("linux")
    for unit in (root / "etc/systemd/system").iterdir():
        assert unit.is_symlink()
        assert (root / unit.readlink().relative_to("/")).is_file()


def test_launchd_s_definitions(laid_out: LayOut) -> None:
    root = laid_out("macos")
    files = sorted((root / "Library/LaunchDaemons").iterdir())
    agent, smartctl = (plistlib.loads(file.read_bytes()) for file in files)
    for file, definition in zip(files, (agent, smartctl), strict=True):
        assert file.name == f"{definition['Label']}.plist"
        assert {key: type(value) for key, value in definition.items()} == {key: LAUNCHD_KEYS[key] for key in definition}
    assert agent["UserName"] not in ("root", "nobody")
    assert agent["ProgramArguments"][1:] == ["run", "--config", "/etc/forewarn-agent/agent.yaml"]
    assert agent["KeepAlive"] is agent["RunAtLoad"] is True
    assert agent["Umask"] == 0o077
    listener = smartctl["Sockets"]["Listeners"]
    settings = yaml.safe_load((root / "etc/forewarn-agent/agent.yaml").read_text())
    assert listener["SockPathName"] == settings["smartctl"]
    assert (listener["SockPathMode"], listener["SockPathOwner"]) == (0o660, 0)
    assert listener["SockPathGroup"] > 0
    assert smartctl["inetdCompatibility"] == {"Wait": False}
    helper = root / smartctl["ProgramArguments"][1].lstrip("/")
    assert subprocess.run(["/bin/sh", "-n", str(helper)]).returncode == 0
    assert (root / "etc/newsyslog.d/forewarn-agent.conf").read_text().split()[0] == agent["StandardErrorPath"]


def test_the_user_on_macos_gets_a_number_that_is_free() -> None:
    listed = "_spotlight              89\n_windowserver           88\nnobody    -2\n_other 450\n_more 451\n"
    assert free_id(listed) == 452
    assert user_commands(452)[1] == ("dscl", ".", "-create", "/Groups/_forewarn", "PrimaryGroupID", "452")
    with pytest.raises(ServiceError, match="by hand"):
        free_id("\n".join(f"_u {number}" for number in range(450, 500)))


def script(root: Path) -> list[list[str]]:
    """The commands of service.cmd, taken apart as the C library of Windows does it for what stands there."""
    text = (root / "Program Files/forewarn-agent/service.cmd").read_bytes().decode()
    first, *lines = text.split("\r\n")
    assert first == "@echo off"
    parts = [shlex.shlex(line.replace("\\", "\\\\").replace('\\\\"', '\\"'), posix=True) for line in lines if line]
    for part in parts:
        part.whitespace_split = True
        part.commenters = ""
    return [list(part) for part in parts]


def test_what_windows_is_told(laid_out: LayOut) -> None:
    commands = script(laid_out("windows"))
    assert commands == manager_of("win32", laid_out.root).service_commands()  # type: ignore[attr-defined]
    created = {command[2]: dict(zip(command[3::2], command[4::2], strict=True))
               for command in commands if command[1] == "create"}  # fmt: skip
    program = r"C:\Program Files\forewarn-agent\forewarn-agent.exe"
    for name, options in created.items():
        assert set(options) <= {"binPath=", "start=", "obj=", "DisplayName="}
        # Quoted, or any program named C:\Program would be started instead.
        assert options["binPath="] == f'"{program}" serve {name}'
        assert options["start="] == "delayed-auto"
    assert created["forewarn-agent"]["obj="] == r"NT AUTHORITY\LocalService"
    assert created["forewarn-smartctl"]["obj="] == "LocalSystem"
    for name in created:
        told = {command[1]: command[3:] for command in commands if command[2] == name}
        assert told["privs"] == ["SeChangeNotifyPrivilege"]
        assert told["sidtype"] == ["unrestricted"]
        assert told["failure"][-1].startswith("restart/")
        assert told["failureflag"] == ["1"]
    rights = [command for command in commands if command[0] == "icacls.exe"]
    assert rights[0][1:4] == [r"C:\ProgramData\forewarn-agent", "/inheritance:r", "/grant:r"]
    assert all("Users" not in word and "Everyone" not in word for command in rights for word in command)


def test_platform_without_root_is_refused() -> None:
    done = CliRunner().invoke(main, ["install", "--platform", "macos", "--server", SERVER])
    assert done.exit_code == 2
    assert "--root" in done.output


def test_a_platform_without_services_is_named() -> None:
    with pytest.raises(ServiceError, match="no services on sunos5"):
        manager_of("sunos5")


class Connection(io.BytesIO):
    """What was written comes after what was asked."""

    def answered(self, asked: bytes) -> bytes:
        return self.getvalue()[len(asked) :]


def ask(*lines: str) -> bytes:
    asked = "".join(f"{line}\n" for line in [*lines, ""]).encode()
    connection = Connection(asked)
    answer(connection, Runner(), sys.executable)
    return connection.answered(asked)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json=c", "--version"],
        ["--scan-open", "--json=c"],
        ["--json=c", "-n", "standby,3", "-x", "-d", "sat", "/dev/sda"],
        ["--json=c", "-t", "long", "-d", "nvme", "/dev/nvme0"],
    ],
)
def test_what_the_agent_asks_is_let_through(arguments: list[str]) -> None:
    assert refusal(arguments) is None


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["-s", "off", "/dev/sda"], "argument"),
        (["-t", "offline", "/dev/sda"], "test"),
        (["-B", "/etc/shadow", "/dev/sda"], "argument"),
        (["-x", "/etc/shadow"], "argument"),
        (["-x", "/dev/../etc/shadow"], "device"),
        (["-x", r"C:\secret"], "argument"),
        (["-x", "-d", "sat;id", "/dev/sda"], "type"),
        (["--json=c", "-d"], "value missing"),
        (["-x"] * 17, "too many arguments"),
    ],
)
def test_what_is_refused_says_why(arguments: list[str], why: str) -> None:
    assert ask("5", *arguments).decode() == f"\nexit refused {why}\n"


def test_the_door_answers_as_the_script_does() -> None:
    said = ask("5", "--version").decode()
    assert said.startswith("Python 3.")
    assert said.endswith("\nexit 0\n")
    assert ask("0", "--version").decode() == "\nexit refused seconds\n"
    assert ask().decode() == "\nexit refused seconds\n"
