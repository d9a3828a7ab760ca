#!/usr/bin/env python3
"""Stands for smartctl where there is no disk: prints recorded bytes and exits with the recorded status.

It reads ``devices.json`` beside the path under which it was started, so a directory with a link to this file and a
``devices.json`` is a machine, and the agent's setting ``smartctl: DIRECTORY/smartctl`` is all it takes:

    {"/dev/sda": {"type": "sat", "file": "recorded.json"},
     "/dev/bus/0 megaraid,3": {"type": "megaraid,3", "file": "other.json", "exit_status": 64},
     "/dev/sdb": {"type": "sat", "hang": true},
     "/dev/sdc": {"type": "scsi", "open_error": "/dev/sdc: Unknown USB bridge [0x1234:0x5678 (0x100)]", "file": "..."}}

``"json_scan": false`` leaves a device out of the JSON scan, not of the text scan. ``file`` is relative to the
directory. ``"only_type": true`` answers to ``-d type`` and to nothing else. Without ``exit_status`` the one in the
recorded JSON is used, else 0. ``hang`` never ends and ignores SIGTERM; ``stuck`` is a path that is looked at first,
which may hang too. A disk with ``"asleep": true`` answers only to a call without ``-n``. ``-t`` ends with
``self_test_status``, else 0. Every call is noted in ``calls.log``. Set up from the command line:

    fake_smartctl.py --install DIRECTORY /dev/sda=sat=RECORDED [...]
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

VERSION = {"smartctl": {"version": [7, 3], "exit_status": 0}}


def install(directory: Path, devices: dict[str, dict[str, Any]]) -> Path:
    """Make ``directory`` a machine with these devices; return the path for the setting ``smartctl``."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "devices.json").write_text(json.dumps(devices))
    link = directory / "smartctl"
    if not link.is_symlink():
        link.symlink_to(Path(__file__).resolve())
    return link


def main(program: str, arguments: list[str]) -> int:
    here = Path(program).parent
    with (here / "calls.log").open("a") as calls:
        calls.write(json.dumps({"arguments": arguments, "LC_ALL": os.environ.get("LC_ALL")}) + "\n")
    devices: dict[str, dict[str, Any]] = json.loads((here / "devices.json").read_text())
    if "--scan-open" in arguments:
        return scan(devices, as_json=any(argument.startswith(("-j", "--json")) for argument in arguments))
    if "--version" in arguments:
        print(json.dumps(VERSION))
        return 0
    name, type_ = arguments[-1], arguments[arguments.index("-d") + 1] if "-d" in arguments else None
    matching = [entry for key, entry in devices.items() if key.split(" ")[0] == name]
    entry = next((entry for entry in matching if entry["type"] == type_), None) or devices.get(name)
    if entry is None or (entry.get("only_type") and entry["type"] != type_):
        message = {"string": f"Smartctl open device: {name} failed: No such device", "severity": "error"}
        print(json.dumps({"smartctl": {"messages": [message], "exit_status": 2}}))
        return 2
    if entry.get("stuck"):
        Path(entry["stuck"]).exists()
    if entry.get("hang"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(60)
    if entry.get("asleep") and "-n" in arguments:
        status = int(arguments[arguments.index("-n") + 1].partition(",")[2] or 2)
        message = {"string": f"Device is in STANDBY mode, exit({status})", "severity": "information"}
        print(json.dumps({"smartctl": {"messages": [message], "exit_status": status}}))
        return status
    if "-t" in arguments:
        status = int(entry.get("self_test_status", 0))
        print(json.dumps({"smartctl": {"version": [7, 3], "exit_status": status}}))
        return status
    output = (here / entry["file"]).read_bytes()
    sys.stdout.buffer.write(output)
    return int(entry.get("exit_status", recorded_status(output)))


def scan(devices: dict[str, dict[str, Any]], as_json: bool) -> int:
    rows = []
    for key, entry in devices.items():
        row = {"name": key.split(" ")[0], "info_name": key, "type": entry["type"], "protocol": "?"}
        if as_json and not entry.get("json_scan", True):
            continue
        if "open_error" in entry:
            row["open_error"] = entry["open_error"]
        rows.append(row)
    if as_json:
        print(json.dumps({**VERSION, "devices": rows}))
    else:
        for row in rows:
            print(f"{row['name']} -d {row['type']} # {row['info_name']}, device")
    return 0


def recorded_status(output: bytes) -> int:
    try:
        return int(json.loads(output)["smartctl"]["exit_status"])
    except (ValueError, LookupError, TypeError):
        return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--install"]:
        parts = (argument.split("=", 2) for argument in sys.argv[3:])
        machine = {device: {"type": type_, "file": str(Path(file).resolve())} for device, type_, file in parts}
        print(install(Path(sys.argv[2]), machine))
    else:
        sys.exit(main(sys.argv[0], sys.argv[1:]))
