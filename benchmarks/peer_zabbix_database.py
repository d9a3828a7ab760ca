"""A Zabbix database with hosts, items and triggers in it, as its own import would leave them.

Tables and their content come with Debian's package (``schema.sql``, ``images.sql``, ``data.sql``); the machines that
are to report are added to them here. Items are trappers with history and trends; five triggers each watch processor,
memory, file system, temperature and uptime.
"""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from peer_zabbix_sender import item_key
from peers_load import told
from reports import load_report

SCRIPTS = Path("/usr/share/zabbix-server-pgsql")
LINUX_SERVERS = 2
TRAPPER, FLOAT = 2, 0
FIRST_ID = 10_000_000
KEYS = [item_key(field) for field, _ in told(load_report("any", "", 0, 0.0))]
TRIGGERS = (
    ("cpu.used_percent", "avg", "$,5m", ">95"),
    ("memory.used_percent", "min", "$,5m", ">95"),
    ("filesystem.used_percent[/data]", "last", "$", ">90"),
    ("temperature.celsius[package]", "max", "$,5m", ">85"),
    ("uptime.seconds", "last", "$", "<600"),
)
FULL_DISK = 2
"""Which of the triggers a report crosses when it is to make a problem."""


def fill(connection: "psycopg.Connection[Any]", hosts: Sequence[str]) -> None:
    """An empty database becomes one that a server starts on."""
    for name in ("schema", "images", "data"):
        connection.execute(gzip.decompress((SCRIPTS / f"{name}.sql.gz").read_bytes()))
    # What it would watch of itself.
    connection.execute("UPDATE hosts SET status = 1 WHERE status = 0")
    with connection.transaction(), connection.cursor() as cursor:
        _copy(cursor, "hosts (hostid, host, name)", [(_host(n), host, host) for n, host in enumerate(hosts)])
        groups = [(_host(n), _host(n), LINUX_SERVERS) for n in range(len(hosts))]
        _copy(cursor, "hosts_groups (hostgroupid, hostid, groupid)", groups)
        items = [
            (_item(n, place), TRAPPER, FLOAT, _host(n), key, key)
            for n in range(len(hosts))
            for place, key in enumerate(KEYS)
        ]
        _copy(cursor, "items (itemid, type, value_type, hostid, name, key_)", items)
        _copy(cursor, "item_rtdata (itemid)", [item[:1] for item in items])
        triggers = [
            (trigger_id(n, place), f"{{{trigger_id(n, place)}}}{limit}", f"{key} {limit}", 3)
            for n in range(len(hosts))
            for place, (key, _, _, limit) in enumerate(TRIGGERS)
        ]
        _copy(cursor, "triggers (triggerid, expression, description, priority)", triggers)
        functions = [
            (trigger_id(n, place), _item(n, KEYS.index(key)), trigger_id(n, place), name, parameter)
            for n in range(len(hosts))
            for place, (key, name, parameter, _) in enumerate(TRIGGERS)
        ]
        _copy(cursor, "functions (functionid, itemid, triggerid, name, parameter)", functions)
    connection.execute("ANALYZE")


def trigger_id(host: int, place: int) -> int:
    return FIRST_ID + host * len(TRIGGERS) + place


def _host(number: int) -> int:
    return FIRST_ID + number


def _item(host: int, place: int) -> int:
    return FIRST_ID + host * len(KEYS) + place


def _copy(cursor: "psycopg.Cursor[Any]", into: str, rows: Sequence[tuple[Any, ...]]) -> None:
    with cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
