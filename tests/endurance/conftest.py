"""A virtual machine with disks that can warn, go and come: QEMU, driven by its serial console and QMP."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROMPT = rb"root@shop-vm:~# "
# Without KVM an instruction takes some ten times as long; and others may use the machine.
BOOT_SECONDS = 900.0


class Machine:
    """Its disks: two NVMe drives, serial numbers QNVME0001 and QNVME0002, and a SATA disk, QSATA0001. What it writes to
    its system disk stays over ``cut_power``."""

    def __init__(self, image: Path, directory: Path) -> None:
        self._image, self._directory = image, directory
        self._serial, self._qmp = directory / "serial", directory / "qmp"
        self._process: subprocess.Popen[bytes] | None = None
        self._console = socket.socket()
        self._heard = b""
        self.log = directory / "console.log"
        overlay = ["-f", "qcow2", "-b", str(image / "root.img"), "-F", "raw", str(directory / "root.qcow2")]
        subprocess.run(["qemu-img", "create", "-q", *overlay], check=True)
        for name in ("nvme0", "nvme1", "sata0"):
            with (directory / f"{name}.raw").open("wb") as disk:
                disk.truncate(64 * 2**20)

    def start(self, *absent: str) -> None:
        """Switch it on, without the disks named, and wait for root's prompt."""
        for path in (self._serial, self._qmp):
            path.unlink(missing_ok=True)
        with (self._directory / "qemu.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(set(absent)), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._console = socket.socket(socket.AF_UNIX)
        self._console.settimeout(1)
        deadline = time.monotonic() + 30
        while True:
            try:
                self._console.connect(str(self._serial))
                break
            except OSError:
                assert time.monotonic() < deadline, (self._directory / "qemu.log").read_text()
                time.sleep(0.1)
        self._read_until(PROMPT, BOOT_SECONDS)
        self.run("stty -echo cols 400; export PS1=")

    def _command(self, absent: set[str]) -> list[str]:
        directory = self._directory
        command = [
            "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
            "-m", "512",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", f"{self._image}/vmlinuz", "-initrd", f"{self._image}/initrd.img",
            "-append", "root=/dev/vda rw console=ttyS0 quiet net.ifnames=0",
            # A machine that says that it is a QEMU is a virtual one.
            "-smbios", "type=1,manufacturer=Example,product=Server,serial=VM0001",
            "-drive", f"file={directory}/root.qcow2,format=qcow2,if=virtio",
            "-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0",
            "-chardev", f"socket,id=console,path={self._serial},server=on,wait=off", "-serial", "chardev:console",
            "-qmp", f"unix:{self._qmp},server=on,wait=off",
        ]  # fmt: skip
        for number in range(2):
            if (name := f"nvme{number}") not in absent:
                # Behind a port of its own, it can be pulled out while the machine runs.
                command += [
                    "-device", f"pcie-root-port,id=port{number},chassis={number + 1},slot={number + 1}",
                    "-drive", f"file={directory}/{name}.raw,format=raw,if=none,id=drive-{name}",
                    "-device", f"nvme,serial=QNVME000{number + 1},drive=drive-{name},id={name},bus=port{number}",
                ]  # fmt: skip
        return [
            *command, "-drive", f"file={directory}/sata0.raw,format=raw,if=none,id=drive-sata0",
            "-device", "ide-hd,drive=drive-sata0,bus=ide.0,serial=QSATA0001,model=QEMUSATA,id=sata0",
        ]  # fmt: skip

    def run(self, command: str, seconds: float = 300) -> str:
        """What root's shell prints; the exit status must be 0."""
        mark = f"end-{time.monotonic_ns()}"
        # The mark is taken apart, so that an echo of the command does not end it.
        self._console.sendall(f"{command}\necho {mark[:4]}''{mark[4:]} $?\n".encode())
        said = self._read_until(rf"{mark} (\d+)\r?\n".encode(), seconds)
        text, _, status = said.decode(errors="replace").rpartition(mark)
        assert status.split() == ["0"], f"{command}: {text[-2000:]}"
        return text.replace("\r", "").strip()

    def qmp(self, command: str, **arguments: Any) -> Any:
        """What QEMU answers. An error is an assertion."""
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as control:
            control.connect(str(self._qmp))
            lines = control.makefile("rw")
            lines.readline()
            for each in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                lines.write(json.dumps(each) + "\n")
                lines.flush()
                while not {"return", "error"} & (answer := json.loads(lines.readline())).keys():
                    pass
                assert "return" in answer, f"{command}: {answer}"
        return answer["return"]

    def cut_power(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._console.close()

    def _read_until(self, pattern: bytes, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        while (found := re.search(pattern, self._heard)) is None:
            assert time.monotonic() < deadline, f"waited for {pattern!r}, heard {self._heard[-2000:]!r}"
            with contextlib.suppress(TimeoutError):
                chunk = self._console.recv(65536)
                assert chunk, f"the machine ended: {(self._directory / 'qemu.log').read_text()}"
                self._heard += chunk
                with self.log.open("ab") as log:
                    log.write(chunk)
        said, self._heard = self._heard[: found.end()], self._heard[found.end() :]
        return said


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    missing = [name for name in ("qemu-system-x86_64", "qemu-img", "openssl") if shutil.which(name) is None]
    image = Path(os.environ.get("FOREWARN_VM_IMAGE", "")).resolve()
    if missing or not (image / "root.img").is_file():
        pytest.skip(f"missing: {', '.join(missing) or 'FOREWARN_VM_IMAGE, which `make vm` makes'}")
    directory = tmp_path / "machine"
    directory.mkdir()
    made = Machine(image, directory)
    yield made
    made.cut_power()
