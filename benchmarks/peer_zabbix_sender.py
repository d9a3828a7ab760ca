"""Reports to a Zabbix server by its trapper protocol, as zabbix_sender does: one connection for each report.

Source: https://www.zabbix.com/documentation/6.0/en/manual/appendix/protocols/header_datalen and
https://www.zabbix.com/documentation/6.0/en/manual/appendix/items/trapper.
"""

import json
import socket
import struct
import time
from collections.abc import Sequence

from peers_load import told
from reports import VALUES, load_report

from forewarn_wire import LoadReport

ANSWER_SECONDS = 60.0
ALL_TAKEN = f"processed: {VALUES}; failed: 0".encode()
SECOND = 1_000_000_000


def item_key(field: str) -> str:
    """``filesystem.used_percent|/data`` is ``filesystem.used_percent[/data]`` there."""
    name, _, part = field.partition("|")
    return f"{name}[{part}]" if part else name


def request(report: LoadReport) -> bytes:
    clock, ns = divmod(round(report.sampled_at * SECOND), SECOND)
    data = [
        {"host": report.device, "key": item_key(field), "value": f"{value:.12g}", "clock": clock, "ns": ns}
        for field, value in told(report)
    ]
    content = json.dumps({"request": "sender data", "data": data}).encode()
    return b"ZBXD\x01" + struct.pack("<II", len(content), 0) + content


def deliver(port: int, packet: bytes) -> None:
    """Raise OSError where it is not answered, SystemExit where a value is not taken."""
    with socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as connection:
        connection.sendall(packet)
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    if not answer:
        raise ConnectionError("closed without an answer")
    if ALL_TAKEN not in answer:
        raise SystemExit(f"Zabbix answers {answer!r}")


def send(port: int, devices: Sequence[str], start: float, seconds: float, rate: float | None) -> int:
    """In turn of all ``devices``, as fast as it goes or at a ``rate``; how many were acknowledged until time was over
    or the server was gone."""
    began = time.perf_counter()
    acknowledged = 0
    while time.perf_counter() < began + seconds:
        seq, place = divmod(acknowledged, len(devices))
        try:
            deliver(port, request(load_report(devices[place], "", seq, start)))
        except OSError:
            break
        acknowledged += 1
        if rate is not None:
            time.sleep(max(0.0, began + acknowledged / rate - time.perf_counter()))
    return acknowledged
