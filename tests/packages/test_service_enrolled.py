"""A machine becomes a device by the one line that the collector prints, under a real systemd."""

import json
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

KEY = "var/lib/forewarn-agent/identity/device.key"


def test_the_printed_line_makes_a_running_service(
    executable: Path,
    make_machine: Callable[[str], Any],
    tmp_path: Path,
    make_collector: Callable[..., Any],
    compare: Callable[..., list[str]],
) -> None:
    config = tmp_path / "collector.yaml"
    config.write_text(yaml.safe_dump({"enrol": {"port": 0, "names": ["127.0.0.1"]}}))
    collector = make_collector("--config", str(config))

    def forewarn(*arguments: str) -> Any:
        command = [sys.executable, "-m", "forewarn_collector", "--data", str(collector.data), *arguments, "--json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout)

    machine = make_machine("enrolled")
    machine.put(executable, "/srv/forewarn-agent")
    before = machine.files()
    printed = forewarn("enrol-token", "create", "--customer=Acme", "--site=Store 12", "--uses=1")["linux"]
    sudo, program, *words = shlex.split(printed)
    assert (sudo, program) == ("sudo", "forewarn-agent")
    said = machine.run("/srv/forewarn-agent", *words, "--device", "shop-08")
    print(said.strip())
    machine.wait(lambda: forewarn("devices") and forewarn("device", "shop-08")["line"]["reports"] > 0)
    known = forewarn("device", "shop-08")["line"]
    assert (known["customer"], known["site"]) == ("Acme", "Store 12")
    key = (machine.path / KEY).stat()
    assert stat.S_IMODE(key.st_mode) == 0o600
    assert key.st_uid == (machine.path / KEY).parents[1].stat().st_uid != 0, "only the unprivileged user reads it"
    again = machine.run("/srv/forewarn-agent", *words, "--device", "shop-09", status=1)
    assert "token" in again, "its one use is used up"
    machine.run("forewarn-agent", "uninstall")
    assert [line for line in compare(before, machine.files()) if not line.startswith("srv/")] == []
    machine.power_off()
