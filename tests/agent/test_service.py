"""The agent as a service: what systemd is told, the privileged helper's arguments, the check of a new version."""

import hashlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from forewarn_agent.notify import Pulse
from forewarn_agent.runner import MissingError
from forewarn_agent.service.checked import check_program
from forewarn_agent.service.systemd import ServiceError
from forewarn_agent.smartctl_socket import SocketRunner

HELPER = Path(__file__).parents[2] / "agent" / "forewarn_agent" / "service" / "units" / "forewarn-smartctl"


def test_a_late_loop_stops_the_watchdog_s_food(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(10)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "40000", "WATCHDOG_PID": "1"}
        now = [0.0]
        pulse = Pulse(environment, clock=lambda: now[0])
        assert environment == {}, "what the agent starts is not supervised"
        promise = pulse.promise("load")
        promise(60)
        pulse.ready()
        assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
        now[0] = 61.0
        assert pulse.late() == ["load"]
        promise(60)
        assert pulse.late() == []
        pulse.stopping()
        while systemd.recv(100) != b"STOPPING=1":
            pass


@pytest.mark.parametrize(
    "arguments",
    [
        ["-s", "off", "/dev/sda"],
        ["-t", "offline", "/dev/sda"],
        ["-B", "/etc/shadow", "/dev/sda"],
        ["-x", "/etc/shadow"],
        ["-x", "/dev/../etc/shadow"],
        ["-x", "-d", "sat;id", "/dev/sda"],
        ["--json=c", "-d"],
    ],
)
def test_the_helper_refuses_what_does_not_read(arguments: list[str]) -> None:
    asked = "\n".join(["5", *arguments, "", ""])
    done = subprocess.run(["/bin/sh", str(HELPER)], input=asked, capture_output=True, text=True, timeout=20)
    assert done.stdout.splitlines()[-1].startswith("exit refused")


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[str]:
    """The helper behind a socket, as systemd starts it with Accept=yes."""
    path = str(tmp_path / "s.socket")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = door.accept()
                except OSError:
                    return
                with connection:
                    subprocess.run(["/bin/sh", str(HELPER)], stdin=connection, stdout=connection, timeout=20)

        threading.Thread(target=serve, daemon=True).start()
        yield path
        door.shutdown(socket.SHUT_RDWR)


@pytest.mark.skipif(
    shutil.which("smartctl", path=f"{os.environ['PATH']}:/usr/sbin") is None, reason="smartmontools is not installed"
)
def test_a_run_behind_the_socket_is_that_of_smartctl(helper: str) -> None:
    finished = SocketRunner(helper).run("version", ["smartctl", "--json=c", "--version"], 10)
    assert finished.exit_status == 0
    assert b'"smartctl"' in finished.output


def test_a_refusal_and_a_missing_socket_say_so(helper: str) -> None:
    with pytest.raises(MissingError, match=": argument"):
        SocketRunner(helper).run("off", ["smartctl", "-s", "off"], 5)
    with pytest.raises(MissingError, match="No such file"):
        SocketRunner(helper + ".gone").run("scan", ["smartctl", "--scan-open"], 5)


def test_a_new_version_is_checked(tmp_path: Path) -> None:
    program = tmp_path / "forewarn-agent"
    program.write_bytes(b"new")
    good = hashlib.sha256(b"new").hexdigest()
    nobody = tmp_path / "allowed_signers"
    assert "the sum given" in check_program(program, program, good, nobody)
    with pytest.raises(ServiceError, match="expected is"):
        check_program(program, program, "0" * 64, nobody)
    with pytest.raises(ServiceError, match="give --sha256"):
        check_program(program, program, None, nobody)
    (tmp_path / "SHA256SUMS").write_text(f"{good}  forewarn-agent\n")
    assert "SHA256SUMS" in check_program(program, program, None, nobody)
    nobody.write_text("forewarn-agent ssh-ed25519 AAAA\n")
    with pytest.raises(ServiceError, match="asks for a signature"):
        check_program(program, program, None, nobody)
